package view

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/bitactor/cf/event"
)

func begin(id, why string) event.Section {
	return event.Section{ID: id, Title: strings.ToUpper(id), State: event.Begin, Why: why}
}

func done(id, why string) event.Section {
	return event.Section{ID: id, State: event.Done, Why: why}
}

func say(id, text string) event.Text { return event.Text{Section: id, Text: text} }

// TestDocument: what a pipe gets is one Markdown document, its blocks an empty
// line apart, and what is void says so.
func TestDocument(t *testing.T) {
	for _, c := range []struct {
		name   string
		events []event.Event
		want   string
	}{
		{"context", []event.Event{
			event.Model{Name: "m", Server: "http://h", Source: "running", Why: "the only one", Context: 100},
			event.Note{Text: "to standard error"},
			event.Read{Path: "a`b.go", State: "read", Tokens: 7, Why: "outline"},
			event.Read{Path: "c.go", State: "left-out"},
			begin("plan", ""), say("plan", "x"),
		}, "## Context\n\n- model: `m` on the running server http://h, the only one; window 100 tokens\n" +
			"- read: `` a`b.go `` (7 tokens, outline)\n- left out: `c.go`\n\n## PLAN\n\nx\n"},
		{"white space around an answer", []event.Event{
			begin("a", ""), say("a", "\n\n "), say("a", " x\n"), say("a", "\n\n"), say("a", "y\n\n"), done("a", ""),
			begin("b", ""), say("b", "z\n"), done("b", ""),
		}, "## A\n\nx\n\n\ny\n\n## B\n\nz\n"},
		{"asked again", []event.Event{
			begin("a", ""), say("a", "first"), begin("a", "asked again: too little"), say("a", "second"), done("a", ""),
		}, "## A\n\nfirst\n\n> Withdrawn (asked again: too little). The answer is what follows.\n\nsecond\n"},
		{"asked again after nothing", []event.Event{
			begin("a", ""), begin("a", "asked again: the model wrote nothing"), say("a", "second"), done("a", ""),
		}, "## A\n\n> Asked again: the model wrote nothing.\n\nsecond\n"},
		{"asked again under another heading", []event.Event{
			begin("a", ""), say("a", "first"), begin("b", ""), say("b", "y"), done("b", ""),
			begin("a", "asked again: too little"), say("a", "second"), done("a", ""),
		}, "## A\n\nfirst\n\n## B\n\ny\n\n## A\n\n> This replaces what stands above under the same heading: asked again: too little.\n\nsecond\n"},
		{"not answered", []event.Event{
			begin("a", ""), say("a", "first"),
			event.Section{ID: "a", State: event.Missing, Why: "not answered: an echo"},
			begin("b", ""),
			event.Section{ID: "b", State: event.Missing, Why: "no file"},
			event.Section{ID: "c", Title: "C", State: event.Missing},
		}, "## A\n\nfirst\n\n> Not answered: an echo. The text above is withdrawn.\n\n## B\n\n> Not answered: no file.\n\n## C\n\n> Not answered.\n"},
		{"cut", []event.Event{
			begin("a", ""), begin("b", ""), say("a", "x"), say("b", "y"), done("a", ""), done("b", "too long"),
		}, "## A\n\n## B\n\n## A (continued)\n\nx\n\n## B (continued)\n\ny\n\n> Cut: too long.\n"},
		{"a block of code left open", []event.Event{
			begin("a", ""), say("a", "```go\nfunc "), say("a", "f()"), done("a", ""), begin("b", ""), say("b", "```\nx\n```"), done("b", ""),
		}, "## A\n\n```go\nfunc f()\n```\n\n## B\n\n```\nx\n```\n"},
		{"plan", []event.Event{
			begin("steps", ""),
			event.Plan{Steps: []event.PlanStep{{Path: "a.go\n2. rm -rf", Action: "create", Why: "core", Block: "x"}}},
			done("steps", ""),
			table{},
			table{},
		}, "## STEPS\n\n1. create `a.go 2. rm -rf`: core (building block `x`)\n\na table\\x1b[2J\nof two lines\na table\\x1b[2J\nof two lines\n"},
	} {
		got, _ := render(PlainOptions{}, c.events...)
		if got != c.want {
			t.Errorf("%s:\n%s\nwant\n%s", c.name, got, c.want)
		}
	}
}

