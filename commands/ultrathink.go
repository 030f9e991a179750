package commands

import (
	"context"
	"fmt"
	"strings"

	"github.com/bitactor/cf/commands/view/tui"
	"github.com/bitactor/cf/engine/session"
	"github.com/bitactor/cf/engine/think"
	"github.com/bitactor/cf/event"
	"github.com/bitactor/cf/fault"
	"github.com/spf13/cobra"
)

type ultrathinkOptions struct {
	applyOptions
	task       string
	noTask     bool // none was given
	contexts   []string
	session    string
	last       bool
	dryRun     bool
	showPrompt bool
	out        string
	draft      bool // value.yaml
}

func newUltrathinkCmd(a *App) *cobra.Command {
	var o ultrathinkOptions
	cmd := &cobra.Command{
		Use:   "ultrathink [flags] TASK",
		Short: "Reason about a task in a session that is kept",
		Long: "Reads the project, then has the model write seven sections as they come: Reasoning,\n" +
			"Implementation Plan, Code Strategy, Business Value, Telemetry Points, Validation, and the\n" +
			"Steps as a list of files. It begins with what was read, what was absent and what was left\n" +
			"out. A section that the model does not answer says so: nothing is made up.\n\n" +
			"The session is kept in .cf/sessions. With --continue or --session TASK is a further question\n" +
			"in it; without TASK they go on with a turn that broke off. TASK - is read from standard\n" +
			"input. On a terminal the session is interactive.\n\n" +
			"With --apply the steps of the plan are then carried out as cf custom does: shown, asked for,\n" +
			"written one on top of the other, checked, and landed as one change or not at all. The flags\n" +
			"after --apply are about that change. A finished session needs no TASK for it, nor for\n" +
			"--draft-value, which lands a value.yaml with the goals of the Business Value section, as a\n" +
			"change that cf undo takes back; what the model can't know, targets and owners, stays open.",
		Example: "  cf ultrathink \"design a rate limiter\" --context @src --context \"at most 1 s\"\n" +
			"  cf ultrathink --continue \"what fails first?\"\n" +
			"  cf ultrathink \"high-level design\" --show-prompt\n" +
			"  cf ultrathink --continue --apply --ai-level high\n" +
			"  cf ultrathink - --json < task.txt",
		Args:        ultrathinkArgs(a, &o),
		Annotations: map[string]string{annotEffect: effectAsk},
		RunE: func(cmd *cobra.Command, args []string) error {
			o.noTask = len(args) == 0
			if !o.noTask {
				task, err := a.task(cmd, args[0])
				if err != nil {
					return err
				}
				o.task = task
			}
			return a.ultrathink(cmd, o)
		},
	}
	f := cmd.Flags()
	f.StringArrayVarP(&o.contexts, "context", "c", nil, "`TEXT`, @FILE or @DIR that matters to the task; may be given again")
	f.StringVar(&o.session, "session", "", "continue the session with this `ID`, or the start of one")
	f.BoolVar(&o.last, "continue", false, "continue the latest session")
	f.BoolVar(&o.dryRun, "dry-run", false, "think, but keep no session and write no file")
	f.BoolVar(&o.showPrompt, "show-prompt", false, "print the exact prompts with token counts and ask no model")
	f.StringVarP(&o.out, "out", "o", "", "also write the answer to this Markdown `FILE`")
	f.BoolVar(&o.draft, "draft-value", false, "write the goals under Business Value to value.yaml, if none is there")
	f.BoolVar(&a.NoTUI, "no-tui", false, "plain text on a terminal too")
	o.add(cmd, a)
	_ = cmd.RegisterFlagCompletionFunc("session", a.completeSession(-1)) // fails only for a flag that is not there
	cmd.MarkFlagsMutuallyExclusive("session", "continue")
	cmd.MarkFlagsMutuallyExclusive("out", "dry-run")
	cmd.MarkFlagsMutuallyExclusive("out", "show-prompt")
	cmd.MarkFlagsMutuallyExclusive("apply", "show-prompt")
	cmd.MarkFlagsMutuallyExclusive("draft-value", "show-prompt")
	return cmd
}

// ultrathinkArgs asks for one task, which a continued session may do without:
// an interactive one, and one whose last turn is not finished.
func ultrathinkArgs(a *App, o *ultrathinkOptions) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) > 1:
			return fmt.Errorf("%d arguments, want one task: put it into quotes", len(args))
		case len(args) == 1 && strings.TrimSpace(args[0]) == "":
			return fmt.Errorf("the task is empty")
		case len(args) == 0 && !o.last && o.session == "" && (o.showPrompt || !a.Interactive()):
			return fmt.Errorf("no task")
		}
		return nil
	}
}

