// Package finish brings a piece of work to done: it unites tests that lie scattered
// in several files, and lists what is still open (marks of work to do, stubs, skipped
// tests, empty sections of documents).
//
// It asks no model and writes no file: what it gives is a set of changes, which goes
// through the gate like any other, and must pass Proof besides.
//
// Invariants:
//  1. Every test case of the files that were united runs afterwards with the same
//     result; a case is dropped only where one with the same body stays.
//  2. What can't be united without touching meaning (two helpers of one name,
//     fixtures that reach further, other build constraints) stays as it is, with why.
//  3. Bytes that belong to no import and no dropped case are kept.
package finish

import (
	"bytes"
	"context"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/bitactor/cf/fault"
	"github.com/bitactor/cf/lazyregexp"
	"github.com/bitactor/cf/syntax"
	"github.com/bitactor/cf/workspace"
)

// Group is one canonical file of tests and those that belong into it.
type Group struct {
	Canonical string   // it may not be there yet
	Extras    []string // sorted
}

// Merged says what became of one scattered file.
type Merged struct {
	File, Into string
	Cases      int               // moved
	Dropped    []string          // cases that were there already, by name
	Renamed    map[string]string // cases, by their name before
	Why        string            // it was not united; "" where it was
}

// Plan is what is to be done.
type Plan struct {
	Set    *workspace.Set // empty where nothing is to be united
	Merged []Merged
}

// mark ends the name of a file that was made beside another one.
var mark = lazyregexp.New(`^(.+?)_(?:generated|gen|auto|extra|more|new|additional|added|copy|tmp|cf|v?[0-9]+)$`)

// markFolders hold such files under their own names.
var markFolders = []string{"generated", "gen", "extra", "new"}

// testNames are the beginnings and ends of the names of files of tests.
var testNames = [][2]string{
	{"", "_test.go"}, {"", "_test.exs"}, {"test_", ".py"}, {"", "_test.py"}, {"", "_tests.erl"}, {"", "_SUITE.erl"}, {"test_", ".c"}, {"", "_test.c"},
}

// split takes the name of a file of tests apart: the stem of what it tests and a
// function that makes the name of another stem. ok is false for other files.
func split(file string) (stem string, name func(string) string, ok bool) {
	dir, base := path.Split(file)
	for _, form := range testNames {
		rest, begins := strings.CutPrefix(base, form[0])
		rest, ends := strings.CutSuffix(rest, form[1])
		if begins && ends && rest != "" {
			return rest, func(s string) string { return dir + form[0] + s + form[1] }, true
		}
	}
	return "", nil, false
}

// Find groups scattered files of tests: of all files those whose name is that of a
// canonical file, or of what it tests, with a mark behind it. Groups that have
// nothing below one of the paths are left out.
func Find(files, paths []string) []Group {
	there := map[string]bool{}
	for _, f := range files {
		there[f] = true
	}
	byCanonical := map[string][]string{}
	for _, f := range files {
		if c := canonical(f, there); c != "" {
			byCanonical[c] = append(byCanonical[c], f)
		}
	}
	var groups []Group
	for c, extras := range byCanonical {
		g := Group{c, extras}
		slices.Sort(g.Extras)
		if g.touches(paths) {
			groups = append(groups, g)
		}
	}
	slices.SortFunc(groups, func(a, b Group) int { return strings.Compare(a.Canonical, b.Canonical) })
	return groups
}

// canonical returns the file that f's tests belong into, "" where that is f itself.
func canonical(f string, there map[string]bool) string {
	stem, name, ok := split(f)
	if !ok {
		return ""
	}
	if m := mark.FindStringSubmatch(stem); m != nil {
		if c := name(m[1]); there[c] || there[path.Join(path.Dir(f), m[1]+subjectEnd(f))] {
			return c
		}
	}
	dir := path.Dir(f)
	if slices.Contains(markFolders, path.Base(dir)) && (path.Ext(f) == ".exs" || path.Ext(f) == ".py") {
		if c := path.Join(path.Dir(dir), path.Base(f)); there[c] {
			return c
		}
	}
	return ""
}

func subjectEnd(f string) string {
	return map[string]string{".go": ".go", ".exs": ".ex", ".py": ".py", ".erl": ".erl", ".c": ".c"}[path.Ext(f)]
}

// touches tells whether a file of the group, or what it tests, lies below a path.
func (g Group) touches(paths []string) bool {
	stem, _, _ := split(g.Canonical)
	for _, p := range paths {
		if p == "." || p == "" || strings.TrimSuffix(path.Base(p), path.Ext(p)) == stem {
			return true
		}
		for _, f := range append([]string{g.Canonical}, g.Extras...) {
			if f == p || strings.HasPrefix(f, p+"/") {
				return true
			}
		}
	}
	return false
}

// file is one that takes part in a merge.
type file struct {
	path string
	text []byte
	tree *syntax.File
}

