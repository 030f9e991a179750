package receipt

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bitactor/cf/check"
	"github.com/bitactor/cf/engine"
	"github.com/bitactor/cf/engine/land"
	"github.com/bitactor/cf/event"
	"github.com/bitactor/cf/fault"
	"github.com/bitactor/cf/llm"
)

var now = time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)

func TestStore(t *testing.T) {
	dir := t.TempDir()
	s := Open(dir)
	if all, err := s.List(); err != nil || len(all) != 0 {
		t.Fatalf("%v, %v", all, err)
	}
	if _, err := s.Show(""); fault.CodeOf(err) != CodeNone {
		t.Errorf("got %v", err)
	}
	first, err := s.Put(Receipt{Title: "one", Landed: "20260102-000000-001"}, now)
	if err != nil {
		t.Fatal(err)
	}
	second, err := s.Put(Receipt{Title: "two"}, now.Add(time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	for id, want := range map[string]string{"": "two", first: "one", second[:14]: "two", "20260102-000000-001": "one"} {
		if r, err := s.Show(id); err != nil || r.Title != want {
			t.Errorf("%q: %q, %v", id, r.Title, err)
		}
	}
	for _, id := range []string{"2026", "nope"} {
		if _, err := s.Show(id); fault.CodeOf(err) != CodeNone || fault.KindOf(err) != fault.Usage {
			t.Errorf("%q: %v", id, err)
		}
	}
	info, err := os.Stat(filepath.Join(s.files.Dir, first+".json"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if err := os.WriteFile(filepath.Join(s.files.Dir, second+".json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	all, err := s.List()
	if err != nil || len(all) != 2 || !strings.HasPrefix(all[0].Error, "damaged: ") || all[1].Title != "one" {
		t.Errorf("%+v, %v", all, err)
	}
}

func TestStoreForgetsTheOldest(t *testing.T) {
	s := Open(t.TempDir())
	if err := os.MkdirAll(s.files.Dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for i := range kept {
		name := now.Add(-time.Duration(i+1)*time.Second).Format("20060102-150405") + "-aaaaaa.json"
		if err := os.WriteFile(filepath.Join(s.files.Dir, name), []byte("{}"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	id, err := s.Put(Receipt{}, now)
	if err != nil {
		t.Fatal(err)
	}
	ids, err := s.files.IDs()
	if err != nil || len(ids) != kept || ids[kept-1] != id {
		t.Errorf("%d kept, the last is %s, %v", len(ids), ids[len(ids)-1], err)
	}
}

func TestOf(t *testing.T) {
	e := &engine.Engine{Model: llm.Model{Name: "m", Digest: "d", Parameters: 7}, Window: llm.Window{Context: 4096}, Seed: 3}
	trial := &land.Trial{Gated: &check.Gated{Now: &check.Report{Own: time.Second, Tools: 2 * time.Second}, Verdict: check.Verdict{NotChecked: []check.Gap{{What: "format"}}}}}
	out := &engine.Outcome{
		Best: 1, Won: []int{1},
		Candidates: []engine.Candidate{
			{Path: "a.go", Why: "no", Calls: []event.Call{{PromptTokens: 100, OutputTokens: 10, Total: time.Second}}},
			{Path: "a.go", Symbols: []string{"F"}, Trial: trial, Mutation: &engine.Mutation{Killed: 7, Valid: 9}, Calls: []event.Call{{PromptTokens: 100, ReusedTokens: 99, OutputTokens: 20, Total: time.Second}}},
		},
	}
	r := Of(e, engine.High, []*engine.Outcome{out}, trial)
	if r.Model.Name != "m" || r.Model.Digest != "d" || r.Level != "high" || r.Seed != 3 || r.Calls != 2 || r.Prompt != 200 || r.Reused != 99 ||
		r.Output != 30 || r.Asking != 2*time.Second || r.Checking != 3*time.Second || len(r.Gaps) != 1 {
		t.Errorf("%+v", r)
	}
	if len(r.Tried) != 2 || r.Tried[0].Won || !r.Tried[1].Won || r.Tried[1].Killed != 7 || r.Tried[1].Symbols[0] != "F" {
		t.Errorf("%+v", r.Tried)
	}
	if r := Of(e, "", nil, nil); r.Calls != 0 || r.Model.Name != "m" {
		t.Errorf("%+v", r)
	}
}
