package check

import (
	"context"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/bitactor/cf/workspace"
	"github.com/bitactor/cf/workspace/sandbox"
)

// fake is a checker of a kind made up for these tests. Its files say what is
// wrong with them: a line "BAD code message" is a diagnostic; "TEST name state"
// is a test, whose state "sometimes" fails on every first run; "RUN n" says
// that tests executed line n, "COUNT n" that none did; "PANIC" makes it fail. A
// "HIDDEN" test runs only where it is asked for by name.
type fake struct {
	name, suffix string
	markers      []string
	tools        []Tool
	blind        bool // it misses its canary
	testable     bool
	runs         *atomic.Int32
	mu           *sync.Mutex
	sometimes    map[string]int
}

func newFake(name string, markers ...string) *fake {
	return &fake{
		name: name, suffix: "." + name, markers: markers,
		runs: &atomic.Int32{}, mu: &sync.Mutex{}, sometimes: map[string]int{},
	}
}

func (f *fake) Name() string                     { return f.name }
func (f *fake) Match(file string, _ []byte) bool { return path.Ext(file) == f.suffix }
func (f *fake) Markers() []string                { return f.markers }
func (f *fake) Tools() []Tool                    { return f.tools }

func (f *fake) Canaries() []Canary {
	return []Canary{{Files: map[string]string{"c" + f.suffix: "ok\nBAD planted it\n"}, File: "c" + f.suffix, Line: 2, Code: "planted"}}
}

var order = regexp.MustCompile(`(?m)^(BAD|TEST|HIDDEN|RUN|COUNT|PANIC|GAP) ?(\S*) ?(.*)$`)

func (f *fake) Check(ctx context.Context, t Target) (Outcome, error) {
	f.runs.Add(1)
	o := Outcome{Testable: f.testable}
	for _, file := range t.Files {
		text, err := t.Stage.Read(file)
		if err != nil {
			return o, err
		}
		for i, line := range strings.Split(string(text), "\n") {
			if m := order.FindStringSubmatch(line); m != nil {
				f.obey(&o, t, file, i+1, m)
			}
		}
	}
	return o, ctx.Err()
}

func (f *fake) obey(o *Outcome, t Target, file string, line int, m []string) {
	switch m[1] {
	case "BAD":
		if !f.blind && len(t.Only) == 0 {
			o.Diagnostics = append(o.Diagnostics, Diagnostic{File: file, Line: line, Code: m[2], Message: m[3], Tool: "fake"})
		}
	case "TEST", "HIDDEN":
		if t.Tests && (len(t.Only) == 0 && m[1] == "TEST" || slices.Contains(t.Only, m[2])) {
			o.Tests = append(o.Tests, Test{Name: m[2], File: "some/test", State: f.state(t.Stage.Root()+m[2], m[3])})
		}
	case "RUN", "COUNT":
		n, _ := strconv.Atoi(m[2])
		if o.Executed == nil {
			o.Executed = map[string]map[int]bool{}
		}
		if o.Executed[file] == nil {
			o.Executed[file] = map[int]bool{}
		}
		o.Executed[file][n] = m[1] == "RUN"
	case "GAP":
		o.Gaps = append(o.Gaps, Gap{What: m[2], Why: m[3], Blocks: true})
	case "PANIC":
		panic("a hostile file")
	}
}

// state turns the word of a test into a state.
func (f *fake) state(test, word string) TestState {
	if word != "sometimes" {
		return TestState(word)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.sometimes[test]++
	if f.sometimes[test]%2 == 1 {
		return Failed
	}
	return Passed
}

// tree lays files out and returns a function that stages a set over them.
func tree(t *testing.T, files map[string]string) func(*workspace.Set) *workspace.Stage {
	t.Helper()
	dir := t.TempDir()
	for _, name := range slices.Sorted(maps.Keys(files)) {
		write(t, filepath.Join(dir, name), files[name])
	}
	w, err := workspace.OpenFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() })
	box, err := sandbox.Open(t.Context(), sandbox.Options{Environ: os.Environ(), Cache: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	return func(set *workspace.Set) *workspace.Stage {
		s, err := w.Stage(t.Context(), set, box)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
		return s
	}
}

func write(t *testing.T, full, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(full, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func mustRun(t *testing.T, r Request) *Report {
	t.Helper()
	report, err := Run(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	return report
}
