package think_test

import (
	"context"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bitactor/cf/engine/session"
	"github.com/bitactor/cf/engine/think"
	"github.com/bitactor/cf/event"
	"github.com/bitactor/cf/fault"
	"github.com/bitactor/cf/llm"
	"github.com/bitactor/cf/llm/llmtest"
	"github.com/bitactor/cf/prompts"
	"github.com/google/go-cmp/cmp"
)

// log keeps events.
type log struct {
	mu  sync.Mutex
	all []event.Event
}

func (l *log) Emit(e event.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, e)
}

// text returns the streamed text of a section since it last began.
func (l *log) text(id string) string {
	var b strings.Builder
	for _, e := range l.all {
		switch e := e.(type) {
		case event.Section:
			if e.ID == id && e.State == event.Begin {
				b.Reset()
			}
		case event.Text:
			if e.Section == id {
				b.WriteString(e.Text)
			}
		}
	}
	return b.String()
}

// memory is a Profiles.
type memory map[string]string

func (m memory) Layout(digest string) string           { return m[digest] }
func (m memory) SetLayout(digest, layout string) error { m[digest] = layout; return nil }

// good are replies that answer.
var good = map[string][]string{
	"reasoning":  {"The queue must keep jobs over a crash. A log on disk is chosen for that reason."},
	"plan":       {"First the log is written with its tests. Then the workers take jobs from it."},
	"strategy":   {"Package store owns the log file. Package worker calls store to take a lease."},
	"value":      {"Support staff no longer replay lost orders by hand. That saves two people each night."},
	"telemetry":  {"Depth of the backlog is a gauge per topic. An alarm rises when leases expire often."},
	"validation": {"A test kills the process between append and sync. Another fills the disk and expects a refusal."},
	"steps":      {`{"files":[{"path":"store/log.go","action":"create","why":"keeps jobs"},{"path":"store/log_test.go","action":"test","why":"kills it"}]}`},
	"answer":     {"The disk fails first."},
}

func with(changes map[string][]string) map[string][]string {
	all := map[string][]string{}
	for k, v := range good {
		all[k] = v
	}
	for k, v := range changes {
		all[k] = v
	}
	return all
}

func thinker(t *testing.T, script *llmtest.Script, parameters int64) (*think.Thinker, *log) {
	t.Helper()
	words, err := prompts.Load("")
	if err != nil {
		t.Fatal(err)
	}
	window, err := script.Window(t.Context(), llmtest.ScriptModel)
	if err != nil {
		t.Fatal(err)
	}
	l := &log{}
	at := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	return &think.Thinker{
		Provider: script, Model: llm.Model{Name: llmtest.ScriptModel, Digest: "d", Parameters: parameters},
		Window: window, Counter: llmtest.WordCounter{}, Words: words, Events: l,
		Now: func() time.Time { at = at.Add(time.Second); return at },
	}, l
}

const task = "design a durable job queue"

func states(turn *session.Turn) string {
	var out []string
	for _, s := range turn.Sections {
		out = append(out, s.ID+":"+string(s.State))
	}
	return strings.Join(out, " ")
}

const allDone = "reasoning:done plan:done strategy:done value:done telemetry:done validation:done"

func TestPerSection(t *testing.T) {
	script := &llmtest.Script{Replies: good}
	th, l := thinker(t, script, 135e6)
	turn, err := th.Turn(t.Context(), think.Input{Task: task})
	if err != nil {
		t.Fatal(err)
	}
	if got := states(turn); got != allDone {
		t.Error(got)
	}
	if len(turn.Steps) != 2 || turn.Steps[0].Path != "store/log.go" || turn.StepsSource != "schema" {
		t.Errorf("steps %+v from %s", turn.Steps, turn.StepsSource)
	}
	for id, text := range good {
		if id != "steps" && id != "answer" && l.text(id) != text[0] {
			t.Errorf("%s streamed %q", id, l.text(id))
		}
	}
	if n := len(script.Requests()); n != 7 {
		t.Errorf("%d calls, want 7", n)
	}
	if r := think.Grade(turn, nil); r.Answered != 7 {
		t.Errorf("%+v", r)
	}
}

