package llmtest

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/bitactor/cf/event"
	"github.com/bitactor/cf/fault"
	"github.com/bitactor/cf/llm"
)

// ScriptModel is the model a Script holds where its Model is "".
const ScriptModel = "scripted:1m"

// Script is an llm.Provider in memory whose replies a test has written. It
// keeps the contract of a real one: it streams in chunks, obeys MaxTokens, Stop
// and ctx, refuses prompts that do not fit its window, fills the ledger, and
// hands out no text with an error. It does not look at Request.Schema. Set the
// fields before the first call; after that it is safe for concurrent use.
type Script struct {
	Model    string              // name of the only model; "" means ScriptModel
	Replies  map[string][]string // replies by Request.Name: call n of a name gets entry n, and the last one from then on
	Thinking map[string]string   // thinking by Request.Name, streamed first where Request.Think is set
	Context  int                 // window in tokens; 0 means 8192

	// Reply answers requests whose name Replies lacks; n counts the calls of
	// that name from 0. Nil makes them fail, so that a test sees a name it did
	// not expect.
	Reply func(n int, r llm.Request) (string, error)

	// Gate, where not nil, holds the stream: one value is taken before each
	// chunk, and closing it lets the rest through. It stands in for a slow model
	// without a clock.
	Gate chan struct{}

	mu       sync.Mutex
	calls    map[string]int
	requests []llm.Request
	last     []llm.Message // the latest conversation, for ReusedTokens
}

var _ llm.Provider = (*Script)(nil)

// Requests returns every request Chat got, in order.
func (s *Script) Requests() []llm.Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]llm.Request(nil), s.requests...)
}

// Name is "script".
func (s *Script) Name() string { return "script" }

// URL names no host.
func (s *Script) URL() string { return "script://" }

// Guarantees is empty: all holds.
func (s *Script) Guarantees() []string { return nil }

// Version is "0".
func (s *Script) Version(ctx context.Context) (string, error) { return "0", s.ready(ctx, "version") }

// List returns the one model.
func (s *Script) List(ctx context.Context) ([]llm.Model, error) {
	if err := s.ready(ctx, "list"); err != nil {
		return nil, err
	}
	return []llm.Model{s.model()}, nil
}

// Show describes the one model; any other is missing.
func (s *Script) Show(ctx context.Context, model string) (llm.Model, error) {
	if err := s.found(ctx, "show", model); err != nil {
		return llm.Model{}, err
	}
	return s.model(), nil
}

// Running returns the one model, loaded.
func (s *Script) Running(ctx context.Context) ([]llm.Running, error) {
	if err := s.ready(ctx, "running"); err != nil {
		return nil, err
	}
	return []llm.Running{{Name: s.name(), Digest: s.model().Digest, Bytes: 1 << 20, Context: s.context()}}, nil
}

// Window returns Context.
func (s *Script) Window(ctx context.Context, model string) (llm.Window, error) {
	if err := s.found(ctx, "window", model); err != nil {
		return llm.Window{}, err
	}
	return llm.Window{Context: s.context(), WeightBytes: 1 << 20, Why: "written in the script"}, nil
}

// Counter returns a WordCounter.
func (s *Script) Counter(ctx context.Context, model string) (llm.Counter, error) {
	if err := s.found(ctx, "counter", model); err != nil {
		return nil, err
	}
	return WordCounter{}, nil
}

// Render returns the messages in ChatML.
func (s *Script) Render(ctx context.Context, r llm.Request) (string, error) {
	if err := s.found(ctx, "render", r.Model); err != nil {
		return "", err
	}
	var b strings.Builder
	for _, m := range r.Messages {
		fmt.Fprintf(&b, "<|im_start|>%s\n%s<|im_end|>\n", m.Role, m.Content)
	}
	b.WriteString("<|im_start|>assistant\n")
	return b.String(), nil
}

// Pull reports one step where the model is the script's, else fails.
func (s *Script) Pull(ctx context.Context, model string, each func(llm.PullProgress)) error {
	if err := s.found(ctx, "pull", model); err != nil {
		return err
	}
	if each != nil {
		each(llm.PullProgress{Status: "success", Done: 1, Total: 1})
	}
	return nil
}

// Chat streams the reply written for r.Name, a word a chunk.
func (s *Script) Chat(ctx context.Context, r llm.Request, each func(llm.Chunk) error) (llm.Reply, error) {
	begin := time.Now()
	n, reused := s.record(r)
	call := event.Call{Name: r.Name, Model: r.Model, CountedTokens: WordCounter{}.CountMessages(r.Messages), ReusedTokens: reused}
	fail := func(err error) (llm.Reply, error) {
		call.Total = time.Since(begin)
		return llm.Reply{Call: call}, err
	}
	if err := s.found(ctx, "chat", r.Model); err != nil {
		return fail(err)
	}
	if r.MaxTokens <= 0 {
		return fail(fault.New(fault.Failed, llm.CodeServer, "the request has no max tokens").On("chat", r.Model))
	}
	if call.CountedTokens >= s.context() {
		return fail(fault.New(fault.Failed, llm.CodeTooLong, "%d tokens do not fit a window of %d", call.CountedTokens, s.context()).On("chat", r.Model))
	}
	call.PromptTokens = call.CountedTokens
	text, err := s.text(n, r)
	if err != nil {
		return fail(err)
	}
	reply := llm.Reply{Stop: llm.StopEnd}
	var thinking []string
	if r.Think {
		thinking = words(s.Thinking[r.Name])
	}
	answer := words(cutAtStop(text, r.Stop))
	for i, piece := range append(thinking, answer...) {
		if call.OutputTokens == r.MaxTokens {
			reply.Stop = llm.StopLength
			break
		}
		chunk := llm.Chunk{Text: piece}
		if i < len(thinking) {
			chunk = llm.Chunk{Thinking: piece}
			call.ThinkTokens++
		}
		if err := s.send(ctx, chunk, each); err != nil {
			return fail(err)
		}
		if call.OutputTokens++; call.OutputTokens == 1 {
			call.FirstToken = time.Since(begin)
		}
		reply.Text += chunk.Text
		reply.Thinking += chunk.Thinking
	}
	if strings.TrimSpace(reply.Text) == "" {
		return fail(fault.New(fault.Unusable, llm.CodeEmpty, "the reply is empty").On("chat", r.Model))
	}
	call.Total = time.Since(begin)
	call.Decode = call.Total - call.FirstToken
	call.Stop = string(reply.Stop)
	reply.Call = call
	return reply, nil
}

