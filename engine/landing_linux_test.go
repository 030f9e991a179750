package engine

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/bitactor/cf/check"
	"github.com/bitactor/cf/check/golang"
	"github.com/bitactor/cf/engine/land"
	"github.com/bitactor/cf/event"
	"github.com/bitactor/cf/workspace"
	"github.com/bitactor/cf/workspace/sandbox"
)

// recordedMax bounds how many recorded answers are checked whole: each takes two
// runs of go test. Those that were made by hand are all checked.
const recordedMax = 6

// TestBadRepliesLandNothing gives the replies that are about Go to the whole way
// of a change, with the real checks and the real ledger, and looks at the tree
// with eyes of its own: what landed passes the tests that stood there before, run
// by go itself outside of cf, and no test is gone, skipped or emptied; where
// nothing landed no byte differs.
func TestBadRepliesLandNothing(t *testing.T) {
	cases, cache := readCases(t), t.TempDir()
	box, err := sandbox.Open(t.Context(), sandbox.Options{Environ: os.Environ(), Cache: cache})
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}               // results that were tried
	stood := map[string]map[string]string{} // outcomes of the tests before, by case
	landed, refused, recorded := 0, 0, 0
	for _, e := range append(readCorpus(t, "made"), readCorpus(t, "real")...) {
		c := cases[e.head["case"]]
		if filepath.Ext(c.request.Path) != ".go" || e.head["verdict"] == usable && seen[e.head["case"]+e.head["result"]] {
			continue
		}
		seen[e.head["case"]+e.head["result"]] = true
		if e.head["verdict"] == usable && strings.HasPrefix(e.name, "real/") {
			if recorded++; recorded > recordedMax {
				continue
			}
		}
		tree := project(t, c.files)
		if stood[c.name] == nil {
			stood[c.name] = tested(t, tree.Root())
		}
		engine := engineFor(t, tree, &replay{entry: e, streams: true}, nil, 0)
		lander := realLander(t, tree, box, cache)
		engine.Judge = lander
		out, err := engine.Implement(t.Context(), c.request)
		if err == nil {
			if _, err = lander.Land(t.Context(), out.Candidates[out.Best].Trial, land.Options{Title: c.name}); err != nil {
				t.Errorf("%s: %v", e.name, err)
			}
		}
		now := snapshot(t, tree.Root())
		changed := differs(c.files, now)
		if err != nil {
			refused++
			if len(changed) > 0 {
				t.Errorf("%s: refused with %v, and %v changed", e.name, err, changed)
			}
			continue
		}
		landed++
		if len(changed) != 1 || changed[0] != c.request.Path {
			t.Errorf("%s: %v changed", e.name, changed)
		}
		wrongAfter(t, e, tree.Root(), stood[c.name])
	}
	t.Logf("%d landed, %d refused", landed, refused)
	if landed == 0 || refused < 50 {
		t.Errorf("%d landed, %d refused: the test shows nothing", landed, refused)
	}
}

func realLander(t *testing.T, tree *workspace.Tree, box *sandbox.Box, cache string) *land.Lander {
	t.Helper()
	ledger, err := workspace.OpenLedger(tree, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return &land.Lander{Tree: tree, Box: box, Ledger: ledger, Checkers: []check.Checker{golang.New()}, Cache: cache, Events: event.Discard}
}

// snapshot reads the files of a tree, without cf's own.
func snapshot(t *testing.T, root string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			if err == nil && d.Name() == ".cf" {
				return filepath.SkipDir
			}
			return err
		}
		data, err := os.ReadFile(path)
		rel, _ := filepath.Rel(root, path)
		files[filepath.ToSlash(rel)] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// differs names the files that are not the same in both.
func differs(a, b map[string]string) []string {
	var out []string
	for name, text := range a {
		if other, ok := b[name]; !ok || other != text {
			out = append(out, name)
		}
	}
	for name := range b {
		if _, ok := a[name]; !ok {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

var passedTest = regexp.MustCompile(`(?m)^--- (PASS|FAIL|SKIP): (\w+)`)

// tested runs the tests of a tree and returns their outcomes by name.
func tested(t *testing.T, root string) map[string]string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "test", "-v", "-vet=off", "./...")
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "GOFLAGS=-mod=mod", "GOPROXY=off")
	text, _ := cmd.CombinedOutput() // that tests fail is in the text
	outcomes := map[string]string{}
	for _, m := range passedTest.FindAllStringSubmatch(string(text), -1) {
		outcomes[m[2]] = m[1]
	}
	return outcomes
}

// wrongAfter reports what a landing spoilt.
func wrongAfter(t *testing.T, e entry, root string, before map[string]string) {
	t.Helper()
	after := tested(t, root)
	for name, was := range before {
		now, ran := after[name]
		if !ran || now == "SKIP" || was == "PASS" && now != "PASS" {
			t.Errorf("%s: landed, and %s was %s and is %q", e.name, name, was, now)
		}
	}
	for name, now := range after {
		if now == "FAIL" && before[name] != "FAIL" {
			t.Errorf("%s: landed, and %s fails", e.name, name)
		}
	}
	if strings.Contains(e.text, "Exit(0)") {
		t.Errorf("%s: a program that ends by itself landed", e.name)
	}
}
