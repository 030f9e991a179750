package ollama

import (
	"context"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ollama/ollama/api"

	"github.com/bitactor/cf/event"
	"github.com/bitactor/cf/fault"
	"github.com/bitactor/cf/llm"
	"github.com/bitactor/cf/llm/wire"
)

// sampling is what is sent where the model's own parameters say nothing:
// Ollama's defaults (api.DefaultOptions at v0.17.4), named so that another
// version of the server samples alike.
var sampling = map[string]float64{
	"top_k": 40, "top_p": 0.9, "min_p": 0, "typical_p": 1, "repeat_last_n": 64, "repeat_penalty": 1.1,
	"presence_penalty": 0, "frequency_penalty": 0,
}

// valid refuses requests that no server may get.
func valid(r llm.Request) error {
	refuse := func(why string) error { return fault.New(fault.Failed, "", "%s", why).On("chat", r.Model) }
	if r.MaxTokens <= 0 {
		return refuse("a request without a limit of its reply")
	}
	if len(r.Messages) == 0 {
		return refuse("a request without messages")
	}
	for i, m := range r.Messages {
		switch m.Role {
		case llm.System:
			if i > 0 {
				return refuse("a system message that is not the first")
			}
		case llm.User, llm.Assistant:
		default:
			return refuse("an unknown role " + strconv.Quote(string(m.Role)))
		}
	}
	if r.Schema != nil && !json.Valid(r.Schema) {
		return refuse("a schema that is not JSON")
	}
	return nil
}

// chatRequest is the one place where a request to a model is made.
func (c *Client) chatRequest(s *served, w llm.Window, r llm.Request, prefix *api.Message) *api.ChatRequest {
	on, off := true, false
	request := &api.ChatRequest{
		Model: r.Model, Stream: &on, Truncate: &off, Shift: &off, Format: r.Schema,
		KeepAlive: &api.Duration{Duration: c.options.KeepAlive},
		Options:   map[string]any{"num_ctx": w.Context, "num_predict": r.MaxTokens, "temperature": r.Temperature, "seed": r.Seed},
	}
	own, stops := parametersOf(s.show.Parameters)
	for name, value := range sampling {
		if v, ok := own[name]; ok {
			value = v
		}
		request.Options[name] = value
	}
	if len(r.Stop) > 0 {
		// A list that is sent replaces the model's own.
		request.Options["stop"] = slices.Concat(stops, r.Stop)
	}
	request.Think = s.think(r.Think)
	request.Messages = messagesOf(r.Messages)
	if prefix != nil {
		request.Messages = append(request.Messages, *prefix)
	}
	return request
}

// think is what a request says about thinking; nil for a model that can't. The
// gpt-oss family always thinks and takes levels: false leaves it at medium
// (harmony/harmonyparser.go and shouldUseHarmony in server/routes.go of
// github.com/ollama/ollama v0.17.4).
func (s *served) think(on bool) *api.ThinkValue {
	harmony := s.show.Parser == "harmony" ||
		slices.Contains([]string{"gptoss", "gpt-oss"}, s.model.Family) && strings.Contains(s.show.Template, "<|start|>") && strings.Contains(s.show.Template, "<|end|>")
	switch {
	case !s.model.Thinking:
		return nil
	case harmony && on:
		return &api.ThinkValue{Value: "medium"}
	case harmony:
		return &api.ThinkValue{Value: "low"}
	}
	return &api.ThinkValue{Value: on}
}

func messagesOf(messages []llm.Message) []api.Message {
	out := make([]api.Message, 0, len(messages)+1)
	for _, m := range messages {
		out = append(out, api.Message{Role: string(m.Role), Content: m.Content})
	}
	return out
}

// parametersOf reads the "parameters" of /api/show: one "name value" a line,
// texts quoted.
func parametersOf(text string) (numbers map[string]float64, stops []string) {
	numbers = map[string]float64{}
	for line := range strings.Lines(text) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		value = strings.TrimSpace(value)
		if name == "stop" {
			if s, err := strconv.Unquote(value); err == nil {
				value = s
			}
			if value != "" && len(stops) < 32 {
				stops = append(stops, wire.Clip(value, 200))
			}
		} else if f, err := strconv.ParseFloat(value, 64); err == nil {
			numbers[name] = f
		}
	}
	return numbers, stops
}

// conversation is one Chat from its first try to its last.
type conversation struct {
	client  *Client
	served  *served
	window  llm.Window
	counter *counter
	request llm.Request
	each    func(llm.Chunk) error
	started time.Time
	call    event.Call
	given   bool // each got a piece of the current reply
	prompt  prompt
}

// Chat runs r and streams the reply to each. A refusal for load is tried three
// times; a reply that died is asked for once more where nothing of it was given
// to each or r.Restart is set; nothing else is tried again.
func (c *Client) Chat(ctx context.Context, r llm.Request, each func(llm.Chunk) error) (llm.Reply, error) {
	v := &conversation{client: c, request: r, each: each, started: time.Now(), call: event.Call{Name: r.Name, Model: r.Model}}
	reply, err := v.run(ctx)
	v.call.Total = time.Since(v.started)
	if err != nil {
		return llm.Reply{Call: v.call}, missing(err, r.Model)
	}
	v.call.Stop = string(reply.Stop)
	reply.Call = v.call
	return reply, nil
}

