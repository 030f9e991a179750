package tui

import (
	"strings"

	tea "github.com/charmbracelet/bubbletea"

	"github.com/bitactor/cf/event"
)

// stepsID is the section that holds the plan.
const stepsID = "steps"

// setPlan shows the plan as a list whose steps can be picked.
func (t *turn) setPlan(p event.Plan) {
	list := make([]event.PlanStep, len(p.Steps))
	for i, s := range p.Steps {
		list[i] = event.PlanStep{
			Path: clean(s.Path), Action: clean(s.Action),
			Why: clean(s.Why), Block: clean(s.Block),
		}
	}
	s := t.find(stepsID, "Steps")
	t.open(s)
	if s.state == "" || s.state == event.Begin {
		s.state = event.Done
		s.head.state = event.Done
	}
	if t.plan == nil {
		t.plan = t.add(&block{kind: steps, section: stepsID})
	}
	t.plan.setSteps(list)
}

// command returns the command line that will carry out a step. The path is
// quoted for a POSIX shell unless every byte of it is plain, and "--" keeps a
// path that begins with a dash from being read as a flag.
func command(path string) string {
	dash := ""
	if strings.HasPrefix(path, "-") {
		dash = "-- "
	}
	return "cf implement " + dash + shellQuote(path)
}

func shellQuote(s string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("/._-+,:@%=", r)
	}
	if s != "" && strings.IndexFunc(s, func(r rune) bool { return !plain(r) }) < 0 {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// commands returns the command lines of the picked steps, one a line.
func (b *block) commands() []string {
	var out []string
	for i, s := range b.steps {
		if b.picked[i] {
			out = append(out, command(s.Path))
		}
	}
	return out
}

// carryOut leaves with the picked steps as the session's result.
func (m *model) carryOut(b *block) tea.Cmd {
	var picked []int
	for i := range b.steps {
		if b.picked[i] {
			picked = append(picked, i)
		}
	}
	switch {
	case len(picked) == 0:
		return m.say("no step is picked: space picks one")
	case m.busy():
		return m.say("a turn runs: wait for its end, or cancel it")
	}
	m.picked = picked
	return m.leave()
}

// pickAll picks every step, or drops all if every one was picked.
func (b *block) pickAll() {
	all := true
	for _, p := range b.picked {
		all = all && p
	}
	for i := range b.picked {
		b.picked[i] = !all
	}
	b.width = 0
}

// planText returns the plan as plain text.
func planText(list []event.PlanStep) string {
	var lines []string
	for _, s := range list {
		line := "- " + s.Action + " " + s.Path
		if s.Why != "" {
			line += ": " + s.Why
		}
		if s.Block != "" {
			line += " (building block " + s.Block + ")"
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "\n")
}
