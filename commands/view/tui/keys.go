package tui

import "github.com/charmbracelet/bubbles/key"

// keyMap is every key of the session. keyGroups lists them all; the help and
// docs/how-to/session.md are made from that list.
type keyMap struct {
	// anywhere
	Cancel, Leave, Area, PageUp, PageDown, Top, End, CopyAnswer, Fold, Help, Suspend key.Binding
	// while typing
	Ask, NewLine, Older, Newer, ToReading, HelpEmpty key.Binding
	// while reading
	Up, Down, ReadTop, ReadEnd, PrevSection, NextSection, CopySection, CopyAll, FoldRead, Mouse, ToTyping, HelpRead, Quit key.Binding
	// in the steps
	StepUp, StepDown, Pick, PickAll, CopySteps, CarryOut, StepsBack key.Binding
}

func bind(show, what string, keys ...string) key.Binding {
	return key.NewBinding(key.WithKeys(keys...), key.WithHelp(show, what))
}

// keys is the one key map; nothing changes it.
var keys = keyMap{
	Cancel:     bind("ctrl-c", "cancel the turn; when idle, or twice, leave", "ctrl+c"),
	Leave:      bind("ctrl-d", "leave, when the input is empty", "ctrl+d"),
	Area:       bind("tab", "next area: typing, reading, steps", "tab"),
	PageUp:     bind("pgup", "scroll up a page", "pgup"),
	PageDown:   bind("pgdn", "scroll down a page", "pgdown"),
	Top:        bind("ctrl-home", "go to the top", "ctrl+home"),
	End:        bind("ctrl-end", "go to the end and follow", "ctrl+end"),
	CopyAnswer: bind("ctrl-y", "copy the whole answer", "ctrl+y"),
	Fold:       bind("ctrl-t", "show or fold the thinking", "ctrl+t"),
	Help:       bind("f1", "show all keys", "f1"),
	Suspend:    bind("ctrl-z", "go to the shell; fg comes back", "ctrl+z"),

	Ask:       bind("enter", "ask; while a turn runs, when it is done", "enter"),
	NewLine:   bind("alt-enter, ctrl-j", "new line", "alt+enter", "ctrl+j"),
	Older:     bind("up", "older question, from the first line", "up"),
	Newer:     bind("down", "newer question, from the last line", "down"),
	ToReading: bind("esc", "go to reading", "esc"),
	HelpEmpty: bind("?", "show all keys, when the input is empty", "?"),

	Up:          bind("up, k", "scroll up a line", "up", "k"),
	Down:        bind("down, j", "scroll down a line", "down", "j"),
	ReadTop:     bind("home, g", "go to the top", "home", "g"),
	ReadEnd:     bind("end, G", "go to the end and follow", "end", "G"),
	PrevSection: bind("[", "section before", "["),
	NextSection: bind("]", "section after", "]"),
	CopySection: bind("y", "copy the marked section", "y"),
	CopyAll:     bind("Y", "copy the whole answer", "Y"),
	FoldRead:    bind("t", "show or fold the thinking", "t"),
	Mouse:       bind("m", "mouse: wheel scrolls, or the terminal selects", "m"),
	ToTyping:    bind("i, enter", "go to typing", "i", "enter"),
	HelpRead:    bind("?", "show all keys", "?"),
	Quit:        bind("q", "leave", "q"),

	StepUp:    bind("up, k", "step before", "up", "k"),
	StepDown:  bind("down, j", "step after", "down", "j"),
	Pick:      bind("space", "pick the step, or drop it", " "),
	PickAll:   bind("a", "pick all steps, or none", "a"),
	CopySteps: bind("y, enter", "copy the commands of the picked steps", "y", "enter"),
	CarryOut:  bind("x", "leave, and carry out the picked steps as one change", "x"),
	StepsBack: bind("esc", "go to reading", "esc"),
}

// keyGroup is the keys that work in one area.
type keyGroup struct {
	title string
	keys  []key.Binding
}

// keyGroups returns every key, by area.
func keyGroups() []keyGroup {
	k := keys
	return []keyGroup{
		{"Anywhere", []key.Binding{k.Cancel, k.Leave, k.Area, k.PageUp, k.PageDown, k.Top, k.End, k.CopyAnswer, k.Fold, k.Help, k.Suspend}},
		{"Typing", []key.Binding{k.Ask, k.NewLine, k.Older, k.Newer, k.ToReading, k.HelpEmpty}},
		{"Reading", []key.Binding{k.Up, k.Down, k.ReadTop, k.ReadEnd, k.PrevSection, k.NextSection, k.CopySection, k.CopyAll, k.FoldRead, k.Mouse, k.ToTyping, k.HelpRead, k.Quit}},
		{"Steps", []key.Binding{k.StepUp, k.StepDown, k.Pick, k.PickAll, k.CopySteps, k.CarryOut, k.StepsBack, k.HelpRead, k.Quit}},
	}
}

// brief is a key in the help bar: shorter words than the full help has.
type brief struct{ key, what string }

// briefs returns the help bar of an area, most wanted first: what does not fit
// is left off at the end.
func briefs(a area, running, steps bool) []brief {
	cancel := brief{"ctrl-c", "leave"}
	ask := brief{"enter", "ask"}
	if running {
		cancel.what, ask.what = "cancel", "ask next"
	}
	switch a {
	case reading:
		return []brief{{"i", "type"}, cancel, {"?", "keys"}, {"↑↓", "scroll"}, {"[ ]", "section"}, {"y", "copy"}, {"t", "thinking"}, {"q", "leave"}}
	case stepping:
		return []brief{{"space", "pick"}, {"x", "carry out"}, {"y", "copy commands"}, {"esc", "read"}, cancel, {"?", "keys"}, {"a", "all"}, {"↑↓", "move"}}
	}
	b := []brief{ask, cancel, {"?", "keys"}, {"pgup", "scroll"}, {"tab", "read"}, {"ctrl-y", "copy"}, {"ctrl-t", "thinking"}}
	if steps {
		b[4].what = "read, steps"
	}
	return b
}
