package ollama

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/ollama/ollama/api"
	"github.com/ollama/ollama/model/renderers"
	"github.com/ollama/ollama/template"
	"github.com/ollama/ollama/thinking"

	"github.com/bitactor/cf/fault"
	"github.com/bitactor/cf/llm"
	"github.com/bitactor/cf/llm/guard"
	"github.com/bitactor/cf/llm/profile"
	"github.com/bitactor/cf/llm/token"
)

// counter counts the tokens of one model. It renders conversations itself, by
// the template that the server showed and Ollama's own template packages, so
// that a count costs no request.
type counter struct {
	client   *Client
	served   *served
	encoder  *token.Encoder // nil: estimates
	template *template.Template
}

// prompt is a counted conversation.
type prompt struct {
	tokens int     // as the server should report them
	least  int     // what they can't be less than
	guess  int     // the estimate without calibration; 0 for an exact count
	ids    []int32 // nil for an estimate
	opens  bool    // it ends with a tag that opens a thought
}

var _ llm.Counter = (*counter)(nil)

// Counter returns the token counter of a model.
func (c *Client) Counter(ctx context.Context, model string) (llm.Counter, error) {
	s, err := c.served(ctx, model)
	if err != nil {
		return nil, err
	}
	return c.count(ctx, s)
}

// count returns the one counter of a model, reading its vocabulary the first
// time: from the cache, else from the server. A vocabulary that can't be used
// is no error; a call that was cancelled is, and is tried anew the next time.
func (c *Client) count(ctx context.Context, s *served) (*counter, error) {
	s.counterLock.Lock()
	defer s.counterLock.Unlock()
	if s.counter != nil {
		return s.counter, nil
	}
	k := &counter{client: c, served: s}
	if t, err := template.Parse(s.show.Template); err == nil && s.show.Template != "" {
		k.template = t
	}
	var err error
	if k.encoder, err = c.encoder(ctx, s); err != nil {
		return nil, err
	}
	s.counter = k
	return k, nil
}

// encoder returns the encoder of a model, nil where its vocabulary can't be used.
func (c *Client) encoder(ctx context.Context, s *served) (*token.Encoder, error) {
	cache := token.Cache{Dir: c.options.CacheDir}
	if e, known := cache.Load(s.model.Digest); known {
		return e, nil
	}
	var v *token.Vocabulary
	err := c.verbose(ctx, s.model.Name, func(r io.Reader) (err error) {
		if v, err = token.ReadShow(r); errors.Is(err, token.ErrNoVocabulary) {
			v, err = nil, nil
		}
		return err
	})
	if ctx.Err() != nil || fault.KindOf(err) == fault.Unreachable {
		return nil, err
	}
	if err != nil {
		return nil, nil // estimates will do until the server answers better
	}
	var e *token.Encoder
	if v != nil {
		e, _ = v.Encoder()
	}
	// Best effort: without the cache the next start asks the server again. That
	// a model has no usable vocabulary is kept too.
	_ = cache.Store(s.model.Digest, e)
	return e, nil
}

// Exact tells whether counts are by the model's own vocabulary and template, and
// no call has shown otherwise.
func (k *counter) Exact() bool {
	return k.encoder != nil && k.renders() && !k.profile().Inexact
}

func (k *counter) profile() profile.Profile {
	return k.client.options.Profiles.Get(k.served.model.Digest)
}

// renders tells whether conversations can be rendered here.
func (k *counter) renders() bool { return k.template != nil || k.served.show.Renderer != "" }

// Count returns the tokens of text alone.
func (k *counter) Count(text string) int {
	if k.encoder != nil {
		return k.encoder.Count(text)
	}
	likely, _ := token.Estimate(text)
	return k.scale(likely)
}

// CountMessages returns the tokens of a conversation without thinking.
func (k *counter) CountMessages(messages []llm.Message) int { return k.prompt(messages, false).tokens }

// least returns what the tokens of a text can't be less than.
func (k *counter) least(text string) int {
	_, least := token.Estimate(text)
	return least
}

// scale applies what earlier calls taught about the estimate.
func (k *counter) scale(likely int) int {
	if f := k.profile().Estimate; f > 0 {
		return int(float64(likely)*f + 0.5)
	}
	return likely
}

// messageTokens is what a template adds to a message where it is not known:
// the most that the templates of Ollama's library add.
const messageTokens = 8

// prompt counts a conversation.
func (k *counter) prompt(messages []llm.Message, think bool) prompt {
	text, err := k.render(messagesOf(messages), think)
	if err != nil {
		return k.promptOf("", messages)
	}
	return k.promptOf(text, nil)
}

// promptOf counts a rendered conversation, or else its bare messages. A count by
// the vocabulary bounds what the server may report only once a call confirmed
// it: splitting rules that cf has wrong would make every reply an error.
func (k *counter) promptOf(text string, bare []llm.Message) prompt {
	likely, least := token.Estimate(text)
	if bare == nil && k.Exact() {
		ids := k.encoder.EncodePrompt(text)
		if k.profile().Confirmed || k.encoder.Verified() {
			least = len(ids)
		}
		return prompt{tokens: len(ids), least: least, ids: ids, opens: guard.Opens(text)}
	}
	for _, m := range bare {
		l, n := token.Estimate(m.Content)
		likely, least = likely+l+messageTokens, least+n
	}
	return prompt{tokens: k.scale(likely), least: least, guess: likely, opens: guard.Opens(text)}
}

// errNoTemplate says that only the server can render.
var errNoTemplate = errors.New("no template")

// renderedMax bounds what a template may make of a conversation, which is at
// most a few times its length.
const renderedMax = 256 << 20

// render does what the server does with a conversation: ChatHandler,
// filterThinkTags, chatPrompt and renderPrompt in server/routes.go and
// server/prompt.go of github.com/ollama/ollama v0.17.4.
func (k *counter) render(messages []api.Message, think bool) (text string, err error) {
	show := k.served.show
	// Template and messages are the server's: a panic of Ollama's renderers
	// must cost the exact count only.
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("rendering: %v", r)
		}
	}()
	all := slices.Concat(show.Messages, messages)
	if show.System != "" && (len(messages) == 0 || messages[0].Role != "system") {
		all = slices.Insert(all, 0, api.Message{Role: "system", Content: show.System})
	}
	if k.served.model.Family == "qwen3" || strings.HasPrefix(k.served.model.Name, "deepseek-r1") {
		dropThoughts(all)
	}
	set := k.served.think(think)
	if show.Renderer != "" {
		return renderers.RenderWithRenderer(show.Renderer, all, nil, set)
	}
	if k.template == nil {
		return "", errNoTemplate
	}
	out := &bounded{left: renderedMax}
	err = k.template.Execute(out, template.Values{Messages: all, Think: set.Bool(), ThinkLevel: set.String(), IsThinkSet: set != nil})
	return out.String(), err
}

// dropThoughts takes the thoughts out of all but the last turn.
func dropThoughts(messages []api.Message) {
	last := -1
	for i, m := range messages {
		if m.Role == "user" {
			last = i
		}
	}
	for i := range messages[:max(last, 0)] {
		if messages[i].Role == "assistant" {
			p := &thinking.Parser{OpeningTag: "<think>", ClosingTag: "</think>"}
			_, messages[i].Content = p.AddContent(messages[i].Content)
		}
	}
}

// bounded is a buffer with an end.
type bounded struct {
	bytes.Buffer
	left int
}

func (b *bounded) Write(p []byte) (int, error) {
	if b.left -= len(p); b.left < 0 {
		return 0, errors.New("the template writes without end")
	}
	return b.Buffer.Write(p)
}
