package check

import (
	"bytes"

	"github.com/aymanbagabas/go-udiff"
	"github.com/bitactor/cf/workspace"
)

// Change is what a set of changes does to the lines of files.
type Change struct {
	Files []Edited // in the set's order
}

// Edited is one changed file.
type Edited struct {
	Path    string
	From    string // where a renamed file lay
	Deleted bool
	Lines   []int // new and changed lines of the new content, ascending, from 1
}

// Paths returns the paths of the files.
func (c Change) Paths() []string {
	out := make([]string, 0, len(c.Files))
	for _, f := range c.Files {
		out = append(out, f.Path)
	}
	return out
}

// ChangeOf compares the changes of a stage with base, the tree without them.
func ChangeOf(base, now *workspace.Stage) Change {
	var c Change
	for _, ch := range now.Set().Changes {
		e := Edited{Path: ch.Path, From: ch.From, Deleted: ch.Delete}
		if !ch.Delete {
			from := ch.Path
			if ch.From != "" {
				from = ch.From
			}
			old, err := base.Read(from)
			if err != nil { // a new file, or one that is no text: all its lines are new
				old = nil
			}
			e.Lines = changedLines(old, ch.Content)
		}
		c.Files = append(c.Files, e)
	}
	return c
}

// changedLines returns the lines of now that differ from old.
func changedLines(old, now []byte) []int {
	if bytes.Equal(old, now) {
		return nil
	}
	unified, err := udiff.ToUnifiedDiff("", "", string(old), udiff.Lines(string(old), string(now)), 0)
	if err != nil {
		return allLines(now)
	}
	var out []int
	for _, h := range unified.Hunks {
		at := h.ToLine
		for _, l := range h.Lines {
			switch l.Kind {
			case udiff.Insert:
				out = append(out, at)
				at++
			case udiff.Equal:
				at++
			}
		}
	}
	return out
}

func allLines(text []byte) []int {
	var out []int
	for i := range bytes.Count(text, []byte("\n")) + 1 {
		out = append(out, i+1)
	}
	return out
}
