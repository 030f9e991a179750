package commands

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/bitactor/cf/commands/view"
	"github.com/bitactor/cf/engine/receipt"
)

// Receipt is what cf receipt show shows.
type Receipt struct {
	receipt.Receipt
}

// Type names the event.
func (Receipt) Type() string { return "receipt" }

// PlainText renders the receipt.
func (r Receipt) PlainText(width int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s (%s, exit code %d, %s)\n", r.ID, r.Title, r.State, r.Exit, r.Receipt.Time.Local().Format(time.DateTime))
	if r.Error != "" {
		fmt.Fprintf(&b, "%s\n", oneLine(r.Error))
	}
	rows := [][]string{
		{"model", r.Model.Name, short(r.Model.Digest), r.Model.Quantization, fmt.Sprintf("window %d tokens", r.Model.Context)},
		{"asked", r.Level, fmt.Sprintf("seed %d", r.Seed), count(r.Calls, "call"), fmt.Sprintf("%d prompt tokens (%d reused), %d written", r.Prompt, r.Reused, r.Output)},
	}
	b.WriteString(view.Table(rows, width))
	fmt.Fprintf(&b, "took %s: model %s, checks of the best %s\n\n", round(r.Took), round(r.Asking), round(r.Checking))
	b.WriteString(triedTable(r.Tried, width) + "\n")
	b.WriteString(r.checkLines(width))
	switch {
	case r.Landed != "":
		fmt.Fprintf(&b, "landed; take it back with: cf undo %s\n", r.Landed)
	case r.Rejected != "":
		fmt.Fprintf(&b, "the best one lies in %s\n", r.Rejected)
	}
	return b.String()
}

func short(digest string) string {
	if digest == "" {
		return "no digest"
	}
	return fmt.Sprintf("%.19s", digest)
}

func round(d time.Duration) string { return fmt.Sprintf("%.1f s", d.Seconds()) }

// triedTable is a row for each candidate.
func triedTable(list []receipt.Tried, width int) string {
	rows := [][]string{{"", "CANDIDATE", "TEMPERATURE", "SEED", "PROMPT", "OUTCOME"}}
	for i, t := range list {
		what := t.Path
		if len(t.Symbols) > 0 {
			what += "#" + strings.Join(t.Symbols, ",")
		}
		outcome := t.Why
		if outcome == "" {
			outcome = "passes"
		}
		if t.Valid > 0 {
			outcome += fmt.Sprintf("; kills %d of %d mutants", t.Killed, t.Valid)
		}
		if t.Round > 0 {
			outcome = fmt.Sprintf("repair %d: ", t.Round) + outcome
		}
		if len(t.Mends) > 0 {
			outcome += " (mended: " + strings.Join(t.Mends, ", ") + ")"
		}
		rows = append(rows, []string{fmt.Sprint(i + 1), what, fmt.Sprint(t.Temperature), fmt.Sprint(t.Seed), fmt.Sprintf("%.8s", t.PromptHash), oneLine(outcome)})
	}
	return view.Table(rows, width)
}

// checkLines says which programs looked at the best candidate, how they ended, and
// what nobody looked at.
func (r Receipt) checkLines(width int) string {
	if r.Checks == nil {
		return ""
	}
	rows := [][]string{{"CHECK", "OUTCOME", "EXIT", "SECONDS", "COMMAND"}}
	for _, p := range r.Checks.Parts {
		if len(p.Ran) == 0 {
			rows = append(rows, []string{p.Checker, p.State, "", "", "in cf itself"})
		}
		for _, ran := range p.Ran {
			rows = append(rows, []string{p.Checker, p.State, fmt.Sprint(ran.Code), fmt.Sprintf("%.1f", ran.Elapsed.Seconds()), strings.Join(ran.Argv, " ")})
		}
	}
	text := view.Table(rows, width)
	for _, f := range r.Files {
		text += fmt.Sprintf("%s %s: %s\n", f.Action, f.Path, f.Checked)
	}
	for _, g := range r.Gaps {
		text += fmt.Sprintf("not checked: %s %s: %s\n", g.Checker, g.What, g.Why)
	}
	return text + "\n"
}

// ReceiptList is what cf receipt list shows.
type ReceiptList struct {
	Root     string            `json:"root"`
	Receipts []receipt.Receipt `json:"receipts"`
}

// Type names the event.
func (ReceiptList) Type() string { return "receipts" }

// PlainText renders a table, newest first.
func (l ReceiptList) PlainText(width int) string {
	if len(l.Receipts) == 0 {
		return "no receipt is kept of " + l.Root + "\n"
	}
	rows := [][]string{{"ID", "WHEN", "STATE", "MODEL", "WHAT"}}
	for _, r := range l.Receipts {
		what := r.Title
		if r.Time.IsZero() {
			what = r.Error
		}
		rows = append(rows, []string{r.ID, r.Time.Local().Format(time.DateTime), string(r.State), r.Model.Name, oneLine(what)})
	}
	return view.Table(rows, width)
}

func newReceiptCmd(a *App) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "receipt",
		Short: "What the model was asked, what was tried, and what checked it",
		Long: "Each run in which a model wrote code leaves a receipt, outside the project: which model by the hash\n" +
			"of its weights, which prompt by its hash, the candidates and what was against them, the checks\n" +
			"with their commands and exit codes, tokens and seconds. It holds no prompt and no code. The last\n" +
			"500 are kept.",
		Example:     "  cf receipt show\n  cf receipt show --last --json\n  cf receipt list",
		Annotations: map[string]string{annotEffect: effectRead},
	}
	var last bool
	show := &cobra.Command{
		Use: "show [ID]", Short: "Show a receipt, the last one if no ID is given",
		Long:    "ID is that of a receipt, the start of one, or the ID of the landing it is about.",
		Example: "  cf receipt show\n  cf receipt show 20260102-030405-a1b2c3 --json",
		Args:    cobra.MaximumNArgs(1), Annotations: map[string]string{annotEffect: effectRead},
		RunE: func(cmd *cobra.Command, args []string) error {
			if last && len(args) > 0 {
				return usageError(cmd, errors.New("--last takes no ID"))
			}
			return a.receipts(func(s *receipt.Store, _ string) error {
				r, err := s.Show(strings.Join(args, ""))
				if err == nil {
					a.Events().Emit(Receipt{r})
				}
				return err
			})
		},
	}
	show.Flags().BoolVar(&last, "last", false, "the last one, as without an ID")
	list := &cobra.Command{
		Use: "list", Short: "List the receipts of this project, newest first", Example: "  cf receipt list --json",
		Args: cobra.NoArgs, Annotations: map[string]string{annotEffect: effectRead},
		RunE: func(*cobra.Command, []string) error {
			return a.receipts(func(s *receipt.Store, root string) error {
				all, err := s.List()
				if err == nil {
					a.Events().Emit(ReceiptList{Root: root, Receipts: all})
				}
				return err
			})
		},
	}
	cmd.AddCommand(show, list)
	return cmd
}

// receipts opens those of the project.
func (a *App) receipts(use func(s *receipt.Store, root string) error) (err error) {
	tree, err := a.openTree()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, tree.Close()) }()
	ledger, err := a.openLedger(tree)
	if err != nil {
		return err
	}
	return use(receipt.Open(ledger.Dir()), tree.Root())
}