func TestOneCall(t *testing.T) {
	reply := func(sections []prompts.Section) string {
		var b strings.Builder
		for _, s := range sections {
			b.WriteString("## " + s.Title + "\n" + good[s.ID][0] + "\n\n")
		}
		return b.String()
	}
	script := &llmtest.Script{Replies: with(map[string][]string{
		"analyse": {reply(prompts.Analysed)}, "assess": {reply(prompts.Assessed[:2])},
	})}
	th, l := thinker(t, script, 7e9)
	profiles := memory{}
	th.Profiles = profiles
	turn, err := th.Turn(t.Context(), think.Input{Task: task})
	if err != nil {
		t.Fatal(err)
	}
	if got := states(turn); got != allDone {
		t.Error(got)
	}
	var names []string
	for _, r := range script.Requests() {
		names = append(names, r.Name)
	}
	if diff := cmp.Diff([]string{"analyse", "assess", "validation", "steps"}, names); diff != "" {
		t.Error(diff)
	}
	if strings.TrimSpace(l.text("plan")) != good["plan"][0] {
		t.Errorf("plan streamed %q", l.text("plan"))
	}
	if profiles["d"] != "one-call" {
		t.Errorf("learnt %q", profiles["d"])
	}
	appendOnly(t, script.Requests())
}

// appendOnly holds the prefix rule: each prompt starts with the one before.
func appendOnly(t *testing.T, requests []llm.Request) {
	t.Helper()
	for i := 1; i < len(requests); i++ {
		before, now := requests[i-1].Messages, requests[i].Messages
		if len(now) <= len(before) || cmp.Diff(before, now[:len(before)]) != "" {
			t.Errorf("the prompt of call %d (%s) does not start with that of call %d (%s)", i+1, requests[i].Name, i, requests[i-1].Name)
		}
	}
}

func TestModelThatIgnoresHeadingsIsLearnt(t *testing.T) {
	script := &llmtest.Script{Replies: with(map[string][]string{"analyse": {"Our great product is great."}})}
	th, _ := thinker(t, script, 7e9)
	profiles := memory{}
	th.Profiles = profiles
	turn, err := th.Turn(t.Context(), think.Input{Task: task})
	if err != nil {
		t.Fatal(err)
	}
	if states(turn) != allDone || profiles["d"] != "per-section" || turn.Layout != "per-section" {
		t.Errorf("%s, learnt %q, layout %s", states(turn), profiles["d"], turn.Layout)
	}
	for _, r := range script.Requests() {
		if r.Name == "assess" {
			t.Error("headings were asked for once more in the same turn")
		}
	}
}

func TestEchoIsAskedAgainThenMissing(t *testing.T) {
	echo := "Design a durable job queue. Design a durable job queue."
	script := &llmtest.Script{Replies: with(map[string][]string{
		"plan": {echo, good["plan"][0]}, "value": {echo, echo}, "telemetry": {"", ""},
	})}
	script.Reply = nil
	th, l := thinker(t, script, 135e6)
	turn, err := th.Turn(t.Context(), think.Input{Task: task})
	if err != nil {
		t.Fatal(err)
	}
	if got := states(turn); got != "reasoning:done plan:done strategy:done value:missing telemetry:missing validation:done" {
		t.Error(got)
	}
	if l.text("plan") != good["plan"][0] {
		t.Errorf("plan %q", l.text("plan"))
	}
	value := turn.Section("value")
	if value.Text != "" || !strings.HasPrefix(value.Why, "not answered") {
		t.Errorf("%+v", value)
	}
	for _, m := range turn.Messages {
		if m.Role == llm.Assistant && m.Content == echo {
			t.Error("an unusable reply is in the conversation")
		}
	}
	if r := think.Grade(turn, nil); r.Answered != 5 {
		t.Errorf("%+v", r)
	}
}

