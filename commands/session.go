package commands

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/bitactor/cf/commands/view"
	"github.com/bitactor/cf/engine/session"
	"github.com/bitactor/cf/event"
	"github.com/spf13/cobra"
)

// SessionList is what cf session list shows.
type SessionList struct {
	Sessions []*session.Session `json:"sessions"`
	Skipped  []string           `json:"skipped,omitempty"`
}

// Type names the event.
func (SessionList) Type() string { return "sessions" }

// PlainText renders a table, newest first.
func (l SessionList) PlainText(width int) string {
	if len(l.Sessions) == 0 {
		return "no sessions; cf ultrathink \"task\" starts one\n"
	}
	rows := [][]string{{"ID", "CHANGED", "MODEL", "TITLE"}}
	for _, s := range l.Sessions {
		rows = append(rows, []string{s.ID, s.Updated.Local().Format(time.DateTime), s.Model, s.Title})
	}
	return view.Table(rows, width)
}

// SessionShown is a whole session.
type SessionShown struct {
	Session *session.Session `json:"session"`
	Turns   []session.Turn   `json:"turns"`
	Text    string           `json:"markdown"`
}

// Type names the event.
func (SessionShown) Type() string { return "session" }

// PlainText renders the session as Markdown.
func (s SessionShown) PlainText(int) string { return s.Text }

// Removed names the sessions that were removed, or would be.
type Removed struct {
	IDs    []string `json:"ids"`
	DryRun bool     `json:"dry_run,omitempty"`
}

// Type names the event.
func (Removed) Type() string { return "removed" }

// PlainText renders a line for each.
func (r Removed) PlainText(int) string {
	did, out := "removed", ""
	if r.DryRun {
		did = "would remove"
	}
	for _, id := range r.IDs {
		out += did + " session " + id + "\n"
	}
	return out
}

func newSessionCmd(a *App) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "session",
		Short: "List, show, remove or export reasoning sessions",
		Long: "Sessions of cf ultrathink are plain files in .cf/sessions of the project. An ID may be\n" +
			"shortened to its first characters where that names one session.",
		Example:     "  cf session list\n  cf session show 1t2\n  cf session export 1t2 --out plan.md",
		Annotations: map[string]string{annotEffect: effectRead},
	}
	cmd.AddCommand(newSessionListCmd(a), newSessionShowCmd(a), newSessionRmCmd(a), newSessionExportCmd(a))
	return cmd
}

func (a *App) sessions() *session.Store { return session.Open(a.Project().Root) }

// completeSession offers ids with their titles, for at most so many arguments;
// -1 means any number.
func (a *App) completeSession(most int) cobra.CompletionFunc {
	return func(_ *cobra.Command, args []string, prefix string) ([]string, cobra.ShellCompDirective) {
		var found []string
		if most >= 0 && len(args) >= most {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		all, _, _ := a.sessions().List() // without sessions there is nothing to offer
		for _, s := range all {
			if strings.HasPrefix(s.ID, prefix) && !slices.Contains(args, s.ID) {
				found = append(found, cobra.CompletionWithDesc(s.ID, view.Sanitize(s.Title)))
			}
		}
		return found, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveKeepOrder
	}
}

func newSessionListCmd(a *App) *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List the sessions, newest first", Example: "  cf session list",
		Args: cobra.NoArgs, Annotations: map[string]string{annotEffect: effectRead},
		RunE: func(*cobra.Command, []string) error {
			all, skipped, err := a.sessions().List()
			if err != nil {
				return err
			}
			list := SessionList{Sessions: all}
			for _, err := range skipped {
				list.Skipped = append(list.Skipped, err.Error())
				a.Events().Emit(event.Note{Level: "warn", Text: err.Error()})
			}
			a.Events().Emit(list)
			return nil
		},
	}
}

func newSessionShowCmd(a *App) *cobra.Command {
	return &cobra.Command{
		Use: "show ID", Short: "Show a session with all its turns", Example: "  cf session show 1t2",
		Args: cobra.ExactArgs(1), Annotations: map[string]string{annotEffect: effectRead},
		ValidArgsFunction: a.completeSession(1),
		RunE: func(_ *cobra.Command, args []string) error {
			s, err := a.sessions().Load(args[0])
			if err != nil {
				return err
			}
			a.Events().Emit(SessionShown{s, s.Turns, s.Markdown()})
			return nil
		},
	}
}

func newSessionRmCmd(a *App) *cobra.Command {
	var dryRun bool
	cmd := &cobra.Command{
		Use: "rm ID...", Short: "Remove sessions, named by their whole ID", Example: "  cf session rm 1t2c4y7k3ab --dry-run",
		Args: cobra.MinimumNArgs(1), Annotations: map[string]string{annotEffect: effectWrite},
		ValidArgsFunction: a.completeSession(-1),
		RunE: func(cmd *cobra.Command, args []string) error {
			store, done := a.sessions(), Removed{DryRun: dryRun}
			for _, id := range args {
				if !session.ValidID(id) {
					return usageError(cmd, fmt.Errorf("%q is no whole session id", id))
				}
			}
			for _, id := range args {
				if dryRun {
					if _, err := store.Load(id); err != nil {
						return err
					}
				} else if err := store.Remove(id); err != nil {
					return err
				}
				done.IDs = append(done.IDs, id)
			}
			a.Events().Emit(done)
			return nil
		},
	}
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "say what would be removed and remove nothing")
	return cmd
}

func newSessionExportCmd(a *App) *cobra.Command {
	var out string
	var dryRun bool
	cmd := &cobra.Command{
		Use: "export ID", Short: "Write a session as one Markdown document",
		Long:    "Without --out the document goes to standard output.",
		Example: "  cf session export 1t2 --out plan.md",
		Args:    cobra.ExactArgs(1), Annotations: map[string]string{annotEffect: effectWrite},
		ValidArgsFunction: a.completeSession(1),
		RunE: func(_ *cobra.Command, args []string) error {
			s, err := a.sessions().Load(args[0])
			if err != nil {
				return err
			}
			if out == "" || dryRun {
				a.Events().Emit(SessionShown{s, s.Turns, s.Markdown()})
				return nil
			}
			if err := writeOut(a.path(out), s.Markdown()); err != nil {
				return err
			}
			a.Events().Emit(event.Saved{What: "export", ID: s.ID, Path: out})
			return nil
		},
	}
	cmd.Flags().StringVarP(&out, "out", "o", "", "the `FILE` to write")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "show the document and write no file")
	return cmd
}
