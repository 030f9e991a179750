package readiness

import (
	"cmp"
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bitactor/cf/check"
	"github.com/bitactor/cf/check/mutants"
	"github.com/bitactor/cf/check/scanner"
)

func pass(figure, evidence string) Point {
	return Point{State: Pass, Figure: figure, Evidence: evidence}
}

func unchecked(why, hint string) Point { return Point{State: NotChecked, Why: why, Hint: hint} }

// across are the checkers that hold files against each other, and the scanners.
func across(name string) bool {
	return name == "telemetry" || name == "value" || scanner.Subject(name) != ""
}

// ownPoints tells whether a checker's findings have points of their own: a finding is
// to fail one point.
func ownPoints(name string) bool {
	return across(name) || name == "kubernetes" || name == "dockerfile" || name == "prometheus"
}

// parts returns those of the report that is says yes to.
func (j *judging) parts(is func(check.Part) bool) []check.Part {
	var out []check.Part
	for _, p := range j.Report.Parts {
		if is(p) {
			out = append(out, p)
		}
	}
	return out
}

// found makes a point of the findings in parts whose rule is says yes to. A part that
// was not checked, or not all of it, keeps the point from passing; a finding fails it
// all the same.
func found(parts []check.Part, none string, is func(code string) bool) Point {
	if len(parts) == 0 {
		return unchecked(none, "")
	}
	p := Point{State: Pass, Evidence: programs(parts)}
	n, files := 0, map[string]bool{}
	for _, part := range parts {
		for _, f := range part.Files {
			files[f] = true
		}
		for _, d := range part.Diagnostics {
			if d.Severity == check.Note || !is(d.Code) {
				continue
			}
			n++
			p.Places = append(p.Places, place(d))
		}
	}
	p.Figure, p.Places = count(n, "finding"), first(p.Places)
	if len(files) > 0 {
		p.Figure += " in " + count(len(files), "file")
	}
	switch why, hint := blocked(parts); {
	case n > 0:
		p.State = Fail
	case why != "":
		return Point{State: NotChecked, Why: why, Hint: hint, Evidence: p.Evidence}
	}
	return p
}

// place is where a finding lies, and its rule.
func place(d check.Diagnostic) string {
	if d.Line == 0 {
		return d.File + " " + d.Code
	}
	return fmt.Sprintf("%s:%d %s", d.File, d.Line, d.Code)
}

// blocked says what of parts could not be checked, "" if all was.
func blocked(parts []check.Part) (why, hint string) {
	for _, p := range parts {
		if p.State == check.NotChecked {
			return of(p.Checker, p.Why), p.Hint
		}
		for _, g := range p.Gaps {
			if g.Blocks {
				return of(p.Checker, strings.TrimSpace(g.File+" "+g.Why)), g.Hint
			}
		}
	}
	return "", ""
}

// of puts the checker's name before a reason that does not begin with it.
func of(checker, why string) string {
	if strings.HasPrefix(why, checker+" ") {
		return why
	}
	return checker + ": " + why
}

// programs names what ran for some parts: the programs, else the checkers of cf's own.
func programs(parts []check.Part) string {
	var names []string
	for _, p := range parts {
		before := len(names)
		for _, r := range p.Ran {
			if len(r.Argv) > 0 {
				names = append(names, strings.TrimSpace(filepath.Base(r.Argv[0])+" "+subcommand(r.Argv)))
			}
		}
		if len(names) == before && p.State != check.NotChecked {
			names = append(names, "cf "+p.Checker)
		}
	}
	slices.Sort(names)
	return strings.Join(slices.Compact(names), ", ")
}

// subcommand is the first argument where it is a plain word, as of "go vet".
func subcommand(argv []string) string {
	if len(argv) < 2 || len(argv[1]) > 16 || strings.IndexFunc(argv[1], func(r rune) bool { return r < 'a' || r > 'z' }) >= 0 {
		return ""
	}
	return argv[1]
}

func ofChecker(name, none string, is func(string) bool) func(*judging) Point {
	return func(j *judging) Point {
		return found(j.parts(func(p check.Part) bool { return p.Checker == name }), none, is)
	}
}

// ofFormat is ofChecker for files that a tree need not have. A checker that was cut
// off has a part all the same.
func ofFormat(name, none string, is func(string) bool) func(*judging) Point {
	return func(j *judging) Point {
		p := ofChecker(name, none, is)(j)
		if p.Why == none && p.State == NotChecked {
			p.State = NoSubject
		}
		return p
	}
}

