package commands

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/bitactor/cf/commands/view"
	"github.com/bitactor/cf/engine/terms"
	"github.com/bitactor/cf/event"
	"github.com/bitactor/cf/fault"
	"github.com/bitactor/cf/scaffold"
)

// fromBlocks carries out a task by the building blocks that answer it, and reports
// whether any does. Elsewhere than in a project of blocks they are only named.
func (l *landing) fromBlocks(ctx context.Context, task string, o customOptions) (done bool, err error) {
	c, err := scaffold.Own()
	if err != nil {
		return false, err
	}
	dir := l.tree.Working()
	p, err := scaffold.OpenProject(c, l.tree, dir)
	if err != nil {
		return false, err
	}
	hits := c.Asked(task)
	switch marked := l.marked(p, dir); {
	case assesses(task):
		if marked {
			err = l.present(c, p)
		}
		if err == nil {
			err = l.assess(ctx, task, o.budget)
		}
		return true, err
	case o.from == fromTemplate && len(hits) == 0:
		return false, fault.New(fault.Usage, scaffold.CodeNoBlock, "no block answers the task").On("custom", "").Hint("cf scaffold list names all blocks")
	case len(hits) == 0:
		return false, nil
	case !marked && o.from == fromAuto:
		l.Events().Emit(event.Note{Level: "info", Text: "building blocks answer some of this: " + strings.Join(ids(hits), ", ") + "; to take them: --from template, or cf scaffold apply"})
		return false, nil
	}
	found := ScaffoldList{Blocks: []BlockLine{}}
	for _, h := range hits {
		found.Blocks = append(found.Blocks, BlockLine{ID: h.ID, Title: h.Title, Score: h.Score, Phrases: h.Phrases})
	}
	l.events.Emit(found)
	l.events.Emit(event.Note{Level: "info", Text: beyond(c, task, hits)})
	l.widen()
	b := &blocks{landing: l, project: p, title: "Blocks for: " + oneLine(task), asked: ids(hits)}
	return true, b.apply(ctx, scaffold.Want{Blocks: b.asked})
}

// beyond says what of a task the blocks do not answer.
func beyond(c *scaffold.Catalogue, task string, hits []scaffold.Hit) string {
	text := "no model is asked"
	if rest := scaffold.Beyond(task, hits); len(rest) > 0 {
		text += "; words that these blocks do not answer: " + strings.Join(rest, ", ") + " (--from model asks it for all of the task)"
	}
	weaker := slices.DeleteFunc(c.Search(task), func(h scaffold.Hit) bool { return h.Score >= scaffold.Threshold })
	if len(weaker) > 0 {
		text += "; blocks that one word names: " + strings.Join(ids(weaker), ", ") + " (cf scaffold apply)"
	}
	return text
}

func ids(hits []scaffold.Hit) []string {
	var out []string
	for _, h := range hits {
		out = append(out, h.ID)
	}
	return out
}

// assesses tells whether a task asks how ready for production the project is.
func assesses(task string) bool {
	words := terms.Of(task)
	has := func(w string) bool { return slices.Contains(words, w) }
	return has("readiness") || has("production") && (has("assess") || has("assessment"))
}

// Assessment is what of the catalogue a project has.
type Assessment struct {
	Profile string      `json:"profile"`
	Present []BlockLine `json:"present"`
	Missing []BlockLine `json:"missing"`
}

// Type names the event.
func (Assessment) Type() string { return "assessment" }

// PlainText renders two tables. It judges nothing: the checks do.
func (a Assessment) PlainText(width int) string {
	var b strings.Builder
	for _, part := range []struct {
		title  string
		blocks []BlockLine
	}{{"there", a.Present}, {"not there", a.Missing}} {
		if len(part.blocks) == 0 {
			continue
		}
		fmt.Fprintf(&b, "blocks that are %s (%s):\n", part.title, a.Profile)
		var rows [][]string
		for _, line := range part.blocks {
			rows = append(rows, []string{"  " + line.ID, line.Title})
		}
		b.WriteString(view.Table(rows, width) + "\n")
	}
	return b.String()
}

// present reports which blocks are there and which are not.
func (l *landing) present(c *scaffold.Catalogue, p *scaffold.Project) error {
	out := Assessment{Profile: firstOf(p.Profile(), scaffold.ProfileOTP), Present: []BlockLine{}, Missing: []BlockLine{}}
	for _, id := range c.All(out.Profile) {
		block, err := c.Block(id)
		if err != nil {
			return err
		}
		line := BlockLine{ID: id, Title: block.Title}
		if slices.Contains(p.Present(), id) {
			out.Present = append(out.Present, line)
		} else {
			out.Missing = append(out.Missing, line)
		}
	}
	l.events.Emit(out)
	return nil
}
