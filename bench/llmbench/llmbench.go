// Package llmbench measures a model on the user's own server, through the provider that
// cf asks it by: how fast it answers, when the first token comes, how long a call takes
// beyond what the server itself says, what of a prompt a second turn makes it read
// again, and whether it loads the model anew.
//
// It must never give a figure that the server did not tell, nor judge what the model
// says. It runs nothing and writes nothing.
//
// Invariants:
//  1. All calls are made as cf makes them: the same window, temperature 0, one after
//     the other.
//  2. The first call loads and warms the model; it is in no figure but that of the load.
//  3. A run ends within about its budget, with what it has; the report says how many
//     answers that were.
package llmbench

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/bitactor/cf/bench"
	"github.com/bitactor/cf/event"
	"github.com/bitactor/cf/llm"
)

// Options say what is measured and how long.
type Options struct {
	Provider llm.Provider
	Model    string
	Quick    bool

	// Budget is after how long no further call begins; 0: QuickBudget or
	// DefaultBudget.
	Budget time.Duration
	// Progress, if not nil, is told after each round how many of all are done.
	Progress func(done, total int)
}

// How long a run takes on a slow machine, and how many rounds on a fast one. A round is
// an answer, or two turns of a conversation.
const (
	QuickBudget   = time.Minute
	DefaultBudget = 4 * time.Minute
	quickAnswers  = 8
	answers       = 25
	quickTurns    = 2
	turns         = 5
)

const (
	question     = "Explain what a supervision tree is and why it helps, in five sentences."
	second       = "Which of these jobs fails first under load, and why?"
	answerTokens = 48
	turnTokens   = 8
)

// ErrNoAnswer is returned where not one answer was measured.
var ErrNoAnswer = errors.New("no answer of the model was measured")

// run is what was measured until now.
type run struct {
	Options
	began   time.Time
	warm    event.Call
	answers []event.Call
	reused  []float64        // shares of the prompts of second turns
	first   *bench.Histogram // ns to the first token of each answer
	between *bench.Histogram // ns between pieces of text
	loads   int              // of the model, after the first call
}

// Run measures. The errors are those of llm.Provider. With the context's end comes a
// report of the answers until then, where there are some.
func Run(ctx context.Context, o Options) (*bench.Report, error) {
	noise := bench.Watch(20 * time.Millisecond)
	r := &run{Options: o, began: time.Now(), first: &bench.Histogram{}, between: &bench.Histogram{}}
	if r.Budget == 0 {
		r.Budget = DefaultBudget
		if o.Quick {
			r.Budget = QuickBudget
		}
	}
	err := r.measure(ctx)
	if err != nil && (ctx.Err() == nil || len(r.answers) == 0) {
		return nil, err
	}
	if len(r.answers) == 0 {
		return nil, ErrNoAnswer
	}
	return r.report(noise()), err
}

func (r *run) measure(ctx context.Context) error {
	answersMost, turnsMost := answers, turns
	if r.Quick {
		answersMost, turnsMost = quickAnswers, quickTurns
	}
	warm, err := r.ask(ctx, "warm-up", []llm.Message{{Role: llm.User, Content: question}}, answerTokens, nil)
	if err != nil {
		return err
	}
	r.warm, r.loads = warm.Call, 0
	total := answersMost + turnsMost
	for done := range total {
		// One answer at least, however slow the model is.
		if time.Since(r.began) > r.Budget && len(r.answers) > 0 {
			break
		}
		// Conversations last: they drive the answers' prompt out of the server's cache.
		if i := done - answersMost; i >= 0 {
			err = r.converse(ctx, i)
		} else {
			err = r.answer(ctx)
		}
		if err != nil {
			return err
		}
		if r.Progress != nil {
			r.Progress(done+1, total)
		}
	}
	return nil
}

// ask makes one call and counts what the server loaded.
func (r *run) ask(ctx context.Context, name string, messages []llm.Message, most int, each func(llm.Chunk) error) (llm.Reply, error) {
	reply, err := r.Provider.Chat(ctx, llm.Request{Model: r.Model, Name: "benchmark-" + name, Messages: messages, MaxTokens: most, Seed: 1}, each)
	if reply.Call.Reloaded {
		r.loads++
	}
	return reply, err
}

// answer measures one answer to a prompt that the server has in its cache.
func (r *run) answer(ctx context.Context) error {
	began := time.Now()
	last := time.Time{}
	reply, err := r.ask(ctx, "answer", []llm.Message{{Role: llm.User, Content: question}}, answerTokens, func(llm.Chunk) error {
		now := time.Now()
		if last.IsZero() {
			r.first.Add(uint64(now.Sub(began)))
		} else {
			r.between.Add(uint64(now.Sub(last)))
		}
		last = now
		return nil
	})
	if err == nil {
		r.answers = append(r.answers, reply.Call)
	}
	return err
}

// converse measures what a second turn makes the server read: its time for the prompt at
// the rate of the first turn's, whose text was never sent before.
func (r *run) converse(ctx context.Context, i int) error {
	var jobs strings.Builder
	fmt.Fprintf(&jobs, "Queue %c holds these jobs.\n", 'A'+i)
	for n := range 40 {
		fmt.Fprintf(&jobs, "Job %d of queue %c waits %d seconds and then runs once.\n", n, 'A'+i, 7*n%31)
	}
	talk := []llm.Message{{Role: llm.System, Content: jobs.String()}, {Role: llm.User, Content: "Which job runs last?"}}
	one, err := r.ask(ctx, "first-turn", talk, turnTokens, nil)
	if err != nil {
		return err
	}
	talk = append(talk, llm.Message{Role: llm.Assistant, Content: one.Text}, llm.Message{Role: llm.User, Content: second})
	two, err := r.ask(ctx, "second-turn", talk, turnTokens, nil)
	if err != nil {
		return err
	}
	if read := one.Call.PromptTokens - one.Call.ReusedTokens; read > 0 && one.Call.Prefill > 0 && two.Call.PromptTokens > 0 {
		rate := float64(read) / one.Call.Prefill.Seconds()
		again := two.Call.Prefill.Seconds() * rate / float64(two.Call.PromptTokens)
		r.reused = append(r.reused, max(0, 1-again))
	}
	return nil
}
