package precision_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/bitactor/cf/bench/precision"
)

func finding(rule string, line int) precision.Finding {
	return precision.Finding{Repository: "a", Version: "1", Path: "a.go", Line: line, Rule: rule}
}

// TestDraw holds that each rule has its turns, whatever the order of the findings, and
// that the seed chooses.
func TestDraw(t *testing.T) {
	var all []precision.Finding
	for i := range 50 {
		all = append(all, finding("many", i))
	}
	all = append(all, finding("few", 1), finding("few", 2))
	drawn := precision.Draw(all, 10, 1)
	few := 0
	for _, f := range drawn {
		if f.Rule == "few" {
			few++
		}
	}
	if len(drawn) != 10 || few != 2 {
		t.Errorf("%d drawn, %d of the rule with few", len(drawn), few)
	}
	slices.Reverse(all)
	if !slices.Equal(drawn, precision.Draw(all, 10, 1)) {
		t.Error("the order of the findings changes the draw")
	}
	if slices.Equal(drawn, precision.Draw(all, 10, 2)) {
		t.Error("the seed does not change the draw")
	}
	kept := 0
	for _, f := range precision.Draw(all[10:], 10, 1) {
		if slices.Contains(drawn, f) {
			kept++
		}
	}
	gone := 0
	for _, f := range drawn {
		if slices.Contains(all[:10], f) {
			gone++
		}
	}
	if kept != 10-gone {
		t.Errorf("without %d of the draw, %d of it are drawn again", gone, kept)
	}
	if n := len(precision.Draw(all, 100, 1)); n != 52 {
		t.Errorf("%d drawn of 52", n)
	}
}

// TestJudge holds that right is only what both readers call true.
func TestJudge(t *testing.T) {
	verdicts, err := precision.ReadSamples(strings.NewReader(strings.Join([]string{
		`{"repository":"a","version":"1","path":"a.go","line":1,"rule":"r","message":"","verdict1":"true","verdict2":"true","why":"x"}`,
		`{"repository":"a","version":"1","path":"a.go","line":2,"rule":"r","message":"","verdict1":"true","verdict2":"false","why":"x"}`,
		`{"repository":"a","version":"1","path":"a.go","line":3,"rule":"r","message":"","verdict1":"true","verdict2":"","why":"x"}`,
	}, "\n")))
	if err != nil {
		t.Fatal(err)
	}
	j := precision.Judge([]precision.Finding{finding("r", 1), finding("r", 2), finding("r", 3), finding("r", 4)}, verdicts)
	if j.Right != 1 || j.Differ != 1 || j.Wrong["r"] != 1 || j.Unjudged != 2 || j.Precision() != 25 {
		t.Errorf("%+v, %g", j, j.Precision())
	}
	if _, err := precision.ReadSamples(strings.NewReader(`{"verdict1":"maybe"}`)); err == nil {
		t.Error("a verdict that is none was taken")
	}
}

// TestFind looks at a small tree with one fault of each tool.
func TestFind(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"a.go":       "package a\n\nfunc a() { panic(\"not implemented\") }\n",
		"a_test.go":  "package a\n\nfunc b() { panic(\"not implemented\") }\n",
		"rules.yml":  "groups:\n  - name: a\n    rules:\n      - alert: A\n        expr: up == 0\n",
		"README.txt": "no code\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	c, err := precision.ParseCorpus("shop 1 " + dir)
	if err != nil {
		t.Fatal(err)
	}
	f, err := precision.Find(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, x := range f.Findings {
		got = append(got, fmt.Sprintf("%s:%d %s", x.Path, x.Line, x.Rule))
	}
	if want := "a.go:3 go-not-implemented rules.yml:4 telemetry/alert-without-runbook"; strings.Join(got, " ") != want || f.Files != 2 || f.Lines != 6 {
		t.Errorf("%v, %d files, %d lines", got, f.Files, f.Lines)
	}
}
