package check

import (
	"cmp"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"
)

// Bounds of what is kept of a finding, in bytes. Beyond them text tells a
// reader nothing new, and a tool that floods must not fill memory.
const (
	sourceBytesMax  = 300
	messageBytesMax = 4 << 10
	testBytesMax    = 16 << 10 // the output of one failing test
	testsMax        = 50_000   // tests of one project
	gapsMax         = 1000
)

// tidy puts an outcome into the one form of a report: paths below the root,
// sorted, each finding once, within bounds, with the text of its line.
func (r *running) tidy(p *Part) {
	asked := map[string]bool{}
	for _, f := range p.Files {
		asked[f] = true
	}
	source := lines{read: r.Stage.Read, of: map[string][]string{}}
	for i := range p.Diagnostics {
		d := &p.Diagnostics[i]
		d.File = r.inside(d.File)
		d.Checker = cmp.Or(d.Checker, p.Checker)
		d.Severity = cmp.Or(d.Severity, Error)
		d.Message = clip(strings.TrimSpace(d.Message), messageBytesMax)
		d.Source = clip(cmp.Or(d.Source, source.at(d.File, d.Line)), sourceBytesMax)
		d.Beside = d.File != "" && !p.whole && !asked[d.File]
	}
	slices.SortStableFunc(p.Diagnostics, compare)
	p.Diagnostics = slices.CompactFunc(p.Diagnostics, same)
	if n := len(p.Diagnostics) - r.DiagnosticsMax; n > 0 {
		p.Dropped, p.Diagnostics = n, p.Diagnostics[:r.DiagnosticsMax]
	}
	for i := range p.Tests {
		t := &p.Tests[i]
		t.File = r.inside(t.File)
		t.Output = clip(t.Output, testBytesMax)
	}
	slices.SortStableFunc(p.Tests, func(a, b Test) int { return strings.Compare(a.Name, b.Name) })
	p.Tests = p.Tests[:min(len(p.Tests), testsMax)]
	for i := range p.Gaps {
		p.Gaps[i].Checker = p.Checker
	}
	slices.SortStableFunc(p.Gaps, func(a, b Gap) int {
		return cmp.Or(strings.Compare(a.File, b.File), strings.Compare(a.What, b.What), strings.Compare(a.Why, b.Why))
	})
	p.Gaps = slices.Compact(p.Gaps)
	p.Gaps = p.Gaps[:min(len(p.Gaps), gapsMax)]
	version := map[string]string{}
	for _, t := range p.Tools {
		version[t.Program] = t.Version
	}
	for i := range p.Ran {
		if ran := &p.Ran[i]; ran.Version == "" && len(ran.Argv) > 0 {
			ran.Version = version[filepath.Base(ran.Argv[0])]
		}
	}
}

func compare(a, b Diagnostic) int {
	return cmp.Or(
		strings.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column),
		strings.Compare(a.Code, b.Code), strings.Compare(a.Message, b.Message), strings.Compare(a.Tool, b.Tool),
	)
}

// same tells whether two tools say the same thing.
func same(a, b Diagnostic) bool {
	a.Tool, a.Severity = b.Tool, b.Severity
	return a == b
}

// inside returns a path as a tool printed it relative to the root. One outside,
// such as a header of the system, stays as it is.
func (r *running) inside(file string) string {
	if file == "" {
		return ""
	}
	if filepath.IsAbs(file) {
		rel, err := filepath.Rel(r.Stage.Root(), file)
		if err != nil || !filepath.IsLocal(rel) {
			return file
		}
		file = rel
	}
	return filepath.ToSlash(filepath.Clean(file))
}

// lines gives lines of files, reading each file once.
type lines struct {
	read func(string) ([]byte, error)
	of   map[string][]string
}

// at returns the text of a line, "" where there is none.
func (l lines) at(file string, line int) string {
	if file == "" || line < 1 || filepath.IsAbs(file) || !filepath.IsLocal(filepath.FromSlash(file)) {
		return ""
	}
	text, known := l.of[file]
	if !known {
		if data, err := l.read(file); err == nil {
			text = strings.Split(string(data), "\n")
		}
		l.of[file] = text
	}
	if line > len(text) {
		return ""
	}
	return strings.TrimSuffix(text[line-1], "\r")
}

// clip cuts s to at most n bytes, at a character.
func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}