// checked is about everything that has no point of its own.
func (j *judging) checked() Point {
	p := found(j.parts(func(p check.Part) bool { return !ownPoints(p.Checker) }), "no checker knows any file here", everything)
	if p.State == Pass && j.Report.Unlisted != "" {
		p.State, p.Why = NotChecked, "not all files were looked at: "+j.Report.Unlisted
	}
	for _, g := range j.Report.Gaps() {
		if p.State == Pass && g.Checker == "" && g.Blocks {
			p.State, p.Why, p.Hint = NotChecked, g.File+": "+g.Why, g.Hint
		}
	}
	return p
}

func (j *judging) finished() Point {
	if j.Code == 0 {
		return Point{State: NoSubject, Why: "there is no product code"}
	}
	p := pass(count(len(j.Open), "place")+" in "+count(j.Code, "file"), "cf clean --target mocks, cf finish")
	for _, d := range j.Open {
		p.Places = append(p.Places, place(d))
	}
	if p.Places = first(p.Places); len(j.Open) > 0 {
		p.State = Fail
	}
	return p
}

// document asks for a document in one of the places where such are kept, beside what
// was asked about or above it, without a finding in it.
func document(what string, names ...string) func(*judging) Point {
	return func(j *judging) Point {
		for _, dir := range j.above() {
			for _, name := range names {
				file := j.documentAt(path.Join(dir, name))
				if file == "" {
					continue
				}
				p := pass("1 document", file)
				for _, d := range j.Report.Diagnostics() {
					if d.File == file && d.Severity != check.Note {
						p.Places = append(p.Places, place(d))
					}
				}
				if n := len(p.Places); n > 0 {
					p.State, p.Why, p.Places = Fail, count(n, "finding")+" in it", first(p.Places)
				}
				return p
			}
		}
		return Point{State: Fail, Figure: "0 documents", Why: "there is no " + what, Hint: "write " + names[0]}
	}
}

// documentAt returns the file at a path, or the first Markdown file in a folder there.
func (j *judging) documentAt(at string) string {
	switch j.Stage.Kind(at) {
	case "file":
		if text, err := j.Stage.Read(at); err == nil && len(strings.TrimSpace(string(text))) > 0 {
			return at
		}
	case "folder":
		for _, f := range j.files {
			if strings.HasPrefix(f, at+"/") && path.Ext(f) == ".md" {
				return f
			}
		}
	}
	return ""
}

// above returns the folders of the paths and those above them, each once.
func (j *judging) above() []string {
	paths := j.Paths
	if len(paths) == 0 {
		paths = []string{"."}
	}
	var out []string
	for _, p := range paths {
		dir := path.Clean(p)
		if j.Stage.Kind(dir) == "file" {
			dir = path.Dir(dir)
		}
		for ; ; dir = path.Dir(dir) {
			out = append(out, dir)
			if dir == "." {
				break
			}
		}
	}
	return slices.Compact(out)
}

// isEvidence tells the rules of goals that are about their numbers from those about
// their form.
func isEvidence(code string) bool {
	return strings.HasPrefix(code, "evidence-") || code == "target-missed" || code == "not-measurable"
}

const noGoals = "there is no value.yaml: nothing says what this is for"

func (j *judging) value(is func(string) bool) Point {
	parts := j.parts(func(p check.Part) bool { return p.Checker == "value" })
	p := found(parts, "--check-business-value did not run", is)
	if p.State == NotChecked && !slices.ContainsFunc(j.files, func(f string) bool { return strings.HasPrefix(path.Base(f), "value.y") }) && strings.Contains(p.Why, "no value.yaml") {
		p.Why = noGoals
	}
	return p
}

func (j *judging) purpose() Point { return j.value(not(isEvidence)) }

func (j *judging) goals() Point {
	p := j.value(isEvidence)
	for _, part := range j.parts(func(p check.Part) bool { return p.Checker == "value" }) {
		for _, g := range part.Gaps {
			if p.State == Pass { // a command that was not run is no evidence
				p = Point{State: NotChecked, Why: strings.TrimSpace(g.File + " " + g.What + ": " + g.Why), Hint: g.Hint}
			}
		}
	}
	return p
}

// tested are the parts whose files can have tests.
func (j *judging) tested() []check.Part {
	return j.parts(func(p check.Part) bool { return p.Testable && !across(p.Checker) })
}

const withoutTests = "no tests were asked for"

