package commands

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/bitactor/cf/engine"
	"github.com/bitactor/cf/engine/land"
	"github.com/bitactor/cf/engine/receipt"
	"github.com/bitactor/cf/event"
	"github.com/bitactor/cf/fault"
	"github.com/bitactor/cf/workspace"
)

// writing is a run of the engine whose outcome lands, or is kept. Either way it
// leaves a receipt; a dry run leaves nothing.
type writing struct {
	*landing
	engine  *engine.Engine
	request engine.Request
	review  bool
	title   string // of the landing
	began   time.Time
}

// end takes what the engine came to. err is the engine's.
func (w *writing) end(ctx context.Context, out *engine.Outcome, err error) error {
	if out == nil {
		return w.note(w.begun(w.engine, w.request.Level, nil, nil, w.title), w.began, err)
	}
	trial := out.Trial()
	rec := w.begun(w.engine, w.request.Level, []*engine.Outcome{out}, trial, w.title)
	if trial != nil {
		changes, failed := w.changes(trial)
		if failed == nil {
			failed = w.show(trial, changes)
		}
		rec.Files = changes.Files
		if failed != nil {
			return w.note(rec, w.began, failed)
		}
	}
	if err == nil && w.review {
		trial, rec.Files, err = w.reviewed(ctx, trial, rec.Files)
	}
	var landed *land.Receipt
	if err == nil {
		landed, err = w.take(ctx, trial, rec.Files)
	}
	switch {
	case err != nil:
		rec.Rejected = w.keep(out, trial, err)
	case landed != nil:
		rec.Landed, rec.Git = landed.Landed.ID, landed.Landed.Git
		if trial == out.Trial() { // an answer of which a part was taken is no example
			w.remember(ctx, w.engine.Memory, out.Examples())
		}
	}
	return w.note(rec, w.began, err)
}

// take lands the trial, once the user agrees to files that were not known before.
func (w *writing) take(ctx context.Context, t *land.Trial, files []event.FileChange) (*land.Receipt, error) {
	rest := &workspace.Set{Changes: slices.DeleteFunc(slices.Clone(t.Set.Changes), func(c workspace.Change) bool {
		return c.Path == w.request.Path || w.request.On != nil && slices.ContainsFunc(w.request.On.Changes, func(on workspace.Change) bool { return on.Path == c.Path })
	})}
	if len(rest.Changes) > 0 {
		if err := w.consent(ctx, rest); err != nil {
			return nil, err
		}
	}
	return w.land(ctx, t, w.title, files)
}

// keep stores the best that did not land, whatever ended the run, and returns its
// folder. A dry run and a wrong command line keep nothing.
func (w *writing) keep(out *engine.Outcome, t *land.Trial, err error) string {
	if w.flags.dryRun || fault.KindOf(err) == fault.Usage {
		return ""
	}
	if t != nil {
		return w.keepSet(t.Set, err)
	}
	return w.keepSet(bestOf(out), err)
}

// keepSet stores a set that did not land because of err, and returns its folder, ""
// if there is nothing to store.
func (l *landing) keepSet(set *workspace.Set, err error) string {
	if set == nil {
		return ""
	}
	diff, failed := l.diff(set)
	switch {
	case failed != nil:
		l.warn("the best candidate could not be kept: " + failed.Error())
		return ""
	case len(diff) == 0:
		return ""
	}
	return l.kept(err, diff)
}

// bestOf is the best that a request came to, nil if there is none: what was
// checked, else the newest that was not.
func bestOf(out *engine.Outcome) *workspace.Set {
	if t := out.Trial(); t != nil {
		return t.Set
	}
	return lastSource(out)
}

// lastSource is the newest candidate that nothing has checked yet.
func lastSource(out *engine.Outcome) *workspace.Set {
	for _, c := range slices.Backward(out.Candidates) {
		if c.Source != "" {
			return &workspace.Set{Changes: []workspace.Change{{Path: c.Path, Content: []byte(c.Source)}}}
		}
	}
	return nil
}

// begun is a receipt of what the engine did for this landing's verb.
func (l *landing) begun(e *engine.Engine, level engine.Level, tries []*engine.Outcome, t *land.Trial, title string) receipt.Receipt {
	rec := receipt.Of(e, level, tries, t)
	rec.Verb, rec.Title = l.cmd.Name(), title
	return rec
}

// note stores the receipt of a run that ended with err, and returns err.
func (l *landing) note(rec receipt.Receipt, began time.Time, err error) error {
	if l.flags.dryRun || fault.KindOf(err) == fault.Usage && err != nil {
		return err
	}
	rec.Exit, rec.Took = codeOf(err), l.Env.Now().Sub(began)
	switch {
	case err == nil:
		rec.State = receipt.Landed
	case rec.Landed != "": // of cf fix, which then tells what is left
		rec.State, rec.Error = receipt.Landed, err.Error()
	case fault.KindOf(err) == fault.Refused:
		rec.State, rec.Error = receipt.Refused, err.Error()
	default:
		rec.State, rec.Error = receipt.Ended, err.Error()
	}
	id, failed := receipt.Open(l.ledger.Dir()).Put(rec, l.Env.Now())
	if failed != nil {
		l.warn(failed.Error())
	}
	if id != "" {
		l.Events().Emit(event.Note{Level: "info", Text: fmt.Sprintf("receipt: cf receipt show %s", id)})
	}
	return err
}
