package guard

import (
	"bytes"
	"slices"
	"strings"

	"github.com/bitactor/cf/lazyregexp"
	"github.com/bitactor/cf/syntax"
)

// Tests finds how a new version of a test file checks less than the present one:
// tests that are gone, skipped or changed though nobody asked for them, fewer
// assertions, a program that ends by itself. before is nil for a new file.
func Tests(before, after *syntax.File, o Options) []Finding {
	found := append(elisions(before, after), hidden(before, after)...)
	found = append(append(found, skipped(before, after)...), exits(before, after)...)
	if before == nil {
		return found
	}
	now := map[string]syntax.Symbol{}
	for _, s := range after.Symbols() {
		if s.Kind == syntax.Test {
			now[s.FullName()] = s
		}
	}
	b, a := newVersions(before), newVersions(after)
	for _, s := range before.Symbols() {
		if s.Kind != syntax.Test {
			continue
		}
		same, ok := now[s.FullName()]
		if !ok {
			found = append(found, Finding{CodeLostTest, s.Line, s.FullName()})
			continue
		}
		found = append(found, changed(b, a, s, same, o.Removals || slices.Contains(o.Named, s.FullName()))...)
	}
	return found
}

// skipped finds marks that the present version does not hold as often.
func skipped(before, after *syntax.File) []Finding {
	known := map[string]int{}
	if before != nil {
		for _, m := range skipMarks(before) {
			known[m.What]++
		}
	}
	var found []Finding
	for _, m := range skipMarks(after) {
		if known[m.What]--; known[m.What] < 0 {
			found = append(found, m)
		}
	}
	return found
}

// leftOut are settings by which a runner leaves tests out, by language.
var leftOut = map[string]*lazyregexp.Regexp{
	"elixir":     lazyregexp.New(`\bExUnit\.(configure|start)\([^)]*\b(exclude|only)\b`),
	"javascript": lazyregexp.New(`\{[^{}]*\b(skip|to` + `do|only)\s*:`),
	"typescript": lazyregexp.New(`\{[^{}]*\b(skip|to` + `do|only)\s*:`),
}

func skipMarks(f *syntax.File) []Finding {
	var found []Finding
	for _, s := range f.Skips() {
		found = append(found, Finding{CodeNewSkip, s.Line, s.Text})
	}
	form, ok := leftOut[f.Language().Name()]
	if !ok {
		return found
	}
	src := code(f)
	for _, at := range form.FindAllStringIndex(src, -1) {
		found = append(found, Finding{CodeNewSkip, f.Line(at[0]), src[at[0]:at[1]]})
	}
	return found
}

// exit are calls that end a test program before its tests have said anything.
// Go's own form, os.Exit(m.Run()), passes the outcome on.
var exit = lazyregexp.New(`\b(os\.Exit|System\.halt|System\.stop|sys\.exit|os\._exit|process\.exit|std::process::exit|halt|init:stop|_exit|exit)\s*\(\s*(0|:?ok|True|EXIT_SUCCESS)?\s*\)`)

func exits(before, after *syntax.File) []Finding {
	known := map[string]int{}
	if before != nil {
		for _, call := range exitCalls(before) {
			known[call.What]++
		}
	}
	var found []Finding
	for _, call := range exitCalls(after) {
		if known[call.What]--; known[call.What] < 0 {
			found = append(found, call)
		}
	}
	return found
}

func exitCalls(f *syntax.File) []Finding {
	src := code(f)
	var found []Finding
	for _, at := range exit.FindAllStringIndex(src, -1) {
		found = append(found, Finding{CodeEarlyExit, f.Line(at[0]), src[at[0]:at[1]]})
	}
	return append(found, mainWithoutRun(f, src)...)
}

// mainWithoutRun finds a TestMain that runs no test: the program then ends with
// success (package testing, "Main").
func mainWithoutRun(f *syntax.File, src string) []Finding {
	var found []Finding
	for _, s := range f.Symbols() {
		body := src[s.Decl.Start:s.Decl.End]
		if s.Name == "TestMain" && f.Language().Name() == "go" && !strings.Contains(body, ".Run(") && !exit.MatchString(body) {
			found = append(found, Finding{CodeEarlyExit, s.Line, "TestMain runs no test"})
		}
	}
	return found
}

// code returns the source with comments and strings blanked, byte for byte.
func code(f *syntax.File) string { return blanked(f, syntax.Comment, syntax.String) }

// blanked returns the source with regions of these kinds blanked, byte for byte.
func blanked(f *syntax.File, kinds ...syntax.RegionKind) string {
	out := bytes.Clone(f.Source())
	for _, r := range f.Regions() {
		if !slices.Contains(kinds, r.Kind) {
			continue
		}
		for i := r.Range.Start; i < r.Range.End; i++ {
			if out[i] != '\n' {
				out[i] = ' '
			}
		}
	}
	return string(out)
}

// assertion are the calls by which tests of the known frameworks say no.
var assertion = lazyregexp.New(`\b(t|b|f|tb)\.(Error|Errorf|Fatal|Fatalf|Fail|FailNow)\b|\b(assert|refute|require|expect|check)\w*[!.(\s]|\?assert\w*|\bassert_\w+|\bself\.(assert|fail)\w*`)

func assertions(code string, s syntax.Symbol) int {
	return len(assertion.FindAllString(code[s.Range.Start:s.Range.End], -1))
}
