package openai

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"time"

	client "github.com/sashabaranov/go-openai"

	"github.com/bitactor/cf/event"
	"github.com/bitactor/cf/fault"
	"github.com/bitactor/cf/llm"
	"github.com/bitactor/cf/llm/guard"
	"github.com/bitactor/cf/llm/wire"
)

const (
	// topP is what Ollama's own protocol takes by default; its /v1 takes 1.0
	// where the field is left out (openai/openai.go at v0.17.4).
	topP = 0.9
	// truncatedShare: a server that reports less than this share of the
	// estimated prompt has cut it. No tokenizer known needs half of what the
	// estimate says.
	truncatedShare = 0.5
	// truncatedMin is the least estimate in tokens that is judged so.
	truncatedMin = 64
)

// Chat runs r and streams the reply to each. While the server is busy it is
// asked three times; a reply that broke off is asked for once more where nothing
// of it was given to each or r.Restart is set; nothing else is tried again.
func (c *Client) Chat(ctx context.Context, r llm.Request, each func(llm.Chunk) error) (llm.Reply, error) {
	begin := time.Now()
	call := event.Call{Name: r.Name, Model: r.Model, CountedTokens: estimator{}.CountMessages(r.Messages)}
	fail := func(err error) (llm.Reply, error) {
		call.Total = time.Since(begin)
		return llm.Reply{Call: call}, err
	}
	if r.MaxTokens <= 0 {
		return fail(fault.New(fault.Failed, llm.CodeServer, "a request needs max tokens above 0").On("chat", r.Model))
	}
	window, err := c.Window(ctx, r.Model)
	if err != nil {
		return fail(err)
	}
	if call.CountedTokens+r.MaxTokens > window.Context {
		return fail(fault.New(fault.Failed, llm.CodeTooLong, "about %d tokens of prompt and up to %d of reply do not fit a window of %d", call.CountedTokens, r.MaxTokens, window.Context).
			On("chat", r.Model).Hint("a shorter context fits; if the server's window is larger, set it in your config"))
	}
	c.warnRemote()
	for try := 1; ; try++ {
		s := &session{client: c, request: r, each: each, begin: begin, call: call, thinkMax: r.ThinkTokens}
		reply, err := s.run(ctx)
		call.Retries = try - 1
		if err == nil {
			s.call.Retries = call.Retries
			reply.Call = s.call
			return reply, nil
		}
		call = s.call
		call.Retries = try - 1
		wait, again := s.again(err, try)
		if !again {
			return fail(err)
		}
		if c.options.Pause(ctx, wait) != nil {
			return fail(wire.Interruption(ctx, protocol.Name, c.URL()))
		}
		if s.given {
			r.Restart()
		}
	}
}

// session is one try at a request.
type session struct {
	client   *Client
	request  llm.Request
	each     func(llm.Chunk) error
	begin    time.Time
	call     event.Call
	thinkMax int

	x       *wire.Exchange
	runes   guard.Runes
	musings guard.Runes
	think   guard.Think
	loop    *guard.Loop
	text    strings.Builder
	thought strings.Builder
	tokens  int // frames with text or thought: each holds at least one token
	last    time.Time
	reason  string
	given   bool // something was handed to each
}

// again tells whether and after what wait the request is sent once more: three
// tries while the server is busy, two where the stream broke and nothing was
// handed out or the caller can forget it.
func (s *session) again(err error, try int) (time.Duration, bool) {
	if fault.CodeOf(err) == llm.CodeCut {
		return 0, try < 2 && (!s.given || s.request.Restart != nil)
	}
	wait, again := wire.Again(err, try)
	return wait, again && !s.given
}