func TestStepsFallBack(t *testing.T) {
	tests := map[string]struct {
		replies []string
		source  string
		steps   int
	}{
		"second":   {[]string{`{"files":[]}`, good["steps"][0]}, "second-ask", 2},
		"lines":    {[]string{"no", "no", "- a/b.go - the start\n- a/c.go - the rest"}, "lines", 2},
		"repaired": {[]string{`{"files":[{"path":"a.go","action":"create","why":"one"},]}`}, "repaired", 1},
		"none":     {[]string{"no", "no", "no"}, "", 0},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			th, _ := thinker(t, &llmtest.Script{Replies: with(map[string][]string{"steps": tt.replies})}, 135e6)
			turn, err := th.Turn(t.Context(), think.Input{Task: task})
			if err != nil {
				t.Fatal(err)
			}
			if turn.StepsSource != tt.source || len(turn.Steps) != tt.steps {
				t.Errorf("%d steps from %q", len(turn.Steps), turn.StepsSource)
			}
		})
	}
}

func TestFollowUpContinuesByteForByte(t *testing.T) {
	script := &llmtest.Script{Replies: with(map[string][]string{"warm-up": {"You"}})}
	th, l := thinker(t, script, 135e6)
	dir := t.TempDir()
	th.Store = session.Open(dir)
	s := session.New(th.Now())
	if _, err := th.Turn(t.Context(), think.Input{Task: task, Session: s}); err != nil {
		t.Fatal(err)
	}
	again, err := th.Store.Load(s.ID)
	if err != nil {
		t.Fatal(err)
	}
	turn, err := th.Turn(t.Context(), think.Input{Task: "what fails first?", Session: again})
	if err != nil {
		t.Fatal(err)
	}
	requests := script.Requests()
	n := len(requests)
	if got := requests[n-2].Name; got != "warm-up" {
		t.Errorf("the call before is %q: the server has not read the steps as they are kept", got)
	}
	// The warm-up's prompt is the conversation and one message more.
	read := requests[n-2].Messages
	requests[n-2].Messages = read[:len(read)-1]
	appendOnly(t, []llm.Request{requests[n-3], requests[n-2], requests[n-1]})
	if turn.Kind != session.Question || turn.Fresh || turn.Section("answer").Text != "The disk fails first." || len(again.Turns) != 2 {
		t.Errorf("%+v", turn)
	}
	if saved, ok := l.all[len(l.all)-1].(event.Saved); !ok || saved.ID != s.ID {
		t.Errorf("last event %+v", l.all[len(l.all)-1])
	}
}

func TestFullWindowStartsAnew(t *testing.T) {
	script := &llmtest.Script{Replies: good, Context: 3000}
	th, l := thinker(t, script, 135e6)
	s := session.New(th.Now())
	if _, err := th.Turn(t.Context(), think.Input{Task: task, Session: s}); err != nil {
		t.Fatal(err)
	}
	s.Turns[0].Messages = append(s.Turns[0].Messages, llm.Message{Role: llm.User, Content: strings.Repeat("word ", 2800)})
	turn, err := th.Turn(t.Context(), think.Input{Task: "what fails first?", Session: s})
	if err != nil {
		t.Fatal(err)
	}
	if !turn.Fresh || !strings.Contains(turn.Messages[1].Content, "The queue must keep jobs") {
		t.Errorf("%+v", turn.Messages)
	}
	said := false
	for _, e := range l.all {
		if n, ok := e.(event.Note); ok && n.Level == "warn" && strings.Contains(n.Text, "window") {
			said = true
		}
	}
	if !said {
		t.Error("nobody was told that the conversation starts anew")
	}
}

// TestSmallWindow: a window too small for the whole turn costs the steps, with
// the reason, and never what was answered before.
func TestSmallWindow(t *testing.T) {
	th, l := thinker(t, &llmtest.Script{Replies: good, Context: 620}, 135e6)
	turn, err := th.Turn(t.Context(), think.Input{Task: task})
	if err != nil {
		t.Fatal(err)
	}
	if states(turn) != allDone || len(turn.Steps) != 0 {
		t.Errorf("%s, %d steps", states(turn), len(turn.Steps))
	}
	if last := l.all[len(l.all)-1].(event.Section); last.State != event.Missing || !strings.Contains(last.Why, "window") {
		t.Errorf("%+v", last)
	}
}