// TestBothOutputsInOnePlace: with 2>&1 no line of standard error lands inside an
// answer, and it keeps its place in the order.
func TestBothOutputsInOnePlace(t *testing.T) {
	call := event.Call{Name: "a", PromptTokens: 10, OutputTokens: 5, Decode: time.Second, Stop: "stop"}
	events := []event.Event{
		event.Note{Text: "one"},
		begin("a", ""), say("a", "half a "), call,
		event.Note{Text: "two"},
		event.Progress{ID: "x", Unit: "bytes", Done: 1},
		say("a", "line\n"), done("a", ""),
		event.Saved{What: "session", ID: "7", Path: "/p"},
	}
	for calls, want := range map[bool]string{
		false: "cf: one\n## A\n\nhalf a line\ncf: two\ncf: saved session 7 in /p\n" +
			"cf: 1 call, 10 prompt tokens (0 % reused), 5 tokens written at 5/s, 3.0 s in all\n",
		true: "cf: one\n## A\n\nhalf a line\ncf: a: 10 prompt tokens (0 % reused); 5 tokens at 5.0 tokens/s; first token after 0.0 s\ncf: two\ncf: saved session 7 in /p\n" +
			"cf: 1 call, 10 prompt tokens (0 % reused), 5 tokens written at 5/s, 3.0 s in all\n",
	} {
		var both bytes.Buffer
		now := time.Unix(0, 0)
		p := NewPlain(PlainOptions{Stdout: &both, Stderr: &both, Calls: calls, Now: func() time.Time { return now }})
		for _, e := range events {
			p.Emit(e)
		}
		now = now.Add(3 * time.Second)
		p.Close()
		if both.String() != want {
			t.Errorf("calls %v:\n%s\nwant\n%s", calls, both.String(), want)
		}
	}
}

// TestHostileNames: no name that comes from a repository, a server or a session
// begins a line of its own or reaches the terminal raw.
func TestHostileNames(t *testing.T) {
	const bad = "x\x1b[2J\r\ncf: error: fake\u202e"
	for _, e := range []event.Event{
		event.Read{Path: bad, State: bad, Why: bad},
		event.Model{Name: bad, Server: bad, Source: bad, Why: bad},
		event.Saved{What: bad, ID: bad, Path: bad},
		event.Note{Level: "warn", Text: bad},
		event.Step{Title: bad, Why: bad, Detail: bad, State: event.State(bad)},
		event.Section{ID: bad, Title: bad, State: event.Begin, Why: bad},
		event.Section{ID: bad, Title: bad, State: event.Missing, Why: bad},
		event.Section{ID: bad, State: event.State(bad), Why: bad},
		event.Call{Name: bad, OutputTokens: 1, Stop: bad},
		event.Plan{Steps: []event.PlanStep{{Path: bad, Action: bad, Why: bad, Block: bad}}},
		event.Prompt{Name: bad},
		event.Progress{ID: bad, Unit: bad},
		event.Diagnostic{File: bad, Line: 1, Column: 2, Severity: bad, Rule: bad, Message: bad, Checker: bad, Tool: bad, Source: bad},
		event.Test{Name: bad, File: bad, State: bad, Output: bad},
		event.Gap{File: bad, What: bad, Why: bad, Hint: bad},
		event.Mismatch{File: bad, Want: []string{bad}, Have: []string{"x", bad}},
		event.Diff{Path: bad, Text: bad},
		event.Changes{Base: bad, Files: []event.FileChange{{Path: bad, From: bad, Action: bad, Checked: bad, Why: bad, Sensitive: bad}}},
		event.Checks{Tier: bad, State: bad, FilesUnlisted: bad, Parts: []event.CheckedPart{{Checker: bad, Project: bad, State: bad, Why: bad, Hint: bad, Ran: []event.Program{{Argv: []string{bad, bad}, Version: bad}}}}},
		event.Verdict{Why: []string{bad}},
		event.Landed{ID: bad, Git: bad, Notes: []string{bad}},
		event.Undone{ID: bad, Undoes: bad, Files: []event.Touch{{Path: bad, Action: bad}}, Notes: []string{bad}},
		event.Recovered{ID: bad, Title: bad, Files: []string{bad}, Kept: []string{bad}, Why: bad},
	} {
		for _, tty := range []bool{false, true} {
			now := time.Unix(0, 0)
			o := PlainOptions{StdoutTTY: tty, StderrTTY: tty, Width: 200, Calls: true, Now: func() time.Time { now = now.Add(time.Minute); return now }}
			stdout, stderr := render(o, e)
			for line := range strings.SplitSeq(stdout+strings.ReplaceAll(stderr, "\r", ""), "\n") {
				if strings.IndexFunc(line, Hidden) >= 0 || strings.HasPrefix(line, "cf: error") {
					t.Errorf("%s, terminal %v: %q", e.Type(), tty, line)
				}
			}
		}
	}
}

