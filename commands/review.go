package commands

import (
	"context"
	"fmt"
	"strings"

	"github.com/aymanbagabas/go-udiff"

	"github.com/bitactor/cf/engine/land"
	"github.com/bitactor/cf/event"
	"github.com/bitactor/cf/fault"
	"github.com/bitactor/cf/workspace"
)

// codeDeclined is the fault of a change of which the user took nothing, of kind
// fault.Refused.
const codeDeclined = "declined"

// hunkContext is the lines around a hunk, as diff -u has them.
const hunkContext = 3

// reviewed asks about each hunk of a trial of files, and returns the trial of what
// was taken, with its files: checked anew where that is not all of it.
func (l *landing) reviewed(ctx context.Context, t *land.Trial, files []event.FileChange) (*land.Trial, []event.FileChange, error) {
	taken := &workspace.Set{Reads: t.Set.Reads}
	all := true
	for _, c := range t.Set.Changes {
		old, _, err := l.tree.ReadToChange(c.Path, workspace.SetFileBytesMax)
		if err != nil && fault.CodeOf(err) != workspace.CodeAbsent {
			return t, files, err
		}
		now, some, whole, err := l.reviewFile(ctx, c, string(old))
		if err != nil {
			return t, files, err
		}
		all = all && whole
		if some {
			c.Content = []byte(now)
			taken.Changes = append(taken.Changes, c)
		}
	}
	switch {
	case all:
		return t, files, nil
	case len(taken.Changes) == 0:
		return t, files, fault.New(fault.Refused, codeDeclined, "no part of it was taken").On("review", "")
	}
	part, err := l.try(ctx, taken)
	if err != nil {
		return t, files, err
	}
	changes, err := l.changes(part)
	if err == nil {
		err = l.show(part, changes)
	}
	if err == nil && !part.Verdict.Land {
		err = land.Refusal(part.Verdict)
	}
	return part, changes.Files, err
}

// reviewFile asks about the hunks of one file.
func (l *landing) reviewFile(ctx context.Context, c workspace.Change, old string) (now string, some, all bool, err error) {
	after := string(c.Content)
	diff, err := udiff.ToUnifiedDiff("a/"+c.Path, "b/"+c.Path, old, udiff.Lines(old, after), hunkContext)
	if err != nil {
		return "", false, false, fault.New(fault.Failed, "", "%w", err).On("review", c.Path)
	}
	take := make([]bool, len(diff.Hunks))
	all = true
	for i, h := range diff.Hunks {
		one := diff
		one.Hunks = []*udiff.Hunk{h}
		l.Events().Emit(event.Diff{Path: c.Path, Text: fmt.Sprint(one)})
		if take[i], err = l.askYes(ctx, fmt.Sprintf("take hunk %d of %d of %s?", i+1, len(diff.Hunks), c.Path)); err != nil {
			return "", false, false, err
		}
		some, all = some || take[i], all && take[i]
	}
	return takeHunks(old, diff, take), some, all, nil
}

// takeHunks returns old with those of the hunks that are taken.
func takeHunks(old string, diff udiff.UnifiedDiff, take []bool) string {
	lines := strings.SplitAfter(old, "\n")
	var b strings.Builder
	at := 0 // lines of old that are done
	for i, h := range diff.Hunks {
		for at < len(lines) && at+1 < h.FromLine {
			b.WriteString(lines[at])
			at++
		}
		for _, line := range h.Lines {
			if line.Kind != udiff.Insert {
				at++
			}
			if line.Kind == udiff.Equal || take[i] == (line.Kind == udiff.Insert) {
				b.WriteString(line.Content)
			}
		}
	}
	for ; at < len(lines); at++ {
		b.WriteString(lines[at])
	}
	return b.String()
}