// TestPlantedConstantIsInThePrompt: what was read reaches the model.
func TestPlantedConstantIsInThePrompt(t *testing.T) {
	script := &llmtest.Script{Replies: good}
	th, l := thinker(t, script, 135e6)
	th.Read = func(_ context.Context, q think.Query) (think.Material, error) {
		if q.Budget <= 0 || q.Budget > 8192 {
			t.Errorf("budget %d", q.Budget)
		}
		return think.Material{
			Pieces: []prompts.File{{Path: "main.go", Kind: "file", Text: "const planted = 7741\n"}},
			Reads:  []event.Read{{Path: "main.go", State: "read"}, {Path: "gone.go", State: "absent"}},
		}, nil
	}
	list, err := th.Prompts(t.Context(), think.Input{Task: task})
	if err != nil {
		t.Fatal(err)
	}
	if len(script.Requests()) != 0 {
		t.Error("a model was asked")
	}
	if len(list) != 7 || !list[0].Rendered || !strings.Contains(list[0].Text, "const planted = 7741") {
		t.Errorf("%+v", list)
	}
	if !list[5].Rendered || !strings.Contains(list[5].Text, "const planted = 7741") || list[6].Rendered {
		t.Errorf("a section asked alone has a prompt that is known, the steps have not: %+v", list[5:])
	}
	if _, ok := l.all[0].(event.Read); !ok {
		t.Errorf("output begins with %+v, not with what was read", l.all[0])
	}
}

func TestFailedTurnLeavesNothing(t *testing.T) {
	script := &llmtest.Script{Reply: func(int, llm.Request) (string, error) {
		return "", fault.New(fault.Unreachable, llm.CodeRefused, "gone")
	}}
	th, _ := thinker(t, script, 135e6)
	dir := t.TempDir()
	th.Store = session.Open(dir)
	s := session.New(th.Now())
	_, err := th.Turn(t.Context(), think.Input{Task: task, Session: s})
	if fault.KindOf(err) != fault.Unreachable || len(s.Turns) != 0 {
		t.Errorf("%v, %d turns", err, len(s.Turns))
	}
	if left, _ := os.ReadDir(dir); len(left) != 0 {
		t.Errorf("left on disk: %v", left)
	}
}

func TestTaskIsChecked(t *testing.T) {
	th, _ := thinker(t, &llmtest.Script{}, 135e6)
	for _, bad := range []string{"", " \n", "a\x00b", strings.Repeat("x", 20<<10)} {
		if _, err := th.Turn(t.Context(), think.Input{Task: bad}); fault.KindOf(err) != fault.Usage {
			t.Errorf("%.10q: %v", bad, err)
		}
	}
}

func TestGradeFindsMadeUpText(t *testing.T) {
	turn := &session.Turn{Sections: []session.Section{{ID: "plan", State: event.Done, Text: "First the log is written down. Then something nobody ever wrote."}}}
	r := think.Grade(turn, []string{"First the log is written down."})
	if r.Sections[1].Own != 1 || r.Sections[1].Foreign != 1 || r.Answered != 0 {
		t.Errorf("%+v", r.Sections[1])
	}
}

func TestAskStoresNothing(t *testing.T) {
	dir := t.TempDir()
	th, l := thinker(t, &llmtest.Script{Replies: good}, 135e6)
	th.Store = session.Open(dir)
	turn, err := th.Ask(t.Context(), think.Input{Task: "what fails first?"})
	if err != nil || l.text("answer") != "The disk fails first." || turn.Section("answer").State != event.Done {
		t.Errorf("%+v, %v", turn, err)
	}
	if left, _ := os.ReadDir(dir); len(left) != 0 {
		t.Errorf("left on disk: %v", left)
	}
}
