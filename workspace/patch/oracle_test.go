package patch

import (
	"bytes"
	"errors"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/bitactor/cf/fault"
)

// tree is a state of a folder: names to texts; a name ending in "*" is executable.
type tree map[string]string

func drawTree(t *rapid.T, label string) tree {
	names := []string{"f", "g*", "a/f", "b/x y", "sub/deep/é", "new\ttab"}
	words := []string{"a", "b", "", "}", "\tx", "-- c", "++ d", "@@ -1 +1 @@", "\\ e", "c\r"}
	out := tree{}
	for _, name := range names {
		if !rapid.Bool().Draw(t, label+" has "+name) {
			continue
		}
		text := strings.Join(rapid.SliceOfN(rapid.SampledFrom(words), 0, 12).Draw(t, label+" "+name), "\n")
		if text != "" && rapid.Bool().Draw(t, label+" ends "+name) {
			text += "\n"
		}
		out[name] = text
	}
	return out
}

// edit returns the tree with some lines, names and modes changed.
func edit(t *rapid.T, from tree) tree {
	out := tree{}
	for _, name := range slices.Sorted(maps.Keys(from)) {
		text := from[name]
		switch rapid.SampledFrom([]string{"keep", "line", "line", "drop", "move", "mode", "insert"}).Draw(t, "edit of "+name) {
		case "line":
			all := strings.Split(text, "\n")
			all[rapid.IntRange(0, len(all)-1).Draw(t, "line")] = "changed"
			text = strings.Join(all, "\n")
		case "insert":
			all := strings.Split(text, "\n")
			text = strings.Join(slices.Insert(all, rapid.IntRange(0, len(all)).Draw(t, "at"), "inserted", "twice"), "\n")
		case "drop":
			continue
		case "move":
			name = "moved/" + name
		case "mode":
			if bare, x := strings.CutSuffix(name, "*"); x {
				name = bare
			} else {
				name += "*"
			}
		}
		out[name] = text
	}
	maps.Copy(out, prefixed(drawTree(t, "fresh"), "fresh/"))
	return out
}

func prefixed(in tree, prefix string) tree {
	out := tree{}
	for name, text := range in {
		out[prefix+name] = text
	}
	return out
}

func (w tree) write(dir string) error {
	for name, text := range w {
		name, x := strings.CutSuffix(name, "*")
		mode := fs.FileMode(0o644)
		if x {
			mode = 0o755
		}
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), mode)); err != nil {
			return err
		}
	}
	return nil
}

func (w tree) memory() memory {
	m := memory{files: map[string]string{}}
	for name, text := range w {
		if bare, x := strings.CutSuffix(name, "*"); x {
			name = bare + " 755"
		}
		m.files[name] = text
	}
	return m
}

// after returns the tree with a result laid over it.
func (w tree) after(r *Result) tree {
	out := maps.Clone(w)
	for _, c := range r.Set.Changes {
		delete(out, c.Path)
		delete(out, c.Path+"*")
		if !c.Delete {
			name := c.Path
			if c.Mode&0o100 != 0 {
				name += "*"
			}
			out[name] = string(c.Content)
		}
	}
	return out
}

func git(t *rapid.T, dir string, args ...string) string {
	cmd := exec.Command("git", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null")
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("git %q: %v\n%s", args, err, errs.String())
	}
	return string(out)
}

// snapshot stores a tree in git and returns its id.
func snapshot(t *rapid.T, dir string, w tree) string {
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		if e.Name() != ".git" {
			err = errors.Join(err, os.RemoveAll(filepath.Join(dir, e.Name())))
		}
	}
	if err := errors.Join(err, w.write(dir)); err != nil {
		t.Fatal(err)
	}
	git(t, dir, "add", "-A")
	return strings.TrimSpace(git(t, dir, "write-tree"))
}

