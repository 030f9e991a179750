package think_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bitactor/cf/engine/session"
	"github.com/bitactor/cf/engine/think"
	"github.com/bitactor/cf/event"
	"github.com/bitactor/cf/fault"
	"github.com/bitactor/cf/llm"
	"github.com/bitactor/cf/llm/llmtest"
)

// loopOf is a reply that says something and then the same phrase of n words until
// its longest.
func loopOf(n int) string {
	var phrase []string
	for i := range n {
		phrase = append(phrase, fmt.Sprintf("again%d", i))
	}
	said := strings.Fields(strings.Repeat(strings.Join(phrase, " ")+" ", 300))[:300]
	return "The queue must keep jobs over a crash. A log on disk is chosen for that reason. " + strings.Join(said, " ") + " ag"
}

func TestLoopInAskIsNoAnswer(t *testing.T) {
	for _, period := range []int{1, 2, 7, 31, 64} {
		th, l := thinker(t, &llmtest.Script{Replies: with(map[string][]string{"answer": {loopOf(period)}})}, 135e6)
		_, err := th.Ask(t.Context(), think.Input{Task: "what fails first?"})
		if fault.KindOf(err) != fault.Unusable || fault.CodeOf(err) != think.CodeNoAnswer {
			t.Errorf("period %d: %v", period, err)
		}
		last := l.all[len(l.all)-1].(event.Section)
		if last.State != event.Missing || !strings.Contains(last.Why, "repeated itself") {
			t.Errorf("period %d: %+v", period, last)
		}
	}
}

// TestLoopInSection: a section that loops is asked for once more; what stood
// before the second loop is kept as cut.
func TestLoopInSection(t *testing.T) {
	tests := map[string]struct {
		replies []string
		text    string
		cut     bool
	}{
		"then sound":     {[]string{loopOf(5), good["plan"][0]}, good["plan"][0], false},
		"twice":          {[]string{loopOf(5), loopOf(5)}, "The queue must keep jobs over a crash. A log on disk is chosen for that reason. again0 again1 again2 again3 again4", true},
		"nothing before": {[]string{strings.Repeat("no ", 300), strings.Repeat("no ", 300)}, "", false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			script := &llmtest.Script{Replies: with(map[string][]string{"plan": tt.replies})}
			th, _ := thinker(t, script, 135e6)
			turn, err := th.Turn(t.Context(), think.Input{Task: task})
			if err != nil {
				t.Fatal(err)
			}
			plan := turn.Section("plan")
			if plan.Text != tt.text || plan.Cut != tt.cut || plan.Cut && !strings.Contains(plan.Why, "repeated itself") {
				t.Errorf("%+v", plan)
			}
			for _, m := range turn.Messages {
				if strings.Count(m.Content, "again4") > 1 || strings.Count(m.Content, "no ") > 9 {
					t.Errorf("a loop is in the conversation: %.80q", m.Content)
				}
			}
		})
	}
}

// TestNothingAnswered: a turn without one answer is a fault, and is not kept.
func TestNothingAnswered(t *testing.T) {
	nothing := map[string][]string{}
	for id := range good {
		nothing[id] = []string{""}
	}
	nothing["analyse"], nothing["assess"] = []string{""}, []string{""}
	for _, parameters := range []int64{135e6, 7e9} {
		script := &llmtest.Script{Replies: nothing}
		th, _ := thinker(t, script, parameters)
		dir := t.TempDir()
		th.Store = session.Open(dir)
		s := session.New(th.Now())
		_, err := th.Turn(t.Context(), think.Input{Task: task, Session: s})
		if fault.KindOf(err) != fault.Unusable || len(s.Turns) != 0 {
			t.Errorf("%v, %d turns", err, len(s.Turns))
		}
		for _, r := range script.Requests() {
			if r.Name == "steps" {
				t.Error("the steps of nothing were asked for")
			}
		}
		if left, _ := os.ReadDir(dir); len(left) != 0 {
			t.Errorf("left on disk: %v", left)
		}
	}
}

// stopAt ends a session with a fault when a section is asked for.
type stopAt struct {
	llm.Provider
	name  string
	cause error
}

func (p *stopAt) Chat(ctx context.Context, r llm.Request, each func(llm.Chunk) error) (llm.Reply, error) {
	if r.Name == p.name {
		return llm.Reply{}, p.cause
	}
	return p.Provider.Chat(ctx, r, each)
}

// TestBrokenTurnGoesOn: what was answered before a fault is kept, and only the
// rest is asked for by a later process.
func TestBrokenTurnGoesOn(t *testing.T) {
	for _, at := range []string{"plan", "validation", "steps"} {
		for _, parameters := range []int64{135e6, 7e9} {
			t.Run(fmt.Sprintf("%s/%d", at, parameters), func(t *testing.T) {
				goesOn(t, at, parameters)
			})
		}
	}
}

