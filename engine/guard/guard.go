// Package guard sees when a model's version of a file leaves out what the file
// held: parts replaced by a remark, symbols and tests that are gone, tests that
// no longer run.
//
// It compares two parsed sources and reads nothing else; a finding says why the
// new version must not land. It can't tell whether code is right: the checks do.
//
// Invariants:
//  1. What the present version already says is never held against the new one.
//  2. A finding names its line, in the version that holds it.
package guard

import (
	"fmt"
	"strings"

	"github.com/bitactor/cf/syntax"
)

// Codes of findings. Stable: the list may only grow.
const (
	CodeElision     = "elision"          // a remark stands where code should
	CodeShrunk      = "shrunk"           // less than half of the file is left
	CodeLostSymbol  = "lost-symbol"      // a definition that others may use is gone
	CodeLostTest    = "lost-test"        // a test is gone
	CodeNewSkip     = "test-skipped"     // a mark keeps tests from running
	CodeEarlyExit   = "early-exit"       // a test program that ends with success by itself
	CodeAssertions  = "fewer-assertions" // a test checks less than it did
	CodeCases       = "fewer-cases"      // a test names fewer values than it did
	CodeChangedTest = "test-changed"     // a test that nobody asked for by its name is another
	CodeWeakTest    = "weak-test"        // a test can't fail any more
	CodeHidden      = "hidden-text"      // characters that a reader does not see
)

// Finding is one reason against a new version.
type Finding struct {
	Code string
	Line int    // in the new version, or, for what is gone, in the present one
	What string // the remark, the symbol, the test
}

// String gives the finding in words.
func (f Finding) String() string { return fmt.Sprintf("%s: line %d: %s", f.Code, f.Line, f.What) }

// Options says what the user allowed.
type Options struct {
	Removals bool     // --allow-removals: symbols may go, the file may shrink, tests may change
	Named    []string // full names of the tests that the user asked for
	Prose    bool     // of Text: a line that begins with # is a heading, no comment
}

// Source is what Compare finds in code that is no test: remarks in place of
// code, text that can't be seen, symbols that are gone, a file that shrank. before
// is nil for a new file.
func Source(before, after *syntax.File, o Options) []Finding {
	found := append(elisions(before, after), hidden(before, after)...)
	if before == nil || o.Removals {
		return found
	}
	found = append(found, lost(before, after)...)
	return append(found, shrunk(before, after)...)
}

// shrinkLinesMin is the size from which on a file that loses more than half of
// its lines is suspect; below it one function is half of the file.
const shrinkLinesMin = 20

func shrunk(before, after *syntax.File) []Finding {
	was, is := filled(before.Source()), filled(after.Source())
	if was < shrinkLinesMin || 2*is >= was {
		return nil
	}
	return []Finding{{CodeShrunk, 1, fmt.Sprintf("%d of %d lines are left", is, was)}}
}

// filled counts the lines that hold something.
func filled(src []byte) int {
	n := 0
	for line := range strings.Lines(string(src)) {
		if strings.TrimSpace(line) != "" {
			n++
		}
	}
	return n
}

// lost finds the definitions that other files may use and that are gone.
func lost(before, after *syntax.File) []Finding {
	has, exported := map[string]bool{}, map[string]bool{}
	for _, s := range after.Symbols() {
		has[s.FullName()] = true
		exported[s.FullName()] = exported[s.FullName()] || s.Exported
	}
	var found []Finding
	for _, s := range before.Symbols() {
		name := s.FullName()
		if !s.Exported || s.Kind == syntax.Test || exported[name] {
			continue
		}
		exported[name] = true // once for several clauses
		if has[name] {
			name += " is no longer visible to other files"
		}
		found = append(found, Finding{CodeLostSymbol, s.Line, name})
	}
	return found
}
