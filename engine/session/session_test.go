package session

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bitactor/cf/event"
	"github.com/bitactor/cf/fault"
	"github.com/bitactor/cf/llm"
	"github.com/google/go-cmp/cmp"
)

var noon = time.Date(2030, 1, 2, 12, 0, 0, 0, time.UTC)

func sample(task string, at time.Time) *Session {
	s := New(at)
	s.Append(Turn{
		Kind: Reasoning, Task: task, Fresh: true, Model: "m", Started: at, Ended: at.Add(time.Minute),
		Sections: []Section{{ID: "reasoning", Title: "Reasoning", Text: "raw \x1b[2J text.", State: event.Done}, {ID: "plan", Title: "Implementation Plan", State: event.Missing, Why: "not answered: nothing"}},
		Messages: []llm.Message{{Role: llm.System, Content: "sys"}, {Role: llm.User, Content: task}, {Role: llm.Assistant, Content: " reply \n"}},
	})
	return s
}

func TestSaveAndLoad(t *testing.T) {
	dir := t.TempDir()
	st := Open(dir)
	want := sample("build it", noon)
	if err := st.Save(want); err != nil {
		t.Fatal(err)
	}
	got, err := st.Load(want.ID[:8])
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	err = filepath.WalkDir(filepath.Join(dir, ".cf", "sessions"), func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		if info, _ := d.Info(); info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v", path, info.Mode())
		}
		if strings.HasPrefix(d.Name(), ".tmp") {
			t.Errorf("%s is left over", path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if raw, _ := os.ReadFile(filepath.Join(dir, ".cf", ".gitignore")); string(raw) != "*\n" {
		t.Errorf(".gitignore holds %q", raw)
	}
}

// TestConversationGrows is the golden rule of the prompt cache: what turn N+1
// sends starts with all that turn N sent and got.
func TestConversationGrows(t *testing.T) {
	s := sample("one", noon)
	before := s.Conversation()
	s.Append(Turn{Kind: Question, Messages: []llm.Message{{Role: llm.User, Content: "two"}, {Role: llm.Assistant, Content: "2"}}})
	if diff := cmp.Diff(before, s.Conversation()[:len(before)]); diff != "" {
		t.Error(diff)
	}
	s.Append(Turn{Kind: Question, Fresh: true, Messages: []llm.Message{{Role: llm.System, Content: "new"}}})
	if got := s.Conversation(); len(got) != 1 || got[0].Content != "new" {
		t.Errorf("a fresh conversation carries the old one: %v", got)
	}
}

func TestIDs(t *testing.T) {
	a, b := NewID(noon), NewID(noon.Add(time.Second))
	if a >= b || !ValidID(a) || len(a) != 11 {
		t.Errorf("%q, %q", a, b)
	}
	st := Open(t.TempDir())
	for _, id := range []string{"", "..", "../../etc", "a/b", ".", "A1", strings.Repeat("a", 12), "a\x00b", "ilou"} {
		if _, err := st.Load(id); fault.KindOf(err) != fault.Usage {
			t.Errorf("Load(%q): %v", id, err)
		}
		if err := st.Remove(id); fault.KindOf(err) != fault.Usage {
			t.Errorf("Remove(%q): %v", id, err)
		}
	}
}

func TestListSkipsWhatItCannotRead(t *testing.T) {
	dir := t.TempDir()
	st := Open(dir)
	old, young := sample("old", noon), sample("young", noon.Add(time.Hour))
	for _, s := range []*Session{old, young} {
		if err := st.Save(s); err != nil {
			t.Fatal(err)
		}
	}
	base := filepath.Join(dir, ".cf", "sessions")
	mustWrite(t, filepath.Join(base, "note.txt"), "mine")
	mustWrite(t, filepath.Join(base, "aaaaaaaaaaa", "session.json"), "{broken")
	mustWrite(t, filepath.Join(base, "bbbbbbbbbbb", "session.json"), `{"format":99,"id":"bbbbbbbbbbb"}`)
	mustWrite(t, filepath.Join(base, "ccccccccccc", "session.json"), `{"format":1,"id":"`+old.ID+`"}`)
	if err := os.Symlink("/", filepath.Join(base, "ddddddddddd")); err != nil {
		t.Fatal(err)
	}
	all, skipped, err := st.List()
	if err != nil {
		t.Fatal(err)
	}
	if len(all) != 2 || all[0].ID != young.ID || len(skipped) != 5 {
		t.Errorf("%d sessions, skipped %v", len(all), skipped)
	}
	latest, err := st.Latest()
	if err != nil || latest.ID != young.ID {
		t.Errorf("latest %v, %v", latest, err)
	}
	if err := st.Remove(young.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := st.Load(young.ID); fault.CodeOf(err) != "no-session" {
		t.Errorf("after rm: %v", err)
	}
}

func TestPrefixMustBeUnique(t *testing.T) {
	st := Open(t.TempDir())
	for range 2 {
		if err := st.Save(sample("x", noon)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := st.Load(NewID(noon)[:6]); fault.CodeOf(err) != "session-ambiguous" {
		t.Errorf("got %v", err)
	}
}

func TestLinkedFolderIsRefused(t *testing.T) {
	dir, outside := t.TempDir(), t.TempDir()
	if err := os.Symlink(outside, filepath.Join(dir, ".cf")); err != nil {
		t.Fatal(err)
	}
	if err := Open(dir).Save(sample("x", noon)); err == nil {
		t.Error("a session was written out of the root")
	}
	if entries, _ := os.ReadDir(outside); len(entries) != 0 {
		t.Errorf("written outside: %v", entries)
	}
}

func TestNoSessionsIsNoError(t *testing.T) {
	dir := t.TempDir()
	all, skipped, err := Open(dir).List()
	if len(all)+len(skipped) != 0 || err != nil {
		t.Errorf("%v %v %v", all, skipped, err)
	}
	if _, err := Open(dir).Latest(); fault.KindOf(err) != fault.Usage {
		t.Errorf("got %v", err)
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 0 {
		t.Error("listing wrote to the disk")
	}
}

func FuzzDecodeSession(f *testing.F) {
	f.Add([]byte(`{"format":1,"id":"0123456789a","title":"x"}`))
	f.Add([]byte(`{"format":1,"id":"../../etc/p"}`))
	f.Add([]byte("{"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if s, err := decodeHead(raw); err == nil && !ValidID(s.ID) {
			t.Errorf("id %q got through", s.ID)
		}
	})
}

func mustWrite(t *testing.T, name, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