// run sends the request and reads the reply.
func (s *session) run(ctx context.Context) (llm.Reply, error) {
	c, r, limits := s.client, s.request, s.client.options.Limits
	if s.thinkMax <= 0 {
		s.thinkMax = llm.DefaultThinkTokens
	}
	s.loop = guard.NewLoop()
	s.x = &wire.Exchange{
		URL: c.URL(), Streams: true, Idle: limits.Idle, Total: limits.Total, Line: limits.LineBytes,
		First: limits.First + time.Duration(s.call.CountedTokens)*limits.Prefill,
		Bytes: limits.LineBytes + int64(r.MaxTokens)*limits.ReplyBytesPerToken,
		Set: map[string]any{
			"messages": r.Messages, "temperature": r.Temperature, "top_p": topP, "seed": r.Seed,
			"max_tokens": r.MaxTokens, "chat_template_kwargs": map[string]bool{"enable_thinking": r.Think},
		},
	}
	request := client.ChatCompletionRequest{
		Model: r.Model, Stop: r.Stop, Stream: true, // max_tokens is set above
		StreamOptions: &client.StreamOptions{IncludeUsage: true},
	}
	if r.Schema != nil {
		request.ResponseFormat = &client.ChatCompletionResponseFormat{
			Type:       client.ChatCompletionResponseFormatTypeJSONSchema,
			JSONSchema: &client.ChatCompletionResponseFormatJSONSchema{Name: "reply", Schema: r.Schema, Strict: true},
		}
	}
	stream, err := c.api.CreateChatCompletionStream(s.x.Begin(ctx), request)
	if err != nil {
		return llm.Reply{}, s.cause(err)
	}
	defer func() { _ = stream.Close() }() // what broke was recorded when it broke
	stopped, err := s.read(stream)
	if err != nil {
		return llm.Reply{}, err
	}
	return s.finish(stopped)
}

// cause is the fault behind an error of go-openai.
func (s *session) cause(err error) error {
	if f, _ := s.x.Seen(); f != nil {
		return f
	}
	return fault.New(fault.Unusable, llm.CodeBadStream, "%w", err).On("openai", s.x.URL)
}

// frame is an event of the stream. go-openai's own type lacks `reasoning`, as
// Ollama and vLLM call what llama.cpp calls `reasoning_content`.
type frame struct {
	Choices []struct {
		Delta struct {
			Content          string `json:"content"`
			Reasoning        string `json:"reasoning"`
			ReasoningContent string `json:"reasoning_content"`
		} `json:"delta"`
		FinishReason string `json:"finish_reason"`
	} `json:"choices"`
	Usage *struct {
		Prompt     int64 `json:"prompt_tokens"`
		Completion int64 `json:"completion_tokens"`
		Details    struct {
			Cached int64 `json:"cached_tokens"`
		} `json:"prompt_tokens_details"`
	} `json:"usage"`
}

// read takes frames to the end of the stream. It is llm.StopThink where the
// thinking was cut off, else "".
func (s *session) read(stream *client.ChatCompletionStream) (llm.Stop, error) {
	for {
		raw, err := stream.RecvRaw()
		broken, ended := s.x.Seen()
		switch {
		case errors.Is(err, io.EOF) && ended && broken == nil:
			return "", s.flush()
		case err != nil:
			return "", s.cause(err)
		}
		var f frame
		if err := json.Unmarshal(raw, &f); err != nil {
			return "", s.bad("an event has fields of the wrong type: %w", err)
		}
		if err := s.usage(f); err != nil {
			return "", err
		}
		for _, choice := range f.Choices {
			if s.reason != "" && choice.Delta.Content != "" {
				return "", s.bad("text after finish_reason %q", s.reason)
			}
			if choice.FinishReason != "" {
				s.reason = choice.FinishReason
			}
			if err := s.add(choice.Delta.Content, choice.Delta.Reasoning+choice.Delta.ReasoningContent); err != nil {
				return "", err
			}
		}
		if s.call.ThinkTokens > s.thinkMax && strings.TrimSpace(s.text.String()) == "" {
			return llm.StopThink, nil
		}
	}
}

// bad is a fault of the protocol.
func (s *session) bad(format string, args ...any) error {
	return fault.New(fault.Unusable, llm.CodeBadStream, format, args...).On("openai", s.x.URL)
}

// countMax is more tokens than any server can have counted.
const countMax = 1 << 31

// usage takes the token counts.
func (s *session) usage(f frame) error {
	u := f.Usage
	if u == nil {
		return nil
	}
	for _, n := range []int64{u.Prompt, u.Completion, u.Details.Cached} {
		if n < 0 || n > countMax {
			return s.bad("a token count of %d can't be", n)
		}
	}
	s.call.PromptTokens, s.call.OutputTokens, s.call.ReusedTokens = int(u.Prompt), int(u.Completion), int(u.Details.Cached)
	if u.Prompt > 0 && s.call.CountedTokens >= truncatedMin && float64(u.Prompt) < truncatedShare*float64(s.call.CountedTokens) {
		return fault.New(fault.Unusable, llm.CodeTruncated, "the server read %d tokens of about %d: it cut the prompt", u.Prompt, s.call.CountedTokens).
			On("openai", s.x.URL).Hint("give the server a larger context (Ollama: OLLAMA_CONTEXT_LENGTH, llama.cpp: --ctx-size) or cf less context")
	}
	return nil
}

