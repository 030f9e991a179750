package view

import (
	"fmt"
	"strings"

	"github.com/bitactor/cf/event"
)

// changesTable is a row for each file of a change.
func changesTable(e event.Changes, width int) string {
	var rows [][]string
	for _, f := range e.Files {
		name := f.Path
		if f.From != "" {
			name = f.From + " -> " + f.Path
		}
		rows = append(rows, []string{f.Action, name, fmt.Sprintf("+%d -%d", f.Added, f.Removed), changeDetail(f)})
	}
	text := Table(rows, width)
	if e.Base != "" {
		text = "the diff's paths are taken relative to " + oneLine(e.Base) + "\n" + text
	}
	return text
}

func changeDetail(f event.FileChange) string {
	text := f.Checked
	if f.Lines > 0 {
		text += fmt.Sprintf(", tests ran %d of %d changed lines", f.Executed, f.Lines)
	}
	if f.Why != "" {
		text += " (" + f.Why + ")"
	}
	for _, m := range f.Moves {
		text += fmt.Sprintf("; hunk %d landed in line %d, not %d", m.Hunk, m.To, m.From)
	}
	if f.CRLF {
		text += "; line ends kept as CRLF"
	}
	if f.Sensitive != "" {
		text += "; " + f.Sensitive
	}
	return strings.TrimPrefix(text, "; ")
}

// verdictText says why a change may not land. Where it may, what follows says so.
func verdictText(e event.Verdict, color bool) string {
	if e.Land {
		if e.Mended == 0 {
			return ""
		}
		return "it mends " + count(e.Mended, "diagnostic", "diagnostics") + "\n"
	}
	text := paint(color, red, "refused") + "\n"
	for _, why := range e.Why {
		text += "  " + oneLine(why) + "\n"
	}
	return text
}

// touchesText lists files and what happens to them.
func touchesText(files []event.Touch) string {
	var rows [][]string
	for _, f := range files {
		rows = append(rows, []string{"  " + f.Action, f.Path})
	}
	return Table(rows, 0)
}

func landedText(e event.Landed) string {
	head := "landed " + count(len(e.Files), "file", "files")
	switch {
	case e.DryRun:
		head = "would land " + count(len(e.Files), "file", "files")
	case e.ID == "":
		head = "nothing to land: the tree was so already"
	}
	if e.Git != "" {
		head += fmt.Sprintf(" as git commit %.12s", oneLine(e.Git))
	}
	if e.ID != "" {
		head += "; take it back with: cf undo " + oneLine(e.ID)
	}
	return head + "\n" + notesText(e.Notes)
}

func undoneText(e event.Undone) string {
	verb := "undid "
	if e.DryRun {
		verb = "would undo "
	}
	text := verb + oneLine(e.Undoes) + "\n" + touchesText(e.Files)
	if e.ID != "" {
		text += "take that back with: cf undo " + oneLine(e.ID) + "\n"
	}
	return text + notesText(e.Notes)
}

func recoveredText(e event.Recovered) string {
	text := "a landing had been cut short (" + oneLine(e.ID)
	if e.Title != "" {
		text += ", " + oneLine(e.Title)
	}
	text += ")"
	if len(e.Files) > 0 {
		text += "; put back: " + oneLine(strings.Join(e.Files, ", "))
	}
	if len(e.Kept) > 0 {
		text += "; left as they are, since they were changed meanwhile: " + oneLine(strings.Join(e.Kept, ", "))
	}
	if e.Why != "" {
		text += "; " + oneLine(e.Why)
	}
	return text
}

func notesText(notes []string) string {
	text := ""
	for _, n := range notes {
		text += "note: " + oneLine(n) + "\n"
	}
	return text
}
