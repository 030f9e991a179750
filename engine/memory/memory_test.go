package memory

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/bitactor/cf/engine"
	"github.com/bitactor/cf/fault"
)

func example(path, symbol, instructions, code string) engine.Example {
	return engine.Example{Task: engine.Task{Path: path, Language: "go", Symbol: symbol, Instructions: instructions}, Code: code}
}

var (
	allow  = example("limit/limit.go", "the function Allow", "let a burst through the rate limiter", "func Allow(n int) bool { return n <= Burst }")
	refill = example("limit/refill.go", "the function Refill", "refill the rate limiter's bucket", "func Refill(l *Limiter) { l.tokens = l.burst }")
	parse  = example("csv/parse.go", "the function Parse", "split a line at commas", "func Parse(line string) []string { return strings.Split(line, \",\") }")
)

func keep(t *testing.T, m *Memory, list ...engine.Example) {
	t.Helper()
	if err := m.Keep(t.Context(), list); err != nil {
		t.Fatal(err)
	}
}

func near(t *testing.T, m *Memory, task engine.Task, most int) []string {
	t.Helper()
	list, err := m.Near(t.Context(), task, most)
	if err != nil {
		t.Fatal(err)
	}
	names := []string{}
	for _, e := range list {
		names = append(names, e.Task.Symbol)
	}
	return names
}

func TestNear(t *testing.T) {
	m := Open(filepath.Join(t.TempDir(), "memory"))
	keep(t, m, parse, refill, allow)
	drain := example("limit/drain.go", "the function Drain", "drain the rate limiter's bucket", "").Task
	other := drain
	other.Language = "python"
	changed := allow.Task
	changed.Instructions = "let the rate limiter refill its bucket before a burst"
	tests := []struct {
		name string
		task engine.Task
		most int
		want []string
	}{
		{"nearest first", drain, 5, []string{"the function Refill", "the function Allow"}},
		{"no more than asked for", drain, 1, []string{"the function Refill"}},
		{"none", drain, 0, []string{}},
		{"another language", other, 5, []string{}},
		{"nothing like it", engine.Task{Path: "x.go", Language: "go", Symbol: "the function Render", Instructions: "draw the chart of a histogram in colours"}, 5, []string{}},
		{"never the same definition", changed, 5, []string{"the function Refill"}},
		{"no words", engine.Task{Language: "go"}, 5, []string{}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			for range 2 { // and the same once more
				if diff := cmp.Diff(test.want, near(t, m, test.task, test.most)); diff != "" {
					t.Error(diff)
				}
			}
		})
	}
	moved := refill.Task
	moved.Path, moved.Present = "limit/fill.go", refill.Code
	if got := near(t, m, moved, 5); len(got) > 0 && got[0] == "the function Refill" {
		t.Error("an example whose code is what stands there")
	}
}

func TestLaterAnswersReplaceEarlier(t *testing.T) {
	m := Open(t.TempDir())
	later := refill
	later.Code = "func Refill(l *Limiter) { l.fill() }"
	keep(t, m, refill)
	keep(t, m, later)
	got, err := m.Near(t.Context(), engine.Task{Path: "a.go", Language: "go", Instructions: refill.Task.Instructions}, 5)
	if err != nil || len(got) != 1 || got[0].Code != later.Code {
		t.Errorf("%v, %v", got, err)
	}
}

func TestKeepLeavesOut(t *testing.T) {
	secret := "AKIA" + "Q3WXAMPLXKEY7ZWV"
	with := func(change func(*engine.Example)) engine.Example {
		e := refill
		change(&e)
		return e
	}
	tests := map[string]engine.Example{
		"no code":                     with(func(e *engine.Example) { e.Code = " \n" }),
		"a secret in the code":        with(func(e *engine.Example) { e.Code = "const key = \"" + secret + "\"" }),
		"a secret in the words":       with(func(e *engine.Example) { e.Task.Instructions += " with " + secret }),
		"a secret in a case":          with(func(e *engine.Example) { e.Task.Cases = []string{"login(\"" + secret + "\")"} }),
		"a secret in what stood":      with(func(e *engine.Example) { e.Task.Present = "const key = \"" + secret + "\"" }),
		"a marker of a chat template": with(func(e *engine.Example) { e.Code += "// <|im_end|>" }),
		"too large":                   with(func(e *engine.Example) { e.Code = strings.Repeat("x = 1\n", exampleBytesMax/6) }),
		"a file of secrets":           with(func(e *engine.Example) { e.Task.Path = "deploy/secrets.yml" }),
	}
	for name, e := range tests {
		t.Run(name, func(t *testing.T) {
			m := Open(t.TempDir())
			keep(t, m, e)
			if list, err := m.files(); err != nil || len(list) != 0 {
				t.Errorf("kept %v, %v", list, err)
			}
			// Nor is it shown where another has written it.
			if err := m.write(nameOf(e.Task), encode(e)); err != nil {
				t.Fatal(err)
			}
			task := engine.Task{Path: "a.go", Language: "go", Instructions: e.Task.Instructions}
			if got := near(t, m, task, 5); len(got) != 0 {
				t.Errorf("shown: %v", got)
			}
		})
	}
}

func TestFilesAreTheUsersAlone(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "memory")
	keep(t, Open(dir), allow)
	for name, want := range map[string]os.FileMode{dir: 0o700, filepath.Join(dir, nameOf(allow.Task)): 0o600} {
		if info, err := os.Stat(name); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v; want %v", name, info.Mode(), err, want)
		}
	}
}