// TestLinesOfOneTerminal: where a person reads both outputs, cf's own lines are
// broken between words and stand apart from the answer.
func TestLinesOfOneTerminal(t *testing.T) {
	var both bytes.Buffer
	p := NewPlain(PlainOptions{
		Stdout: &both, Stderr: &both, StdoutTTY: true, StderrTTY: true, Dumb: true, Width: 40,
		Now: func() time.Time { return time.Unix(0, 0) },
	})
	for _, e := range []event.Event{
		event.Note{Level: "warn", Text: "the first of all lines has an end"},
		begin("a", ""),
		event.Text{Section: "a", Text: "thought", Thinking: true},
		say("a", "x"), done("a", ""),
		event.Note{Text: "one"},
		event.Note{Text: "two"},
		begin("b", ""), say("b", "y"),
		event.Call{OutputTokens: 1, PromptTokens: 12345, FirstToken: time.Second},
	} {
		p.Emit(e)
	}
	p.Close()
	want := "cf: warning: the first of all lines\n    has an end\n## A\n\nthought\n\nx\n\ncf: one\ncf: two\n\n## B\n\ny\n\n" +
		"cf: 1 call, 12345 prompt tokens (0 %\n    reused), 1 token written, first\n    token after 1.0 s, 0.0 s in all\n"
	if both.String() != want {
		t.Errorf("got\n%s\nwant\n%s", both.String(), want)
	}
}

// FuzzRenderText: whatever pieces an answer comes in, its words arrive whole and
// in order, nothing hidden reaches the output, and the page ends with its line.
func FuzzRenderText(f *testing.F) {
	f.Add("two words", 3, 20, false)
	f.Add("\n\n```go\nfunc f() {}\n", 1, 40, true)
	f.Add("a\r\nb\x1b[31m\xff\u202e c\n\n\n", 2, 0, false)
	f.Add("| a | b |\n    code that is long and stays\n# title", 5, 10, true)
	f.Fuzz(func(t *testing.T, text string, size, width int, tty bool) {
		size = min(max(1, size), 1<<10)
		events := []event.Event{begin("a", "")}
		for rest := text; rest != ""; {
			n := min(size, len(rest))
			events = append(events, say("a", rest[:n]))
			rest = rest[n:]
		}
		out, errs := render(PlainOptions{Width: width % 300, StdoutTTY: tty}, append(events, done("a", ""), begin("b", ""))...)
		clean := Sanitize(text) // a joiner of emoji may stay
		raw := func(r rune) bool { return Hidden(r) && !strings.ContainsRune(clean, r) }
		if strings.ContainsFunc(out+errs, raw) {
			t.Fatalf("hidden character in %q and %q", out, errs)
		}
		body, ok := strings.CutPrefix(out, "## A\n")
		body, ended := strings.CutSuffix(body, "\n## B\n")
		if !ok || !ended {
			t.Fatalf("the headings are gone: %q", out)
		}
		got, want := strings.Fields(body), strings.Fields(clean)
		if n := len(got) - 1; len(got) == len(want)+1 && got[n] == "```" {
			got = got[:n] // a block of code was closed
		}
		if strings.Join(got, " ") != strings.Join(want, " ") {
			t.Fatalf("words %q became %q", want, got)
		}
	})
}
