package clean

import (
	"strings"

	"github.com/bitactor/cf/syntax"
)

// inTable tells whether functions of a file that say the same of themselves are there to
// fill places that others ask for: at least three that take the same, more than one thing,
// and answer the same, as the entries of a table do, or a method that another type of the file has, too, where the
// text says no more than that there is none.
func (m match) inTable(call, text string) bool {
	s, ok := m.around(syntax.Method, syntax.Function)
	if !ok {
		return false
	}
	same := 0
	for _, other := range m.tree.Symbols() {
		switch {
		case other.Kind != s.Kind || other.Range == s.Range:
		case s.Kind == syntax.Method && other.Name == s.Name && other.Parent != s.Parent:
			if bare.MatchString(text) || bareError.MatchString(text) {
				return true
			}
		case s.Kind == syntax.Function && takes(other) == takes(s) && strings.Contains(takes(s), ",") && strings.Contains(m.tree.Text(other.Range), call+"("+text+")"):
			same++
		}
	}
	return same >= 2
}

// takes is what a function takes and answers: its signature behind its name.
func takes(s syntax.Symbol) string {
	_, after, _ := strings.Cut(s.Signature, s.Name)
	return after
}
