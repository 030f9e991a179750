package check

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/bitactor/cf/lazyregexp"
)

// FileState is how well a changed file was checked. Stable: the list may only
// grow.
type FileState string

// The states of a changed file.
const (
	Tested     FileState = "tested" // tests passed and ran changed lines of it
	Unmeasured FileState = "tests passed, coverage unknown"
	Compiled   FileState = "compiled only" // no test ran a changed line of it
	Checked    FileState = "checked"       // its kind has no tests
	Unchecked  FileState = "not checked"
	Deleted    FileState = "deleted"
)

// FileVerdict is what is known about one changed file.
type FileVerdict struct {
	File     string    `json:"file"`
	State    FileState `json:"state"`
	Lines    int       `json:"lines,omitempty"`    // changed lines that coverage counts
	Executed int       `json:"executed,omitempty"` // of those, the ones that a test ran
	Why      string    `json:"why,omitempty"`
}

// Rules are what the user allows beside the gate's own conditions.
type Rules struct {
	AllowUnchecked bool // land although something could not be checked
	AllowLostTests bool // land although tests are gone or skipped now
}

// Verdict says whether a change may land, and why not.
type Verdict struct {
	Land         bool
	Why          []string     // reasons against landing, in words
	New          []Diagnostic // not there before the change
	Gone         []Diagnostic // mended by it
	NewlyFailing []Test
	StillFailing []Test // failed before and fail now
	Fixed        []Test
	Flaky        []Test
	Lost         []Test // ran before, and are gone or skipped now
	TestsBefore  int    // that ran, skipped ones not counted
	TestsNow     int
	NotChecked   []Gap // that concern the change
	Files        []FileVerdict
}

// Judge compares the report of a change with that of the unchanged tree. A
// diagnostic is known if the unchanged tree has one of the same checker, code,
// file, message and text of its line, as often; numbers in messages do not
// count, since they often are lines. base and now must come from the same
// checkers and paths.
func Judge(base, now *Report, change Change, rules Rules) Verdict {
	var v Verdict
	v.diagnostics(base, now, change)
	v.tests(base, now, change)
	v.gaps(now, change)
	v.files(now, change)
	v.decide(rules)
	return v
}

var digits = lazyregexp.New(`[0-9]+`)

// knownBy is what makes two diagnostics the same.
func knownBy(d Diagnostic, file string) [5]string {
	return [5]string{d.Checker, d.Code, file, digits.ReplaceAllString(d.Message, "#"), strings.TrimSpace(d.Source)}
}

func (v *Verdict) diagnostics(base, now *Report, change Change) {
	before := map[[5]string][]Diagnostic{}
	for _, d := range base.Diagnostics() {
		k := knownBy(d, change.renamed(d.File))
		before[k] = append(before[k], d)
	}
	for _, d := range now.Diagnostics() {
		k := knownBy(d, d.File)
		if n := len(before[k]); n > 0 {
			before[k] = before[k][:n-1]
			continue
		}
		v.New = append(v.New, d)
	}
	for _, left := range before {
		v.Gone = append(v.Gone, left...)
	}
	slices.SortFunc(v.Gone, compare)
	// Beyond the cap nothing can be matched: more of them than before is new.
	for _, p := range now.Parts {
		if was := base.part(p.Checker, p.Project); p.Dropped > 0 && (was == nil || p.Dropped > was.Dropped) {
			v.Why = append(v.Why, fmt.Sprintf("%s: more diagnostics than can be compared in %s", p.Checker, p.Project))
		}
	}
}

func (r *Report) part(checker, project string) *Part {
	for i, p := range r.Parts {
		if p.Checker == checker && p.Project == project {
			return &r.Parts[i]
		}
	}
	return nil
}

// testKey tells a test from those of other projects and checkers.
type testKey struct{ checker, project, name string }

// tests returns the tests by their names, those of files that renamed moves by
// the new one: in some kinds a test is named by its file.
func (r *Report) tests(renamed func(string) string) map[testKey]Test {
	out := map[testKey]Test{}
	for _, p := range r.Parts {
		for _, t := range p.Tests {
			name := t.Name
			if renamed != nil {
				name = renamed(name)
			}
			out[testKey{p.Checker, p.Project, name}] = t
		}
	}
	return out
}

func (v *Verdict) tests(base, now *Report, change Change) {
	before, after := base.tests(change.renamed), now.tests(nil)
	for k, t := range after {
		was, known := before[k]
		v.TestsNow += ran(t)
		switch {
		case t.State == Flaky, t.State == Failed && was.State == Flaky:
			v.Flaky = append(v.Flaky, t)
		case t.State == Failed && known && was.State == Failed && !change.touches(t.File):
			v.StillFailing = append(v.StillFailing, t)
		case t.State == Failed:
			v.NewlyFailing = append(v.NewlyFailing, t)
		case t.State == Skipped && known && was.State != Skipped:
			v.Lost = append(v.Lost, t)
		case t.State == Passed && known && was.State == Failed:
			v.Fixed = append(v.Fixed, t)
		}
	}
	for k, t := range before {
		v.TestsBefore += ran(t)
		if _, still := after[k]; !still && t.State != Skipped {
			v.Lost = append(v.Lost, t)
		}
	}
	for _, list := range [][]Test{v.NewlyFailing, v.StillFailing, v.Fixed, v.Flaky, v.Lost} {
		slices.SortFunc(list, func(a, b Test) int { return strings.Compare(a.Name, b.Name) })
	}
}

