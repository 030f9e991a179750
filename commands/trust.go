package commands

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/bitactor/cf/commands/config"
	"github.com/bitactor/cf/commands/trust"
	"github.com/bitactor/cf/commands/view"
	"github.com/bitactor/cf/event"
	"github.com/bitactor/cf/fault"
)

// Trust is what a repository's settings file would run, and whether it may.
type Trust struct {
	Root   string         `json:"root"`
	File   string         `json:"file,omitempty"`
	Hash   string         `json:"hash,omitempty"` // SHA-256 of the file
	State  string         `json:"state"`          // "approved", "changed" since it was, "new", "nothing" to approve
	Checks []config.Check `json:"checks,omitempty"`
}

// Type names the event.
func (Trust) Type() string { return "trust" }

// PlainText renders the commands as they would be run.
func (t Trust) PlainText(width int) string {
	if t.State == "nothing" {
		return "no table [check.NAME] in " + config.RepoFile + " of " + t.Root + ": nothing to approve\n"
	}
	words := map[string]string{"approved": "approved", "changed": "changed since you approved it", "new": "not approved"}
	return fmt.Sprintf("%s (sha256 %.12s): %s\n", t.File, t.Hash, words[t.State]) + checksTable(t.Checks, width)
}

func checksTable(checks []config.Check, width int) string {
	rows := [][]string{{"CHECK", "KIND", "FOR", "RUNS"}}
	for _, c := range checks {
		rows = append(rows, []string{c.Name, c.Kind, strings.Join(c.Files, " "), argvText(c.Run)})
	}
	return view.Table(rows, width)
}

// argvText writes a command so that its words can be told apart and nothing in
// them hides: a word that is not plain is quoted.
func argvText(argv []string) string {
	words := make([]string, len(argv))
	for i, word := range argv {
		if words[i] = word; word == "" || strings.ContainsFunc(word, func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune("\"'`\\$&|;<>()*?#", r) }) {
			words[i] = strconv.QuoteToASCII(word)
		}
	}
	return strings.Join(words, " ")
}

// TrustList is what cf trust --list shows.
type TrustList struct {
	Approvals []trust.Approval `json:"approvals"`
}

// Type names the event.
func (TrustList) Type() string { return "trusts" }

// PlainText renders a table.
func (l TrustList) PlainText(width int) string {
	if len(l.Approvals) == 0 {
		return "nothing is approved\n"
	}
	rows := [][]string{{"APPROVED", "SHA256", "CHECKS", "FOLDER"}}
	for _, a := range l.Approvals {
		var names []string
		for _, c := range a.Checks {
			names = append(names, c.Name)
		}
		rows = append(rows, []string{a.Time.Local().Format(time.DateTime), fmt.Sprintf("%.12s", a.Hash), strings.Join(names, " "), a.Root})
	}
	return view.Table(rows, width)
}

func newTrustCmd(a *App) *cobra.Command {
	var list, revoke, show, dryRun bool
	cmd := &cobra.Command{
		Use:   "trust",
		Short: "Allow the checks that this repository brings",
		Long: "A repository's " + config.RepoFile + " may hold tables [check.NAME], whose commands cf validate and\n" +
			"cf apply then run, in the sandbox. They run once you have seen and approved that very file: any\n" +
			"change of it takes the approval back. Checks in your own settings need none.",
		Example:     "  cf trust --show\n  cf trust\n  cf trust --list\n  cf trust --revoke",
		Args:        cobra.NoArgs,
		Annotations: map[string]string{annotEffect: effectWrite},
		RunE: func(cmd *cobra.Command, _ []string) error {
			switch {
			case list:
				all, err := a.approvals().List()
				if err != nil {
					a.Events().Emit(event.Note{Level: "warn", Text: err.Error()})
				}
				a.Events().Emit(TrustList{all})
				return nil
			case revoke:
				return a.revokeTrust(dryRun)
			}
			return a.giveTrust(cmd, show || dryRun)
		},
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.BoolVar(&show, "show", false, "show what would be allowed, and whether it is")
	f.BoolVar(&list, "list", false, "list every file that you approved")
	f.BoolVar(&revoke, "revoke", false, "take the approval of this repository back")
	f.BoolVar(&dryRun, "dry-run", false, "say what would be allowed or taken back; change nothing")
	f.BoolVarP(&a.Yes, "yes", "y", false, "do not ask")
	cmd.MarkFlagsMutuallyExclusive("show", "list", "revoke")
	return cmd
}

func (a *App) approvals() *trust.Store { return trust.Open(a.Env.Paths.State) }

// trustOf says what the repository's file would run, and whether it may.
func (a *App) trustOf(c *config.Config) (Trust, error) {
	t := Trust{Root: a.Project().Root, File: c.Repo.File, Hash: c.Repo.Hash, Checks: c.Repo.Checks, State: "new"}
	if len(t.Checks) == 0 {
		return Trust{Root: t.Root, State: "nothing"}, nil
	}
	given, err := a.approvals().Of(t.Root)
	switch {
	case err != nil || given == nil:
	case given.Hash == t.Hash:
		t.State = "approved"
	default:
		t.State = "changed"
	}
	return t, err
}

func (a *App) giveTrust(cmd *cobra.Command, showOnly bool) error {
	asks := a.Env.StdinTTY && a.Env.StderrTTY && !a.JSON
	c, err := a.Config()
	if err != nil {
		return err
	}
	t, err := a.trustOf(c)
	if err != nil {
		a.Events().Emit(event.Note{Level: "warn", Text: err.Error()})
	}
	done := showOnly || t.State == "nothing" || t.State == "approved"
	if !done && !a.Yes && !asks {
		return usageError(cmd, fmt.Errorf("without a terminal nobody can be asked: give --yes")).Hint("see first what it allows: cf trust --show")
	}
	a.Events().Emit(t)
	if done {
		return nil
	}
	if !a.Yes {
		yes, err := a.askYes(cmd.Context(), "let cf run these commands, in the sandbox, for this project?")
		if err != nil {
			return err
		}
		if !yes {
			return fault.New(fault.Failed, "not-approved", "not approved: nothing was changed").On("trust", t.File)
		}
	}
	approval := trust.Approval{Root: t.Root, File: t.File, Hash: t.Hash, Checks: t.Checks, Time: a.Env.Now().UTC()}
	if err := a.approvals().Approve(approval); err != nil {
		return err
	}
	a.Events().Emit(event.Note{Level: "info", Text: "approved until the file changes; cf trust --revoke takes it back"})
	return nil
}

func (a *App) revokeTrust(dryRun bool) error {
	root, store := a.Project().Root, a.approvals()
	text := "nothing is approved for " + root
	if dryRun {
		if given, err := store.Of(root); err != nil {
			return err
		} else if given != nil {
			text = "would take back the approval for " + root
		}
	} else if had, err := store.Revoke(root); err != nil {
		return err
	} else if had {
		text = "took back the approval for " + root
	}
	a.Events().Emit(event.Note{Level: "info", Text: text})
	return nil
}
