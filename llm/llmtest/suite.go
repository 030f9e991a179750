package llmtest

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/bitactor/cf/fault"
	"github.com/bitactor/cf/llm"
)

// Suite is what every llm.Provider must pass against a working server that
// holds Model. Each test asks for few tokens, so that the whole takes well
// under a minute on two cores.
type Suite struct {
	// New makes a provider, connected to the server under test.
	New func(t testing.TB) llm.Provider
	// Model is a model that the server holds.
	Model string

	// What the kind of server can't do; the tests then ask for the documented
	// refusal in its place.
	NoRender  bool // Render fails with CodeNoRender
	NoVersion bool // Version is ""
	NoRunning bool // Running tells nothing
	NoDigest  bool // Model.Digest and Model.ContextMax are empty
	NoPull    bool // Pull fails with CodeNoPull
	// FillsSchema: with a schema the server always gives JSON.
	FillsSchema bool
}

// cancelMax is how soon a call must return once its context is cancelled.
const cancelMax = 100 * time.Millisecond

// Run runs the suite.
func (s Suite) Run(t *testing.T) {
	for _, test := range []struct {
		name string
		run  func(*testing.T)
	}{
		{"Describe", s.describe},
		{"MissingModel", s.missing},
		{"Chat", s.chat},
		{"Deterministic", s.deterministic},
		{"MaxTokens", s.maxTokens},
		{"StopText", s.stopText},
		{"UTF8", s.utf8},
		{"Schema", s.schema},
		{"TooLong", s.tooLong},
		{"NoMaxTokens", s.noMaxTokens},
		{"Cancel", s.cancel},
		{"EachFails", s.eachFails},
		{"Concurrent", s.concurrent},
		{"Counter", s.counter},
		{"Render", s.render},
		{"Refusals", s.refusals},
	} {
		t.Run(test.name, test.run)
	}
}

// request is a small chat.
func (s Suite) request(content string) llm.Request {
	return llm.Request{
		Model: s.Model, Name: "suite", MaxTokens: 24,
		Messages: []llm.Message{{Role: llm.System, Content: "You are a helpful engineer."}, {Role: llm.User, Content: content}},
	}
}

// ask runs r and checks what holds for every success.
func (s Suite) ask(t *testing.T, p llm.Provider, r llm.Request) llm.Reply {
	t.Helper()
	var text, thinking strings.Builder
	reply, err := p.Chat(t.Context(), r, func(c llm.Chunk) error {
		if (c.Text == "") == (c.Thinking == "") || !utf8.ValidString(c.Text+c.Thinking) {
			t.Errorf("bad chunk %q", c)
		}
		text.WriteString(c.Text)
		thinking.WriteString(c.Thinking)
		return nil
	})
	if err != nil {
		t.Fatalf("chat: %v", err)
	}
	if reply.Text != text.String() || reply.Thinking != thinking.String() {
		t.Errorf("the chunks give %q, the reply %q", text.String(), reply.Text)
	}
	call := reply.Call
	if call.Name != r.Name || call.Model != r.Model || call.PromptTokens <= 0 || call.CountedTokens <= 0 || call.OutputTokens <= 0 ||
		call.FirstToken <= 0 || call.Total < call.FirstToken || call.Stop != string(reply.Stop) {
		t.Errorf("the ledger is not filled: %+v", call)
	}
	if call.OutputTokens > r.MaxTokens {
		t.Errorf("%d tokens came, %d were asked for", call.OutputTokens, r.MaxTokens)
	}
	return reply
}

func (s Suite) describe(t *testing.T) {
	p := s.New(t)
	version, err := p.Version(t.Context())
	if err != nil || (version == "") != s.NoVersion {
		t.Errorf("version %q, %v", version, err)
	}
	list, err := p.List(t.Context())
	if err != nil || !slices.IsSortedFunc(list, func(a, b llm.Model) int { return strings.Compare(a.Name, b.Name) }) {
		t.Errorf("list %v, %v", list, err)
	}
	if !slices.ContainsFunc(list, func(m llm.Model) bool { return m.Name == s.Model }) {
		t.Errorf("%s is not in the list %v", s.Model, list)
	}
	model, err := p.Show(t.Context(), s.Model)
	if err != nil || model.Name != s.Model || !model.Completion || !s.NoDigest && (model.Digest == "" || model.ContextMax <= 0 || model.Bytes <= 0) {
		t.Errorf("show %+v, %v", model, err)
	}
	first, err := p.Window(t.Context(), s.Model)
	if err != nil || first.Context <= 0 || first.Why == "" {
		t.Errorf("window %+v, %v", first, err)
	}
	s.ask(t, p, s.request("Say hello."))
	second, err := p.Window(t.Context(), s.Model)
	if err != nil || second.Context != first.Context {
		t.Errorf("the window changed from %d to %d, %v", first.Context, second.Context, err)
	}
	running, err := p.Running(t.Context())
	if err != nil {
		t.Errorf("running: %v", err)
	}
	holds := slices.ContainsFunc(running, func(r llm.Running) bool { return r.Name == s.Model && r.Context == first.Context })
	if holds == s.NoRunning {
		t.Errorf("running %+v does not hold %s with %d tokens", running, s.Model, first.Context)
	}
}

