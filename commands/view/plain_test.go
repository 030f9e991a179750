package view

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bitactor/cf/event"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// table is an event that brings its own text.
type table struct{ Rows int }

func (table) Type() string         { return "table" }
func (table) PlainText(int) string { return "a table\x1b[2J\nof two lines" }

// all is one of each event, hostile where it can be.
var all = []event.Event{
	event.Note{Level: "info", Text: "starting\x1b"},
	event.Note{Level: "warn", Text: "careful\u202e"},
	event.Step{ID: "s", Title: "fetch", Why: "it is missing", State: event.Begin},
	event.Progress{ID: "s", Unit: "bytes", Done: 12e6, Total: 98e6, Rate: 3.1e6, Left: 28 * time.Second},
	event.Step{ID: "s", Title: "fetch", State: event.Done, Detail: "98 MB"},
	event.Step{ID: "t", Title: "build", State: event.Failing, Detail: "no gcc\a"},
	event.Read{Path: "main.go", State: "read", Tokens: 312},
	event.Read{Path: "x\nfake", State: "absent", Why: "no such file"},
	event.Model{Name: "m\x9b", Server: "http://127.0.0.1:1", Source: "running", Why: "only one", Context: 8192, GPUShare: 0.5},
	event.Prompt{Name: "analyse", Tokens: 10, Exact: true, Text: "<|system|>\x00", Rendered: true},
	event.Section{ID: "reasoning", Title: "Reasoning", State: event.Begin},
	event.Text{Section: "reasoning", Text: "hm", Thinking: true},
	event.Text{Section: "reasoning", Text: "A first "},
	event.Text{Section: "reasoning", Text: "sentence.\x1b[31m"},
	event.Section{ID: "reasoning", State: event.Done},
	event.Section{ID: "value", Title: "Business Value", State: event.Missing, Why: "two tries"},
	event.Plan{Steps: []event.PlanStep{{Path: "a.go", Action: "create", Why: "the core", Block: "b"}, {Path: "long/name.go", Action: "test", Why: "its\ttest"}}},
	event.Call{
		Name: "analyse", PromptTokens: 1000, ReusedTokens: 950, OutputTokens: 60, Prefill: 100 * time.Millisecond,
		Decode: time.Second, FirstToken: 120 * time.Millisecond, Load: 2 * time.Second, Reloaded: true, Retries: 1, Stop: "length",
	},
	event.Call{},
	event.Saved{What: "session", ID: "1", Path: "/x\n"},
	table{2},
	event.Text{Text: "no line end"},
}

func render(o PlainOptions, events ...event.Event) (stdout, stderr string) {
	var out, errs bytes.Buffer
	o.Stdout, o.Stderr = &out, &errs
	if o.Now == nil {
		o.Now = func() time.Time { return time.Unix(0, 0) }
	}
	p := NewPlain(o)
	for _, e := range events {
		p.Emit(e)
	}
	p.Close()
	return out.String(), errs.String()
}

