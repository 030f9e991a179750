package prompts

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestParseSteps(t *testing.T) {
	tests := map[string]struct {
		reply    string
		paths    string
		repaired bool
		problems bool
	}{
		"sound":    {`{"files":[{"path":"a/b.go","action":"create","why":"starts it"}]}`, "a/b.go", false, false},
		"fenced":   {"```json\n{\"files\":[{\"path\":\"b.go\",\"action\":\"test\",\"why\":\"tests it\"}]}\n```", "b.go", false, false},
		"cut":      {`{"files":[{"path":"a.go","action":"create","why":"one"},{"path":"b.go","action":"create","why":"tw`, "a.go b.go", true, false},
		"commas":   {`{"files":[{"path":"a.go","action":"create","why":"one",},]}`, "a.go", true, false},
		"climbs":   {`{"files":[{"path":"../../etc/passwd","action":"create","why":"bad"}]}`, "", false, true},
		"absolute": {`{"files":[{"path":"/etc/passwd","action":"create","why":"bad"}]}`, "", false, true},
		"git":      {`{"files":[{"path":".git/hooks/x","action":"create","why":"bad"}]}`, "", false, true},
		"dots":     {`{"files":[{"path":"...","action":"create","why":"..."}]}`, "", false, true},
		"action":   {`{"files":[{"path":"a.go","action":"explode","why":"one"}]}`, "a.go", false, true},
		"twice":    {`{"files":[{"path":"a.go","action":"create","why":"one"},{"path":"./a.go","action":"create","why":"two"}]}`, "a.go", false, false},
		"no file":  {`{"files":[{"path":"test_plan-1","action":"create","why":"why write it"}]}`, "", false, true},
		"makefile": {`{"files":[{"path":"Makefile","action":"create","why":"builds it"}]}`, "Makefile", false, false},
		"types":    {`{"files":"none"}`, "", false, true},
		"prose":    {"I can't do that.", "", false, true},
		"empty":    {"", "", false, true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			steps, repaired, problems := ParseSteps(tt.reply)
			var paths []string
			for _, s := range steps {
				paths = append(paths, s.Path)
			}
			if got := strings.Join(paths, " "); got != tt.paths {
				t.Errorf("paths %q, want %q", got, tt.paths)
			}
			if repaired != tt.repaired || (len(problems) > 0) != tt.problems {
				t.Errorf("repaired %v, problems %q", repaired, problems)
			}
		})
	}
}

func TestParseLines(t *testing.T) {
	reply := "Here are the files:\n- lib/a.ex - the root of the tree\n2. `test/a_test.exs`: tests it\n* change mix.exs — adds it\nThis is prose about nothing.\n../x.go - bad\n"
	steps := ParseLines(reply)
	if len(steps) != 3 || steps[0].Path != "lib/a.ex" || steps[1].Path != "test/a_test.exs" || steps[2].Action != "change" {
		t.Errorf("got %+v", steps)
	}
}

func TestStepsSchemaIsPlain(t *testing.T) {
	for _, narrow := range []bool{false, true} {
		var s map[string]any
		if err := json.Unmarshal(StepsSchema(narrow), &s); err != nil {
			t.Fatal(err)
		}
		if s["$ref"] != nil || s["type"] != "object" {
			t.Errorf("servers need an inline object schema: %s", StepsSchema(narrow))
		}
	}
}
