package prompts

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

func TestParsePlan(t *testing.T) {
	step := func(file, kind, what string) string {
		return `{"file":"` + file + `","kind":"` + kind + `","what":"` + what + `"}`
	}
	of := func(steps ...string) string { return `{"steps":[` + strings.Join(steps, ",") + `]}` }
	many := make([]string, PlanStepsMax+1)
	for i := range many {
		many[i] = step("a"+string(rune('a'+i))+".go", "new", "write it all")
	}
	tests := map[string]struct {
		reply    string
		files    string
		repaired bool
		problems int
	}{
		"sound":     {of(step("a/b.go", "change", "count them twice"), step("a/b_test.go", "tests", "test the count")), "a/b.go a/b_test.go", false, 0},
		"fenced":    {"Here:\n```json\n" + of(step("b.go", "new", "a new one")) + "\n```\nDone.", "b.go", false, 0},
		"bare list": {"[" + step("b.go", "new", "a new one") + "]", "b.go", false, 0},
		"cut":       {`{"steps":[` + step("a.go", "new", "a new one") + `,{"file":"b.go","ki`, "a.go", true, 1},
		"climbs":    {of(step("../b.go", "new", "a new one")), "", false, 1},
		"absolute":  {of(step("/etc/passwd", "change", "a new one")), "", false, 1},
		"a folder":  {of(step("src/lib", "new", "a new one")), "", false, 1},
		"git":       {of(step(".git/config.x", "change", "a new one")), "", false, 1},
		"delete":    {of(step("a_test.go", "delete", "it is in the way")), "", false, 1},
		"no words":  {of(step("a.go", "new", "")), "", false, 1},
		"essay":     {of(step("a.go", "new", strings.Repeat("word ", 200))), "", false, 1},
		"twice":     {of(step("a.go", "new", "a new one"), step("./a.go", "tests", "tests of it")), "a.go", false, 1},
		"too many":  {of(many...), "aa.go ab.go ac.go ad.go ae.go af.go ag.go ah.go", false, 1},
		"kind":      {of(step("a.go", " Tests ", "tests of it")), "a.go", false, 0},
		"makefile":  {of(step("sub/Makefile", "new", "builds it all")), "sub/Makefile", false, 0},
		"types":     {`{"steps":"none"}`, "", false, 1},
		"none":      {`{"steps":[]}`, "", false, 1},
		"prose":     {"I can't do that.", "", false, 1},
		"empty":     {"", "", false, 1},
		"huge":      {strings.Repeat("{", replyBytesMax+1), "", false, 1},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			steps, repaired, problems := ParsePlan(tt.reply)
			var files []string
			for _, s := range steps {
				files = append(files, s.File)
			}
			if got := strings.Join(files, " "); got != tt.files {
				t.Errorf("files %q, want %q", got, tt.files)
			}
			if repaired != tt.repaired || len(problems) != tt.problems {
				t.Errorf("repaired %v, problems %q", repaired, problems)
			}
		})
	}
}

func TestPlanSchemaIsPlain(t *testing.T) {
	var s map[string]any
	if err := json.Unmarshal(PlanSchema(), &s); err != nil {
		t.Fatal(err)
	}
	if s["$ref"] != nil || s["type"] != "object" {
		t.Errorf("servers need an inline object schema: %s", PlanSchema())
	}
}

// FuzzParsePlan: what comes out is bounded and names files below the root only.
func FuzzParsePlan(f *testing.F) {
	f.Add(`{"steps":[{"file":"a.go","kind":"change","what":"count them twice"}]}`)
	f.Add("```json\n[{\"file\":\"../a.go\",\"kind\":\"new\",\"what\":\"x y\"}]\n```")
	f.Add(`{"steps":[{"file":"a.go","kind":"change","what":"coun`)
	f.Fuzz(func(t *testing.T, reply string) {
		steps, _, problems := ParsePlan(reply)
		if len(steps) > PlanStepsMax || len(problems) > problemsMax {
			t.Fatalf("%d steps, %d problems", len(steps), len(problems))
		}
		for _, s := range steps {
			if !soundPath(s.File) || !slices.Contains(PlanKinds, s.Kind) || s.What == "" || len(s.What) > planWhatBytesMax {
				t.Errorf("%+v", s)
			}
		}
	})
}
