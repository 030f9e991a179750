package land_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bitactor/cf/check"
	"github.com/bitactor/cf/check/data"
	"github.com/bitactor/cf/engine/land"
	"github.com/bitactor/cf/event"
	"github.com/bitactor/cf/fault"
	"github.com/bitactor/cf/workspace"
	"github.com/bitactor/cf/workspace/sandbox"
)

// lander makes one over a tree of these files, with the checkers of data formats,
// which need no program.
func lander(t *testing.T, files map[string]string) (*land.Lander, string) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	tree, err := workspace.OpenFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tree.Close() })
	box, err := sandbox.Open(t.Context(), sandbox.Options{Environ: os.Environ(), Cache: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	ledger, err := workspace.OpenLedger(tree, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return &land.Lander{Tree: tree, Box: box, Ledger: ledger, Checkers: data.New(), Events: event.Discard}, dir
}

// replace is a set that gives the file another text.
func replace(path, old, now string) *workspace.Set {
	reads := map[string]string{path: ""}
	if old != "" {
		reads[path] = workspace.Hash([]byte(old))
	}
	return &workspace.Set{Changes: []workspace.Change{{Path: path, Content: []byte(now)}}, Reads: reads}
}

func text(t *testing.T, dir, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	return string(data)
}

func TestLand(t *testing.T) {
	l, dir := lander(t, map[string]string{"a.json": "[1]\n"})
	trial, err := l.Try(t.Context(), replace("a.json", "[1]\n", "[2]\n"))
	if err != nil {
		t.Fatal(err)
	}
	if got := text(t, dir, "a.json"); got != "[1]\n" {
		t.Fatalf("Try wrote %q", got)
	}
	receipt, err := l.Land(t.Context(), trial, land.Options{Title: "A title"})
	if err != nil {
		t.Fatal(err)
	}
	if got := text(t, dir, "a.json"); got != "[2]\n" || receipt.Landed.ID == "" {
		t.Errorf("%q, %+v", got, receipt.Landed)
	}
	if want := "A title\n\nChecked: json: passed\nFile: a.json: checked\n"; receipt.Message() != want {
		t.Errorf("message\n%s\nwant\n%s", receipt.Message(), want)
	}
	if _, err := l.Ledger.Undo(t.Context(), receipt.Landed.ID, workspace.UndoOptions{}); err != nil || text(t, dir, "a.json") != "[1]\n" {
		t.Errorf("undo: %v", err)
	}
}

// TestNothingLandsUnchecked: what the gate refuses does not land, whoever calls
// Land; what nobody looked at lands only where the user allows it, and says so.
func TestNothingLandsUnchecked(t *testing.T) {
	for _, tt := range []struct {
		name, file, now string
		allow           bool
		code            string
	}{
		{"a new fault", "a.json", "[1,]\n", false, land.CodeRefused},
		{"a new fault, allowed unchecked", "a.json", "[1,]\n", true, land.CodeRefused},
		{"code that nobody knows", "x.zig", "x\n", false, land.CodeRefused},
		{"code that nobody knows, allowed", "x.zig", "x\n", true, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l, dir := lander(t, map[string]string{"a.json": "[1]\n"})
			l.Rules = check.Rules{AllowUnchecked: tt.allow}
			old := text(t, dir, tt.file)
			trial, err := l.Try(t.Context(), replace(tt.file, old, tt.now))
			if err != nil {
				t.Fatal(err)
			}
			receipt, err := l.Land(t.Context(), trial, land.Options{Title: "x"})
			if fault.CodeOf(err) != tt.code || tt.code != "" && fault.KindOf(err) != fault.Refused {
				t.Fatalf("Land = %v", err)
			}
			want := old
			if tt.code == "" {
				want = tt.now
				if !strings.Contains(receipt.Message(), "Not checked:") {
					t.Errorf("the receipt does not say what was not checked:\n%s", receipt.Message())
				}
			}
			if got := text(t, dir, tt.file); got != want {
				t.Errorf("%s holds %q, want %q", tt.file, got, want)
			}
		})
	}
}

// TestTheUsersEditsWin: a file that changed between Try and Land is not
// overwritten.
func TestTheUsersEditsWin(t *testing.T) {
	l, dir := lander(t, map[string]string{"a.json": "[1]\n"})
	trial, err := l.Try(t.Context(), replace("a.json", "[1]\n", "[2]\n"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "a.json"), []byte("[3]\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Land(t.Context(), trial, land.Options{}); fault.KindOf(err) != fault.Conflict {
		t.Errorf("Land = %v", err)
	}
	if got := text(t, dir, "a.json"); got != "[3]\n" {
		t.Errorf("a.json holds %q", got)
	}
}

// TestASetThatCantLandIsNotTried: paths and merges are refused before any check.
func TestASetThatCantLandIsNotTried(t *testing.T) {
	l, dir := lander(t, map[string]string{"a.json": "[1]\n", ".git/HEAD": "ref: refs/heads/main\n"})
	if _, err := l.Try(t.Context(), replace("../x.json", "", "[]")); fault.CodeOf(err) != workspace.CodeBadSet {
		t.Errorf("Try of a path that leads out = %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, ".git", "MERGE_HEAD"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Try(t.Context(), replace("a.json", "[1]\n", "[2]\n")); fault.CodeOf(err) != workspace.CodeMerging {
		t.Errorf("Try during a merge = %v", err)
	}
}
