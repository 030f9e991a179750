package guard

import (
	"bytes"
	"fmt"
	"regexp"

	"github.com/bitactor/cf/syntax"
)

// Tests finds how a new version of a test file checks less than the present
// one: tests that are gone or skipped, fewer assertions in a test of the same
// name, a program that ends by itself. before is nil for a new file.
func Tests(before, after *syntax.File) []Finding {
	found := append(elisions(before, after), skipped(before, after)...)
	found = append(found, exits(before, after)...)
	if before == nil {
		return found
	}
	now, wasCode, isCode := map[string]syntax.Symbol{}, code(before), code(after)
	for _, s := range after.Symbols() {
		if s.Kind == syntax.Test {
			now[s.FullName()] = s
		}
	}
	for _, s := range before.Symbols() {
		if s.Kind != syntax.Test {
			continue
		}
		same, ok := now[s.FullName()]
		if !ok {
			found = append(found, Finding{CodeLostTest, s.Line, s.FullName()})
			continue
		}
		if was, is := assertions(wasCode, s), assertions(isCode, same); is < was {
			found = append(found, Finding{CodeAssertions, same.Line, fmt.Sprintf("%s has %d of %d assertions", s.FullName(), is, was)})
		}
	}
	return found
}

// skipped finds marks that the present version does not hold as often.
func skipped(before, after *syntax.File) []Finding {
	known := map[string]int{}
	if before != nil {
		for _, s := range before.Skips() {
			known[s.Text]++
		}
	}
	var found []Finding
	for _, s := range after.Skips() {
		if known[s.Text]--; known[s.Text] < 0 {
			found = append(found, Finding{CodeNewSkip, s.Line, s.Text})
		}
	}
	return found
}

// exit are calls that end a test program before its tests have said anything.
// Go's own form, os.Exit(m.Run()), passes the outcome on.
var exit = regexp.MustCompile(`\b(os\.Exit|System\.halt|System\.stop|sys\.exit|os\._exit|process\.exit|std::process::exit|halt|init:stop|_exit|exit)\s*\(\s*(0|:?ok|True|EXIT_SUCCESS)?\s*\)`)

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
	return found
}

// code returns the source with comments and strings blanked, byte for byte.
func code(f *syntax.File) string {
	out := bytes.Clone(f.Source())
	for _, r := range f.Regions() {
		for i := r.Range.Start; i < r.Range.End; i++ {
			if out[i] != '\n' {
				out[i] = ' '
			}
		}
	}
	return string(out)
}

// assertion are the calls by which tests of the known frameworks say no.
var assertion = regexp.MustCompile(`\b(t|b|f|tb)\.(Error|Errorf|Fatal|Fatalf|Fail|FailNow)\b|\b(assert|refute|require|expect|check)\w*[!.(\s]|\?assert\w*|\bassert_\w+|\bself\.(assert|fail)\w*`)

func assertions(code string, s syntax.Symbol) int {
	return len(assertion.FindAllString(code[s.Range.Start:s.Range.End], -1))
}
