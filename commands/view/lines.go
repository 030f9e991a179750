package view

import (
	"fmt"
	"strings"
	"time"

	"github.com/bitactor/cf/event"
)

func readLine(e event.Read) string {
	line := fmt.Sprintf("%-8s  %s", oneLine(e.State), oneLine(e.Path))
	if e.Tokens > 0 {
		line += fmt.Sprintf("  %d tokens", e.Tokens)
	}
	if e.Why != "" {
		line += "  (" + oneLine(e.Why) + ")"
	}
	return line + "\n"
}

func modelLine(e event.Model) string {
	line := fmt.Sprintf("model     %s on %s (%s)", oneLine(e.Name), oneLine(e.Server), oneLine(e.Source))
	if e.Why != "" {
		line += ": " + oneLine(e.Why)
	}
	line += fmt.Sprintf("; window %d tokens", e.Context)
	if e.GPUShare > 0 {
		line += fmt.Sprintf("; %.0f %% on the GPU", 100*e.GPUShare)
	}
	return line + "\n"
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

func planText(e event.Plan, width int) string {
	rows := make([][]string, 0, len(e.Steps))
	for i, s := range e.Steps {
		why := s.Why
		if s.Block != "" {
			why += " [block " + s.Block + "]"
		}
		rows = append(rows, []string{fmt.Sprintf("%d.", i+1), s.Action, s.Path, why})
	}
	return Table(rows, width)
}

// callLine is the ledger of one model call in a line.
func callLine(e event.Call) string {
	name := e.Name
	if name == "" {
		name = "call"
	}
	line := fmt.Sprintf("%s: %d prompt tokens", name, e.PromptTokens)
	if e.PromptTokens > 0 {
		line += fmt.Sprintf(" (%.0f %% reused)", 100*float64(e.ReusedTokens)/float64(e.PromptTokens))
	}
	if read := e.PromptTokens - e.ReusedTokens; read > 0 && e.Prefill > 0 {
		line += fmt.Sprintf(", read at %.0f tokens/s", float64(read)/e.Prefill.Seconds())
	}
	line += fmt.Sprintf("; %d tokens", e.OutputTokens)
	if e.ThinkTokens > 0 {
		line += fmt.Sprintf(" (%d of thought)", e.ThinkTokens)
	}
	if e.Decode > 0 && e.OutputTokens > 0 {
		line += fmt.Sprintf(" at %.1f tokens/s", float64(e.OutputTokens)/e.Decode.Seconds())
	}
	line += "; first token after " + seconds(e.FirstToken)
	if e.Reloaded {
		line += "; loading the model took " + seconds(e.Load)
	}
	if e.Retries > 0 {
		line += fmt.Sprintf("; %d retries", e.Retries)
	}
	if e.Stop == "length" {
		line += "; stopped by the length limit"
	}
	return oneLine(line)
}

func seconds(d time.Duration) string {
	if d < time.Second {
		return fmt.Sprintf("%d ms", d.Milliseconds())
	}
	return fmt.Sprintf("%.1f s", d.Seconds())
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
		text += ", " + e.Left.Round(time.Second).String() + " left"
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
