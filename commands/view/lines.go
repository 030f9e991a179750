package view

import (
	"fmt"
	"strings"

	"github.com/bitactor/cf/event"
)

// readItem is a kind and its text; marked puts names into Markdown's code marks.
func readItem(e event.Read, marked bool) [2]string {
	text := name(e.Path, marked)
	var more []string
	if e.Tokens > 0 {
		more = append(more, fmt.Sprintf("%d tokens", e.Tokens))
	}
	if e.Why != "" {
		more = append(more, oneLine(e.Why))
	}
	if len(more) > 0 {
		text += " (" + strings.Join(more, ", ") + ")"
	}
	return [2]string{strings.ReplaceAll(oneLine(e.State), "-", " "), text}
}

func modelItem(e event.Model, marked bool) [2]string {
	text := name(e.Name, marked) + " on "
	if e.Source != "" {
		text += "the " + oneLine(e.Source) + " server "
	}
	text += oneLine(e.Server)
	if e.Why != "" {
		text += ", " + oneLine(e.Why)
	}
	text += fmt.Sprintf("; window %d tokens", e.Context)
	if e.GPUShare > 0 {
		text += fmt.Sprintf("; %.0f %% on the GPU", 100*e.GPUShare)
	}
	return [2]string{"model", text}
}

// name is an untrusted name on one line. In Markdown it stands in code marks that
// it can't close (CommonMark 0.31, 6.1).
func name(s string, marked bool) string {
	s = oneLine(s)
	if !marked || s == "" {
		return s
	}
	marks := "`"
	for strings.Contains(s, marks) {
		marks += "`"
	}
	if len(marks) > 1 {
		s = " " + s + " "
	}
	return marks + s + marks
}

func savedText(e event.Saved) string {
	text := e.What
	if e.ID != "" {
		text += " " + e.ID
	}
	if e.Path != "" {
		text += " in " + e.Path
	}
	return text
}

// stepLine is one row of the table of steps.
func stepLine(e event.Step, color bool) string {
	mark, sgr := string(e.State), ""
	switch e.State {
	case event.Begin:
		mark = "..."
	case event.Done:
		mark, sgr = "done", green
	case event.Failing:
		sgr = red
	case event.Skipped, event.Missing:
		sgr = yellow
	}
	line := paint(color && sgr != "", sgr, fmt.Sprintf("%-8s", oneLine(mark))) + "  " + oneLine(e.Title)
	rest := e.Detail
	if e.State == event.Begin {
		rest = e.Why
	}
	if rest != "" {
		line += ": " + oneLine(rest)
	}
	return line + "\n"
}

// planList is the plan in Markdown.
func planList(e event.Plan) string {
	var b strings.Builder
	for i, s := range e.Steps {
		fmt.Fprintf(&b, "%d. %s %s", i+1, oneLine(s.Action), name(s.Path, true))
		if s.Why != "" {
			b.WriteString(": " + oneLine(s.Why))
		}
		if s.Block != "" {
			b.WriteString(" (building block " + name(s.Block, true) + ")")
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// planTable is the plan in columns.
func planTable(e event.Plan, width int) string {
	rows := make([][]string, 0, len(e.Steps))
	for i, s := range e.Steps {
		why := s.Why
		if s.Block != "" {
			why += " (building block " + s.Block + ")"
		}
		rows = append(rows, []string{fmt.Sprintf("%d.", i+1), s.Action, s.Path, why})
	}
	return Table(rows, width)
}

// progressText is "12.0 MB of 98.0 MB, 3.1 MB/s, 28 s left".
func progressText(e event.Progress) string {
	amount := func(n float64) string {
		if e.Unit == "bytes" {
			return Bytes(int64(n))
		}
		return fmt.Sprintf("%.0f %s", n, oneLine(e.Unit))
	}
	text := amount(float64(e.Done))
	if e.Total > 0 {
		text += " of " + amount(float64(e.Total))
	}
	if e.Rate > 0 {
		text += ", " + amount(e.Rate) + "/s"
	}
	if e.Left > 0 {
		text += ", " + span(e.Left) + " left"
	}
	return text
}

// Bytes writes a size in decimal units (1 kB = 1,000 bytes).
func Bytes(n int64) string {
	units := []string{"B", "kB", "MB", "GB", "TB", "PB", "EB"}
	v, i := float64(n), 0
	for v >= 1000 && i < len(units)-1 {
		v, i = v/1000, i+1
	}
	if i == 0 {
		return fmt.Sprintf("%d B", n)
	}
	return fmt.Sprintf("%.1f %s", v, units[i])
}

// Table lays rows out in columns two spaces apart. Cells are one line each;
// columns are as wide as their widest cell. The last column is broken between
// words to fit width columns, if it gets at least lastLeast; width 0 is no limit.
func Table(rows [][]string, width int) string {
	var widths []int
	for _, row := range rows {
		for i, cell := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], cells([]byte(oneLine(cell))))
		}
	}
	before := 0 // columns of all but the last
	for _, w := range widths[:max(len(widths)-1, 0)] {
		before += w + 2
	}
	if width > 0 && len(rows) > 0 && width-before < lastLeast && width < before+widths[len(widths)-1] {
		return records(rows, width)
	}
	var b strings.Builder
	for _, row := range rows {
		indent := 0
		line := ""
		for i, cell := range row {
			cell = oneLine(cell)
			if i == len(widths)-1 {
				cell = hang(cell, indent, width)
			} else if i < len(row)-1 {
				cell += strings.Repeat(" ", widths[i]-cells([]byte(cell))+2)
				indent += widths[i] + 2
			}
			line += cell
		}
		b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
	return b.String()
}

// records renders a table that is too wide for the terminal: for each row its
// first cell, then the others below it, each after its heading.
func records(rows [][]string, width int) string {
	heads := make([]string, len(rows[0]))
	widest := 0
	for i, head := range rows[0] {
		heads[i] = oneLine(strings.ToLower(head))
		widest = max(widest, cells([]byte(heads[i])))
	}
	var b strings.Builder
	for _, row := range rows[1:] {
		for i, cell := range row {
			if i == 0 {
				b.WriteString(hang(oneLine(cell), 0, width) + "\n")
			} else if cell = oneLine(cell); cell != "" && i < len(heads) {
				pad := strings.Repeat(" ", widest-cells([]byte(heads[i])))
				b.WriteString("  " + heads[i] + pad + "  " + hang(cell, widest+4, width) + "\n")
			}
		}
	}
	return b.String()
}

// lastLeast is the narrowest last column that is broken by us, in columns.
const lastLeast = 24

// hang breaks one-line text to fit between indent and width.
func hang(s string, indent, width int) string {
	if width <= 0 || width-indent < lastLeast {
		return s
	}
	w := wrapper{width: width - indent}
	text := string(w.flush(w.append(nil, []byte(s))))
	return strings.ReplaceAll(text, "\n", "\n"+strings.Repeat(" ", indent))
}

// oneLine makes untrusted text clean and keeps it on its line: a path with a
// line feed in it must not look like a line of ours.
func oneLine(s string) string {
	return strings.ReplaceAll(strings.ReplaceAll(Sanitize(s), "\n", " "), "\t", " ")
}

func promptHead(e event.Prompt) string {
	how := "about"
	if e.Exact {
		how = "exactly"
	}
	head := fmt.Sprintf("--- prompt %s: %s %d tokens", oneLine(e.Name), how, e.Tokens)
	if !e.Rendered {
		head += ", not rendered by the server's template"
	}
	return head + " ---"
}