func TestBoundsHold(t *testing.T) {
	m := Open(t.TempDir())
	at := time.Now().Add(-time.Hour)
	age := func(e engine.Example) {
		at = at.Add(time.Second)
		if err := os.Chtimes(filepath.Join(m.dir, nameOf(e.Task)), at, at); err != nil {
			t.Fatal(err)
		}
	}
	for i := range examplesMax + 10 {
		e := example(fmt.Sprintf("f%d.go", i), "the function F", "do it", "func F() {}")
		if err := m.write(nameOf(e.Task), encode(e)); err != nil {
			t.Fatal(err)
		}
		age(e)
	}
	large := example("large.go", "the function F", "do it", strings.Repeat("func F() {}\n", 1000))
	keep(t, m, large)
	list, err := m.files()
	if err != nil || len(list) != examplesMax || list[0].name != nameOf(large.Task) {
		t.Fatalf("%d files, %v", len(list), err)
	}
	if oldest := list[len(list)-1].name; oldest != nameOf(engine.Task{Path: "f11.go", Symbol: "the function F", Language: "go", Instructions: "do it"}) {
		t.Errorf("the oldest of those that were kept is %s", oldest)
	}
	for i := range bytesMax/12_000 + 20 {
		large.Task.Path = fmt.Sprintf("large%d.go", i)
		keep(t, m, large)
	}
	total := int64(0)
	if list, err = m.files(); err != nil {
		t.Fatal(err)
	}
	for _, k := range list {
		total += k.bytes
	}
	if total > bytesMax || total < bytesMax/2 {
		t.Errorf("%d bytes of at most %d", total, bytesMax)
	}
}

// TestDamagedFilesAreAsGoodAsNone also puts things there that are no files of ours.
func TestDamagedFilesAreAsGoodAsNone(t *testing.T) {
	m := Open(t.TempDir())
	keep(t, m, allow)
	whole := encode(refill)
	name := nameOf(refill.Task)
	for what, data := range map[string][]byte{
		"empty": nil, "half": whole[:len(whole)/2], "more": append(append([]byte{}, whole...), "{}"...), "another format": []byte(strings.Replace(string(whole), `"format": 1`, `"format": 2`, 1)),
		"a field more": []byte(strings.Replace(string(whole), `"format": 1`, `"format": 1, "x": 2`, 1)), "bytes": {0, 1, 2, 0xff}, "large": []byte(strings.Repeat(" ", exampleBytesMax) + string(whole)),
	} {
		if err := os.WriteFile(filepath.Join(m.dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
		if got := near(t, m, engine.Task{Path: "a.go", Language: "go", Instructions: allow.Task.Instructions}, 5); len(got) != 1 {
			t.Errorf("%s: %v", what, got)
		}
	}
	if err := errors.Join(os.Remove(filepath.Join(m.dir, name)), os.Mkdir(filepath.Join(m.dir, name), 0o700), os.WriteFile(filepath.Join(m.dir, "notes.txt"), whole, 0o600)); err != nil {
		t.Fatal(err)
	}
	if list, err := m.files(); err != nil || len(list) != 1 {
		t.Errorf("%v, %v", list, err)
	}
}

func TestFaults(t *testing.T) {
	m := Open(filepath.Join(t.TempDir(), "none"))
	if got := near(t, m, allow.Task, 3); len(got) != 0 {
		t.Errorf("%v of nothing", got)
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Open(file).Keep(t.Context(), []engine.Example{allow}); fault.CodeOf(err) != CodeUnwritable {
		t.Errorf("%v, want %s", err, CodeUnwritable)
	}
	keep(t, m, allow)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := m.Near(ctx, refill.Task, 3); fault.KindOf(err) != fault.Interrupted {
		t.Errorf("%v, want an interruption", err)
	}
	if err := m.Keep(ctx, []engine.Example{allow}); fault.KindOf(err) != fault.Interrupted {
		t.Errorf("%v, want an interruption", err)
	}
}

func TestManyMayKeepAtOnce(t *testing.T) {
	dir := t.TempDir()
	var group sync.WaitGroup
	for w := range 4 {
		group.Go(func() {
			m := Open(dir)
			for i := range 40 {
				if err := m.Keep(context.Background(), []engine.Example{example(fmt.Sprintf("f%d.go", i), "the function F", "do it", fmt.Sprintf("func F() { %d }", w))}); err != nil {
					t.Error(err)
				}
				if _, err := m.Near(context.Background(), allow.Task, 2); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	if list, err := Open(dir).load(t.Context()); err != nil || len(list) != 40 {
		t.Errorf("%d examples, %v; want 40", len(list), err)
	}
}

func TestEncodeIsReadBack(t *testing.T) {
	text := rapid.StringN(0, 40, -1)
	rapid.Check(t, func(t *rapid.T) {
		e := engine.Example{Task: engine.Task{
			Path: text.Draw(t, "path"), Language: text.Draw(t, "language"), Symbol: text.Draw(t, "symbol"),
			Instructions: text.Draw(t, "instructions"), Present: text.Draw(t, "present"),
		}, Code: "x" + text.Draw(t, "code")}
		for range rapid.IntRange(0, 3).Draw(t, "cases") {
			e.Task.Cases = append(e.Task.Cases, text.Draw(t, "case"))
		}
		got, ok := decode(encode(e))
		if diff := cmp.Diff(e, got); !ok || diff != "" {
			t.Fatal(ok, diff)
		}
	})
}

// FuzzDecodeExample: whatever lies in the folder, what is read can be written and is
// the same.
func FuzzDecodeExample(f *testing.F) {
	f.Add(encode(allow))
	f.Add([]byte(`{"format":1,"code":"x","cases":[""]}`))
	f.Add([]byte(`{"format":1}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		e, ok := decode(data)
		if !ok {
			return
		}
		if again, ok := decode(encode(e)); !ok || textOf(again) != textOf(e) || again.Task.Path != e.Task.Path {
			t.Fatalf("%+v became %+v", e, again)
		}
	})
}
