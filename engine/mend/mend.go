// Package mend repairs what is wrong with a candidate and needs no model: a
// package clause that is missing, imports, names that nobody uses, a function
// whose name differs from the tests' in its spelling only.
//
// Every mend changes single places of the text; all other bytes stay. A mend is
// made only where the language leaves no choice: what could be meant in two ways
// is left to the checks.
//
// Invariants:
//  1. The result parses if the input parsed.
//  2. Mending a result again changes nothing.
package mend

import (
	"cmp"
	"go/ast"
	"go/format"
	"go/parser"
	"go/token"
	"slices"
	"strings"

	"github.com/bitactor/cf/syntax"
)

// Package is the Go package that a candidate will be a file of.
type Package struct {
	Name     string            // of its package clause; "" for a new package
	Siblings map[string]string // the other files, test files too: source by path
}

// Result is a mended source.
type Result struct {
	Source string
	Did    []string // in words, one for each mend; empty: nothing was done
}

// Go mends a file of Go without asking the compiler. Source that does not parse
// even with a package clause comes back as it is.
func Go(source string, p Package) Result {
	r := Result{Source: source}
	r.clause(p)
	for _, step := range []func(*goFile, Package) ([]syntax.Edit, []string){renames, imports} {
		f, ok := parseGo(r.Source)
		if !ok {
			return r
		}
		f.apply(&r, step, p)
	}
	return r
}

// FormatGo gives Go code, a whole file or some of its declarations, the form that
// gofmt gives it; code that does not parse comes back as it is.
func FormatGo(code string) string {
	formatted, err := format.Source([]byte(code))
	if err != nil {
		return code
	}
	return string(formatted)
}

// clause puts a package clause before code that only lacks one, and corrects one
// that differs from the package's other files.
func (r *Result) clause(p Package) {
	if p.Name == "" {
		return
	}
	f, ok := parseGo(r.Source)
	switch {
	case ok && f.file.Name.Name != p.Name && f.file.Name.Name != p.Name+"_test":
		at := f.at(f.file.Name.Pos())
		r.Source = r.Source[:at] + p.Name + r.Source[at+len(f.file.Name.Name):]
		r.Did = append(r.Did, "package clause: "+p.Name)
	case !ok:
		whole := "package " + p.Name + "\n\n" + r.Source
		if _, ok := parseGo(whole); ok {
			r.Source = whole
			r.Did = append(r.Did, "package clause: "+p.Name)
		}
	}
}

// goFile is a parsed source.
type goFile struct {
	source string
	set    *token.FileSet
	file   *ast.File
}

func parseGo(source string) (*goFile, bool) {
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, "", source, parser.ParseComments)
	return &goFile{source, set, file}, err == nil
}

// at returns the offset of a position.
func (f *goFile) at(pos token.Pos) int { return f.set.Position(pos).Offset }

func (f *goFile) apply(r *Result, step func(*goFile, Package) ([]syntax.Edit, []string), p Package) {
	edits, did := step(f, p)
	if len(edits) == 0 {
		return
	}
	slices.SortStableFunc(edits, func(a, b syntax.Edit) int { return cmp.Compare(a.Start, b.Start) })
	mended, err := syntax.Replace([]byte(f.source), edits)
	if err != nil {
		return // two mends of one place: neither is made
	}
	if _, ok := parseGo(string(mended)); ok {
		r.Source, r.Did = string(mended), append(r.Did, did...)
	}
}

// renames gives a function the name by which the tests call it, where the two
// differ only in case and underscores and nothing else could be meant.
func renames(f *goFile, p Package) ([]syntax.Edit, []string) {
	defined := map[string]*ast.Object{} //nolint:staticcheck // types would need the imports; a file alone is all there is
	for _, d := range f.file.Decls {
		if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil {
			defined[fn.Name.Name] = fn.Name.Obj
		}
	}
	var edits []syntax.Edit
	var did []string
	for _, wanted := range wantedByTests(p) {
		if _, there := defined[wanted]; there || f.file.Scope.Lookup(wanted) != nil {
			continue
		}
		var near []string
		for name := range defined {
			if folded(name) == folded(wanted) {
				near = append(near, name)
			}
		}
		if len(near) != 1 {
			continue
		}
		object := defined[near[0]]
		ast.Inspect(f.file, func(n ast.Node) bool {
			if id, ok := n.(*ast.Ident); ok && id.Obj == object {
				edits = append(edits, syntax.Edit{Start: f.at(id.Pos()), End: f.at(id.End()), New: []byte(wanted)})
			}
			return true
		})
		did = append(did, "renamed: "+near[0]+" to "+wanted+", as the tests call it")
	}
	return edits, did
}

func folded(name string) string { return strings.ToLower(strings.ReplaceAll(name, "_", "")) }

// wantedByTests returns the functions that the test files of the package call and
// no other file of it declares, sorted.
func wantedByTests(p Package) []string {
	declared, called := map[string]bool{}, map[string]bool{}
	for path, source := range p.Siblings {
		f, ok := parseGo(source)
		if !ok {
			continue
		}
		for name := range f.file.Scope.Objects {
			declared[name] = true
		}
		if !strings.HasSuffix(path, "_test.go") {
			continue
		}
		unresolved := map[*ast.Ident]bool{}
		for _, id := range f.file.Unresolved {
			unresolved[id] = true
		}
		ast.Inspect(f.file, func(n ast.Node) bool {
			if call, ok := n.(*ast.CallExpr); ok {
				if id, ok := call.Fun.(*ast.Ident); ok && unresolved[id] && !predeclared[id.Name] {
					called[id.Name] = true
				}
			}
			return true
		})
	}
	var wanted []string
	for name := range called {
		if !declared[name] {
			wanted = append(wanted, name)
		}
	}
	slices.Sort(wanted)
	return wanted
}

// predeclared are the functions and types of the universe block that can be
// called (Go specification, "Predeclared identifiers").
var predeclared = func() map[string]bool {
	m := map[string]bool{}
	for name := range strings.FieldsSeq("any bool byte comparable complex64 complex128 error float32 float64 int int8 int16 int32 int64 " +
		"rune string uint uint8 uint16 uint32 uint64 uintptr append cap clear close complex copy delete imag len make max min new panic " +
		"print println real recover") {
		m[name] = true
	}
	return m
}()
