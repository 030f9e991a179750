package mutants

import (
	"math/big"
	"strings"

	"github.com/bitactor/cf/lazyregexp"
	"github.com/bitactor/cf/syntax"
)

// The operators: what a mutant does to the code. Which operator turns into which
// follows PIT (https://pitest.org/quickstart/mutators/).
const (
	OpCompare    = "compare"    // == became !=, < became >=
	OpBoundary   = "boundary"   // < became <=
	OpArithmetic = "arithmetic" // + became -, also in += and ++
	OpLogic      = "logic"      // && became ||
	OpNegate     = "negate"     // a condition was negated, which swaps its branches; a negation was dropped
	OpConstant   = "constant"   // a number one more or one less, true became false
	OpReturn     = "return"     // a value given back became zero
	OpRemove     = "remove"     // a statement was left out
)

var compared = map[string]string{
	"==": "!=", "!=": "==", "===": "!==", "!==": "===", "<": ">=", ">=": "<", ">": "<=", "<=": ">",
	"in": "not in", "not in": "in", "is": "is not", "is not": "is",
}

var boundaries = map[string]string{"<": "<=", "<=": "<", ">": ">=", ">=": ">"}

var arithmetic = map[string]string{
	"+": "-", "-": "+", "*": "/", "/": "*", "%": "*", "//": "*", "**": "*", "&": "|", "|": "&", "^": "&", "<<": ">>", ">>": "<<",
	"++": "--", "--": "++",
}

var logical = map[string]string{"&&": "||", "||": "&&", "and": "or", "or": "and"}

var booleans = map[string]string{"true": "false", "false": "true", "True": "False", "False": "True"}

// sites returns every place and what it may become, in source order.
func (s *surveyed) sites() []site {
	var out []site
	whole := map[syntax.Range]bool{} // to negate one of these is to turn or drop its operator
	for _, m := range s.matches {
		for _, name := range []string{"comparison", "not"} {
			if at, ok := captured(m, name); ok {
				whole[at] = true
			}
		}
	}
	for _, m := range s.matches {
		for _, c := range m {
			if c.Name == "condition" && whole[c.Range] {
				continue
			}
			out = append(out, s.sitesOf(m, c)...)
		}
	}
	return out
}

func captured(m []syntax.Capture, name string) (syntax.Range, bool) {
	for _, c := range m {
		if c.Name == name {
			return c.Range, true
		}
	}
	return syntax.Range{}, false
}

func (s *surveyed) sitesOf(m []syntax.Capture, c syntax.Capture) []site {
	text := s.file.Text(c.Range)
	one := func(operator, after string, known bool) []site {
		if !known {
			return nil
		}
		return []site{{operator, c.Range, after}}
	}
	swapped := func(operator string, table map[string]string) []site {
		after, known := table[strings.Join(strings.Fields(text), " ")]
		return one(operator, after, known)
	}
	switch c.Name {
	case "compare":
		return append(swapped(OpCompare, compared), swapped(OpBoundary, boundaries)...)
	case "arithmetic", "step":
		return swapped(OpArithmetic, arithmetic)
	case "assign":
		after, known := arithmetic[strings.TrimSuffix(text, "=")]
		return one(OpArithmetic, after+"=", known)
	case "logic":
		return swapped(OpLogic, logical)
	case "boolean":
		return swapped(OpConstant, booleans)
	case "number":
		return s.numbers(c.Range)
	case "condition":
		return one(OpNegate, s.dialect.negate(text), !strings.HasPrefix(text, "let "))
	case "not":
		operand, known := captured(m, "operand")
		return one(OpNegate, s.file.Text(operand), known)
	case "value":
		statement, _ := captured(m, "return")
		if zeroed, known := s.dialect.zero(s, c.Range, statement); known {
			return []site{zeroed}
		}
	case "statement":
		return one(OpRemove, s.dialect.remove(text), true)
	}
	return nil
}

// decimal matches a number that is written in decimal digits, with the letters
// that some languages put behind it.
var decimal = lazyregexp.New(`^([0-9]{1,18})([uUlL]{0,3}|[iu](?:8|16|32|64|128|size)|n|)$`)

// numbers makes a number one more and one less; zero only one more.
func (s *surveyed) numbers(at syntax.Range) []site {
	m := decimal.FindStringSubmatch(s.file.Text(at))
	if m == nil || len(m[1]) > 1 && m[1][0] == '0' {
		return nil
	}
	n, ok := new(big.Int).SetString(m[1], 10)
	if !ok {
		return nil
	}
	one := big.NewInt(1)
	out := []site{{OpConstant, at, new(big.Int).Add(n, one).String() + m[2]}}
	if n.Sign() > 0 {
		out = append(out, site{OpConstant, at, new(big.Int).Sub(n, one).String() + m[2]})
	}
	return out
}
