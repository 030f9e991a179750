package disk

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestShelf(t *testing.T) {
	s := Shelf{Dir: filepath.Join(t.TempDir(), "new"), Kept: 2, BytesMax: 20}
	if ids, err := s.IDs(); len(ids) > 0 || err != nil {
		t.Errorf("no folder holds %v, %v", ids, err)
	}
	for _, id := range []string{"2", "1", "3"} {
		if err := s.Put(id, "text of "+id); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{".new-1.json", "other.txt"} {
		if err := os.WriteFile(filepath.Join(s.Dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if ids, err := s.IDs(); !slices.Equal(ids, []string{"2", "3"}) || err != nil {
		t.Errorf("kept: %v, %v", ids, err)
	}
	var text string
	if err := s.Get("3", &text); text != "text of 3" || err != nil {
		t.Errorf("%q, %v", text, err)
	}
	if err := s.Get("1", &text); !os.IsNotExist(err) {
		t.Errorf("the oldest is still there: %v", err)
	}
	if err := s.Put("4", strings.Repeat("x", 17)); err != nil || s.Get("4", &text) != nil {
		t.Errorf("the longest: %v", err)
	}
	if err := s.Put("5", strings.Repeat("x", 18)); err == nil {
		t.Error("one byte more was kept")
	}
	for range 2 {
		if err := s.Remove("4"); err != nil {
			t.Error(err)
		}
	}
	if ids, _ := s.IDs(); !slices.Equal(ids, []string{"3"}) {
		t.Errorf("kept in the end: %v", ids)
	}
	if a, b := NewID("1"), NewID("1"); a == b || !strings.HasPrefix(a, "1-") {
		t.Errorf("%s, %s", a, b)
	}
}
