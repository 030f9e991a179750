package engine

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/bitactor/cf/check"
	"github.com/bitactor/cf/engine/land"
	"github.com/bitactor/cf/lazyregexp"
	"github.com/bitactor/cf/syntax"
)

// wrong is what a trial leaves to be mended: what the gate refuses it for, and
// what the request asked for and is not there. The gate takes a test that failed
// before and fails now for none of the change's business; it is, where the test
// is about what was written.
func (r *run) wrong(t *land.Trial) check.Verdict {
	v := check.Verdict{New: slices.Clone(t.Verdict.New), NewlyFailing: slices.Clone(t.Verdict.NewlyFailing)}
	for _, d := range t.Now.Diagnostics() {
		if slices.ContainsFunc(r.request.Findings, func(f check.Diagnostic) bool { return same(f, d) }) && !slices.Contains(v.New, d) {
			v.New = append(v.New, d)
		}
	}
	for _, s := range t.Verdict.StillFailing {
		if r.wanted(s) {
			v.NewlyFailing = append(v.NewlyFailing, s)
		}
	}
	return v
}

// unmet says in words what of the request a trial does not fulfil, beyond what
// the gate says; w is what wrong returned.
func (r *run) unmet(t *land.Trial, w check.Verdict) []string {
	var why []string
	if n := len(w.New) - len(t.Verdict.New); n > 0 {
		why = append(why, fmt.Sprintf("%d of %d findings still there", n, len(r.request.Findings)))
	}
	if n := len(w.NewlyFailing) - len(t.Verdict.NewlyFailing); n > 0 {
		why = append(why, count(n, "test fails", "tests fail")+" as before")
	}
	if r.subject != nil && t.Verdict.TestsNow <= t.Verdict.TestsBefore {
		why = append(why, "no new test ran")
	}
	if r.tested && t.Now.Tests && t.Verdict.TestsNow == 0 {
		why = append(why, "there are tests of it, and none ran")
	}
	if r.request.Tests != nil && !r.ran(t) {
		why = append(why, "no test of that name ran: "+r.request.Tests.String())
	}
	return why
}

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

var digits = lazyregexp.New(`[0-9]+`)

// same tells whether two diagnostics are one finding: lines move and numbers in
// messages often are lines.
func same(a, b check.Diagnostic) bool {
	return a.Checker == b.Checker && a.Code == b.Code && a.File == b.File &&
		digits.ReplaceAllString(a.Message, "#") == digits.ReplaceAllString(b.Message, "#")
}

// ran tells whether a test of the wanted name ran.
func (r *run) ran(t *land.Trial) bool {
	for _, p := range t.Now.Parts {
		if slices.ContainsFunc(p.Tests, func(t check.Test) bool { return t.State != check.Skipped && r.request.Tests.MatchString(t.Name) }) {
			return true
		}
	}
	return false
}

// wanted tells whether a test must pass: it was named, or it is about what is
// written.
func (r *run) wanted(t check.Test) bool {
	named := func(f check.Test) bool { return f.Name == t.Name }
	switch {
	case slices.ContainsFunc(r.request.Failing, named):
		return true
	case r.request.Tests != nil:
		return r.request.Tests.MatchString(t.Name)
	case !r.request.Proven && len(r.request.Failing)+len(r.request.Findings) > 0:
		return false
	}
	return r.about(t)
}

// about tells whether a test calls what is written, by its own text, or, where
// that can't be found, by its output. A whole file is about all of its tests.
func (r *run) about(t check.Test) bool {
	if len(r.target.symbols) == 0 {
		return true
	}
	text := t.Name + "\n" + t.Output
	if data, err := r.files.read(t.File); err == nil {
		text += "\n" + testText(string(data), t)
	}
	return slices.ContainsFunc(r.target.symbols, func(s syntax.Symbol) bool {
		return regexp.MustCompile(`\b` + regexp.QuoteMeta(s.Name) + `\b`).MatchString(text)
	})
}

// testText returns the part of a test file that holds a test: from the line that
// declares it to the next declaration; the whole file where that can't be told.
func testText(source string, t check.Test) string {
	lines := strings.SplitAfter(source, "\n")
	name := t.Name[strings.LastIndexByte(t.Name, '.')+1:]
	name, _, _ = strings.Cut(name, "/")
	at := slices.IndexFunc(lines, func(l string) bool {
		return strings.Contains(l, "func "+name+"(") || strings.Contains(l, "def "+name+"(")
	})
	if at < 0 {
		return source
	}
	end := at + 1
	for end < len(lines) && !strings.HasPrefix(lines[end], "func ") && !strings.HasPrefix(strings.TrimSpace(lines[end]), "def ") {
		end++
	}
	return strings.Join(lines[at:end], "")
}