// send waits for the gate and hands chunk to each.
func (s *Script) send(ctx context.Context, chunk llm.Chunk, each func(llm.Chunk) error) error {
	if s.Gate != nil {
		select {
		case <-s.Gate:
		case <-ctx.Done():
		}
	}
	if err := s.ready(ctx, "chat"); err != nil {
		return err
	}
	if each == nil {
		return nil
	}
	return each(chunk)
}

// record keeps r and returns how many calls of its name came before, and how
// many tokens of whole messages it shares with the conversation before.
func (s *Script) record(r llm.Request) (n, reused int) {
	r.Messages = append([]llm.Message(nil), r.Messages...)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.calls == nil {
		s.calls = map[string]int{}
	}
	n = s.calls[r.Name]
	s.calls[r.Name]++
	s.requests = append(s.requests, r)
	same := 0
	for same < len(r.Messages) && same < len(s.last) && r.Messages[same] == s.last[same] {
		same++
	}
	if same > 0 {
		reused = WordCounter{}.CountMessages(r.Messages[:same]) - replyHeadTokens
	}
	s.last = r.Messages
	return n, reused
}

// text is the whole reply to call n of r.Name.
func (s *Script) text(n int, r llm.Request) (string, error) {
	if list := s.Replies[r.Name]; len(list) > 0 {
		return list[min(n, len(list)-1)], nil
	}
	if s.Reply == nil {
		return "", fault.New(fault.Failed, llm.CodeServer, "the script has no reply named %q", r.Name).On("chat", r.Model)
	}
	return s.Reply(n, r)
}

func (s *Script) name() string {
	if s.Model == "" {
		return ScriptModel
	}
	return s.Model
}

func (s *Script) context() int {
	if s.Context == 0 {
		return 8192
	}
	return s.Context
}

func (s *Script) model() llm.Model {
	return llm.Model{
		Name: s.name(), Digest: "5c819700", Family: "script", Parameters: 1e6, Quantization: "F32", Bytes: 1 << 20,
		ContextMax: s.context(), Thinking: len(s.Thinking) > 0, Completion: true, Capabilities: []string{"completion"},
	}
}

// ready fails once ctx is done.
func (s *Script) ready(ctx context.Context, op string) error {
	if err := ctx.Err(); err != nil {
		return fault.New(fault.Interrupted, llm.CodeCanceled, "%w", err).On(op, s.URL())
	}
	return nil
}

// found fails where model is not the script's own.
func (s *Script) found(ctx context.Context, op, model string) error {
	if err := s.ready(ctx, op); err != nil {
		return err
	}
	if model != s.name() {
		return fault.New(fault.ModelMissing, llm.CodeNoModel, "the server lacks model %q", model).On(op, s.URL())
	}
	return nil
}

// Tokens that a Script's template adds: to each message, and to open the reply.
const (
	messageTokens   = 4
	replyHeadTokens = 2
)

// WordCounter counts as a Script does: a token is a word with the white space
// before it, and so is white space at the end.
type WordCounter struct{}

// Count returns the tokens of text.
func (WordCounter) Count(text string) int { return len(words(text)) }

// CountMessages returns the tokens of a conversation, template included.
func (WordCounter) CountMessages(messages []llm.Message) int {
	n := replyHeadTokens
	for _, m := range messages {
		n += messageTokens + len(words(m.Content))
	}
	return n
}

// Exact is true: a Script's reply has as many tokens as the counter says.
func (WordCounter) Exact() bool { return true }

// words splits text into tokens, which joined give text again.
func words(text string) []string {
	var out []string
	begin, inWord := 0, false
	for i, r := range text {
		space := r == ' ' || r == '\n' || r == '\t' || r == '\r'
		if space && inWord {
			out = append(out, text[begin:i])
			begin = i
		}
		inWord = !space
	}
	if begin < len(text) {
		out = append(out, text[begin:])
	}
	return out
}

// cutAtStop ends text before the first of the stop texts.
func cutAtStop(text string, stops []string) string {
	for _, stop := range stops {
		if i := strings.Index(text, stop); stop != "" && i >= 0 {
			text = text[:i]
		}
	}
	return strings.ToValidUTF8(text, string(utf8.RuneError))
}