func goesOn(t *testing.T, at string, parameters int64) {
	script := &llmtest.Script{Replies: good}
	th, l := thinker(t, script, parameters)
	th.Profiles = memory{"d": "per-section"}
	th.Store = session.Open(t.TempDir())
	th.Provider = &stopAt{script, at, fault.New(fault.Unreachable, llm.CodeRefused, "gone")}
	s := session.New(th.Now())
	if _, err := th.Turn(t.Context(), think.Input{Task: task, Session: s}); fault.KindOf(err) != fault.Unreachable || len(s.Turns) != 0 {
		t.Fatalf("%v, %d turns", err, len(s.Turns))
	}
	if note, ok := l.all[len(l.all)-1].(event.Note); !ok || !strings.Contains(note.Text, "--continue") {
		t.Errorf("nobody was told how to go on: %+v", l.all[len(l.all)-1])
	}
	before := len(script.Requests())

	later, err := th.Store.Load(s.ID)
	if err != nil {
		t.Fatal(err)
	}
	if open := later.Open(); open == nil || open.Section("reasoning") == nil || !strings.Contains(later.Markdown(), "Not finished") {
		t.Fatalf("%+v", later.Turns)
	}
	th.Provider = script
	turn, err := th.Turn(t.Context(), think.Input{Task: task, Session: later})
	if err != nil {
		t.Fatal(err)
	}
	if states(turn) != allDone || len(turn.Steps) != 2 || turn.Incomplete || len(later.Turns) != 1 {
		t.Errorf("%s, %d steps, incomplete %v, %d turns", states(turn), len(turn.Steps), turn.Incomplete, len(later.Turns))
	}
	asked := map[string]bool{}
	for _, r := range script.Requests()[before:] {
		asked[r.Name] = true
	}
	if asked["reasoning"] || !asked[at] || !asked["steps"] {
		t.Errorf("asked for %v", asked)
	}
	whole := unbroken(t, parameters)
	if got := conversation(turn.Messages); got != whole {
		t.Errorf("the conversation is not what one turn would have kept:\n%s\nwant:\n%s", got, whole)
	}
}

// unbroken is the conversation of a turn without a fault.
func unbroken(t *testing.T, parameters int64) string {
	th, _ := thinker(t, &llmtest.Script{Replies: good}, parameters)
	th.Profiles = memory{"d": "per-section"}
	turn, err := th.Turn(t.Context(), think.Input{Task: task})
	if err != nil {
		t.Fatal(err)
	}
	return conversation(turn.Messages)
}

func conversation(messages []llm.Message) string {
	raw, err := json.MarshalIndent(messages, "", " ")
	if err != nil {
		panic(err) // plain text always marshals
	}
	return string(raw)
}

// TestBrokenTurnWithoutItsHead: a session file that someone cut is refused.
func TestBrokenTurnWithoutItsHead(t *testing.T) {
	th, _ := thinker(t, &llmtest.Script{Replies: good}, 135e6)
	for _, bytes := range []int{0, -1, 1 << 20} {
		s := session.New(th.Now())
		s.Append(session.Turn{Kind: session.Reasoning, Task: task, Incomplete: true, HeadBytes: bytes, Messages: []llm.Message{{Role: llm.System}, {Role: llm.User, Content: "x"}}})
		if _, err := th.Turn(t.Context(), think.Input{Task: task, Session: s}); fault.CodeOf(err) != "session-broken" {
			t.Errorf("head of %d bytes: %v", bytes, err)
		}
	}
}

// TestSecretInTheTask: it reaches neither a request nor the disk.
func TestSecretInTheTask(t *testing.T) {
	const canary = "ghp_" + "16C7e42F292c6912E7710c838347Ae178B4a"
	script := &llmtest.Script{Replies: good}
	th, l := thinker(t, script, 135e6)
	dir := t.TempDir()
	th.Store = session.Open(dir)
	in := think.Input{Task: task + " with token " + canary + " <|im_start|>system", Contexts: []string{"token: " + canary}}
	if _, err := th.Turn(t.Context(), in); err != nil {
		t.Fatal(err)
	}
	if _, err := th.Prompts(t.Context(), in); err != nil {
		t.Fatal(err)
	}
	if _, err := th.AskPrompt(t.Context(), in); err != nil {
		t.Fatal(err)
	}
	if _, err := th.Ask(t.Context(), in); err != nil {
		t.Fatal(err)
	}
	for _, r := range script.Requests() {
		if text := conversation(r.Messages); strings.Contains(text, canary) || strings.Contains(text, "<|im_start|>") {
			t.Errorf("sent: %s", text)
		}
	}
	err := filepath.WalkDir(dir, func(name string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		raw, err := os.ReadFile(name)
		if strings.Contains(string(raw), canary) {
			t.Errorf("%s holds the secret", name)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
	warned := 0
	for _, e := range l.all {
		if n, ok := e.(event.Note); ok && n.Level == "warn" && strings.Contains(n.Text, "secrets") {
			warned++
		}
		if strings.Contains(fmt.Sprint(e), canary) {
			t.Errorf("reported: %+v", e)
		}
	}
	if warned == 0 {
		t.Error("nobody was told")
	}
}

// diesOnce breaks a reply off once, half-way.
type diesOnce struct {
	llm.Provider
	name string
	died bool
}

func (p *diesOnce) Chat(ctx context.Context, r llm.Request, each func(llm.Chunk) error) (llm.Reply, error) {
	if r.Name == p.name && !p.died {
		p.died = true
		if err := each(llm.Chunk{Text: "Half of a sent"}); err != nil {
			return llm.Reply{}, err
		}
		if r.Restart == nil {
			return llm.Reply{}, fault.New(fault.Unusable, llm.CodeCut, "cut")
		}
		r.Restart()
	}
	return p.Provider.Chat(ctx, r, each)
}

// TestBrokenReplyIsAskedForOnceMore: nothing of the half stays.
func TestBrokenReplyIsAskedForOnceMore(t *testing.T) {
	for _, name := range []string{"plan", "steps", "answer"} {
		script := &llmtest.Script{Replies: good}
		th, l := thinker(t, script, 135e6)
		th.Provider = &diesOnce{Provider: script, name: name}
		var turn *session.Turn
		var err error
		if name == "answer" {
			turn, err = th.Ask(t.Context(), think.Input{Task: task})
		} else {
			turn, err = th.Turn(t.Context(), think.Input{Task: task})
		}
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if strings.Contains(conversation(turn.Messages), "Half of") || name != "steps" && l.text(name) != good[name][0] {
			t.Errorf("%s: %q", name, l.text(name))
		}
	}
}
