package commands

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/bitactor/cf/engine/wording"
	"github.com/bitactor/cf/event"
	"github.com/bitactor/cf/fault"
	"github.com/bitactor/cf/prompts"
)

// assess answers a task that asks how ready the project is: by the scorecard of cf
// validate --readiness, and a summary that the model words. To have assessed is what
// was asked for, so that a point which fails is no failure of the command. A budget of 0
// is what the settings say, or else that of cf validate.
func (l *landing) assess(ctx context.Context, task string, budget time.Duration) (err error) {
	if budget, err = l.budget(budget); err != nil {
		return err
	}
	stage, err := l.stage(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stage.Close()) }()
	flags := validateFlags{readiness: true, mutants: mutantsUsual, seed: 1, budget: max(cmp.Or(budget, readinessBudget), readinessBudgetMin)}
	flags.noTests = l.flags.noTests
	s, card, err := l.App.readiness(ctx, assessing{checking: l.checking, stage: stage, paths: []string{l.tree.Working()}, flags: flags})
	if card == nil {
		return err
	}
	_ = l.showReport(s.report, true) // the points say what it comes to
	l.events.Emit(*card)
	if err != nil {
		return err
	}
	return l.summarise(ctx, task, card)
}

// summarise has the model word what the card says, if there is one to ask. The card
// stands by itself, so that only an interruption is an error.
func (l *landing) summarise(ctx context.Context, task string, card *Readiness) error {
	text, left, err := l.summary(ctx, task, card)
	if ctx.Err() != nil {
		return err
	}
	if err != nil {
		l.Events().Emit(event.Note{Level: "info", Text: "without a summary in words: " + err.Error()})
		return nil
	}
	if left > 0 {
		l.Events().Emit(event.Note{Level: "info", Text: fmt.Sprintf("%s of the summary left out: numbers that no check gave, or another verdict", count(left, "sentence"))})
	}
	l.events.Emit(event.Section{ID: "summary", Title: "Summary", State: event.Done, Text: "The checks say: " + card.State + ". " + text})
	return nil
}

func (l *landing) summary(ctx context.Context, task string, card *Readiness) (text string, left int, err error) {
	words, err := prompts.Load(l.wordsDir())
	if err != nil {
		return "", 0, err
	}
	model, _ := l.flag("model")
	b, err := l.Connect(ctx, model)
	if err != nil {
		return "", 0, err
	}
	defer b.Release()
	l.Events().Emit(b.Event)
	cfg, err := l.Config()
	if err != nil {
		return "", 0, err
	}
	text, left, err = wording.Asker{Provider: b.Provider, Model: b.Model, Words: words, Seed: cfg.Seed, Refuse: card.denied}.Summary(ctx, task, card.facts())
	if fault.CodeOf(err) == wording.CodeInvented {
		err = fmt.Errorf("the model's was refused: %w", err)
	}
	return text, left, err
}