func ran(t Test) int {
	if t.State == Skipped {
		return 0
	}
	return 1
}

// gaps keeps what concerns the change: gaps of its files and of the checkers
// that looked at them.
func (v *Verdict) gaps(now *Report, change Change) {
	for _, p := range now.Parts {
		if !p.whole && !slices.ContainsFunc(p.Files, change.touches) {
			continue
		}
		if p.State == NotChecked && p.blocked() == nil {
			v.NotChecked = append(v.NotChecked, Gap{What: "everything", Why: p.Why, Hint: p.Hint, Blocks: true, Checker: p.Checker})
		}
		for _, g := range p.Gaps {
			if g.File == "" || change.touches(g.File) {
				v.NotChecked = append(v.NotChecked, g)
			}
		}
	}
	for _, g := range now.Gaps() {
		if g.Checker == "" && change.touches(g.File) {
			v.NotChecked = append(v.NotChecked, g)
		}
	}
}

func (v *Verdict) files(now *Report, change Change) {
	for _, f := range change.Files {
		if f.Deleted {
			v.Files = append(v.Files, FileVerdict{File: f.Path, State: Deleted})
			continue
		}
		best := FileVerdict{File: f.Path, State: Unchecked, Why: "no checker knows this kind of file"}
		for _, p := range now.Parts {
			if p.whole && best.State != Unchecked || !p.whole && !slices.Contains(p.Files, f.Path) {
				continue
			}
			if fv := p.file(f, now.Tests); best.State == Unchecked || rank(fv.State) < rank(best.State) {
				best = fv
			}
		}
		v.Files = append(v.Files, best)
	}
}

// rank orders the states of one file as several checkers see it: the most
// careful statement wins.
func rank(s FileState) int {
	return slices.Index([]FileState{Unchecked, Compiled, Unmeasured, Tested, Checked, Deleted}, s)
}

// file says how well the part checked a changed file.
func (p *Part) file(f Edited, tests bool) FileVerdict {
	v := FileVerdict{File: f.Path}
	for _, g := range p.Gaps {
		if g.Blocks && (g.File == "" || g.File == f.Path) {
			v.State, v.Why = Unchecked, g.What+": "+g.Why
			return v
		}
	}
	if p.State == NotChecked {
		v.State, v.Why = Unchecked, p.Why
		return v
	}
	if !p.Testable && len(p.Tests) == 0 {
		v.State = Checked
		return v
	}
	passed := slices.ContainsFunc(p.Tests, func(t Test) bool { return t.State == Passed })
	own := slices.ContainsFunc(p.Tests, func(t Test) bool { return t.State == Passed && t.File == f.Path })
	counted, known := p.Executed[f.Path]
	for _, line := range f.Lines {
		if executed, counts := counted[line]; counts {
			v.Lines++
			if executed {
				v.Executed++
			}
		}
	}
	switch {
	case !tests:
		v.State, v.Why = Compiled, "no tests were asked for"
	case !passed:
		v.State, v.Why = Compiled, "no test passed"
	case own, v.Executed > 0:
		v.State = Tested
	case p.Executed == nil:
		v.State = Unmeasured
	case known && v.Lines == 0:
		v.State, v.Why = Compiled, "no changed line can be executed"
	default:
		v.State, v.Why = Compiled, "no test executes a changed line"
	}
	return v
}

// decide sets Land and Why.
func (v *Verdict) decide(rules Rules) {
	say := func(n int, one, many string) {
		if n == 1 {
			v.Why = append(v.Why, one)
		} else if n > 1 {
			v.Why = append(v.Why, fmt.Sprintf(many, n))
		}
	}
	say(len(v.New), "1 new diagnostic", "%d new diagnostics")
	say(len(v.NewlyFailing), "1 failing test", "%d failing tests")
	if !rules.AllowLostTests {
		say(len(v.Lost), "1 test is gone or skipped", "%d tests are gone or skipped")
	}
	if !rules.AllowUnchecked {
		for _, g := range v.NotChecked {
			if g.Blocks {
				v.Why = append(v.Why, g.describe())
			}
		}
	}
	v.Land = len(v.Why) == 0
}

// describe says a gap in words.
func (g Gap) describe() string {
	subject := g.File
	if subject == "" {
		subject = g.Checker
	}
	text := "not checked: " + subject
	if g.What != "everything" {
		text += " (" + g.What + ")"
	}
	return text + ": " + g.Why
}

// renamed returns where the file that lay at old lies after the change.
func (c Change) renamed(old string) string {
	for _, f := range c.Files {
		if f.From == old && old != "" {
			return f.Path
		}
	}
	return old
}

func (c Change) touches(file string) bool {
	return file != "" && slices.ContainsFunc(c.Files, func(f Edited) bool { return f.Path == path.Clean(file) })
}
