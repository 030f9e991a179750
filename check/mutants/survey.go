package mutants

import (
	"context"
	"strings"

	"github.com/bitactor/cf/fault"
	"github.com/bitactor/cf/lazyregexp"
	"github.com/bitactor/cf/syntax"
)

// surveyed is a source and what its query found.
type surveyed struct {
	path    string
	dialect *dialect
	file    *syntax.File
	matches [][]syntax.Capture
	skipped []syntax.Range // where nothing is mutated
	results []results      // of functions, in source order
}

// results are the types that a function gives back.
type results struct {
	function syntax.Range
	types    string // as written, with the brackets of a list
}

func survey(ctx context.Context, d *dialect, path string, source []byte) (*surveyed, error) {
	file, err := syntax.Parse(ctx, d.language, source)
	if err != nil {
		return nil, failed(ctx, err, path)
	}
	s := &surveyed{path: path, dialect: d, file: file}
	if s.matches, err = syntax.Query(ctx, d.language, source, d.query); err != nil {
		return nil, failed(ctx, err, path)
	}
	for _, symbol := range file.Symbols() {
		if symbol.Kind == syntax.Test || symbol.Kind == syntax.Module && d.testModule && strings.HasPrefix(symbol.Name, "test") {
			s.skipped = append(s.skipped, symbol.Range)
		}
	}
	for _, m := range s.matches {
		s.mark(m)
	}
	for _, m := range s.matches {
		if value, _ := captured(m, "value"); d.incidental != nil && d.incidental(s, value) {
			s.skipped = append(s.skipped, value)
		}
	}
	return s, nil
}

// mark takes from a match what is skipped, and the results of functions.
func (s *surveyed) mark(m []syntax.Capture) {
	if at, ok := captured(m, "skip"); ok {
		s.skipped = append(s.skipped, at)
	}
	if callee, ok := captured(m, "callee"); ok && logs.MatchString(s.file.Text(callee)) {
		statement, _ := captured(m, "statement")
		s.skipped = append(s.skipped, statement)
	}
	if types, ok := captured(m, "result"); ok {
		function, _ := captured(m, "function")
		s.results = append(s.results, results{function, s.file.Text(types)})
	}
}

// logs matches the functions that write a log: tests do not look at it. What
// prints may be what a program is for, so it counts.
var logs = lazyregexp.New(`^(?:log|slog|logging|logger|console|Logger|syslog)(?:[.:]|$)|` +
	`[._](?:log|logger|logging)\.\w+$|^(?:log_\w+|LOG\w*|eprintln|debug|info|warn|warning|error|trace)$`)

// within returns the ranges of symbols; none means the whole file.
func (s *surveyed) within(path string, symbols []string) ([]syntax.Range, error) {
	var out []syntax.Range
	for _, name := range symbols {
		found, ok := s.file.Symbol(name)
		if !ok {
			return nil, fault.New(fault.Usage, CodeNoSymbol, "it does not define %q", name).On("mutate", path)
		}
		out = append(out, found.Range)
	}
	return out, nil
}

// mutable tells whether a site lies inside one of within, if there are any, and
// in none of the ranges that are skipped.
func (s *surveyed) mutable(at site, within []syntax.Range) bool {
	inside := len(within) == 0
	for _, r := range within {
		inside = inside || holds(r, at.at)
	}
	for _, r := range s.skipped {
		inside = inside && !holds(r, at.at)
	}
	return inside
}

func holds(outer, inner syntax.Range) bool {
	return outer.Start <= inner.Start && inner.End <= outer.End
}

// innermost returns the function that a range lies in, nil where none is.
func (s *surveyed) innermost(r syntax.Range) *syntax.Symbol {
	var best *syntax.Symbol
	symbols := s.file.Symbols()
	for i := range symbols {
		k := symbols[i].Kind
		if (k == syntax.Function || k == syntax.Method || k == syntax.Macro) && holds(symbols[i].Range, r) {
			best = &symbols[i] // a symbol stands before those that it holds
		}
	}
	return best
}

// resultsAt returns the result types of the innermost function around a place,
// "" where they are not known.
func (s *surveyed) resultsAt(r syntax.Range) string {
	types := ""
	for _, f := range s.results {
		if holds(f.function, r) && f.function != r { // a function may be the value
			types = f.types // an inner one begins later
		}
	}
	return types
}
