package land

import (
	"fmt"
	"strings"

	"github.com/bitactor/cf/check"
	"github.com/bitactor/cf/workspace"
)

// Receipt says what landed, what was checked, by which commands, and what could
// not be.
type Receipt struct {
	Title  string
	Trial  *Trial
	Landed *workspace.Landed
}

// Message is the receipt as the message of a git commit: the title, then what
// was checked. It is plain text with lines of at most 72 columns where words
// allow it.
func (r *Receipt) Message() string {
	var b strings.Builder
	b.WriteString(r.Title + "\n\n")
	for _, p := range r.Trial.Now.Parts {
		line := fmt.Sprintf("Checked: %s", p.Checker)
		if p.Project != "." {
			line += " in " + p.Project
		}
		line += ": " + string(p.State)
		if n := passed(p); n > 0 {
			line += fmt.Sprintf(", %d tests passed", n)
		}
		if p.Why != "" {
			line += " (" + p.Why + ")"
		}
		b.WriteString(plain(line) + "\n")
	}
	for _, f := range r.Trial.Verdict.Files {
		line := fmt.Sprintf("File: %s: %s", f.File, f.State)
		if f.Lines > 0 {
			line += fmt.Sprintf(", tests ran %d of %d changed lines", f.Executed, f.Lines)
		}
		b.WriteString(plain(line) + "\n")
	}
	for _, g := range r.Trial.Verdict.NotChecked {
		b.WriteString(plain(fmt.Sprintf("Not checked: %s %s: %s", g.Checker, g.What, g.Why)) + "\n")
	}
	return b.String()
}

func passed(p check.Part) int {
	n := 0
	for _, t := range p.Tests {
		if t.State == check.Passed {
			n++
		}
	}
	return n
}

// plain keeps text of tools on its line and free of control characters: a
// message is read by programs, and shown by git as it is.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if r < 0x20 || r >= 0x7f && r < 0xa0 {
			return ' '
		}
		return r
	}, s)
}