// TestGitsOwnDiffsApply: whatever git or GNU diff writes about two trees turns
// the first into the second, or is refused for a reason that is known.
func TestGitsOwnDiffsApply(t *testing.T) {
	for _, tool := range []string{"git", "diff"} {
		if _, err := exec.LookPath(tool); err != nil {
			if os.Getenv("CF_TEST_REQUIRE") == "1" {
				t.Fatal(err)
			}
			t.Skipf("%s is not installed", tool)
		}
	}
	repo := t.TempDir()
	if out, err := exec.Command("git", "init", "-q", repo).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	flags := [][]string{
		{},
		{"-M"},
		{"-C", "--find-copies-harder"},
		{"--no-prefix"},
		{"--src-prefix=i/", "--dst-prefix=w/"},
		{"-U0"},
		{"-U1", "-M30%"},
		{"--full-index"},
		{"-W"},
	}
	rapid.Check(t, func(t *rapid.T) {
		before := drawTree(t, "before")
		after := edit(t, before)
		if maps.Equal(before, after) {
			return
		}
		use := rapid.SampledFrom(flags).Draw(t, "flags")
		one, two := snapshot(t, repo, before), snapshot(t, repo, after)
		args := append([]string{"diff-tree", "-p", "-r"}, use...)
		diff := git(t, repo, append(args, one, two)...)
		check(t, before, after, diff, slices.Contains(use, "-U0"))
	})
}

// TestGNUDiffsApply is TestGitsOwnDiffsApply for diff -ruN, which knows no modes.
func TestGNUDiffsApply(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		before := drawTree(rt, "before")
		before, after := plain(before), plain(edit(rt, before))
		dir := t.TempDir()
		if err := errors.Join(os.MkdirAll(dir+"/one", 0o755), os.MkdirAll(dir+"/two", 0o755), before.write(dir+"/one"), after.write(dir+"/two")); err != nil {
			rt.Fatal(err)
		}
		cmd := exec.Command("diff", "-ruN", "one", "two")
		cmd.Dir = dir
		out, err := cmd.Output()
		var exit *exec.ExitError
		switch {
		case err == nil:
			return // no difference
		case !errors.As(err, &exit) || exit.ExitCode() != 1:
			rt.Fatalf("diff: %v", err)
		}
		check(rt, before, after, string(out), false)
	})
}

// repeats tells whether the text of some hunk stands more than once in its file.
func repeats(m memory, diff string) bool {
	p, err := Parse([]byte(diff), Limits{})
	for _, f := range p.Files {
		before, _, errPath := f.paths(func(rel string) bool { return m.Kind(rel) == "file" })
		err = errors.Join(err, errPath)
		text, _, _ := m.find(before)
		d := newDocument([]byte(text))
		for _, h := range f.Hunks {
			s := h.span()
			if len(d.find(d.number(s.old))) > 1 {
				return true
			}
		}
	}
	return err != nil
}

// plain returns the tree without what GNU diff does not tell: executable files,
// empty ones.
func plain(w tree) tree {
	out := tree{}
	for _, name := range slices.Sorted(maps.Keys(w)) {
		if w[name] != "" {
			out[strings.TrimSuffix(name, "*")] = w[name]
		}
	}
	return out
}

// check applies diff to before, then to before with lines of its own on top of
// every file.
func check(t *rapid.T, before, after tree, diff string, bare bool) {
	r, err := apply(before.memory(), diff, Limits{})
	if err != nil {
		if why := err.Error(); bare && (strings.Contains(why, "only inserts") || strings.Contains(why, "no line of context")) {
			return
		}
		t.Fatalf("%v\n%s", err, diff)
	}
	if got := before.after(r); !maps.Equal(got, after) {
		t.Fatalf("got\n%q\nwant\n%q\n%s", got, after, diff)
	}
	if repeats(before.memory(), diff) {
		return // at its old place now stands the same text again
	}
	const top = "a line\nthat was\nnot there\n"
	moved, wanted := tree{}, tree{}
	for name, text := range before {
		moved[name] = top + text
	}
	r, err = apply(moved.memory(), diff, Limits{})
	if err != nil {
		if fault.KindOf(err) != fault.Refused {
			t.Fatal(err)
		}
		return
	}
	for name, text := range after {
		wanted[name] = text
	}
	for name, text := range moved.after(r) {
		if strings.TrimPrefix(text, top) != wanted[name] {
			t.Fatalf("on moved text: %s is\n%q\nwant\n%q\n%s", name, text, wanted[name], diff)
		}
	}
}
