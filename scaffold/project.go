package scaffold

import (
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/bitactor/cf/fault"
	"github.com/bitactor/cf/workspace"
)

// Project is a folder of a tree with the blocks that were applied to it. It is for
// one caller at a time.
type Project struct {
	catalogue *Catalogue
	tree      *workspace.Tree
	dir       string // relative to the root
	store     *store
	record    record
	present   []string // closed, as Closure orders them
}

// OpenProject looks at what is in the folder dir of tree, relative to its root.
// Errors: CodeBadManifest, and those of reading files.
func OpenProject(c *Catalogue, tree *workspace.Tree, dir string) (*Project, error) {
	s, err := openStore(tree)
	if err != nil {
		return nil, err
	}
	p := &Project{catalogue: c, tree: tree, dir: path.Clean(dir), store: s}
	p.record = s.all.Projects[p.dir]
	if !slices.Contains(Profiles(), p.record.Profile) {
		p.record.Profile = ""
	}
	return p, p.findBlocks()
}

// Present returns the blocks that are there, each after what it needs.
func (p *Project) Present() []string { return slices.Clone(p.present) }

// Marked tells whether blocks were applied to the folder, and one is still there.
func (p *Project) Marked() bool { return len(p.present) > 0 }

// Profile returns the project's profile; "" while nothing was applied.
func (p *Project) Profile() string { return p.record.Profile }

// Rendered tells whether cf has rendered the file before.
func (p *Project) Rendered(file string) bool { return len(p.record.Files[file]) > 0 }

// findBlocks decides which blocks are there: of those that the manifest names, the
// ones that still have a file (cf undo, or the user, may have taken them away); and
// those whose files are all there, one of them untouched, in a clone that has no
// manifest.
func (p *Project) findBlocks() error {
	var found []string
	for _, id := range p.catalogue.ids {
		b := p.catalogue.blocks[id]
		var there bool
		var err error
		if slices.Contains(p.record.Blocks, id) {
			there, err = p.anyFile(b)
		} else {
			there, err = p.wholeBlock(b)
		}
		if err != nil {
			return err
		}
		if there {
			found = append(found, id)
		}
	}
	var err error
	p.present, err = p.catalogue.Closure(found...)
	return err
}

func (p *Project) anyFile(b *Block) (bool, error) {
	for _, file := range b.Paths() {
		if _, there, err := p.read(file); there || err != nil {
			return there, err
		}
	}
	return false, nil
}

func (p *Project) wholeBlock(b *Block) (bool, error) {
	untouched := false
	for _, file := range b.Paths() {
		have, there, err := p.read(file)
		if !there || err != nil {
			return false, err
		}
		raw, copied := b.files[file]
		untouched = untouched || copied && !slices.Contains(b.Templated, file) && have == string(raw)
	}
	return untouched, nil
}

// read returns a file of the project. One that no set could change, such as a link
// out of the root, is an error.
func (p *Project) read(file string) (text string, there bool, err error) {
	data, _, err := p.tree.ReadToChange(path.Join(p.dir, file), workspace.SetFileBytesMax)
	switch {
	case fault.CodeOf(err) == workspace.CodeAbsent:
		return "", false, nil
	case err != nil:
		return "", false, err
	}
	return string(data), true, nil
}

// Want is what a project shall have beside what it has.
type Want struct {
	Blocks  []string
	Vars    map[string]string // over those that were set before
	Profile string            // "" keeps the project's, else ProfileOTP
	Restore []string          // files that come back although the user deleted them
}

// Action says what becomes of a file.
type Action string

// The actions.
const (
	Create  Action = "create"
	Update  Action = "update"  // the user had not touched it
	Merge   Action = "merge"   // with what the user changed
	Same    Action = "same"    // it is so already
	Kept    Action = "kept"    // the user changed it, and the block has nothing new
	Deleted Action = "deleted" // the user deleted it: it stays away
)

// Outcome is what a plan does with a file.
type Outcome struct {
	Path   string // relative to the root of the tree
	Block  string
	Action Action
}

// Conflict is a file in which a block changes what the user changed.
type Conflict struct {
	Path    string
	Block   string
	Foreign bool   // the file was there before, and is not from a block: no hunks
	Hunks   []Hunk // else at least one
}

// Plan is what applying blocks comes to.
type Plan struct {
	Set       *workspace.Set // what has to be written; no changes if all is so already
	Blocks    []string       // all that are there afterwards, each after what it needs
	Added     []string       // those that were not there before
	Profile   string
	Files     []Outcome // sorted by path
	Conflicts []Conflict

	project *Project
	record  record
	texts   map[string][]byte // what was rendered, by hash
}

