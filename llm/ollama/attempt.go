package ollama

import (
	"strings"
	"time"

	"github.com/ollama/ollama/api"

	"github.com/bitactor/cf/fault"
	"github.com/bitactor/cf/llm"
	"github.com/bitactor/cf/llm/guard"
	"github.com/bitactor/cf/llm/wire"
)

// attempt reads one streamed reply and stops it where it goes wrong.
type attempt struct {
	v        *conversation
	exchange *wire.Exchange
	started  time.Time
	budget   int // tokens the reply may have
	think    int // tokens of it that may be thought

	contentRunes, thinkRunes guard.Runes
	split                    guard.Think
	textLoop, thinkLoop      *guard.Loop

	text, thinking strings.Builder
	pieces         int // lines that carried text: a token each, or several
	thoughts       int // of these, lines that carried thought
	unmeasured     int // bytes of text since least was brought up to date
	least          int // tokens that the text has at least

	last   api.ChatResponse // the line with the end mark
	capped bool             // stopped because the thought was too long
	err    error
}

func newAttempt(v *conversation, budget int) *attempt {
	think := v.request.ThinkTokens
	if think <= 0 {
		think = llm.DefaultThinkTokens
	}
	a := &attempt{v: v, started: time.Now(), budget: budget, think: think, textLoop: guard.NewLoop(), thinkLoop: guard.NewLoop()}
	// Where the server takes the thoughts out itself, none comes as text.
	if show := v.served.show; v.prompt.opens && show.Parser == "" && !(v.request.Think && v.served.model.Thinking) {
		a.split.Open()
	}
	return a
}

// take gets each line of the stream from the api client. Its error closes the
// connection.
func (a *attempt) take(line api.ChatResponse) error {
	content, thought := a.exchange.Reveal(line.Message.Content), a.exchange.Reveal(line.Message.Thinking)
	if line.Done {
		a.last = line
	}
	if line.RemoteHost != "" && !a.v.client.options.AllowRemote {
		return a.fail(fault.New(fault.Usage, llm.CodeRemoteHost, "the reply comes from %s", wire.Clip(line.RemoteHost, nameBytes)))
	}
	if content == "" && thought == "" {
		return nil
	}
	a.pieces++
	inner, text := a.split.Add(a.contentRunes.Add(content))
	return a.give(a.thinkRunes.Add(thought)+inner, text)
}

// give checks one piece and hands it on.
func (a *attempt) give(thought, text string) error {
	if thought != "" || (text == "" && a.split.Inside()) {
		a.thoughts++
	}
	a.thinking.WriteString(thought)
	a.text.WriteString(text)
	if strings.Contains(text, ">") {
		thought, text = a.reseat(thought, text)
	}
	switch {
	case a.tooMany(len(thought) + len(text)):
		return a.fail(fault.New(fault.Unusable, llm.CodeTooManyTokens, "more than the %d tokens asked for came", a.budget))
	case a.textLoop.Add(text), a.thinkLoop.Add(thought):
		return a.fail(fault.New(fault.Unusable, llm.CodeLoop, "the reply repeats itself").
			Hint("a larger model, a higher temperature or another seed may help"))
	}
	if a.v.each != nil {
		for _, chunk := range []llm.Chunk{{Thinking: thought}, {Text: text}} {
			if chunk == (llm.Chunk{}) {
				continue
			}
			a.v.given = true
			if err := a.v.each(chunk); err != nil {
				a.err = err
				return err
			}
		}
	}
	if a.thoughts > a.think && strings.TrimSpace(a.text.String()) == "" {
		a.capped = true
		return errCapped
	}
	return nil
}

// reseat moves what was taken for an answer to the thoughts where a closing tag
// shows that it was one, and returns what is left to be handed on. What was
// handed on as an answer must be forgotten first: without Restart it stays.
func (a *attempt) reseat(thought, text string) (string, string) {
	inner, rest, ok := guard.Orphan(a.text.String())
	if !ok || a.v.given && a.v.request.Restart == nil {
		return thought, text
	}
	if a.v.given {
		a.v.request.Restart()
		a.v.given = false
	}
	a.thinking.WriteString(inner)
	a.text.Reset()
	a.text.WriteString(rest)
	if rest == "" {
		a.split.Closed()
	}
	a.thoughts = a.pieces
	return a.thinking.String(), rest
}

// errCapped ends a stream whose thought is too long.
var errCapped = fault.New(fault.Unusable, "", "thought too long")

// slack is how many tokens a server may send beyond what it was asked for: the
// last line may carry what a stop text held back.
const slack = 2

// countMax is more tokens than any server can have read or written.
const countMax = 1 << 30

// tooMany tells whether the reply has more tokens than it may. A line is a
// token at least; a server that packs more into a line is caught by a count of
// the text that no tokenizer undercuts.
func (a *attempt) tooMany(bytes int) bool {
	if a.pieces > a.budget+slack {
		return true
	}
	if a.unmeasured += bytes; a.unmeasured >= 4<<10 {
		whole := a.thinking.String() + a.text.String()
		a.least = a.v.counter.least(whole)
		a.unmeasured = 0
	}
	return a.least > a.budget+a.budget/10+slack
}

func (a *attempt) fail(f *fault.Error) error {
	a.err = f.On("chat", a.v.request.Model)
	return a.err
}

// finish judges a reply whose end mark was seen.
func (a *attempt) finish() error {
	inner, text := a.split.Add(a.contentRunes.End())
	rest, tail := a.split.End()
	if err := a.give(a.thinkRunes.End()+inner+rest, text+tail); err != nil {
		if a.capped {
			return nil
		}
		return err
	}
	for _, n := range []int{a.last.PromptEvalCount, a.last.EvalCount} {
		if n < 0 || n > countMax {
			return a.fail(fault.New(fault.Unusable, llm.CodeBadStream, "the server reports %d tokens", n))
		}
	}
	c := &a.v.call
	c.PromptTokens, c.OutputTokens, c.ThinkTokens = a.last.PromptEvalCount, a.last.EvalCount, a.thoughts
	c.Load, c.Prefill, c.Decode = a.last.LoadDuration, a.last.PromptEvalDuration, a.last.EvalDuration
	if c.OutputTokens == 0 {
		c.OutputTokens = a.pieces
	}
	// Less than nine tenths of the tokens that were certainly sent: some were dropped.
	if n := a.last.PromptEvalCount; n > 0 && n*10 < a.v.prompt.least*9 {
		return a.fail(fault.New(fault.Unusable, llm.CodeTruncated, "the server read %d tokens of a prompt of at least %d", n, a.v.prompt.least).
			Hint("the server cuts prompts; cf status shows its version, cf needs Ollama 0.17.1 or later"))
	}
	if a.last.EvalCount > a.budget+slack || a.v.counter.least(a.thinking.String()+a.text.String()) > a.budget+a.budget/10+slack {
		return a.fail(fault.New(fault.Unusable, llm.CodeTooManyTokens, "%d tokens came where %d were asked for", a.last.EvalCount, a.budget))
	}
	if strings.TrimSpace(a.text.String()) == "" && a.reason() != llm.StopThink {
		return a.fail(fault.New(fault.Unusable, llm.CodeEmpty, "the reply is empty"))
	}
	return nil
}

// reason returns why the reply ended.
func (a *attempt) reason() llm.Stop {
	empty := strings.TrimSpace(a.text.String()) == ""
	switch {
	case a.capped, empty && a.thinking.Len() > 0 && a.last.DoneReason == "length":
		return llm.StopThink
	case a.last.DoneReason == "length":
		return llm.StopLength
	}
	return llm.StopEnd
}
