package commands

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/jsonschema-go/jsonschema"

	"github.com/bitactor/cf/bench"
	"github.com/bitactor/cf/event"
)

// published are the events of JSON lines and when each is written.
var published = []struct {
	event event.Event
	when  string
}{
	{event.Model{}, "which model answers, where and why"},
	{event.Read{}, "what became of one piece of context"},
	{event.Section{}, "a part of the answer begins, is done or is missing; done carries its whole text"},
	{event.Text{}, "a piece of the answer as it streams; the text of a section that is done is what counts"},
	{event.Plan{}, "the steps as a list of files"},
	{event.Call{}, "the ledger of one model call; times in nanoseconds"},
	{event.Prompt{}, "one exact prompt, with --show-prompt"},
	{event.Saved{}, "a session or a file was written"},
	{event.Note{}, "a line for the reader"},
	{event.Step{}, "a step of a longer job such as set-up"},
	{event.Progress{}, "how far a step is"},
	{Status{}, "cf status"},
	{Network{}, "cf status --network"},
	{SetupPlan{}, "cf setup --dry-run"},
	{SetupDone{}, "cf setup"},
	{Settings{}, "cf config list"},
	{Setting{}, "cf config get"},
	{ConfigPath{}, "cf config path"},
	{SessionList{}, "cf session list"},
	{SessionShown{}, "cf session show, cf session export"},
	{Removed{}, "cf session rm"},
	{PromptList{}, "cf prompt list"},
	{PromptWords{}, "cf prompt show"},
	{event.Diagnostic{}, "a finding of a check; cf apply shows those that the change brings"},
	{event.Test{}, "a test that failed, is flaky, was lost or was mended"},
	{event.Gap{}, "something that could not be checked"},
	{event.Checks{}, "what was checked, by which programs, and what it came to; times in nanoseconds"},
	{event.Estimate{}, "what code is about to be asked for, and what that may take"},
	{event.Changes{}, "cf apply: what the change does to each file and how well that was checked"},
	{event.Mismatch{}, "cf apply: a hunk whose text is not in its file, and the place most like it"},
	{event.Diff{}, "cf apply --dry-run: the diff of one file"},
	{event.Verdict{}, "cf apply: whether the change may land, and why not"},
	{event.Landed{}, "cf apply: the change is in the tree, or would be"},
	{event.Undone{}, "cf undo: a landing was taken back, or would be"},
	{event.Recovered{}, "a landing that had been cut short was taken back at the start"},
	{Landings{}, "cf undo --list"},
	{PrunedEvent{}, "cf undo --prune"},
	{Receipt{}, "cf receipt show; times in nanoseconds"},
	{ReceiptList{}, "cf receipt list"},
	{ScaffoldList{}, "cf scaffold list, cf scaffold search"},
	{ScaffoldBlock{}, "cf scaffold show"},
	{Assessment{}, "cf custom, for an assessment: which blocks are there and which are not; then come the checks"},
	{Readiness{}, "cf validate --readiness, and cf custom for an assessment: the scorecard; in each area points with state, figure and evidence"},
	{ScaffoldPlan{}, "what applying blocks does to each file, before it lands; cf scaffold check: how each file stands"},
	{Trust{}, "cf trust: what a repository's checks would run, and whether they may"},
	{TrustList{}, "cf trust --list"},
	{Script{}, "cf completion"},
	{BenchmarkVerdict{}, "cf benchmark: what changed against an earlier run or another command, and whether telemetry adds up"},
	{Benchmark{}, "cf benchmark"},
	{Calibration{}, "cf calibrate: what was measured of a model, and how it is asked from then on"},
	{Version{}, "cf version, cf --version"},
	{helpEvent{}, "cf help, --help"},
	{Exit{}, "the last line of every run"},
}

// unpublished are events that no verb writes.
var unpublished = []string{"grade"}

// written are the types that write themselves in a form of their own: a histogram as
// pairs of a value and a count.
var written = map[reflect.Type]*jsonschema.Schema{
	reflect.TypeFor[bench.Histogram](): {Type: "array", Items: &jsonschema.Schema{Type: "array", Items: &jsonschema.Schema{Type: "integer"}}},
}

// schemas holds the schema of each published event by its type.
var schemas = sync.OnceValues(func() (map[string]*jsonschema.Schema, error) {
	all := map[string]*jsonschema.Schema{}
	for _, p := range published {
		s, err := jsonschema.ForType(reflect.TypeOf(p.event), &jsonschema.ForOptions{TypeSchemas: written})
		if err != nil {
			return nil, err
		}
		name := any(p.event.Type())
		s.Description = p.when
		s.Properties["type"] = &jsonschema.Schema{Const: &name}
		s.Required = append([]string{"type"}, s.Required...)
		s.PropertyOrder = nil
		all[p.event.Type()] = s
	}
	return all, nil
})