// add takes the text and the thought of one frame.
func (s *session) add(content, reasoning string) error {
	if content == "" && reasoning == "" {
		return nil
	}
	if s.tokens++; s.tokens > s.request.MaxTokens {
		return fault.New(fault.Unusable, llm.CodeTooManyTokens, "more than %d tokens came", s.request.MaxTokens).On("openai", s.x.URL)
	}
	s.last = time.Now()
	if s.call.FirstToken == 0 {
		s.call.FirstToken = s.last.Sub(s.begin)
	}
	thinking := s.think.Inside() || reasoning != ""
	thought, text := s.think.Add(s.runes.Add(s.x.Reveal(content)))
	thought = s.musings.Add(s.x.Reveal(reasoning)) + thought
	if thinking || thought != "" {
		s.call.ThinkTokens++
	}
	return s.emit(thought, text)
}

// flush hands out what was held back for want of more.
func (s *session) flush() error {
	thought, text := s.think.Add(s.runes.End())
	thoughtEnd, textEnd := s.think.End()
	return s.emit(s.musings.End()+thought+thoughtEnd, text+textEnd)
}

// emit hands out a thought and a text, which may be "".
func (s *session) emit(thought, text string) error {
	if s.loop.Add(thought + text) {
		return fault.New(fault.Unusable, llm.CodeLoop, "the reply repeats itself").On("chat", s.request.Model).
			Hint("another model, or a higher temperature, may not")
	}
	s.text.WriteString(text)
	s.thought.WriteString(thought)
	if strings.Contains(text, ">") {
		thought, text = s.reseat(thought, text)
	}
	for _, chunk := range []llm.Chunk{{Thinking: thought}, {Text: text}} {
		if chunk == (llm.Chunk{}) || s.each == nil {
			continue
		}
		s.given = true
		if err := s.each(chunk); err != nil {
			return err
		}
	}
	return nil
}

// reseat moves what was taken for an answer to the thoughts where a closing tag
// shows that it was one, and returns what is left to be handed on. What was
// handed on as an answer must be forgotten first: without Restart it stays.
func (s *session) reseat(thought, text string) (string, string) {
	inner, rest, ok := guard.Orphan(s.text.String())
	if !ok || s.given && s.request.Restart == nil {
		return thought, text
	}
	if s.given {
		s.request.Restart()
		s.given = false
	}
	s.thought.WriteString(inner)
	s.text.Reset()
	s.text.WriteString(rest)
	if rest == "" {
		s.think.Closed()
	}
	s.call.ThinkTokens = s.tokens
	return s.thought.String(), rest
}

// finish judges the whole reply.
func (s *session) finish(stopped llm.Stop) (llm.Reply, error) {
	now := time.Now()
	s.call.Total = now.Sub(s.begin)
	s.call.Prefill = s.call.FirstToken
	if !s.last.IsZero() {
		s.call.Decode = s.last.Sub(s.begin) - s.call.FirstToken
	}
	if s.call.OutputTokens == 0 {
		s.call.OutputTokens = s.tokens
	}
	reply := llm.Reply{Text: s.text.String(), Thinking: s.thought.String(), Stop: stopped}
	if stopped == "" {
		switch s.reason {
		case "stop":
			reply.Stop = llm.StopEnd
		case "length":
			reply.Stop = llm.StopLength
		case "":
			return llm.Reply{}, fault.New(fault.Unusable, llm.CodeCut, "the stream ends without a finish_reason").On("openai", s.x.URL)
		default:
			return llm.Reply{}, s.bad("finish_reason %.40q: the reply is not known to be whole", s.reason)
		}
	}
	if reply.Stop == llm.StopLength && strings.TrimSpace(reply.Text) == "" && reply.Thinking != "" {
		reply.Stop = llm.StopThink
	}
	s.call.Stop = string(reply.Stop)
	if reply.Stop != llm.StopThink && strings.TrimSpace(reply.Text) == "" {
		return llm.Reply{}, fault.New(fault.Unusable, llm.CodeEmpty, "the reply is empty").On("chat", s.request.Model)
	}
	if s.request.Schema != nil && reply.Stop == llm.StopEnd && !json.Valid([]byte(reply.Text)) {
		return llm.Reply{}, fault.New(fault.Unusable, llm.CodeNoSchema, "the reply is not JSON, though a schema was sent").On("chat", s.request.Model)
	}
	return reply, nil
}
