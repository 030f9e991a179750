package sarif_test

import (
	"bytes"
	"encoding/json"
	"os"
	"testing"

	"github.com/google/jsonschema-go/jsonschema"

	"github.com/bitactor/cf/check"
	"github.com/bitactor/cf/check/sarif"
)

func report(diagnostics ...check.Diagnostic) *check.Report {
	return &check.Report{Root: "/a folder/x", Unmatched: []string{"b c.zig"}, Parts: []check.Part{
		{Checker: "go", State: check.Findings, Outcome: check.Outcome{
			Diagnostics: diagnostics,
			Tests:       []check.Test{{Name: "p.TestA", File: "a_test.go", Line: 3, State: check.Failed, Output: "got 1\xff \x1b[2J \u0085 \u202e"}, {Name: "p.TestB", State: check.Passed}},
			Gaps:        []check.Gap{{What: "format", Why: "gofmt is not installed"}},
		}},
		{Checker: "yaml", State: check.NotChecked, Why: "no tool"},
	}}
}

var one = check.Diagnostic{File: "a b/ü.go", Line: 7, Column: 2, Severity: check.Error, Code: "unused", Message: "x1 is unused", Checker: "go", Tool: "go vet", Source: "\tx := 1"}

// TestWriteIsValid holds the output against the schema of OASIS.
func TestWriteIsValid(t *testing.T) {
	text, err := os.ReadFile("../../testdata/schema/sarif-2.1.0.json")
	if err != nil {
		t.Fatal(err)
	}
	var schema jsonschema.Schema
	if err := json.Unmarshal(text, &schema); err != nil {
		t.Fatal(err)
	}
	schema.Schema = "" // draft-04's keywords used here mean the same today; id is $id by now
	resolved, err := schema.Resolve(nil)
	if err != nil {
		t.Fatal(err)
	}
	note := one
	note.Severity, note.Line, note.File, note.Message = check.Note, 0, "", ""
	for name, r := range map[string]*check.Report{"full": report(one, one, note), "empty": {Root: "/x"}} {
		var b bytes.Buffer
		if err := sarif.Write(&b, r); err != nil {
			t.Fatal(err)
		}
		if bytes.ContainsAny(b.Bytes(), "\x1b\u0085\u202e") {
			t.Errorf("%s: control characters: %q", name, b.String())
		}
		var v any
		if err := json.Unmarshal(b.Bytes(), &v); err != nil {
			t.Fatal(err)
		}
		if err := resolved.Validate(v); err != nil {
			t.Errorf("%s: %v\n%s", name, err, b.String())
		}
		v.(map[string]any)["runs"].([]any)[0].(map[string]any)["results"] = "none"
		if resolved.Validate(v) == nil {
			t.Error("the schema takes results that are no list: it checks nothing")
		}
	}
}

func TestBaseline(t *testing.T) {
	var b bytes.Buffer
	if err := sarif.Write(&b, report(one, one)); err != nil {
		t.Fatal(err)
	}
	base, err := sarif.ReadBaseline(b.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	moved, other, more := one, one, one
	moved.Line, moved.Message = 90, "x2 is unused"
	other.Code = "shadow"
	more.Source = "\ty := 1"
	for _, c := range []struct {
		name        string
		now         []check.Diagnostic
		known, left int
	}{
		{"the same", []check.Diagnostic{one, one}, 3, 0},
		{"moved", []check.Diagnostic{moved}, 2, 0},
		{"one more of them", []check.Diagnostic{one, moved, one}, 3, 1},
		{"another rule", []check.Diagnostic{other}, 1, 1},
		{"another line", []check.Diagnostic{more}, 1, 1},
		{"none", nil, 1, 0},
	} {
		r := report(c.now...)
		if known := base.Apply(r); known != c.known || len(r.Diagnostics()) != c.left || r.Failing() != (c.left > 0) {
			t.Errorf("%s: %d known, %d left, failing %v", c.name, known, len(r.Diagnostics()), r.Failing())
		}
	}
	for _, bad := range []string{"", "[]", `{"version":"2.0.0"}`, `{"version":"2.1.0","runs":[{"results":[{}]}]}`} {
		if _, err := sarif.ReadBaseline([]byte(bad)); err == nil {
			t.Errorf("%q is taken for a baseline", bad)
		}
	}
}

func FuzzReadBaseline(f *testing.F) {
	f.Add([]byte(`{"version":"2.1.0","runs":[{"results":[{"partialFingerprints":{"cfFinding/v1":"a:1"}}]}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if b, err := sarif.ReadBaseline(data); err == nil {
			b.Apply(report(one))
		}
	})
}
