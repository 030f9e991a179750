// Package clean finds code that pretends or hides: test doubles and stubs in product
// code (mocks), and handling that swallows failures (errors). What a pattern can mend
// by the syntax tree alone it offers as edits; the rest is listed with why.
//
// A pattern is a file below patterns/: its query, its reason, and examples that must
// and must not be found, which are its test. The package asks no model and writes
// nothing: edits go through the gate like any other change.
//
// Invariants:
//  1. Only product code is looked at: no tests, nothing vendored or generated.
//  2. Where failures are part of the task (input, files, sockets, other processes) or
//     a comment says why they are passed over, handling is kept.
//  3. A mended file parses; every byte outside of what a pattern found stays, but for
//     the indentation of the lines in it.
package clean

import (
	"bytes"
	"context"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/bitactor/cf/lazyregexp"
	"github.com/bitactor/cf/syntax"
)

// Target is what is looked for.
type Target string

// The targets.
const (
	Mocks  Target = "mocks"
	Errors Target = "errors"
)

// Finding is one place.
type Finding struct {
	Pattern *Pattern
	File    string
	Line    int    // from 1
	Text    string // the first line of what was found
	Kept    string // why it is left as it is although it looks so; "" where it is a finding
	edit    syntax.Edit
	mended  bool // edit holds the mend
}

// Mends tells whether the finding comes with a mechanical rewrite.
func (f Finding) Mends() bool { return f.mended }

// Product tells whether a file is product code, by its path.
func Product(file string) bool {
	base := path.Base(file)
	if testName.MatchString(base) {
		return false
	}
	for part := range strings.SplitSeq(path.Dir(file), "/") {
		if testFolder.MatchString(part) {
			return false
		}
	}
	return true
}

var (
	testName   = lazyregexp.New(`(?i)(?:_test\.(?:go|exs|c|py)$|^test_|_SUITE\.erl$|_tests?\.erl$|\.(?:test|spec)\.[jt]sx?$|^conftest\.py$|mock|fake|stub|_helper|fixture|^setup\.py$|\.pb\.go$|_gen\.go$|_generated\.)`)
	testFolder = lazyregexp.New(`(?i)^(?:tests?|testing|testdata|specs?|mocks?|fakes?|stubs?|.*test|.*mocks?|fixtures?|examples?|samples?|demos?|bench(?:marks?)?|vendor|deps|node_modules|_build|third_party)$`)
	generated  = lazyregexp.New(`(?m)^(?://|#|%)+ (?:Code )?[Gg]enerated\b.*(?:DO NOT EDIT|do not edit)`)
)

// Find looks at one file. The errors are those of package syntax; a file that breaks
// its grammar has no findings.
func Find(ctx context.Context, file string, text []byte, patterns []*Pattern) ([]Finding, error) {
	known := newKnown()
	known.add(file, text)
	return FindAmong(ctx, file, text, patterns, known)
}

// FindAmong is Find with what a whole tree says.
func FindAmong(ctx context.Context, file string, text []byte, patterns []*Pattern, known *Known) ([]Finding, error) {
	lang := syntax.Of(file, text[:min(len(text), 128)])
	if lang == nil || !Product(file) || generated.Match(text[:min(len(text), 4096)]) {
		return nil, nil
	}
	var tree *syntax.File
	var out []Finding
	for _, p := range patterns {
		if p.Language != lang.Name() || p.Word != "" && !bytes.Contains(text, []byte(p.Word)) {
			continue
		}
		if tree == nil {
			var err error
			if tree, err = syntax.Parse(ctx, lang, text); err != nil || len(tree.Errors()) > 0 {
				return nil, err
			}
		}
		found, err := p.find(ctx, file, tree, known)
		if err != nil {
			return nil, err
		}
		out = append(out, found...)
	}
	slices.SortStableFunc(out, func(a, b Finding) int { return a.Line - b.Line })
	return out, nil
}

// find runs the pattern's query.
func (p *Pattern) find(ctx context.Context, file string, tree *syntax.File, known *Known) ([]Finding, error) {
	matches, err := syntax.Query(ctx, tree.Language(), tree.Source(), p.Query)
	if err != nil {
		return nil, fmt.Errorf("pattern %s: %w", p.ID, err)
	}
	var out []Finding
	end := -1
	for _, captures := range matches {
		m := match{tree: tree, by: map[string]syntax.Range{}, file: file, known: known}
		for _, c := range captures {
			if _, there := m.by[c.Name]; !there {
				m.by[c.Name] = c.Range
			}
		}
		found, ok := m.by["found"]
		if !ok || found.Start < end { // inside one that was found already
			continue
		}
		keep, drop := judge(p.Unless, m)
		if drop {
			continue
		}
		f := Finding{Pattern: p, File: file, Line: tree.Line(found.Start), Text: firstLine(tree.Text(found)), Kept: keep}
		if left, never := judge(p.Unmended, m); p.Action != "" && keep == "" && left == "" && !never {
			f.edit, f.mended = actions[p.Action](p, m)
		}
		end = found.End
		out = append(out, f)
	}
	return out, nil
}

func firstLine(s string) string {
	s, _, _ = strings.Cut(strings.TrimSpace(s), "\n")
	return s
}

// Mend applies the mends of a file's findings and returns the new source, nil where
// there are none or the result would break its grammar.
func Mend(ctx context.Context, file string, text []byte, found []Finding) ([]byte, error) {
	var edits []syntax.Edit
	for _, f := range found {
		if f.mended && f.Kept == "" {
			edits = append(edits, f.edit)
		}
	}
	slices.SortFunc(edits, func(a, b syntax.Edit) int { return a.Start - b.Start })
	last := -1
	edits = slices.DeleteFunc(edits, func(e syntax.Edit) bool { // one inside another waits for the next run
		overlaps := e.Start < last
		last = max(last, e.End)
		return overlaps
	})
	if len(edits) == 0 {
		return nil, nil
	}
	out, err := syntax.Replace(text, edits)
	if err != nil {
		return nil, err
	}
	broken, err := syntax.Check(ctx, syntax.Of(file, text[:min(len(text), 128)]), out)
	if err != nil || len(broken) > 0 {
		return nil, err
	}
	return out, nil
}