func (a *App) ultrathink(cmd *cobra.Command, o ultrathinkOptions) error {
	if err := o.check(cmd, a, o.dryRun); err != nil {
		return err
	}
	if o.out != "" {
		if err := checkOut(a.path(o.out)); err != nil {
			return err
		}
	}
	if o.draft {
		if err := a.checkDraft(); err != nil {
			return err
		}
	}
	s, err := a.openSession(o)
	if err != nil {
		return err
	}
	var picked []int
	if !o.apply && !o.draft || !o.noTask || s.Open() != nil || len(s.Turns) == 0 {
		if picked, err = a.reason(cmd.Context(), o, s); err != nil {
			return err
		}
	}
	if o.draft {
		if err := a.draftValue(cmd, o, s); err != nil {
			return err
		}
	}
	if !o.apply && picked == nil {
		return nil
	}
	return a.applyPlan(cmd, o, s, picked)
}

// reason runs a turn, or, on a terminal, the interactive session, from which the
// user may have picked steps to be carried out.
func (a *App) reason(ctx context.Context, o ultrathinkOptions, s *session.Session) (picked []int, err error) {
	if o.noTask {
		if o.task, err = a.unfinished(s); err != nil {
			return nil, err
		}
	}
	t, err := a.think(ctx, o.contexts)
	if err != nil {
		return nil, err
	}
	defer t.close()
	if o.showPrompt || !a.Interactive() { // the interface shows the model itself
		a.Events().Emit(t.backend.Event)
	}
	in := think.Input{Task: o.task, Contexts: o.contexts, Session: s}
	if o.showPrompt {
		return nil, a.showPrompts(t.thinker.Prompts(ctx, in))
	}
	if !o.dryRun {
		t.thinker.Store = t.store
	}
	if a.Interactive() {
		if picked, err = a.interactive(ctx, t, in); err != nil {
			return nil, err
		}
	} else if _, err := t.thinker.Turn(ctx, in); err != nil {
		return nil, err
	}
	if o.dryRun {
		a.Events().Emit(event.Note{Level: "info", Text: "dry run: no session was kept and no file written"})
	}
	return picked, a.writeAnswer(o.out, s)
}

// writeAnswer writes what was answered to the file of --out, if one was named.
func (a *App) writeAnswer(out string, s *session.Session) error {
	if out == "" || len(s.Turns) == 0 {
		return nil
	}
	text := s.Turns[len(s.Turns)-1].Markdown()
	if a.Interactive() {
		text = s.Markdown()
	}
	if err := writeOut(a.path(out), text); err != nil {
		return err
	}
	a.Events().Emit(event.Saved{What: "answer", Path: out})
	return nil
}

// unfinished returns the task of a session's unfinished turn, which is gone on
// with where no task is given. Without one only a terminal can ask for a task.
func (a *App) unfinished(s *session.Session) (string, error) {
	if open := s.Open(); open != nil {
		return open.Task, nil
	}
	if a.Interactive() {
		return "", nil
	}
	return "", usageError(a.cmd, fmt.Errorf("no task, and the last turn of session %s is finished", s.ID))
}

// openSession returns the session to continue, or a new one.
func (a *App) openSession(o ultrathinkOptions) (*session.Session, error) {
	store := session.Open(a.Project().Root)
	switch {
	case o.session != "":
		return store.Load(o.session)
	case o.last:
		return store.Latest()
	}
	return session.New(a.Env.Now()), nil
}

// interactive holds the session on the terminal.
func (a *App) interactive(ctx context.Context, t *thinking, in think.Input) (picked []int, err error) {
	options := tui.Options{
		In: a.Env.Stdin, Out: a.terminal(), Getenv: a.Env.Getenv, Now: a.Env.Now,
		Width: a.Env.Width, Height: a.Env.Height,
		Conversation: &conversation{*t.thinker, in.Session, in.Contexts},
		First:        in.Task, Title: in.Session.Title, Model: t.backend.Event,
	}
	if len(in.Session.Turns) > 0 {
		options.Session = in.Session.ID
		for i := range in.Session.Turns {
			options.Earlier = append(options.Earlier, tui.Turn{Question: in.Session.Turns[i].Task, Events: in.Session.Turns[i].Events()})
		}
	}
	result, err := tui.Run(ctx, options)
	if err == nil && result.Turns == 1 && fault.KindOf(result.Last) != fault.Interrupted {
		err = result.Last // the only turn failed: the exit code tells
	}
	return result.Picked, err
}

// conversation runs turns for the terminal interface. The contexts go with the
// first one; later turns keep them in the conversation.
type conversation struct {
	thinker  think.Thinker
	session  *session.Session
	contexts []string
}

// Turn runs one turn.
func (c *conversation) Turn(ctx context.Context, text string, sink event.Sink) error {
	thinker := c.thinker
	thinker.Events = sink
	_, err := thinker.Turn(ctx, think.Input{Task: text, Contexts: c.contexts, Session: c.session})
	switch {
	case err == nil:
		c.contexts = nil
	case len(c.session.Turns) == 0:
		// What was answered is stored under the old id; another task must not
		// take its place.
		*c.session = *session.New(thinker.Now())
	}
	return err
}
