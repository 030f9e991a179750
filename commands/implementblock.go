package commands

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bitactor/cf/event"
	"github.com/bitactor/cf/fault"
	"github.com/bitactor/cf/scaffold"
)

// The values of --from.
const (
	fromAuto     = "auto"
	fromTemplate = "template"
	fromModel    = "model"
)

var froms = []string{fromAuto, fromTemplate, fromModel}

func checkFrom(cmd *cobra.Command, from string) error {
	if !slices.Contains(froms, from) {
		return usageError(cmd, fmt.Errorf("--from is auto, template or model, not %q", from))
	}
	return nil
}

// ownedPath is a path that a building block has.
type ownedPath struct {
	block   *scaffold.Block
	project *scaffold.Project
	file    string // the path within the project
	own     bool   // a block may land here unasked
}

// otpProject is the file that makes a folder one of an OTP system.
const otpProject = "bitactor_otp/mix.exs"

// owned finds the block that a path, relative to the root, belongs to; nil if none
// has it. A block may land unasked where its path is the system's own by name, or
// where blocks are, or an OTP project of that name is: docs/operations may be
// anybody's.
func (l *landing) owned(name string) (*ownedPath, error) {
	c, err := scaffold.Own()
	if err != nil {
		return nil, err
	}
	dir := "."
	for rest := name; ; {
		if b, ok := c.Owner(rest); ok {
			p, err := scaffold.OpenProject(c, l.tree, dir)
			if err != nil {
				return nil, err
			}
			own := strings.Contains(rest, "bitactor") || l.marked(p, dir)
			return &ownedPath{block: b, project: p, file: rest, own: own}, nil
		}
		head, tail, found := strings.Cut(rest, "/")
		if !found {
			return nil, nil
		}
		dir, rest = path.Join(dir, head), tail
	}
}

// marked tells whether a folder is a project of blocks.
func (l *landing) marked(p *scaffold.Project, dir string) bool {
	return p.Marked() || l.tree.Kind(path.Join(dir, otpProject)) == "file"
}

// fromBlock lands the block that the path belongs to, and reports whether that
// answers the request.
func (w *writing) fromBlock(ctx context.Context, flags implementFlags) (done bool, err error) {
	if flags.from == fromModel || w.request.Symbol != "" {
		return false, nil
	}
	o, err := w.owned(w.request.Path)
	switch {
	case err != nil:
		return false, err
	case o == nil && flags.from == fromTemplate:
		return false, fault.New(fault.Usage, scaffold.CodeNoBlock, "no block has this path").On("implement", w.request.Path).
			Hint("cf scaffold list names all blocks, cf scaffold show BLOCK their files")
	case o == nil:
		return false, nil
	case !o.own && flags.from == fromAuto:
		w.Events().Emit(event.Note{Level: "info", Text: fmt.Sprintf("the building block %s has this path (%s); to take it: --from template", o.block.ID, o.block.Title)})
		return false, nil
	}
	w.widen()
	b := &blocks{landing: w.landing, project: o.project, title: w.title, asked: []string{o.block.ID}}
	plan, err := b.plan(scaffold.Want{Blocks: b.asked, Restore: []string{o.file}})
	if err != nil {
		if flags.from == fromAuto && foreign(plan, w.request.Path) {
			w.warn(fmt.Sprintf("the building block %s has this path too, but the file that is here is not from it: it is left to the model", o.block.ID))
			return false, nil
		}
		return false, err
	}
	w.title = fmt.Sprintf("%s: the building block %s", w.title, o.block.ID)
	b.title = w.title
	if flags.from == fromAuto && w.request.Instructions != "" {
		return true, w.beyond(ctx, flags, b, plan)
	}
	w.why(o.block.ID, "its file is tested; no model is asked")
	return true, b.take(ctx, plan)
}

// why says from where the file comes.
func (w *writing) why(block, reason string) {
	w.events.Emit(event.Note{Level: "info", Text: fmt.Sprintf("%s is of the building block %s: %s", w.request.Path, block, reason)})
}

// foreign tells whether the file at the path is what keeps a plan from landing, and
// is not from a block.
func foreign(p *scaffold.Plan, name string) bool {
	return p != nil && slices.ContainsFunc(p.Conflicts, func(c scaffold.Conflict) bool { return c.Path == name && c.Foreign })
}

// beyond has the model carry out the instructions on top of the block. If what it
// makes does not pass, the block lands as it is, and the error says what is left.
func (w *writing) beyond(ctx context.Context, flags implementFlags, b *blocks, plan *scaffold.Plan) error {
	if len(plan.Set.Changes) > 0 {
		w.request.On = plan.Set
	}
	if !b.flags.dryRun {
		if err := plan.Remember(); err != nil {
			return err
		}
	}
	w.why(b.asked[0], "the model is asked for what the instructions add")
	err := w.fromModel(ctx, flags)
	if err == nil {
		return w.keepPlan(plan)
	}
	if len(plan.Set.Changes) == 0 || fault.KindOf(err) == fault.Interrupted || fault.KindOf(err) == fault.Terminated {
		return err
	}
	w.warn("what the instructions add could not be made: " + err.Error() + "; the block lands without it")
	return errors.Join(b.take(ctx, plan), err)
}

// keepPlan stores that the plan's blocks are there.
func (w *writing) keepPlan(plan *scaffold.Plan) error {
	if w.flags.dryRun {
		return nil
	}
	return plan.Landed()
}
