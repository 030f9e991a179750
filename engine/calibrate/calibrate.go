// Package calibrate measures, once per model, what decides how it is asked: how
// much of a file it writes well, whether cases help it, at which temperature its
// answers differ and still are code, whether it keeps headings and JSON, whether
// thinking helps, how much text it finds something in, and how fast it is.
//
// It judges answers by what can be told in the program itself: code that can be
// read, is in its place, type-checks, and leaves everything else alone. It runs
// nothing that a model wrote and reads no file of the user's.
//
// Invariants:
//  1. A part is kept when it is finished, and only then: a run that is stopped
//     goes on where it was.
//  2. A run ends within its budget, whatever the model does: each part knows what
//     it will cost before it begins, and is ended when its share is used up.
//  3. Where two ways do equally well, the usual one is chosen.
package calibrate

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/bitactor/cf/event"
	"github.com/bitactor/cf/fault"
	"github.com/bitactor/cf/llm"
	"github.com/bitactor/cf/llm/profile"
	"github.com/bitactor/cf/prompts"
)

// Budget is how long a run may take where nothing else is said: with loading the
// model it stays under five minutes.
const Budget = 4*time.Minute + 30*time.Second

// CodeNoTime is the fault [Failed] of a run whose budget ended before all parts
// were measured; what was finished is kept.
const CodeNoTime = "calibrate-no-time"

// Calibrator measures one model. Set the fields before first use; it serves one
// run at a time.
type Calibrator struct {
	Provider llm.Provider
	Model    llm.Model
	Window   llm.Window
	Counter  llm.Counter
	Words    *prompts.Words
	Events   event.Sink // never nil
	Now      func() time.Time
	Seed     int64
	Budget   time.Duration // 0 means Budget
}

// part is one thing to measure.
type part struct {
	name  string
	title string
	share float64 // of the budget that is left when it begins
	run   func(*session) (profile.Part, error)
	needs func(llm.Model) bool // nil: every model
}

// parts in the order of their worth: what comes last is left out first where time
// is short.
var parts = []part{
	{Speed, "how fast it reads and writes", 0.3, (*session).speed, nil},
	{Edit, "how much of a file it writes well", 0.5, (*session).edit, nil},
	{Sections, "whether it keeps headings", 0.4, (*session).sections, nil},
	{Layout, "whether cases of tests help it", 0.5, (*session).layout, nil},
	{Temperature, "at which temperature answers differ", 0.5, (*session).temperature, nil},
	{JSON, "whether it keeps to a schema", 0.5, (*session).json, nil},
	{Think, "whether thinking helps", 0.6, (*session).think, func(m llm.Model) bool { return m.Thinking }},
	{Context, "in how much text it finds something", 0.9, (*session).context, nil},
}

// Names of the parts. Stable: they stand in profiles.
const (
	Speed       = "speed"
	Edit        = "edit"
	Sections    = "sections"
	Layout      = "layout"
	Temperature = "temperature"
	JSON        = "json"
	Think       = "think"
	Context     = "context"
)

// Missing returns the parts that known lacks for a model.
func Missing(known *profile.Calibration, m llm.Model) []string {
	var names []string
	for _, p := range parts {
		if _, ok := known.Part(p.name); !ok && (p.needs == nil || p.needs(m)) {
			names = append(names, p.name)
		}
	}
	return names
}

// Title says in words what a part measures.
func Title(name string) string {
	for _, p := range parts {
		if p.name == name {
			return p.title
		}
	}
	return name
}

var (
	errShare = errors.New("its share of the time is over")
	errTotal = errors.New("the time is over")
)

