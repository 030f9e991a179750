package plan

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/bitactor/cf/engine"
	"github.com/bitactor/cf/syntax"
	"github.com/bitactor/cf/workspace"
)

// ground is the tree as a plan is held against it.
type ground struct {
	tree    *workspace.Tree
	files   []string        // listed: neither ignored nor a dependency's, sorted
	known   map[string]bool // of files
	kinds   map[string]bool // suffixes of files
	folders []string        // the plan keeps to these; empty: all
}

func newGround(tree *workspace.Tree, listing *workspace.Listing, folders []string) *ground {
	g := &ground{tree: tree, known: map[string]bool{}, kinds: map[string]bool{}, folders: folders}
	for _, f := range listing.Files {
		g.files = append(g.files, f.Path)
		g.known[f.Path], g.kinds[path.Ext(f.Path)] = true, true
	}
	return g
}

// docs are the suffixes of documents.
var docs = []string{".md", ".markdown", ".txt", ".rst", ".adoc"}

// fit corrects the kind of a step that follows from its file, and says in words
// for the model why the step does not fit the tree; "" if it does.
func (g *ground) fit(s *Step) string {
	lies := g.tree.Kind(s.File)
	isDoc, isTest := slices.Contains(docs, strings.ToLower(path.Ext(s.File))), engine.IsTest(s.File)
	switch {
	case g.refused(s.File) != "":
		return fmt.Sprintf("%q: %s", s.File, g.refused(s.File))
	case !g.inside(s.File):
		return fmt.Sprintf("%q is not below %s", s.File, strings.Join(g.folders, ", "))
	case lies == "folder" || lies == "other":
		return fmt.Sprintf("%q is no file", s.File)
	case lies == "file" && !g.known[s.File]:
		return fmt.Sprintf("%q is ignored, generated or a dependency's", s.File)
	case lies == "" && s.Kind == Change:
		return fmt.Sprintf("there is no file %q to change", s.File)
	case lies == "" && !g.place(s.File):
		return fmt.Sprintf("%q would lie in a folder that is not there", s.File)
	case lies == "" && !g.like(s.File):
		return fmt.Sprintf("no file of the project is of the kind of %q", s.File)
	case s.Kind == Tests && !isTest:
		return fmt.Sprintf("%q is not named as a test", s.File)
	case s.Kind == Docs && !isDoc:
		return fmt.Sprintf("%q is no document", s.File)
	}
	g.kind(s)
	return ""
}

// kind sets the kind that follows from the file.
func (g *ground) kind(s *Step) {
	switch {
	case engine.IsTest(s.File):
		s.Kind = Tests
	case slices.Contains(docs, strings.ToLower(path.Ext(s.File))):
		s.Kind = Docs
	case g.tree.Kind(s.File) == "file":
		s.Kind = Change
	default:
		s.Kind = New
	}
}

// refused says why nothing may ever land at a path.
func (g *ground) refused(file string) string {
	if g.known[file] {
		return ""
	}
	err := (&workspace.Set{Changes: []workspace.Change{{Path: file}}}).Check(g.tree)
	if err != nil {
		return err.Error()
	}
	return ""
}

// inside tells whether a file lies where the plan has to keep to.
func (g *ground) inside(file string) bool {
	return len(g.folders) == 0 || slices.ContainsFunc(g.folders, func(f string) bool {
		return f == "." || strings.HasPrefix(file, f+"/")
	})
}

// place tells whether a new file's folder is there, or would be one level below
// one that is.
func (g *ground) place(file string) bool {
	dir := path.Dir(file)
	return g.tree.Kind(dir) == "folder" || g.tree.Kind(path.Dir(dir)) == "folder" && g.tree.Kind(dir) == ""
}

// like tells whether a new file is of a kind that is expected: one that the
// project has, code, or a document.
func (g *ground) like(file string) bool {
	ext := strings.ToLower(path.Ext(file))
	return g.kinds[path.Ext(file)] || slices.Contains(docs, ext) || syntax.Of(file, nil) != nil || len(g.files) == 0
}