func TestPlainGolden(t *testing.T) {
	for name, o := range map[string]PlainOptions{
		"pipe":     {Width: 80},
		"terminal": {StdoutTTY: true, StderrTTY: true, ColorOut: true, ColorErr: true, Width: 60},
		"no-color": {StdoutTTY: true, StderrTTY: true, Width: 60},
		"dumb":     {StdoutTTY: true, StderrTTY: true, Dumb: true, Width: 60},
	} {
		stdout, stderr := render(o, all...)
		got := fmt.Sprintf("stdout\n%s\nstderr\n%s", stdout, strings.ReplaceAll(strings.ReplaceAll(stderr, "\r", "<CR>"), "\x1b", "<ESC>"))
		got = strings.ReplaceAll(got, "\x1b", "<ESC>")
		golden := filepath.Join("testdata", name+".golden")
		if *update {
			if err := errors.Join(os.MkdirAll("testdata", 0o755), os.WriteFile(golden, []byte(got), 0o644)); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil || got != string(want) {
			t.Errorf("%s: %v, got\n%s\nwant\n%s", name, err, got, want)
		}
	}
}

// TestNoControlCharacterReachesAPipe holds for every width, and on a terminal
// without colour but for the carriage returns of progress.
func TestNoControlCharacterReachesAPipe(t *testing.T) {
	for _, width := range []int{-1, 0, 1, 2, 3, 20, 80, 10000} {
		for _, tty := range []bool{false, true} {
			o := PlainOptions{Width: width, StdoutTTY: tty, StderrTTY: tty}
			stdout, stderr := render(o, all...)
			if tty {
				stderr = strings.ReplaceAll(stderr, "\r", "")
			}
			if i := strings.IndexFunc(stdout+stderr, Hidden); i >= 0 {
				t.Errorf("width %d, terminal %v: %q", width, tty, (stdout + stderr)[i:])
			}
			if !strings.HasSuffix(stdout, "\n") {
				t.Errorf("width %d: stdout ends inside a line", width)
			}
		}
	}
}

// TestTextStreams: what a model sends is written when it comes, split runes
// and all, and the whole equals the parts.
func TestTextStreams(t *testing.T) {
	var out bytes.Buffer
	p := NewPlain(PlainOptions{Stdout: &out, Stderr: &bytes.Buffer{}, StdoutTTY: true, Width: 80})
	p.Emit(event.Text{Text: "Wor"})
	if out.String() != "Wor" {
		t.Errorf("the first token waits: %q", out.String())
	}
	p.Emit(event.Text{Text: "d \xe2\x82"})
	p.Emit(event.Text{Text: "\xac"})
	p.Close()
	if out.String() != "Word €\n" {
		t.Errorf("%q", out.String())
	}
}

func TestWrapBreaksBetweenWords(t *testing.T) {
	const text = "The quick brown fox jumps over the lazy dog and runs away.\n\n" +
		"    indented code stays on its line whatever its length may be\n" +
		"```go\nfunc veryLong(name string) (string, error) { return name, nil }\n```\nAfter it words are broken again, as they were before.\n"
	for _, width := range []int{30, 40} {
		for size := 1; size < 9; size++ {
			var events []event.Event
			for rest := text; rest != ""; {
				n := min(size, len(rest))
				events = append(events, event.Text{Text: rest[:n]})
				rest = rest[n:]
			}
			out, _ := render(PlainOptions{StdoutTTY: true, Width: width}, events...)
			if strings.Join(strings.Fields(out), " ") != strings.Join(strings.Fields(text), " ") {
				t.Fatalf("words changed: %q", out)
			}
			for _, line := range strings.Split(out, "\n") {
				if len(line) > width && !strings.HasPrefix(line, "    ") && !strings.HasPrefix(line, "func") {
					t.Errorf("width %d, pieces of %d: %q", width, size, line)
				}
			}
		}
	}
	if out, _ := render(PlainOptions{Width: 30}, event.Text{Text: text}); out != text {
		t.Errorf("a pipe got %q", out)
	}
}

// TestProgressInAPipeIsSparse: at most a line each 5 s.
func TestProgressInAPipeIsSparse(t *testing.T) {
	now := time.Unix(100, 0)
	events := []event.Event{event.Step{ID: "s", Title: "fetch", State: event.Begin}}
	var errs bytes.Buffer
	p := NewPlain(PlainOptions{Stdout: &bytes.Buffer{}, Stderr: &errs, Now: func() time.Time { return now }})
	p.Emit(events[0])
	for range 200 {
		p.Emit(event.Progress{ID: "s", Unit: "bytes", Done: 1})
		now = now.Add(100 * time.Millisecond)
	}
	p.Close()
	if n := strings.Count(errs.String(), "fetch: 1 B"); n != 3 {
		t.Errorf("%d lines in 20 s:\n%s", n, errs.String())
	}
}

// TestHeartbeat: whoever waits at a terminal sees that cf waits.
func TestHeartbeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var errs syncBuffer
		p := NewPlain(PlainOptions{Stdout: &bytes.Buffer{}, Stderr: &errs, StderrTTY: true, Width: 80})
		p.Emit(event.Model{Name: "m"})
		time.Sleep(3 * time.Second) // no model works yet, and a session may own the screen
		p.Emit(event.Section{ID: "a", State: event.Begin})
		time.Sleep(900 * time.Millisecond)
		if errs.String() != "" {
			t.Errorf("too early: %q", errs.String())
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if !strings.Contains(errs.String(), "waiting for the model, 2 s") {
			t.Errorf("%q", errs.String())
		}
		p.Emit(event.Text{Text: "x"})
		before := errs.String()
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if errs.String() != before {
			t.Errorf("it goes on: %q", errs.String())
		}
		p.Close()
	})
}

type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// odd can't be encoded.
type odd struct{ C chan int }

func (odd) Type() string { return "odd" }

func TestJSONLines(t *testing.T) {
	var out bytes.Buffer
	j := NewJSONL(&out)
	hostile := "\x00\x1b]0;x\a\x7f\u0085\u202e\u200d\u2028\U000e0041\xff<&>"
	for _, e := range append(all[:len(all):len(all)], event.Text{Text: hostile}, odd{}, event.Plan{}) {
		j.Emit(e)
	}
	lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
	if len(lines) != len(all)+3 {
		t.Fatalf("%d lines", len(lines))
	}
	for _, line := range lines {
		var e map[string]any
		if err := json.Unmarshal([]byte(line), &e); err != nil || !strings.HasPrefix(line, `{"type":"`) {
			t.Errorf("%v: %s", err, line)
		}
		if strings.IndexFunc(line, Hidden) >= 0 {
			t.Errorf("hidden character in %q", line)
		}
	}
	var back event.Text
	if err := json.Unmarshal([]byte(lines[len(all)]), &back); err != nil || back.Text != strings.ToValidUTF8(hostile, "\ufffd") {
		t.Errorf("%v: %q", err, back.Text)
	}
	if !strings.Contains(lines[len(all)+1], `"type":"note"`) {
		t.Errorf("%s", lines[len(all)+1])
	}
}

func TestConcurrentEvents(t *testing.T) {
	p := NewPlain(PlainOptions{Stdout: &bytes.Buffer{}, Stderr: &bytes.Buffer{}, StderrTTY: true, Width: 40})
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 50 {
				for _, e := range all {
					p.Emit(e)
				}
			}
		})
	}
	wg.Wait()
	p.Close()
}

// TestAWideTableBecomesRecords: every line of it fits the terminal, and no cell
// is lost.
func TestAWideTableBecomesRecords(t *testing.T) {
	rows := [][]string{{"HOST", "NOW", "WHEN"}, {strings.Repeat("h", 60), "yes", "every time that a model is asked for something\n\x1b[2J"}, {"b", "", "never"}}
	want := strings.Repeat("h", 60) + "\n" +
		"  now   yes\n" +
		"  when  every time that a model is asked for something \\x1b[2J\n" +
		"b\n  when  never\n"
	if got := Table(rows, 70); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if got := Table(rows, 0); !strings.HasPrefix(got, "HOST ") {
		t.Errorf("without a terminal it is a table:\n%s", got)
	}
	if got := Table(nil, 10); got != "" {
		t.Errorf("no rows: %q", got)
	}
}
