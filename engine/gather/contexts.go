package gather

import (
	"context"
	"errors"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/agnivade/levenshtein"

	"github.com/bitactor/cf/event"
	"github.com/bitactor/cf/fault"
	"github.com/bitactor/cf/workspace"
)

// Codes of the faults of this package, by fault.Error.Code; all are of kind
// Usage. Stable: the list may only grow.
const (
	CodeAbsent = "context-absent" // nothing is where --context points
	CodeUnfit  = "context-unfit"  // it is binary, too big, no regular file, unreadable
	CodeSecret = "context-secret" // it holds secrets by its name
)

// named is what the --context values name.
type named struct {
	documents []*document // texts and files, in the user's order
	folders   []folder
	texts     []string // the inline texts, for the names in them
}

// folder is an @DIR.
type folder struct {
	tree  *workspace.Tree
	under string // in the tree
	label string
	own   bool // the tree was opened for it
}

func (n *named) close() {
	for _, f := range n.folders {
		if f.own {
			_ = f.tree.Close() // read only: nothing can be lost
		}
	}
}

// words returns all text in which names are looked for.
func (n *named) words(task string) string {
	return strings.Join(append([]string{task}, n.texts...), "\n")
}

// Check returns the fault that Gather would return for contexts, so that it can
// be told before a model is loaded.
func Check(ctx context.Context, tree *workspace.Tree, contexts []string) error {
	try := func(listing *workspace.Listing) error {
		g := &gatherer{ctx: ctx, tree: tree, in: Input{Contexts: contexts, Sink: event.Discard}, out: &Context{}, listing: listing, taken: map[string]bool{}}
		n, err := g.contexts()
		if err == nil {
			n.close()
		}
		return err
	}
	err := try(&workspace.Listing{})
	if fault.CodeOf(err) != CodeAbsent {
		return err
	}
	listing, listErr := tree.List(ctx, workspace.ListOptions{}) // only to say what may have been meant
	if listErr != nil {
		return err
	}
	return try(listing)
}

// contexts reads the --context values.
func (g *gatherer) contexts() (*named, error) {
	n := &named{}
	for _, raw := range g.in.Contexts {
		switch {
		case strings.TrimSpace(raw) == "":
			g.report(event.Read{Path: "--context", State: "skipped", Why: "empty"})
		case !strings.HasPrefix(raw, "@") || strings.HasPrefix(raw, "@@"):
			text := raw
			if strings.HasPrefix(raw, "@@") {
				text = raw[1:]
			}
			n.texts = append(n.texts, text)
			n.documents = append(n.documents, prepare("--context", Inline, "", text))
		default:
			if err := g.named(n, raw[1:]); err != nil {
				n.close()
				return nil, err
			}
		}
	}
	return n, nil
}

// named adds the file or folder arg to n.
func (g *gatherer) named(n *named, arg string) error {
	if err := workspace.CheckPath(arg); err != nil {
		return err
	}
	abs := expand(arg)
	rel, err := g.tree.Resolve(abs)
	if err != nil && filepath.IsAbs(abs) {
		return g.namedOutside(n, arg, abs)
	}
	if err != nil {
		return err
	}
	label := display(rel)
	switch g.tree.Kind(rel) {
	case "folder":
		n.folders = append(n.folders, folder{tree: g.tree, under: rel, label: label})
		return nil
	case "":
		if _, err := g.tree.Read(rel); fault.CodeOf(err) == workspace.CodeOutside {
			return err
		}
		return g.absent(arg, rel)
	}
	if g.taken[label] {
		return nil
	}
	g.taken[label] = true
	d, err := load(g.tree, rel, label)
	if err != nil {
		return unfit(arg, err)
	}
	n.documents = append(n.documents, d)
	return nil
}

// namedOutside adds a file or folder outside the root: the user typed its
// absolute path, and the event says where it lies.
func (g *gatherer) namedOutside(n *named, arg, abs string) error {
	label := display(filepath.ToSlash(filepath.Clean(abs)))
	info, err := os.Stat(abs)
	switch {
	case err != nil:
		return g.absent(arg, "")
	case info.IsDir():
		tree, err := workspace.OpenFolder(abs)
		if err != nil {
			return unfit(arg, err)
		}
		n.folders = append(n.folders, folder{tree: tree, under: ".", label: label, own: true})
		return nil
	case g.taken[label]:
		return nil
	}
	g.taken[label] = true
	d, err := loadOutside(abs, label)
	if err != nil {
		return unfit(arg, err)
	}
	n.documents = append(n.documents, d)
	return nil
}

// expand replaces a leading "~/", which a shell leaves alone after "@".
func expand(arg string) string {
	if rest, ok := strings.CutPrefix(arg, "~/"); ok {
		if home, err := os.UserHomeDir(); err == nil {
			return filepath.Join(home, rest)
		}
	}
	return arg
}

func unfit(arg string, err error) error {
	code := CodeUnfit
	if errors.Is(err, errSecret) {
		code = CodeSecret
	}
	f := fault.New(fault.Usage, code, "%s", reason(err)).On("--context", display("@"+arg))
	if code == CodeSecret {
		_ = f.Hint("paste the part that is needed, without its secrets, as --context TEXT")
	}
	return f
}

// absent says that arg is not there, and what may have been meant.
func (g *gatherer) absent(arg, rel string) error {
	f := fault.New(fault.Usage, CodeAbsent, "no such file or folder").On("--context", display("@"+arg))
	for _, near := range g.nearest(rel) {
		_ = f.Hint("did you mean @" + display(near) + "?")
	}
	return f.Hint("text that starts with @ is written @@")
}

// nearest returns up to three listed files whose name is near rel's.
func (g *gatherer) nearest(rel string) []string {
	if rel == "" {
		return nil
	}
	type near struct {
		path string
		far  int
	}
	base := strings.ToLower(path.Base(rel))
	var all []near
	for _, file := range g.listing.Files {
		name := strings.ToLower(path.Base(file.Path))
		if d := len(name) - len(base); d > 8 || d < -8 || len(name) > 200 {
			continue
		}
		if far := levenshtein.ComputeDistance(base, name); far <= max(2, len(base)/4) {
			all = append(all, near{file.Path, far})
		}
	}
	slices.SortStableFunc(all, func(a, b near) int { return a.far - b.far })
	var paths []string
	for _, n := range all[:min(3, len(all))] {
		paths = append(paths, n.path)
	}
	return paths
}