func (s Suite) missing(t *testing.T) {
	p := s.New(t)
	_, showErr := p.Show(t.Context(), "no-such-model:1b")
	r := s.request("Hello.")
	r.Model = "no-such-model:1b"
	_, chatErr := p.Chat(t.Context(), r, nil)
	for _, err := range []error{showErr, chatErr} {
		if fault.KindOf(err) != fault.ModelMissing || fault.CodeOf(err) != llm.CodeNoModel {
			t.Errorf("got %v, want %s", err, llm.CodeNoModel)
		}
	}
}

func (s Suite) chat(t *testing.T) {
	reply := s.ask(t, s.New(t), s.request("Name one fruit."))
	if strings.TrimSpace(reply.Text) == "" {
		t.Error("no text")
	}
	// A conversation of several turns is one too.
	r := s.request("Name one fruit.")
	r.Messages = append(r.Messages, llm.Message{Role: llm.Assistant, Content: reply.Text}, llm.Message{Role: llm.User, Content: "Another one."})
	s.ask(t, s.New(t), r)
}

func (s Suite) deterministic(t *testing.T) {
	r := s.request("Describe a supervisor in one sentence.")
	r.Seed = 7
	first, second := s.ask(t, s.New(t), r), s.ask(t, s.New(t), r)
	if first.Text != second.Text {
		t.Errorf("temperature 0 and seed 7 gave %q, then %q", first.Text, second.Text)
	}
}

func (s Suite) maxTokens(t *testing.T) {
	r := s.request("Write a long story about a lighthouse.")
	r.MaxTokens = 8
	if reply := s.ask(t, s.New(t), r); reply.Stop != llm.StopLength {
		t.Errorf("stop %q, want %q: %q", reply.Stop, llm.StopLength, reply.Text)
	}
}

func (s Suite) stopText(t *testing.T) {
	r := s.request("Write a long story about a lighthouse.")
	whole := s.ask(t, s.New(t), r)
	word := strings.Fields(whole.Text)[3]
	r.Stop = []string{word}
	reply := s.ask(t, s.New(t), r)
	if reply.Stop != llm.StopEnd || strings.Contains(reply.Text, word) || !strings.HasPrefix(whole.Text, reply.Text) {
		t.Errorf("stop text %q gave %q (%s) of %q", word, reply.Text, reply.Stop, whole.Text)
	}
}

func (s Suite) utf8(t *testing.T) {
	r := s.request("Repeat exactly, ten times: 😀🎉🚀 日本語 ñandú €")
	r.MaxTokens = 40
	if reply := s.ask(t, s.New(t), r); !utf8.ValidString(reply.Text) {
		t.Errorf("not UTF-8: %q", reply.Text)
	}
}

func (s Suite) schema(t *testing.T) {
	r := s.request("Give the name and the age of a person as JSON.")
	r.MaxTokens = 80
	r.Schema = json.RawMessage(`{"type":"object","properties":{"name":{"type":"string","maxLength":20},"age":{"type":"integer"}},"required":["name","age"],"additionalProperties":false}`)
	reply, err := s.New(t).Chat(t.Context(), r, nil)
	if err != nil {
		if s.FillsSchema || fault.CodeOf(err) != llm.CodeNoSchema {
			t.Fatal(err)
		}
		return
	}
	var person struct {
		Name *string
		Age  *int
	}
	if reply.Stop != llm.StopEnd {
		t.Fatalf("stop %q: %q", reply.Stop, reply.Text)
	}
	if err := json.Unmarshal([]byte(reply.Text), &person); err != nil || person.Name == nil || person.Age == nil {
		t.Errorf("%q: %v", reply.Text, err)
	}
}

func (s Suite) tooLong(t *testing.T) {
	p := s.New(t)
	window, err := p.Window(t.Context(), s.Model)
	if err != nil {
		t.Fatal(err)
	}
	r := s.request(strings.Repeat("The quick brown fox jumps over the lazy dog. ", window.Context/8))
	reply, err := p.Chat(t.Context(), r, func(c llm.Chunk) error {
		t.Errorf("text came: %q", c)
		return errors.New("stop")
	})
	if code := fault.CodeOf(err); code != llm.CodeTooLong && code != llm.CodeTruncated {
		t.Errorf("a prompt over the window of %d gave %v, %q", window.Context, err, reply.Text)
	}
}

