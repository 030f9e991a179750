package golang

import (
	"encoding/json"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bitactor/cf/check"
	"github.com/bitactor/cf/lazyregexp"
)

// listFields are those of go list that are read: naming them spares the go
// command the rest.
const listFields = "-json=ImportPath,ForTest,Name,Dir,GoFiles,CgoFiles,IgnoredGoFiles,TestGoFiles,XTestGoFiles,Imports,TestImports,XTestImports,Error,DepsErrors"

// goPackage is what go list tells of a package (go help list).
type goPackage struct {
	ImportPath, ForTest, Name, Dir     string
	GoFiles, CgoFiles, IgnoredGoFiles  []string
	TestGoFiles, XTestGoFiles          []string
	Imports, TestImports, XTestImports []string
	Error                              *loadError
	DepsErrors                         []*loadError
}

// loadError is why a package can't be loaded.
type loadError struct{ Pos, Err string }

// graph is the packages of a module.
type graph struct {
	byPath map[string]*goPackage
	byDir  map[string]*goPackage // by folder relative to the root
	errors []loadError           // each once, in the go command's order
	broken map[string]bool       // import paths of packages that can't be loaded whole
}

// list asks the go command for the packages that patterns name. ok is false
// where it could not say; the reason stands in the outcome.
func (r *run) list(patterns ...string) (g *graph, ok bool, err error) {
	out, ok, err := r.call("compile", append([]string{"list", "-e", "-test", listFields, "--"}, patterns...)...)
	if !ok || err != nil {
		return nil, false, err
	}
	g = r.newGraph(decodePackages(out.stdout))
	if out.code != 0 || len(g.byPath) == 0 && out.stderr != "" {
		r.listFailed(out)
		return g, len(g.byPath) > 0, nil
	}
	return g, true, nil
}

// decodePackages reads the stream of objects that go list -json writes; what
// comes after something else is lost.
func decodePackages(text string) []*goPackage {
	var list []*goPackage
	for dec := json.NewDecoder(strings.NewReader(text)); ; {
		p := &goPackage{}
		if err := dec.Decode(p); err != nil {
			return list
		}
		list = append(list, p)
	}
}

func (r *run) newGraph(list []*goPackage) *graph {
	g := &graph{byPath: map[string]*goPackage{}, byDir: map[string]*goPackage{}, broken: map[string]bool{}}
	seen := map[loadError]bool{}
	for _, p := range list {
		errs := p.DepsErrors
		if p.Error != nil {
			errs = append(errs, p.Error)
		}
		for _, e := range errs {
			if e != nil && !seen[*e] {
				seen[*e] = true
				g.errors = append(g.errors, *e)
			}
		}
		owner := p.ImportPath
		if p.ForTest != "" {
			owner = p.ForTest
		}
		owner = strings.TrimSuffix(owner, ".test") // the binary that go test makes
		if len(errs) > 0 {
			g.broken[owner] = true
		}
		if p.ForTest != "" || owner != p.ImportPath {
			continue
		}
		g.byPath[p.ImportPath] = p
		if dir, inside := r.Rel(r.Target.Project, p.Dir); inside || p.Dir == r.Target.Stage.Root() {
			g.byDir[path.Clean(dir)] = p
		}
	}
	return g
}

// listFailed reports why the go command could not list packages at all: the
// module's own file, or a toolchain that is too old.
func (r *run) listFailed(out result) {
	text := strings.TrimSpace(out.stderr)
	if m := needsGo.FindStringSubmatch(text); m != nil {
		r.Gap(check.Gap{What: "compile", Why: text, Hint: "install Go " + m[1], Blocks: true})
		return
	}
	found := false
	for line := range strings.Lines(text) {
		if m := position.FindStringSubmatch(strings.TrimSpace(line)); m != nil {
			r.diagnoseAt(m, "go list", "")
			found = true
		}
	}
	if !found {
		r.Diagnose(check.Diagnostic{File: r.Blame("go.mod"), Severity: check.Error, Code: "load", Message: text, Tool: "go list"})
	}
}

var needsGo = lazyregexp.New(`requires go >= ([0-9.a-z]+)`)

// report turns what could not be loaded into diagnostics.
func (g *graph) report(r *run) {
	for _, e := range g.errors {
		message := strings.TrimSpace(e.Err)
		if m := position.FindStringSubmatch(e.Pos + ": " + message); m != nil && e.Pos != "" {
			r.diagnoseAt(m, "go list", "load")
			continue
		}
		if m := position.FindStringSubmatch(message); m != nil {
			r.diagnoseAt(m, "go list", "load")
			continue
		}
		r.fetchable = r.fetchable || code(message, "load") == missingModule
		r.Diagnose(check.Diagnostic{File: r.Blame("go.mod"), Severity: check.Error, Code: code(message, "load"), Message: message, Tool: "go list"})
	}
}

// touched returns the packages that hold changed files, all of them where the
// module's own files changed. Files that no package holds here are gaps.
func (g *graph) touched(r *run) map[string]bool {
	out := map[string]bool{}
	for _, file := range r.Target.Changed {
		if path.Ext(file) != ".go" {
			for p := range g.byPath {
				out[p] = true
			}
			continue
		}
		p := g.byDir[path.Dir(file)]
		if p == nil {
			continue
		}
		out[p.ImportPath] = true
		if slices.Contains(p.IgnoredGoFiles, path.Base(file)) && len(r.Target.Only) == 0 {
			r.Gap(check.Gap{File: file, What: "compile", Why: "its build constraints leave it out on this machine", Blocks: true})
		}
	}
	return out
}

// importers adds to set the packages that import one of it: directly, or
// through others too. Imports of tests count only in direct importers.
func (g *graph) importers(set map[string]bool, through bool) map[string]bool {
	out := map[string]bool{}
	for p := range set {
		out[p] = true
	}
	for grew := true; grew; grew = grew && through {
		grew = false
		var add []string
		for name, p := range g.byPath {
			if !out[name] && (anyIn(p.Imports, out) || anyIn(p.TestImports, set) || anyIn(p.XTestImports, set)) {
				add = append(add, name)
			}
		}
		for _, name := range add {
			out[name], grew = true, true
		}
	}
	return out
}

func anyIn(names []string, set map[string]bool) bool {
	return slices.ContainsFunc(names, func(n string) bool { return set[n] })
}

// loadable returns the names of set, sorted, that can be compiled.
func (g *graph) loadable(set map[string]bool) []string {
	var out []string
	for p := range set {
		if !g.broken[p] && g.byPath[p] != nil {
			out = append(out, p)
		}
	}
	slices.Sort(out)
	return out
}

// testFiles returns the paths, relative to the root, of a package's tests.
func (p *goPackage) testFiles(r *run) []string {
	var out []string
	for _, name := range slices.Concat(p.TestGoFiles, p.XTestGoFiles) {
		if rel, inside := r.Rel(r.Target.Project, filepath.Join(p.Dir, name)); inside {
			out = append(out, rel)
		}
	}
	return out
}