var resolved = sync.OnceValues(func() (map[string]*jsonschema.Resolved, error) {
	all, err := schemas()
	out := map[string]*jsonschema.Resolved{}
	for name, s := range all {
		r, failed := s.Resolve(nil)
		out[name], err = r, errors.Join(err, failed)
	}
	return out, err
})

// checkSchema holds one line against the schema of its type.
func checkSchema(line []byte) error {
	all, err := resolved()
	if err != nil {
		return err
	}
	var e map[string]any
	if err := json.Unmarshal(line, &e); err != nil {
		return err
	}
	name, _ := e["type"].(string)
	s := all[name]
	if s == nil {
		return fmt.Errorf("type %q is not published", name)
	}
	if err := s.Validate(e); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// TestSchema keeps testdata/schema and docs/reference/json.md equal to the
// types in the code; -update writes them. Whoever renames a field sees it here.
func TestSchema(t *testing.T) {
	all, err := schemas()
	if err != nil {
		t.Fatal(err)
	}
	whole := struct {
		Schema string                        `json:"$schema"`
		Title  string                        `json:"title"`
		OneOf  []map[string]string           `json:"oneOf"`
		Defs   map[string]*jsonschema.Schema `json:"$defs"`
	}{Schema: "https://json-schema.org/draft/2020-12/schema", Title: "One line of cf --json", Defs: all}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		whole.OneOf = append(whole.OneOf, map[string]string{"$ref": "#/$defs/" + name})
	}
	text, err := json.MarshalIndent(whole, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		filepath.Join("..", "testdata", "schema", "events.schema.json"): string(text) + "\n",
		filepath.Join("..", "docs", "reference", "json.md"):             jsonPage(all),
	} {
		if *update {
			if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(want), 0o644)); err != nil {
				t.Fatal(err)
			}
		}
		if have, err := os.ReadFile(path); err != nil || string(have) != want {
			t.Errorf("%s is not what the code says (%v); go test ./commands -run TestSchema -update", path, err)
		}
	}
}

func jsonPage(all map[string]*jsonschema.Schema) string {
	var b strings.Builder
	b.WriteString("# JSON lines\n\nWith `--json` every command writes one JSON object a line to standard output, on every way out; the last one, and\n" +
		"only that, has the type `exit`. Types and fields may be added and are never renamed; skip those you don't know.\n" +
		"Hidden and control characters stand as `\\uXXXX`. The schema is `testdata/schema/events.schema.json`.\n\n" +
		"The answer alone, by [jq](https://jqlang.org):\n\n```\n" +
		`cf ask "what is this?" @main.go --json | jq -r 'select(.type == "section" and .state == "done").text'` + "\n```\n\n" +
		"| type | when | fields |\n| --- | --- | --- |\n")
	for _, p := range published {
		s := all[p.event.Type()]
		var fields []string
		for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
			if name == "type" {
				continue
			}
			if !slices.Contains(s.Required, name) {
				name += "?"
			}
			fields = append(fields, name)
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", p.event.Type(), p.when, strings.Join(fields, ", "))
	}
	b.WriteString("\nA field with `?` is left out when it is empty.\n")
	return b.String()
}

// TestEveryEventIsPublished finds the event types in the source.
func TestEveryEventIsPublished(t *testing.T) {
	all, err := schemas()
	if err != nil {
		t.Fatal(err)
	}
	declared := regexp.MustCompile(`(?m)^func \(\w*\s*\*?\w+\) Type\(\) string \{ return "([^"]+)" \}`)
	found := 0
	for _, dir := range []string{".", "../event", "../engine", "../setup", "../llm"} {
		err := filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
			if err != nil || filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") {
				return err
			}
			text, err := os.ReadFile(path)
			for _, m := range declared.FindAllSubmatch(text, -1) {
				found++
				if name := string(m[1]); all[name] == nil && !slices.Contains(unpublished, name) {
					t.Errorf("%s: event %q is not in the table of published events", path, name)
				}
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if found < len(published) {
		t.Errorf("found %d events in the source, %d are published", found, len(published))
	}
}

func TestSchemaRefusesOtherFields(t *testing.T) {
	good := []byte(`{"type":"note","level":"info","text":"x"}`)
	if err := checkSchema(good); err != nil {
		t.Error(err)
	}
	for _, bad := range []string{`{"type":"nope"}`, `{"type":"note","level":"info"}`, `{"type":"note","level":1,"text":"x"}`, `{"type":"note","level":"info","text":"x","more":1}`} {
		if err := checkSchema([]byte(bad)); err == nil || bytes.Equal([]byte(bad), good) {
			t.Errorf("%s is accepted", bad)
		}
	}
}
