package commands

import (
	"cmp"
	"fmt"
	"io/fs"
	"strings"

	"github.com/aymanbagabas/go-udiff"

	"github.com/bitactor/cf/check"
	"github.com/bitactor/cf/commands/view"
	"github.com/bitactor/cf/engine/land"
	"github.com/bitactor/cf/event"
	"github.com/bitactor/cf/fault"
	"github.com/bitactor/cf/workspace"
	"github.com/bitactor/cf/workspace/patch"
)

// recorder passes events on and keeps them as JSON lines, for a refused change.
// It is used by one goroutine.
type recorder struct {
	sink  event.Sink
	lines []byte
}

// Emit passes e on.
func (r *recorder) Emit(e event.Event) {
	r.lines = append(r.lines, eventLine(e)...)
	r.sink.Emit(e)
}

func eventLine(e event.Event) []byte { return view.Line(e) }

// show reports a trial: the diff of a dry run, the files, what is new, what could
// not be checked, what ran, and the verdict.
func (l *landing) show(t *land.Trial, changes event.Changes) error {
	if l.flags.dryRun {
		if err := l.eachDiff(t.Set, func(path, text string) { l.events.Emit(event.Diff{Path: path, Text: text}) }); err != nil {
			return err
		}
	}
	for _, d := range t.Verdict.New {
		l.events.Emit(land.Diagnostic(d))
	}
	l.tests(t.Verdict.NewlyFailing, "failed", false)
	l.tests(t.Verdict.StillFailing, "failed", true)
	l.tests(t.Verdict.Lost, "lost", false)
	l.tests(t.Verdict.Flaky, "flaky", false)
	if l.JSON {
		l.tests(t.Verdict.Fixed, "fixed", false)
	}
	l.emitGaps(t.Verdict.NotChecked)
	l.events.Emit(changes)
	l.events.Emit(land.Checks(t.Now))
	l.events.Emit(event.Verdict{
		Land: t.Verdict.Land, Why: t.Verdict.Why, Mended: len(t.Verdict.Gone), TestsBefore: t.Verdict.TestsBefore, TestsNow: t.Verdict.TestsNow,
	})
	return nil
}

func (l *landing) tests(tests []check.Test, state string, before bool) {
	for _, t := range tests {
		e := land.Test(t, state)
		e.Before = before
		l.events.Emit(e)
	}
}

// diff is a set as one unified diff.
func (l *landing) diff(set *workspace.Set) ([]byte, error) {
	var b strings.Builder
	err := l.eachDiff(set, func(_, text string) { b.WriteString(text) })
	return []byte(b.String()), err
}

func (l *landing) eachDiff(set *workspace.Set, each func(path, text string)) error {
	for _, c := range set.Changes {
		text, err := l.diffOf(c)
		if err != nil {
			return err
		}
		each(c.Path, text)
	}
	return nil
}

// changes says what a set does to each file, and how well that was checked.
func (l *landing) changes(t *land.Trial) (event.Changes, error) {
	r := &patch.Result{Set: t.Set}
	err := l.eachDiff(t.Set, func(path, text string) {
		o := patch.Outcome{Path: path, Action: "change"}
		head, body, _ := strings.Cut(text, "\n@@")
		switch {
		case strings.Contains(head, "--- /dev/null"):
			o.Action = "create"
		case strings.Contains(head, "+++ /dev/null"):
			o.Action = "delete"
		}
		for line := range strings.Lines(body) {
			switch line[0] {
			case '+':
				o.Added++
			case '-':
				o.Removed++
			}
		}
		r.Files = append(r.Files, o)
	})
	return changesEvent(r, t.Verdict), err
}

// changesEvent joins what the diff does to each file with how well it was checked.
func changesEvent(r *patch.Result, v check.Verdict) event.Changes {
	e := event.Changes{Base: r.Base}
	verdicts := map[string]check.FileVerdict{}
	for _, f := range v.Files {
		verdicts[f.File] = f
	}
	sensitive := map[string]string{}
	for _, s := range r.Set.Sensitive() {
		sensitive[s.Path] = s.Why
	}
	for _, f := range r.Files {
		fv := verdicts[f.Path]
		c := event.FileChange{
			Path: f.Path, From: f.From, Action: f.Action, Added: f.Added, Removed: f.Removed, CRLF: f.CRLF,
			Checked: string(fv.State), Why: fv.Why, Lines: fv.Lines, Executed: fv.Executed, Sensitive: sensitive[f.Path],
		}
		for _, m := range f.Moves {
			c.Moves = append(c.Moves, event.Move{Hunk: m.Hunk, From: m.From, To: m.To})
		}
		e.Files = append(e.Files, c)
	}
	return e
}

// diffOf is the diff between what lies in the tree and the change.
func (l *landing) diffOf(c workspace.Change) (string, error) {
	from, before, after := c.Path, "a/"+c.Path, "b/"+c.Path
	if c.From != "" {
		from, before = c.From, "a/"+c.From
	}
	old, mode, err := l.tree.ReadToChange(from, cmp.Or(l.limits.FileBytes, workspace.SetFileBytesMax))
	if fault.CodeOf(err) == workspace.CodeAbsent {
		before, err = "/dev/null", nil
	}
	if err != nil {
		return "", err
	}
	if c.Delete {
		after = "/dev/null"
	}
	text := udiff.Unified(before, after, string(old), string(c.Content))
	if head := modeLines(before, after, mode, c.Mode); head != "" {
		text = head + text
	}
	if text == "" { // an empty file made or deleted, or one that only moves
		text = "--- " + before + "\n+++ " + after + "\n"
	}
	return text, nil
}

// modeLines tells of a changed mode as git does.
func modeLines(before, after string, old, now fs.FileMode) string {
	switch {
	case after == "/dev/null" || now == 0 || before != "/dev/null" && old == now:
		return ""
	case before == "/dev/null" && now&0o111 == 0:
		return ""
	case before == "/dev/null":
		return fmt.Sprintf("new file mode 100%o\n", now)
	}
	return fmt.Sprintf("old mode 100%o\nnew mode 100%o\n", old, now)
}
