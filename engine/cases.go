package engine

import (
	"context"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/bitactor/cf/lazyregexp"
	"github.com/bitactor/cf/syntax"
	"github.com/bitactor/cf/workspace/secret"
)

// Bounds of the cases that a prompt shows.
const (
	casesMax     = 8
	caseBytesMax = 160
	testFilesMax = 6
)

// cases returns lines of tests that say what a symbol must do: calls of it, and
// rows of the tables beside them. A small model that is shown whole test files
// gives them back as its answer; some lines it can use (measured with a model of
// 0.5 billion parameters: 0 of the first 5 tasks with the file, 7 of 16 without).
func (f *files) cases(ctx context.Context, t *target, s *syntax.Symbol) ([]string, error) {
	if t.lang == nil {
		return nil, nil
	}
	names := []string{}
	if s != nil {
		names = append(names, s.Name)
	} else if t.file != nil {
		for _, s := range t.file.Symbols() {
			if s.Kind == syntax.Function || s.Kind == syntax.Method {
				names = append(names, s.Name)
			}
		}
	}
	sources, err := f.testFiles(ctx, t)
	if err != nil || len(sources) == 0 || len(names) == 0 && t.exists {
		return nil, err
	}
	var out []string
	for _, source := range sources {
		out = append(out, linesAbout(source, names)...)
	}
	return out[:min(len(out), casesMax)], nil
}

// testFiles returns the sources of the test files that are likely to be about the
// target: those whose name holds its own first.
func (f *files) testFiles(ctx context.Context, t *target) ([]string, error) {
	listed, err := f.list(ctx, "")
	if err != nil {
		return nil, err
	}
	stem := strings.TrimSuffix(path.Base(t.path), path.Ext(t.path))
	var near, beside []string
	for _, l := range listed {
		if l.Path == t.path || !IsTest(l.Path) || syntax.Of(l.Path, nil) != t.lang && path.Ext(l.Path) != ".exs" {
			continue
		}
		switch {
		case strings.Contains(path.Base(l.Path), stem):
			near = append(near, l.Path)
		case path.Dir(l.Path) == path.Dir(t.path):
			beside = append(beside, l.Path)
		}
	}
	var sources []string
	for _, p := range append(near, beside...) {
		if len(sources) == testFilesMax {
			break
		}
		if data, err := f.read(p); err == nil {
			text, _ := secret.Redact(p, string(data))
			sources = append(sources, text)
		}
	}
	return sources, nil
}

var testName = lazyregexp.New(`(_test\.(go|exs?|c|erl|py|rs)|_tests\.erl|(^|/)test_[^/]*\.(py|c)|\.(test|spec)\.[cm]?[jt]sx?)$`)

// IsTest tells whether a file holds tests, by its name.
func IsTest(p string) bool { return testName.MatchString(p) }

var (
	row     = lazyregexp.New(`^([{(\[].*[})\]],?|[\w".'-]+: .+,)$`)
	literal = lazyregexp.New(`"[^"]*"|'[^']*'`)
)

// linesAbout returns the lines of a test that call one of names, and the rows of
// tables in a test that does.
func linesAbout(source string, names []string) []string {
	calls := make([]*regexp.Regexp, 0, len(names))
	for _, n := range names {
		calls = append(calls, regexp.MustCompile(`\b`+regexp.QuoteMeta(n)+`\s*\(`))
	}
	var out []string
	for line := range strings.Lines(source) {
		line = strings.TrimSpace(line)
		if line == "" || len(line) > caseBytesMax {
			continue
		}
		code := literal.ReplaceAllString(line, `""`) // a message that names the function is no case
		called := slices.ContainsFunc(calls, func(r *regexp.Regexp) bool { return r.MatchString(code) })
		if called && !strings.HasPrefix(line, "func ") && !strings.HasPrefix(line, "def ") || row.MatchString(line) && len(line) > 4 {
			out = append(out, line)
		}
	}
	return out
}