// Merge plans the union of groups. The errors are those of reading and parsing that
// are no fault of the files: the context's end.
func Merge(ctx context.Context, t *workspace.Tree, groups []Group) (*Plan, error) {
	p := &Plan{Set: &workspace.Set{Reads: map[string]string{}}}
	for _, g := range groups {
		if err := p.group(ctx, t, g); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// group unites one group; what fails leaves the files as they are.
func (p *Plan) group(ctx context.Context, t *workspace.Tree, g Group) error {
	into, err := p.open(ctx, t, g.Canonical)
	if err != nil && fault.CodeOf(err) != workspace.CodeAbsent {
		return p.skip(ctx, g, err)
	}
	created := into == nil
	united := map[string]bool{}
	for _, name := range g.Extras {
		extra, err := p.open(ctx, t, name)
		if err != nil {
			if err := p.skip(ctx, Group{g.Canonical, []string{name}}, err); err != nil {
				return err
			}
			continue
		}
		if into == nil { // the first becomes the canonical one
			first, why, err := adopted(ctx, g.Canonical, extra)
			if err != nil {
				return err
			}
			if why != "" {
				p.Merged = append(p.Merged, Merged{File: name, Into: g.Canonical, Why: why})
				continue
			}
			into = first
			p.Merged = append(p.Merged, Merged{File: name, Into: g.Canonical, Cases: len(extra.tree.TestNames())})
			united[name] = true
			continue
		}
		m, text, err := unite(ctx, into, extra)
		if err != nil {
			return err
		}
		p.Merged = append(p.Merged, m)
		if m.Why != "" {
			continue
		}
		if into, err = parsed(ctx, g.Canonical, text); err != nil {
			return err
		}
		united[name] = true
	}
	if len(united) == 0 {
		return nil
	}
	if created {
		p.Set.Reads[g.Canonical] = ""
	}
	p.Set.Changes = append(p.Set.Changes, workspace.Change{Path: g.Canonical, Content: into.text})
	for _, name := range g.Extras {
		if united[name] {
			p.Set.Changes = append(p.Set.Changes, workspace.Change{Path: name, Delete: true})
		}
	}
	return nil
}

// skip notes files that can't be read; the error is the context's.
func (p *Plan) skip(ctx context.Context, g Group, why error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	for _, name := range g.Extras {
		p.Merged = append(p.Merged, Merged{File: name, Into: g.Canonical, Why: why.Error()})
	}
	return nil
}

func (p *Plan) open(ctx context.Context, t *workspace.Tree, name string) (*file, error) {
	text, err := t.Read(name)
	if err != nil {
		return nil, err
	}
	f, err := parsed(ctx, name, text)
	if err != nil {
		return nil, err
	}
	if broken := f.tree.Errors(); len(broken) > 0 {
		return nil, fmt.Errorf("%s:%d: %s", name, broken[0].Line, broken[0].Message)
	}
	p.Set.Reads[name] = workspace.Hash(text)
	return f, nil
}

func parsed(ctx context.Context, name string, text []byte) (*file, error) {
	lang := syntax.Of(name, nil)
	if lang == nil {
		return nil, fmt.Errorf("%s: no grammar for it", name)
	}
	tree, err := syntax.Parse(ctx, lang, text)
	if err != nil {
		return nil, err
	}
	return &file{name, text, tree}, nil
}

// unite puts the tests of extra into a file. Why tells that they can't be.
func unite(ctx context.Context, into, extra *file) (Merged, []byte, error) {
	m := Merged{File: extra.path, Into: into.path, Renamed: map[string]string{}}
	var text []byte
	var err error
	switch into.tree.Language().Name() {
	case "go":
		text, err = uniteGo(ctx, into, extra, &m)
	case "python":
		text, err = unitePython(ctx, into, extra, &m)
	case "elixir":
		text, err = uniteElixir(ctx, into, extra, &m)
	case "erlang":
		text, err = uniteErlang(ctx, into, extra, &m)
	case "c":
		text, err = uniteC(ctx, into, extra, &m)
	default:
		m.Why = "tests of this language are not united"
	}
	return m, text, err
}

// plain is a text without what does not count when bodies are compared: white space.
func plain(text string) string { return strings.Join(strings.Fields(text), " ") }

// topTests returns the cases at the top of a file.
func topTests(f *file) []syntax.Symbol {
	return slices.DeleteFunc(slices.Clone(f.tree.Symbols()), func(s syntax.Symbol) bool { return s.Kind != syntax.Test })
}

// sameBody returns the case of a file that has the body of s.
func sameBody(f, of *file, s syntax.Symbol) (syntax.Symbol, bool) {
	body := plain(of.tree.Text(s.BodyRange))
	for _, t := range topTests(f) {
		if !s.BodyRange.Empty() && t.Parent == s.Parent && plain(f.tree.Text(t.BodyRange)) == body {
			return t, true
		}
	}
	return syntax.Symbol{}, false
}

// without returns the bytes of a range of the source but for some ranges in it.
func without(src []byte, r syntax.Range, cut []syntax.Range) []byte {
	slices.SortFunc(cut, func(a, b syntax.Range) int { return a.Start - b.Start })
	var out []byte
	at := r.Start
	for _, c := range cut {
		if c.Start < at || c.End > r.End {
			continue
		}
		out = append(out, bytes.TrimRight(src[at:c.Start], " \t")...) // with its indentation
		at = c.End
		for at < r.End && (src[at] == '\n' || src[at] == '\r') { // the blank lines behind it
			at++
		}
	}
	return append(out, src[at:r.End]...)
}

// replaced applies edits in any order; of two that overlap the first counts.
func replaced(src []byte, edits []syntax.Edit) (string, error) {
	slices.SortStableFunc(edits, func(a, b syntax.Edit) int { return a.Start - b.Start })
	last := 0
	edits = slices.DeleteFunc(edits, func(e syntax.Edit) bool {
		inside := e.Start < last
		last = max(last, e.End)
		return inside
	})
	for i, e := range edits {
		for len(e.New) == 0 && e.End < len(src) && (src[e.End] == '\n' || src[e.End] == '\r') && (i+1 == len(edits) || e.End < edits[i+1].Start) {
			e.End++ // the blank lines behind what goes
		}
		edits[i] = e
	}
	out, err := syntax.Replace(src, edits)
	return string(out), err
}

// moduleName is what an Erlang module in a file is called.
func moduleName(file string) string { return strings.TrimSuffix(path.Base(file), path.Ext(file)) }