func (s Suite) noMaxTokens(t *testing.T) {
	r := s.request("Hello.")
	r.MaxTokens = 0
	if reply, err := s.New(t).Chat(t.Context(), r, nil); err == nil {
		t.Errorf("a request without max tokens was run: %q", reply.Text)
	}
}

func (s Suite) cancel(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	r := s.request("Write a long story about a lighthouse.")
	r.MaxTokens = 400
	first, once := make(chan struct{}), sync.Once{}
	done := make(chan error, 1)
	go func() {
		_, err := s.New(t).Chat(ctx, r, func(llm.Chunk) error {
			once.Do(func() { close(first) })
			return nil
		})
		done <- err
	}()
	select {
	case <-first:
	case err := <-done:
		t.Fatalf("ended before the first chunk: %v", err)
	}
	begin := time.Now()
	cancel()
	err := <-done
	if took := time.Since(begin); took > cancelMax {
		t.Errorf("returned %v after the cancel, want %v", took, cancelMax)
	}
	if fault.KindOf(err) != fault.Interrupted || fault.CodeOf(err) != llm.CodeCanceled {
		t.Errorf("got %v, want %s", err, llm.CodeCanceled)
	}
}

func (s Suite) eachFails(t *testing.T) {
	enough := errors.New("enough")
	r := s.request("Write a long story about a lighthouse.")
	reply, err := s.New(t).Chat(t.Context(), r, func(llm.Chunk) error { return enough })
	if !errors.Is(err, enough) || reply.Text != "" {
		t.Errorf("got %q, %v; want the error that each returned", reply.Text, err)
	}
}

func (s Suite) concurrent(t *testing.T) {
	p := s.New(t)
	r := s.request("Name one colour.")
	r.MaxTokens = 6
	var group sync.WaitGroup
	replies := make([]string, 3)
	for i := range replies {
		group.Go(func() {
			reply, err := p.Chat(t.Context(), r, nil)
			if err != nil {
				t.Errorf("chat %d: %v", i, err)
			}
			replies[i] = reply.Text
			if _, err := p.Show(t.Context(), s.Model); err != nil {
				t.Errorf("show %d: %v", i, err)
			}
		})
	}
	group.Wait()
	if replies[0] != replies[1] || replies[1] != replies[2] {
		t.Errorf("one request gave %q", replies)
	}
}

func (s Suite) counter(t *testing.T) {
	p := s.New(t)
	counter, err := p.Counter(t.Context(), s.Model)
	if err != nil {
		t.Fatal(err)
	}
	r := s.request("func main() { fmt.Println(\"Grüße, 世界\", 1234567890) }\n\n\t\tWhat does it print?")
	reply := s.ask(t, p, r)
	counted, reported := counter.CountMessages(r.Messages), reply.Call.PromptTokens
	if counter.Exact() && counted != reported {
		t.Errorf("counted exactly %d tokens, the server reports %d", counted, reported)
	}
	if counted < reported/2 || counted > reported*2 {
		t.Errorf("counted %d tokens, the server reports %d", counted, reported)
	}
	if counter.Count("") != 0 || counter.Count("one two") <= 0 {
		t.Errorf("counts of nothing and of two words: %d, %d", counter.Count(""), counter.Count("one two"))
	}
}

func (s Suite) render(t *testing.T) {
	r := s.request("A constant: 0xC0FFEE_1729.")
	text, err := s.New(t).Render(t.Context(), r)
	if s.NoRender {
		if fault.CodeOf(err) != llm.CodeNoRender {
			t.Errorf("got %v, want %s", err, llm.CodeNoRender)
		}
		return
	}
	if err != nil || !strings.Contains(text, "0xC0FFEE_1729") || !strings.Contains(text, r.Messages[0].Content) {
		t.Errorf("rendered %q, %v", text, err)
	}
}

func (s Suite) refusals(t *testing.T) {
	p := s.New(t)
	if p.Name() == "" || !strings.Contains(p.URL(), "://") {
		t.Errorf("name %q, URL %q", p.Name(), p.URL())
	}
	if s.NoPull {
		if err := p.Pull(t.Context(), s.Model, nil); fault.CodeOf(err) != llm.CodeNoPull {
			t.Errorf("pull gave %v, want %s", err, llm.CodeNoPull)
		}
	}
	if (s.NoRender || s.NoPull || s.NoRunning) && len(p.Guarantees()) == 0 {
		t.Error("what the server can't do is not said in Guarantees")
	}
}
