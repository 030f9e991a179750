package tui

import (
	"fmt"
	"strings"

	"github.com/charmbracelet/x/ansi"

	"github.com/bitactor/cf/commands/view"
	"github.com/bitactor/cf/event"
)

// kind says how a block looks.
type kind int

const (
	asked    kind = iota // the question of a turn
	labelled             // a list under a label: what was read, absent, left out
	heading              // the title of a section
	prose                // the answer
	thought              // the model's thinking
	steps                // the plan
	notice               // a note, an error, the end of a turn
)

// labelWidth is the column where the text of a labelled block begins.
const labelWidth = 10

// maxText is the widest that text is laid out, in columns: longer lines are hard
// to read.
const maxText = 96

// block is a piece of the document with its layout kept, so that a frame costs
// the rows it shows. Heights are in screen rows, the empty row before it
// (gap) included. Not safe for concurrent use.
type block struct {
	kind    kind
	section string
	title   string
	gap     bool
	warn    bool
	state   event.State
	why     string
	text    paragraph
	safe    view.Sanitizer // of text that streams
	count   int            // labelled: pieces of context so far

	steps  []event.PlanStep
	picked []bool
	cursor int
	rows   []stepRow // of steps, laid out for width
	width  int       // 0 = rows are stale
}

// stepRow is one row of a plan.
type stepRow struct {
	text string
	step int // index of the step, -1 for the commands below
	head bool
}

// look is what the layout of every block depends on.
type look struct {
	theme  *theme
	glyphs *glyphs
	width  int  // columns of text
	margin int  // columns left of it
	fold   fold // how thinking is shown
	mark   *block
	active *block // the plan whose cursor is shown
}

// fold says how thinking is shown.
type fold int

const (
	foldAnswered fold = iota // shown until its section has text
	foldAlways
	foldNever
)

// stream appends a piece of an answer. Models like to begin one with empty lines:
// those are dropped.
func (b *block) stream(piece string) {
	text := string(b.safe.Append(nil, piece))
	if len(b.text.text) == 0 {
		text = strings.TrimLeft(text, "\n")
	}
	b.text.append(text)
}

// flush shows what was held back as half a character: nothing follows.
func (b *block) flush() { b.text.append(string(b.safe.Flush(nil))) }

// height lays the block out and returns its rows.
func (b *block) height(l *look) int {
	n := 1
	switch b.kind {
	case asked:
		b.text.wrap(max(1, l.width-2))
		n = len(b.text.rows)
	case labelled:
		b.text.wrap(max(1, l.width-labelWidth))
		n = len(b.text.rows)
	case heading:
		if b.why != "" && !b.inline(l) {
			b.text.wrap(max(1, l.width))
			n += len(b.text.rows)
		}
	case prose, notice:
		b.text.wrap(max(1, l.width))
		n = b.visible()
		if len(b.text.text) == 0 {
			n = 0
		}
	case thought:
		if !b.folded(l) {
			b.text.wrap(max(1, l.width-2))
			n = 1 + b.visible()
			if b.state == event.Done { // an empty row parts it from the answer
				n++
			}
		}
	case steps:
		b.layoutSteps(l.width)
		n = len(b.rows)
	}
	if b.gap {
		n++
	}
	return n
}

// visible is the number of rows up to the last one with text on it.
func (b *block) visible() int {
	n := len(b.text.rows)
	for n > 1 && b.text.line(n-1) == "" {
		n--
	}
	return n
}

// folded tells whether thinking is one row.
func (b *block) folded(l *look) bool {
	return l.fold == foldAlways || l.fold == foldAnswered && b.state == event.Done
}

// line returns row i, styled, margin included. height was called before with
// the same look.
func (b *block) line(i int, l *look) string {
	if b.gap {
		if i == 0 {
			return ""
		}
		i--
	}
	margin := strings.Repeat(" ", l.margin)
	t := l.theme
	switch b.kind {
	case asked:
		mark := "  "
		if i == 0 {
			mark = t.accent.Render(l.glyphs.prompt) + " "
		}
		return margin + mark + t.strong.Render(b.text.line(i))
	case labelled:
		label := ""
		if i == 0 {
			label = b.title
		}
		return margin + t.dim.Render(pad(label, labelWidth)+b.text.line(i))
	case heading:
		if i > 0 {
			return margin + t.dim.Render(b.text.line(i-1))
		}
		return b.headingLine(l)
	case thought:
		return margin + b.thoughtLine(i, l)
	case steps:
		return margin + b.stepLine(i, l)
	case notice:
		if b.warn {
			return margin + t.warn.Render(b.text.line(i))
		}
		return margin + t.dim.Render(b.text.line(i))
	}
	r := b.text.rows[i]
	return margin + styled(b.text.line(i), r.marks, r.first, t)
}