// Run measures the parts that known lacks and gives keep the calibration after
// each. It returns the last one. Errors: Interrupted and the provider's faults,
// with what was kept; CodeNoTime if parts were left out for lack of time; keep's
// own.
func (c *Calibrator) Run(ctx context.Context, known *profile.Calibration, keep func(*profile.Calibration) error) (*profile.Calibration, error) {
	budget := c.Budget
	if budget == 0 {
		budget = Budget
	}
	end := c.Now().Add(budget)
	total, cancel := context.WithTimeoutCause(ctx, budget, errTotal)
	defer cancel()
	s := &session{Calibrator: c, known: known}
	left := 0
	for _, p := range parts {
		if _, ok := s.known.Part(p.name); ok || p.needs != nil && !p.needs(c.Model) {
			continue
		}
		found, err := c.measure(total, s, p, time.Duration(p.share*float64(end.Sub(c.Now()))))
		switch {
		case ctx.Err() != nil:
			return s.known, fault.New(fault.Interrupted, llm.CodeCanceled, "%w", ctx.Err()).On("calibrate", c.Model.Name).
				Hint("what was finished is kept; the same command goes on from there")
		case errors.Is(err, errShare):
			left++
			continue
		case err != nil:
			return s.known, err
		}
		s.known = s.known.With(found)
		if err := keep(s.known); err != nil {
			return s.known, err
		}
	}
	if left > 0 {
		return s.known, fault.New(fault.Failed, CodeNoTime, "%d parts were left out: %s are too short for this model on this machine", left, budget).
			On("calibrate", c.Model.Name).Hint("the defaults hold for them; the same command tries them again, with --budget for longer")
	}
	return s.known, nil
}

// measure runs one part within a time and reports on it.
func (c *Calibrator) measure(ctx context.Context, s *session, p part, limit time.Duration) (profile.Part, error) {
	step := event.Step{ID: "calibrate." + p.name, Title: p.title, State: event.Begin}
	c.Events.Emit(step)
	begun := c.Now()
	var cancel context.CancelFunc
	s.ctx, cancel = context.WithTimeoutCause(ctx, limit, errShare)
	defer cancel()
	s.step, s.calls, s.limit = step.ID, 0, limit
	found, err := p.run(s)
	if err != nil && s.ctx.Err() != nil && ctx.Err() == nil || errors.Is(context.Cause(ctx), errTotal) {
		err = errShare
	}
	found.Name, found.Seconds = p.name, c.Now().Sub(begun).Seconds()
	step.State, step.Detail = event.Done, Describe(found)
	switch {
	case errors.Is(err, errShare):
		step.State, step.Detail = event.Skipped, "it would take too long here"
	case err != nil:
		step.State, step.Detail = event.Failing, err.Error()
	}
	c.Events.Emit(step)
	return found, err
}

// session is one run.
type session struct {
	*Calibrator
	known *profile.Calibration
	ctx   context.Context
	step  string
	calls int64
	limit time.Duration // of the part
}

// afford refuses a part that can't end in its time: calls of so many tokens each.
func (s *session) afford(calls, promptTokens, replyTokens int) error {
	speed, ok := s.known.Part(Speed)
	if !ok {
		return nil
	}
	seconds := 0.0
	if rate := speed.Figures[prefill]; rate > 0 {
		seconds += float64(calls*promptTokens) / rate
	}
	if rate := speed.Figures[decode]; rate > 0 {
		seconds += float64(calls*replyTokens) / rate
	}
	if time.Duration(seconds*float64(time.Second)) > s.limit {
		return errShare
	}
	return nil
}

// chat asks once. A reply that can't be used comes back empty: that is what is
// measured.
func (s *session) chat(r llm.Request) (llm.Reply, error) {
	r.Model = s.Model.Name
	if r.Name == "" {
		r.Name = s.step
	}
	reply, err := s.Provider.Chat(s.ctx, r, nil)
	s.calls++
	s.Events.Emit(reply.Call)
	s.Events.Emit(event.Progress{ID: s.step, Unit: "calls", Done: s.calls})
	if fault.KindOf(err) == fault.Unusable && err != nil {
		return llm.Reply{Call: reply.Call, Stop: llm.StopLength}, nil
	}
	return reply, err
}

// Describe says a part's outcome in words.
func Describe(p profile.Part) string {
	text := p.Choice
	switch p.Name {
	case Speed:
		text = fmt.Sprintf("reads %.0f, writes %.0f tokens a second", p.Figures[prefill], p.Figures[decode])
	case Context:
		text = fmt.Sprintf("%.0f tokens", p.Value)
		if p.Value == 0 {
			text = "all that was tried"
		}
	case Temperature:
		text = fmt.Sprintf("%.1f", p.Value)
	}
	for i, score := range p.Scores {
		sep := ", "
		switch {
		case i > 0:
		case text == "":
			sep = ""
		default:
			sep = ": "
		}
		text += fmt.Sprintf("%s%s %d of %d", sep, score.Name, score.Good, score.Of)
	}
	return text
}
