package commands

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/bitactor/cf/commands/view"
	"github.com/bitactor/cf/event"
	"github.com/bitactor/cf/workspace"
)

// Landings is what cf undo --list shows.
type Landings struct {
	Root    string            `json:"root"`
	Entries []workspace.Entry `json:"entries"`
}

// Type names the event.
func (Landings) Type() string { return "landings" }

// PlainText renders a table, newest first.
func (l Landings) PlainText(width int) string {
	if len(l.Entries) == 0 {
		return "nothing that cf landed in " + l.Root + " is kept\n"
	}
	rows := [][]string{{"ID", "LANDED", "FILES", "STATE", "WHAT"}}
	for _, e := range l.Entries {
		what := e.Title
		if e.Undoes != "" {
			what = "undo of " + e.Undoes
		}
		rows = append(rows, []string{e.ID, e.Time.Local().Format(time.DateTime), fmt.Sprint(len(e.Files)), stateOf(e), what})
	}
	return view.Table(rows, width)
}

func stateOf(e workspace.Entry) string {
	switch {
	case e.Damaged != "":
		return "damaged: " + e.Damaged
	case e.UndoneBy != "":
		return "undone"
	}
	return "there"
}

// PrunedEvent tells what was removed from the ledger.
type PrunedEvent struct {
	Entries int   `json:"entries"`
	Bytes   int64 `json:"bytes"`
}

// Type names the event.
func (PrunedEvent) Type() string { return "pruned" }

// PlainText renders a line.
func (p PrunedEvent) PlainText(int) string {
	return fmt.Sprintf("removed %d landings, %s; they can't be undone any more\n", p.Entries, view.Bytes(p.Bytes))
}

func newUndoCmd(a *App) *cobra.Command {
	var list, prune, dryRun bool
	cmd := &cobra.Command{
		Use:   "undo [ID]",
		Short: "Take back what cf landed",
		Long: "Puts back, byte for byte and mode for mode, what stood before the last change that cf landed in\n" +
			"this project, or before the one called ID. If a file was changed since, nothing is put back\n" +
			"(exit code 4, with the files' names). An undo is a landing itself: undo its ID to have the\n" +
			"change again. Landings are kept for 90 days, up to 1 GiB, outside the project.",
		Example: "  cf undo --dry-run\n  cf undo\n  cf undo --list\n  cf undo --prune",
		Args:    cobra.MaximumNArgs(1), Annotations: map[string]string{annotEffect: effectWrite},
		ValidArgsFunction: a.completeLanding,
		RunE: func(cmd *cobra.Command, args []string) error {
			id := strings.Join(args, "")
			if (list || prune) && id != "" {
				return usageError(cmd, errors.New("--list and --prune take no ID"))
			}
			return a.undo(cmd, id, list, prune, dryRun)
		},
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.BoolVar(&dryRun, "dry-run", false, "say what would be put back; change nothing")
	f.BoolVar(&list, "list", false, "list what can be undone")
	f.BoolVar(&prune, "prune", false, "remove landings older than 90 days or beyond 1 GiB")
	cmd.MarkFlagsMutuallyExclusive("list", "prune", "dry-run")
	return cmd
}

func (a *App) undo(cmd *cobra.Command, id string, list, prune, dryRun bool) (err error) {
	tree, err := a.openTree()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, tree.Close()) }()
	ledger, err := a.openLedger(tree)
	if err != nil {
		return err
	}
	switch {
	case list:
		entries, err := ledger.List()
		if err != nil {
			return err
		}
		a.Events().Emit(Landings{Root: tree.Root(), Entries: entries})
		return nil
	case prune:
		gone, err := ledger.Prune(workspace.PruneOptions{})
		if err != nil {
			return err
		}
		a.Events().Emit(PrunedEvent{gone.Entries, gone.Bytes})
		return nil
	}
	landed, err := ledger.Undo(cmd.Context(), id, workspace.UndoOptions{DryRun: dryRun})
	if err != nil {
		return err
	}
	a.Events().Emit(event.Undone{ID: landed.ID, Undoes: landed.Undoes, Files: touches(landed.Files), DryRun: dryRun, Notes: landed.Notes})
	return nil
}

// openLedger opens the ledger of the tree and says what it took back.
func (a *App) openLedger(t *workspace.Tree) (*workspace.Ledger, error) {
	l, err := workspace.OpenLedger(t, a.Env.Paths.State)
	if err != nil {
		return nil, err
	}
	a.showRecovered(l, 0)
	return l, nil
}

// showRecovered says what the ledger took back since it was opened, without the
// first shown of them.
func (a *App) showRecovered(l *workspace.Ledger, shown int) {
	for _, r := range l.Recovered()[shown:] {
		a.Events().Emit(event.Recovered{ID: r.ID, Title: r.Title, Files: r.Files, Kept: r.Kept, Why: r.Damaged})
	}
}

// completeLanding offers the landings that can be undone.
func (a *App) completeLanding(_ *cobra.Command, args []string, prefix string) ([]string, cobra.ShellCompDirective) {
	const directive = cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveKeepOrder
	tree, err := a.openTree()
	if err != nil || len(args) > 0 {
		return nil, directive
	}
	defer func() { _ = tree.Close() }() // read only: nothing is lost
	ledger, err := workspace.OpenLedger(tree, a.Env.Paths.State)
	if err != nil {
		return nil, directive
	}
	entries, _ := ledger.List() // without landings there is nothing to offer
	var found []string
	for _, e := range entries {
		if strings.HasPrefix(e.ID, prefix) && e.UndoneBy == "" && e.Damaged == "" {
			found = append(found, cobra.CompletionWithDesc(e.ID, view.Sanitize(e.Title)))
		}
	}
	return found, directive
}
