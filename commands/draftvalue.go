package commands

import (
	"errors"
	"os"

	"github.com/spf13/cobra"

	"github.com/bitactor/cf/check/value"
	"github.com/bitactor/cf/engine/land"
	"github.com/bitactor/cf/engine/session"
	"github.com/bitactor/cf/event"
	"github.com/bitactor/cf/fault"
	"github.com/bitactor/cf/workspace"
)

// checkDraft refuses to draft over a file, before a model is asked.
func (a *App) checkDraft() error {
	if _, err := os.Lstat(a.path(value.FileName)); err == nil {
		return fault.New(fault.Conflict, "value-exists", "it is there already, and a draft never replaces it").On("ultrathink", value.FileName).
			Hint("cf validate --check-business-value names what is open in it")
	}
	return nil
}

// valued is the last Business Value section of a session that says something.
func valued(s *session.Session) string {
	for i := len(s.Turns) - 1; i >= 0; i-- {
		if section := s.Turns[i].Section("value"); section != nil && section.Text != "" {
			return section.Text
		}
	}
	return ""
}

// draftValue lands a value.yaml with the goals of the session, as one change that cf
// undo takes back.
func (a *App) draftValue(cmd *cobra.Command, o ultrathinkOptions, s *session.Session) (err error) {
	text := value.Draft(valued(s))
	if text == nil {
		return fault.New(fault.Unusable, "no-business-value", "the session says nothing under Business Value").On("ultrathink", value.FileName)
	}
	flags := o.flags.landFlags
	flags.dryRun = o.dryRun
	l, err := a.openLanding(cmd, flags, workspace.Limits{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.tree.Close()) }()
	name, err := l.tree.Resolve(value.FileName)
	if err != nil {
		return err
	}
	set := &workspace.Set{Changes: []workspace.Change{{Path: name, Content: text}}, Reads: map[string]string{name: ""}}
	if err := set.CheckWithin(l.tree, l.limits); err != nil {
		return err
	}
	if err := l.consent(cmd.Context(), set); err != nil {
		return err
	}
	trial, err := l.try(cmd.Context(), set)
	if err != nil {
		return err
	}
	changes, err := l.changes(trial)
	if err != nil {
		return err
	}
	if err := l.show(trial, changes); err != nil {
		return err
	}
	if !trial.Verdict.Land {
		return land.Refusal(trial.Verdict)
	}
	if _, err := l.land(cmd.Context(), trial, "Draft "+name, changes.Files); err != nil {
		return err
	}
	a.Events().Emit(event.Note{Level: "info", Text: "what is open in it: cf validate " + value.FileName + " --check-business-value"})
	return nil
}