func (v *conversation) run(ctx context.Context) (llm.Reply, error) {
	if err := valid(v.request); err != nil {
		return llm.Reply{}, err
	}
	if err := v.prepare(ctx); err != nil {
		return llm.Reply{}, err
	}
	a, err := v.persist(ctx, nil, v.request.MaxTokens)
	if err != nil {
		return llm.Reply{}, err
	}
	if a.capped {
		return v.resume(ctx, a)
	}
	v.settle(a)
	return llm.Reply{Text: a.text.String(), Thinking: a.thinking.String(), Stop: a.reason()}, nil
}

// prepare counts the prompt and refuses one that does not fit.
func (v *conversation) prepare(ctx context.Context) (err error) {
	c, r := v.client, v.request
	if v.served, err = c.served(ctx, r.Model); err != nil {
		return err
	}
	if !v.served.model.Completion {
		return fault.New(fault.Failed, llm.CodeServer, "the model can't chat (it can: %s)", strings.Join(v.served.model.Capabilities, ", ")).
			On("chat", r.Model).Hint("choose a model that completes text; embedding models can't")
	}
	v.window = c.fit(ctx, v.served)
	if v.counter, err = c.count(ctx, v.served); err != nil {
		return err
	}
	v.prompt = v.counter.prompt(r.Messages, r.Think)
	v.call.CountedTokens = v.prompt.tokens
	if v.prompt.tokens+r.MaxTokens > v.window.Context {
		return fault.New(fault.Failed, llm.CodeTooLong, "the prompt has %d tokens and the reply may have %d, but the window holds %d",
			v.prompt.tokens, r.MaxTokens, v.window.Context).On("chat", r.Model).
			Hint("give less context (prompt: " + strconv.Itoa(v.prompt.tokens) + " tokens, window: " + strconv.Itoa(v.window.Context) + "), or raise the context maximum (" + v.window.Why + ")")
	}
	return nil
}

// afterCut is how long a server that broke off is left alone before it is asked
// again.
const afterCut = time.Second

// persist tries until a reply stands or its fault is one that stays.
func (v *conversation) persist(ctx context.Context, prefix *api.Message, budget int) (*attempt, error) {
	died, busy := 0, 0
	for {
		a, err := v.attempt(ctx, prefix, budget)
		if err == nil {
			return a, nil
		}
		switch fault.CodeOf(err) {
		case llm.CodeBusy:
			busy++
			wait, again := wire.Again(err, busy)
			if !again || v.given {
				return a, err
			}
			if v.client.pause(ctx, wait) != nil {
				return a, wire.Interruption(ctx, protocol.Name, v.client.URL())
			}
		case llm.CodeCut:
			if died++; died > 1 || (v.given && v.request.Restart == nil) {
				return a, err
			}
			if v.given {
				v.request.Restart()
				v.given = false
			}
			// A server that died takes a moment to come back: the private one is
			// started again within half a second.
			if v.client.pause(ctx, afterCut) != nil {
				return a, wire.Interruption(ctx, protocol.Name, v.client.URL())
			}
		default:
			return a, err
		}
		v.call.Retries++
	}
}

// attempt sends the request once.
func (v *conversation) attempt(ctx context.Context, prefix *api.Message, budget int) (*attempt, error) {
	c, r := v.client, v.request
	l := c.options.Limits
	a := newAttempt(v, budget)
	r.MaxTokens = budget
	first := l.Load
	if v.served.warm() {
		first = l.First
	}
	x := &wire.Exchange{
		URL: c.URL(), First: first + time.Duration(v.prompt.tokens)*l.Prefill, Idle: l.Idle, Total: l.Total,
		Streams: true, Line: l.LineBytes, Bytes: l.LineBytes + int64(budget)*l.ReplyBytesPerToken,
		Began: func() { v.call.FirstToken = time.Since(a.started) },
	}
	a.exchange = x
	err := c.api.Chat(x.Begin(ctx), c.chatRequest(v.served, v.window, r, prefix), a.take)
	f, ended := x.Seen()
	switch {
	case a.capped:
		return a, nil
	case a.err != nil:
		return a, a.err
	case f != nil:
		return a, v.explain(f)
	case err != nil:
		if f = wire.Interruption(ctx, protocol.Name, c.URL()); f == nil {
			f = fault.New(fault.Unusable, llm.CodeBadStream, "the stream is not what Ollama sends: %w", clipped(err))
		}
		return a, f.On("chat", r.Model)
	case !ended:
		return a, fault.New(fault.Unusable, llm.CodeCut, "the stream ended without its end mark").On("chat", r.Model)
	}
	return a, a.finish()
}

// explain names the model in a fault of the transport.
func (v *conversation) explain(f *fault.Error) error {
	f.Op = "chat"
	switch f.Code {
	case llm.CodeNoModel:
		v.client.forget(v.request.Model)
	case llm.CodeTooLong:
		f.Hint("give less context: the prompt has " + strconv.Itoa(v.prompt.tokens) + " tokens by cf's count, the window " + strconv.Itoa(v.window.Context))
	}
	return f
}

// warm tells whether the model was run by this Client before.
func (s *served) warm() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.called
}
