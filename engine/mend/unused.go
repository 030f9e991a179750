package mend

import (
	"go/ast"
	"go/token"
	"slices"

	"github.com/bitactor/cf/syntax"
)

// Place is where the compiler found something, from 1, Column in bytes.
type Place struct {
	Line, Column int
}

// UnusedNames blanks variables that the compiler calls "declared and not used",
// where nothing else in the file names them: their values are still computed.
// A variable that is assigned to elsewhere stays.
func UnusedNames(source string, places []Place) Result {
	r := Result{Source: source}
	f, ok := parseGo(source)
	if !ok {
		return r
	}
	f.apply(&r, func(f *goFile, _ Package) ([]syntax.Edit, []string) { return f.blank(places) }, Package{})
	return r
}

func (f *goFile) blank(places []Place) (edits []syntax.Edit, did []string) {
	uses := map[*ast.Object]int{} //nolint:staticcheck // as in renames
	var unused []*ast.Ident
	ast.Inspect(f.file, func(n ast.Node) bool {
		id, ok := n.(*ast.Ident)
		if !ok || id.Obj == nil {
			return true
		}
		uses[id.Obj]++
		if p := f.set.Position(id.Pos()); slices.Contains(places, Place{p.Line, p.Column}) {
			unused = append(unused, id)
		}
		return true
	})
	gone := map[*ast.Ident]bool{}
	for _, id := range unused {
		if uses[id.Obj] == 1 && id.Name != "_" {
			gone[id] = true
			did = append(did, "blanked: "+id.Name+" is never used")
		}
	}
	ast.Inspect(f.file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.TypeSwitchStmt:
			edits = append(edits, f.withoutSwitchName(n, gone)...)
		case *ast.AssignStmt:
			if n.Tok == token.DEFINE && !f.declares(n.Lhs, gone) {
				at := f.at(n.TokPos)
				edits = append(edits, syntax.Edit{Start: at, End: at + 2, New: []byte("=")})
			}
		case *ast.RangeStmt:
			if n.Tok == token.DEFINE && !f.declares([]ast.Expr{n.Key, n.Value}, gone) {
				at := f.at(n.TokPos)
				edits = append(edits, syntax.Edit{Start: at, End: at + 2, New: []byte("=")})
			}
		case *ast.Ident:
			if gone[n] {
				edits = append(edits, syntax.Edit{Start: f.at(n.Pos()), End: f.at(n.End()), New: []byte("_")})
			}
		}
		return true
	})
	return edits, did
}

// declares tells whether a definition still declares a name once those of gone
// are blank; a definition that names none of gone is left as it is.
func (f *goFile) declares(left []ast.Expr, gone map[*ast.Ident]bool) bool {
	touched, declares := false, false
	for _, e := range left {
		id, ok := e.(*ast.Ident)
		switch {
		case !ok || id == nil:
		case gone[id]:
			touched = true
		case id.Name != "_" && id.Obj != nil && id.Obj.Pos() == id.Pos():
			declares = true
		}
	}
	return declares || !touched
}

// withoutSwitchName takes the name out of `switch x := v.(type)`, and forgets it:
// a blank name is not allowed there.
func (f *goFile) withoutSwitchName(s *ast.TypeSwitchStmt, gone map[*ast.Ident]bool) []syntax.Edit {
	assign, ok := s.Assign.(*ast.AssignStmt)
	if !ok || len(assign.Lhs) != 1 {
		return nil
	}
	id, ok := assign.Lhs[0].(*ast.Ident)
	if !ok || !gone[id] {
		return nil
	}
	delete(gone, id)
	assign.Tok = token.ASSIGN // the definition is gone: nothing more is done to it
	return []syntax.Edit{{Start: f.at(id.Pos()), End: f.at(assign.Rhs[0].Pos())}}
}