func (b *block) headingLine(l *look) string {
	mark := strings.Repeat(" ", l.margin)
	if l.mark == b {
		mark = pad(l.glyphs.marked, l.margin)
	}
	style := l.theme.dim
	if b.state == event.Missing || b.state == event.Failing {
		style = l.theme.warn
	}
	verdict := b.verdict()
	if b.why != "" && b.inline(l) {
		verdict += because(b.why)
	}
	s := l.theme.accent.Render(mark + b.title)
	if verdict = strings.TrimPrefix(verdict, ": "); verdict != "" {
		s += style.Render("  " + verdict)
	}
	return s
}

// verdict is the outcome of a heading's section in words, "" if it is answered.
func (b *block) verdict() string {
	switch b.state {
	case event.Missing:
		return "not answered"
	case event.Skipped:
		return "skipped"
	case event.Failing:
		return "cut short"
	}
	return ""
}

// inline tells whether the words about a section fit beside its heading.
func (b *block) inline(l *look) bool {
	return ansi.StringWidth(b.title+"  "+b.verdict()+": "+b.why) <= l.width
}

// remark sets the words of a heading about its section: beside it, or if they are
// long below it.
func (b *block) remark(why string) {
	b.why, b.text = why, paragraph{}
	b.text.append(why)
}

func (b *block) thoughtLine(i int, l *look) string {
	if i > len(b.text.rows) {
		return ""
	}
	if i > 0 {
		return "  " + l.theme.thought.Render(b.text.line(i-1))
	}
	if b.folded(l) {
		return l.theme.dim.Render(fmt.Sprintf("%s thinking, %s characters", l.glyphs.folded, thousands(len(b.text.text))))
	}
	return l.theme.dim.Render(l.glyphs.unfolded + " thinking")
}

// setSteps replaces the plan; nothing is picked in a new one.
func (b *block) setSteps(list []event.PlanStep) {
	b.steps, b.picked, b.cursor, b.width = list, make([]bool, len(list)), 0, 0
}

// layoutSteps writes the rows of the plan, unless width and picks are as before.
func (b *block) layoutSteps(width int) {
	if b.width == width {
		return
	}
	b.width, b.rows = width, b.rows[:0]
	const indent = 4 // of "[ ] "
	for i, s := range b.steps {
		head := pad(s.Action, 9) + s.Path
		if s.Block != "" {
			head += "  (" + s.Block + ")"
		}
		b.addRows(head, i, true, width-indent)
		if s.Why != "" {
			b.addRows(s.Why, i, false, width-indent)
		}
	}
	if len(b.steps) == 0 {
		b.addRows("no steps", -1, false, width)
	}
	for i, c := range b.commands() {
		if i == 0 {
			b.rows = append(b.rows, stepRow{step: -1})
		}
		b.addRows(c, -1, false, width)
	}
}

func (b *block) addRows(text string, step int, head bool, width int) {
	var p paragraph
	p.append(text)
	p.wrap(max(1, width))
	for i := range p.rows {
		b.rows = append(b.rows, stepRow{text: p.line(i), step: step, head: head && i == 0})
	}
}

func (b *block) stepLine(i int, l *look) string {
	r := b.rows[i]
	if r.step < 0 {
		return l.theme.accent.Render(r.text)
	}
	current := l.active == b && b.cursor == r.step
	if !r.head {
		return "    " + l.theme.dim.Render(r.text)
	}
	box := "[ ] "
	if b.picked[r.step] {
		box = "[x] "
	}
	if current {
		return l.theme.cursor.Render(box + r.text)
	}
	return l.theme.text.Render(box) + l.theme.strong.Render(r.text)
}

// rowOfStep returns the row of the block, gap included, where a step begins.
func (b *block) rowOfStep(step int) int {
	for i, r := range b.rows {
		if r.step == step {
			if b.gap {
				i++
			}
			return i
		}
	}
	return 0
}

// because returns ": why", or nothing.
func because(why string) string {
	if why == "" {
		return ""
	}
	return ": " + why
}

// pad fills s with spaces up to n columns; a longer s gets one space.
func pad(s string, n int) string {
	return s + strings.Repeat(" ", max(1, n-ansi.StringWidth(s)))
}
