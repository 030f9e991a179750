package mutants

import (
	"go/ast"
	"go/parser"
	"go/token"
	"strings"

	"github.com/bitactor/cf/lazyregexp"
	"github.com/bitactor/cf/syntax"
)

// goZero gives back the zero value of each result type. The old values are still
// worked out, since a variable that nothing uses does not compile:
// "return n, err" becomes "_, _ = n, err; return 0, nil".
func goZero(s *surveyed, value, statement syntax.Range) (site, bool) {
	types := goTypes(s.resultsAt(value))
	values := goValues(s.file.Text(value))
	if len(types) == 0 || len(values) != len(types) && len(values) != 1 {
		return site{}, false
	}
	var zeros, used []string
	for _, t := range types {
		zeros = append(zeros, goZeroOf(t))
	}
	for _, v := range values {
		if !constantInGo(v.expr) {
			used = append(used, v.text)
		}
	}
	after := "return " + strings.Join(zeros, ", ")
	if len(used) > 0 {
		blanks := len(used)
		if len(values) != len(types) { // a call that gives all of them
			blanks = len(types)
		}
		after = strings.TrimSuffix(strings.Repeat("_, ", blanks), ", ") + " = " + strings.Join(used, ", ") + "; " + after
	}
	return site{OpReturn, statement, after}, true
}

// besideError tells whether a value stands beside an error: nobody may use it
// then, so that no test looks whether it is 0 or 1.
func besideError(s *surveyed, value syntax.Range) bool {
	types, values := goTypes(s.resultsAt(value)), goValues(s.file.Text(value))
	last := len(types) - 1
	return last > 0 && types[last].text == "error" && len(values) == len(types) && values[last].text != "nil"
}

// goExpr is an expression and its text.
type goExpr struct {
	expr ast.Expr
	text string
}

// parseGo parses text as an expression; sub cuts the text of a part out of it.
func parseGo(text string) (e ast.Expr, sub func(ast.Expr) goExpr, ok bool) {
	e, err := parser.ParseExpr(text)
	sub = func(part ast.Expr) goExpr { return goExpr{part, text[part.Pos()-1 : part.End()-1]} }
	return e, sub, err == nil
}

// goTypes splits the result types of a function: "int", "(n, m int, err error)".
func goTypes(results string) []goExpr {
	e, sub, ok := parseGo("func() " + results)
	f, isFunc := e.(*ast.FuncType)
	if !ok || !isFunc || f.Results == nil {
		return nil
	}
	var out []goExpr
	for _, field := range f.Results.List {
		for range max(1, len(field.Names)) {
			out = append(out, sub(field.Type))
		}
	}
	return out
}

// goValues splits what stands behind return.
func goValues(values string) []goExpr {
	e, sub, ok := parseGo("f(" + values + ")")
	call, isCall := e.(*ast.CallExpr)
	if !ok || !isCall || call.Ellipsis != token.NoPos {
		return nil
	}
	var out []goExpr
	for _, v := range call.Args {
		out = append(out, sub(v))
	}
	return out
}

// constantInGo tells whether a value can be left out without leaving something
// unused: nil can't even be assigned to the blank identifier.
func constantInGo(e ast.Expr) bool {
	switch e := e.(type) {
	case *ast.BasicLit:
		return true
	case *ast.Ident:
		return e.Name == "nil" || e.Name == "true" || e.Name == "false"
	case *ast.UnaryExpr:
		return constantInGo(e.X)
	}
	return false
}

var numericInGo = lazyregexp.New(`^(u?int(8|16|32|64|ptr)?|float(32|64)|complex(64|128)|byte|rune)$`)

// goZeroOf writes the zero value of a type.
func goZeroOf(t goExpr) string {
	switch e := t.expr.(type) {
	case *ast.StarExpr, *ast.MapType, *ast.ChanType, *ast.FuncType, *ast.InterfaceType:
		return "nil"
	case *ast.ArrayType:
		if e.Len == nil {
			return "nil"
		}
	case *ast.Ident:
		switch {
		case numericInGo.MatchString(e.Name):
			return "0"
		case e.Name == "string":
			return `""`
		case e.Name == "bool":
			return "false"
		case e.Name == "error", e.Name == "any":
			return "nil"
		}
	}
	return "*new(" + t.text + ")"
}