// testsRun asks for tests in every project whose files can have some.
func (j *judging) testsRun() Point {
	parts := j.tested()
	switch {
	case !j.Report.Tests:
		return unchecked(withoutTests, "leave out --no-tests")
	case len(parts) == 0:
		if why, hint := blocked(j.parts(func(p check.Part) bool { return !across(p.Checker) })); why != "" {
			return unchecked(why, hint)
		}
		return unchecked("there is no code that can have tests", "")
	}
	p := Point{State: Pass, Evidence: programs(parts)}
	n := 0
	for _, part := range parts {
		ran := 0
		for _, t := range part.Tests {
			if t.State != check.Skipped {
				ran++
			}
		}
		if n += ran; ran == 0 && part.State != check.NotChecked && !j.untested(part) {
			p.Places = append(p.Places, fmt.Sprintf("%s (%s)", part.Project, part.Checker))
		}
	}
	if n > 0 {
		p.Figure = count(n, "test")
	}
	switch why, hint := blocked(append(parts, j.missed()...)); {
	case len(p.Places) > 0:
		p.State, p.Why, p.Places = Fail, count(len(p.Places), "project")+" without a test that ran", first(p.Places)
	case len(j.Untested) > 0:
		p.State, p.Why = NotChecked, j.cut()
	case why != "":
		p.State, p.Why, p.Hint = NotChecked, why, hint
	}
	return p
}

// missed are parts that were not checked: they may have tests too.
func (j *judging) missed() []check.Part {
	return j.parts(func(p check.Part) bool { return p.State == check.NotChecked && !ownPoints(p.Checker) })
}

// untested tells whether the tests of a part had no time.
func (j *judging) untested(p check.Part) bool {
	return slices.ContainsFunc(j.Untested, func(u Untested) bool { return u.Checker == p.Checker && u.Project == p.Project })
}

// cut says which tests had no time.
func (j *judging) cut() string {
	u := j.Untested[0]
	return fmt.Sprintf("the tests of %s (%s): %s", u.Project, u.Checker, u.Why)
}

func (j *judging) testsPass() Point {
	if !j.Report.Tests {
		return unchecked(withoutTests, "leave out --no-tests")
	}
	passed, failed, flaky := 0, 0, 0
	var p Point
	var parts []check.Part
	for _, part := range j.Report.Parts {
		if len(part.Tests) > 0 {
			parts = append(parts, part)
		}
		for _, t := range part.Tests {
			switch t.State {
			case check.Passed:
				passed++
				continue
			case check.Failed:
				failed++
			case check.Flaky:
				flaky++
			default:
				continue
			}
			p.Places = append(p.Places, fmt.Sprintf("%s %s", t.Name, t.State))
		}
	}
	p.State, p.Evidence, p.Places = Pass, programs(parts), first(p.Places)
	p.Figure = fmt.Sprintf("%d passed, %d failed, %d flaky", passed, failed, flaky)
	switch why, hint := blocked(append(parts, j.missed()...)); {
	case failed+flaky > 0:
		p.State, p.Why = Fail, "not all pass each time"
	case len(j.Untested) > 0:
		p.State, p.Why = NotChecked, j.cut()
	case why != "":
		p.State, p.Why, p.Hint = NotChecked, why, hint
	case passed == 0:
		return unchecked("no test ran", "")
	}
	return p
}

// mutation holds the share of the mutants that tests noticed against the share that
// package mutants wants.
func (j *judging) mutation() Point {
	m := j.Mutation
	switch {
	case !j.Report.Tests:
		return unchecked(withoutTests, "leave out --no-tests")
	case m == nil:
		return unchecked("no mutants were asked for", "--mutants N makes N")
	case m.Valid < mutants.LeastDefault:
		return unchecked(cmp.Or(m.Why, fmt.Sprintf("%s, and %d are needed", count(m.Valid, "mutant"), mutants.LeastDefault)), "")
	}
	p := Point{State: Pass, Evidence: fmt.Sprintf("cf's mutants of %s, seed %d", strings.Join(m.Files, ", "), m.Seed), Places: first(slices.Clone(m.Survivors))}
	if m.Why != "" {
		p.Evidence += "; " + m.Why
	}
	p.Figure = fmt.Sprintf("%d of %d mutants noticed (%d %%)", m.Killed, m.Valid, 100*m.Killed/m.Valid)
	if float64(m.Killed) < mutants.WantDefault*float64(m.Valid) {
		p.State, p.Why = Fail, fmt.Sprintf("%.0f %% are wanted", 100*mutants.WantDefault)
	}
	return p
}

// scanners is a point for each scanner of others.
func (j *judging) scanners() []Point {
	var out []Point
	for _, c := range scanner.All() {
		p := ofFormat(c.Name(), "it looks at "+scanner.Subject(c.Name())+": there are none", everything)(j)
		p.ID, p.Asks = "security."+c.Name(), scanner.Asks(c.Name())
		out = append(out, p)
	}
	return out
}

func first(places []string) []string { return places[:min(len(places), PlacesMax)] }

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