// Plan says what it takes to give the project what is wanted; nothing is written.
// That it conflicts with the user's edits is no error, see Plan.Err. Errors: those
// of Render, and of reading files.
func (p *Project) Plan(w Want) (*Plan, error) {
	profile := firstOf(w.Profile, p.record.Profile, ProfileOTP)
	vars := map[string]string{}
	maps.Copy(vars, p.record.Vars)
	maps.Copy(vars, w.Vars)
	blocks, err := p.catalogue.Closure(slices.Concat(p.present, w.Blocks)...)
	if err != nil {
		return nil, err
	}
	files, err := p.catalogue.Render(Input{Blocks: blocks, Vars: vars, Profile: profile})
	if err != nil {
		return nil, err
	}
	bases, err := p.asTheyWere()
	if err != nil {
		return nil, err
	}
	out := &Plan{
		Set: &workspace.Set{Reads: map[string]string{}}, Blocks: blocks, Profile: profile, project: p, texts: map[string][]byte{},
		record: record{Profile: profile, Vars: vars, Blocks: slices.Sorted(slices.Values(blocks)), Files: map[string][]string{}},
	}
	for _, id := range blocks {
		if !slices.Contains(p.present, id) {
			out.Added = append(out.Added, id)
		}
	}
	maps.Copy(out.record.Files, p.record.Files)
	for _, f := range files {
		if err := out.add(f, bases[f.Path], slices.Contains(w.Restore, f.Path)); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// asTheyWere renders the blocks that are there as the project has them: a base to
// merge with where no other is known.
func (p *Project) asTheyWere() (map[string]string, error) {
	out := map[string]string{}
	files, err := p.catalogue.Render(Input{Blocks: p.present, Vars: p.record.Vars, Profile: firstOf(p.record.Profile, ProfileOTP)})
	if err != nil {
		return nil, err
	}
	for _, f := range files {
		out[f.Path] = string(f.Content)
	}
	return out, nil
}

// add decides about one file; was is what asTheyWere says of it.
func (o *Plan) add(f File, was string, restore bool) error {
	p := o.project
	hash := workspace.Hash(f.Content)
	o.texts[hash] = f.Content
	known := p.record.Files[f.Path]
	o.record.Files[f.Path] = rendered(known, hash)
	have, there, err := p.read(f.Path)
	if err != nil {
		return err
	}
	name := path.Join(p.dir, f.Path)
	o.Set.Reads[name] = ""
	if there {
		o.Set.Reads[name] = workspace.Hash([]byte(have))
	}
	action, text := Create, string(f.Content)
	switch {
	case !there && len(known) > 0 && slices.Contains(p.present, f.Block) && !restore:
		action = Deleted
	case there:
		var hunks []Hunk
		action, text, hunks = p.join(f, have, was)
		if action == "" {
			o.Conflicts = append(o.Conflicts, Conflict{Path: name, Block: f.Block, Foreign: len(hunks) == 0, Hunks: hunks})
			return nil
		}
	}
	o.Files = append(o.Files, Outcome{Path: name, Block: f.Block, Action: action})
	change := workspace.Change{Path: name, Content: []byte(text)}
	switch action {
	case Create:
		change.Mode = f.Mode
	case Update, Merge:
	default:
		return nil
	}
	o.Set.Changes = append(o.Set.Changes, change)
	return nil
}

// join merges a rendered file with the one that is there. The action is "" for a
// conflict. A file whose lines all end in CRLF is compared without, and keeps them.
func (p *Project) join(f File, have, was string) (Action, string, []Hunk) {
	plain, crlf := withoutCRLF(have)
	text := string(f.Content)
	ending := func(s string) string {
		if crlf {
			return strings.ReplaceAll(s, "\n", "\r\n")
		}
		return s
	}
	if plain == text {
		return Same, "", nil
	}
	bases := p.bases(f.Path, was)
	if slices.Contains(bases, plain) {
		return Update, ending(text), nil
	}
	if len(bases) == 0 {
		return "", "", nil
	}
	merged, hunks := merge(nearest(bases, plain), plain, text)
	switch {
	case len(hunks) > 0:
		return "", "", hunks
	case merged == plain:
		return Kept, "", nil
	}
	return Merge, ending(merged), nil
}

func withoutCRLF(text string) (string, bool) {
	n := strings.Count(text, "\r\n")
	if n == 0 || n != strings.Count(text, "\n") {
		return text, false
	}
	return strings.ReplaceAll(text, "\r\n", "\n"), true
}

// bases returns the texts that a file may have started from, the newest last.
func (p *Project) bases(file, was string) []string {
	var out []string
	if was != "" {
		out = append(out, was)
	}
	for _, hash := range p.record.Files[file] {
		if text, ok := p.store.base(hash); ok {
			out = append(out, text)
		}
	}
	return out
}

// nearest returns the base that differs in the fewest lines from text, of equal ones
// the newest. It need not be the last that landed: cf undo may have gone back.
func nearest(bases []string, text string) string {
	best, least := "", -1
	for _, base := range bases {
		n := 0
		for _, e := range edits(base, text) {
			n += e.to - e.from + len(e.lines)
		}
		if least < 0 || n <= least {
			best, least = base, n
		}
	}
	return best
}

// Err is the conflict with the user's edits, of kind fault.Conflict and code
// CodeEdited; nil if there is none.
func (o *Plan) Err() error {
	if len(o.Conflicts) == 0 {
		return nil
	}
	var names []string
	for _, c := range o.Conflicts {
		names = append(names, c.Path)
	}
	return fault.New(fault.Conflict, CodeEdited, "what you changed is changed by a block too: %s; nothing was changed", strings.Join(names, ", ")).
		On("scaffold", "").Hint("change those lines back, move your file away, or take the blocks' lines over by hand, and try again")
}

// Remember stores the texts that were rendered. It is called before the set lands:
// a text too much does no harm, one that is missing could not be merged with.
func (o *Plan) Remember() error {
	before := o.project.record
	before.Files = o.record.Files
	before.Profile = o.Profile
	if before.Blocks == nil {
		before.Blocks = []string{}
	}
	return o.project.store.put(o.project.dir, before, o.texts)
}

// Landed stores that the blocks are there.
func (o *Plan) Landed() error {
	return o.project.store.put(o.project.dir, o.record, o.texts)
}

// Of returns the outcomes of the files of one block.
func (o *Plan) Of(block string) []Outcome {
	var out []Outcome
	for _, f := range o.Files {
		if f.Block == block {
			out = append(out, f)
		}
	}
	return out
}

func firstOf(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}
