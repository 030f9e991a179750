package view

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bitactor/cf/event"
)

// severityColor is what a finding's kind is painted in.
func severityColor(severity string) string {
	if severity == "error" || severity == "failed" {
		return red
	}
	return yellow
}

// diagnosticText renders a finding as compilers do: the place, the message, the
// source line and a caret under the column.
func diagnosticText(e event.Diagnostic, color bool) string {
	var b strings.Builder
	b.WriteString(paint(color, bold, place(e.File, e.Line, e.Column)+": "))
	b.WriteString(paint(color, severityColor(e.Severity), oneLine(e.Severity)) + ": ")
	message := strings.Split(Sanitize(strings.TrimRight(e.Message, "\n")), "\n")
	b.WriteString(strings.ReplaceAll(message[0], "\t", " "))
	if rule := ruleText(e); rule != "" {
		b.WriteString(" [" + rule + "]")
	}
	b.WriteByte('\n')
	for _, more := range message[1:] {
		b.WriteString("    " + more + "\n")
	}
	b.WriteString(sourceText(e.Source, e.Line, e.Column, color))
	return b.String()
}

// place is "file:line:column" as far as it is known.
func place(file string, line, column int) string {
	text := oneLine(file)
	if line > 0 {
		text += ":" + strconv.Itoa(line)
	}
	if line > 0 && column > 0 {
		text += ":" + strconv.Itoa(column)
	}
	return text
}

// ruleText names the tool and its rule.
func ruleText(e event.Diagnostic) string {
	tool, rule := oneLine(orElse(e.Tool, e.Checker)), oneLine(e.Rule)
	if rule == "" || rule == tool {
		return tool
	}
	return strings.TrimSpace(tool + " " + rule)
}

// sourceText is the source line behind its number, and a caret. column counts
// bytes of the raw line; what stands before the caret is the same text with
// every column blank, so that tabs and wide characters don't move it.
func sourceText(source string, line, column int, color bool) string {
	source = strings.TrimRight(source, "\r\n")
	if source == "" || line <= 0 {
		return ""
	}
	gutter := fmt.Sprintf("%5d | ", line)
	text := gutter + strings.ReplaceAll(Sanitize(source), "\n", " ") + "\n"
	if column <= 0 || column > len(source)+1 {
		return text
	}
	var blank strings.Builder
	for _, r := range strings.ReplaceAll(Sanitize(source[:column-1]), "\n", " ") {
		if r == '\t' {
			blank.WriteRune(r)
			continue
		}
		blank.WriteString(strings.Repeat(" ", cells([]byte(string(r)))))
	}
	return text + strings.Repeat(" ", len(gutter)-2) + "| " + blank.String() + paint(color, green, "^") + "\n"
}

// outputShown is how many lines of a failed test's output are shown.
const outputShown = 40

// testText renders a test that needs attention, with the end of its output: that
// is where test runners say why.
func testText(e event.Test, color bool) string {
	head := paint(color, severityColor(e.State), oneLine(e.State)) + ": test " + oneLine(e.Name)
	if e.File != "" {
		head = paint(color, bold, place(e.File, e.Line, 0)+": ") + head
	}
	if e.Before {
		head += " (it failed before, too)"
	}
	out := strings.TrimRight(Sanitize(e.Output), "\n")
	if out == "" {
		return head + "\n"
	}
	lines := strings.Split(out, "\n")
	text := head + "\n"
	if n := len(lines) - outputShown; n > 0 {
		text += fmt.Sprintf("    ... %d lines before\n", n)
		lines = lines[n:]
	}
	return text + "    " + strings.Join(lines, "\n    ") + "\n"
}

func gapText(e event.Gap, color bool) string {
	subject := e.File
	if subject == "" {
		subject = e.Checker
	}
	text := paint(color && e.Blocks, yellow, "not checked") + ": " + oneLine(subject)
	if e.What != "everything" && e.What != "" {
		text += " (" + oneLine(e.What) + ")"
	}
	text += ": " + oneLine(e.Why) + "\n"
	if e.Hint != "" {
		text += "    hint: " + oneLine(e.Hint) + "\n"
	}
	return text
}

// mismatchText shows what a hunk wants beside what stands there.
func mismatchText(e event.Mismatch, color bool) string {
	var b strings.Builder
	b.WriteString(paint(color, bold, fmt.Sprintf("%s: ", place(e.File, e.Line, 0))) +
		fmt.Sprintf("hunk %d of the diff (its line %d) does not match\n", e.Hunk, e.DiffLine))
	if len(e.Have) > 0 {
		b.WriteString("  did you mean this place?\n")
	}
	for i := range max(len(e.Want), len(e.Have)) {
		want, inWant := at(e.Want, i)
		have, inHave := at(e.Have, i)
		if inWant && inHave && want == have {
			b.WriteString(fmt.Sprintf("%5d |   %s\n", e.Line+i, oneSource(have)))
			continue
		}
		if inWant {
			b.WriteString(paint(color, red, fmt.Sprintf(" diff | - %s", oneSource(want))) + "\n")
		}
		if inHave {
			b.WriteString(paint(color, green, fmt.Sprintf("%5d | + %s", e.Line+i, oneSource(have))) + "\n")
		}
	}
	return b.String()
}

func at(list []string, i int) (string, bool) {
	if i < len(list) {
		return list[i], true
	}
	return "", false
}

func oneSource(s string) string { return strings.ReplaceAll(Sanitize(s), "\n", " ") }

// diffText renders a unified diff line by line.
func diffText(e event.Diff, color bool) string {
	var b strings.Builder
	for line := range strings.SplitSeq(strings.TrimSuffix(e.Text, "\n"), "\n") {
		sgr := ""
		switch {
		case strings.HasPrefix(line, "+++ "), strings.HasPrefix(line, "--- "), strings.HasPrefix(line, "@@ "):
			sgr = bold
		case strings.HasPrefix(line, "+"):
			sgr = green
		case strings.HasPrefix(line, "-"):
			sgr = red
		case line == "", strings.ContainsRune(" @\\", rune(line[0])), strings.HasPrefix(line, "old mode "), strings.HasPrefix(line, "new "):
		default:
			line = " " + line // no line of a diff: a name that breaks it
		}
		b.WriteString(paint(color && sgr != "", sgr, Sanitize(line)) + "\n")
	}
	return b.String()
}

// checksTable is the table of what was checked, and a line that sums it up.
func checksTable(e event.Checks, color bool, width int) string {
	var rows [][]string
	for _, p := range e.Parts {
		rows = append(rows, []string{p.State, partName(p), count(p.Files, "file", "files"), partDetail(p)})
	}
	text := ""
	for i, line := range strings.Split(strings.TrimSuffix(Table(rows, width), "\n"), "\n") {
		if i < len(e.Parts) && color {
			line = paintWord(line, e.Parts[i].State)
		}
		if line != "" {
			text += line + "\n"
		}
	}
	return text + sumLine(e, color) + "\n"
}

// paintWord colours the state that a row of the table begins with.
func paintWord(line, state string) string {
	sgr := map[string]string{"passed": green, "findings": red}[state]
	if sgr == "" {
		sgr = yellow
	}
	if rest, ok := strings.CutPrefix(line, state); ok {
		return paint(true, sgr, state) + rest
	}
	return line
}

func partName(p event.CheckedPart) string {
	if p.Project == "" || p.Project == "." {
		return p.Checker
	}
	return p.Checker + " in " + p.Project
}

func partDetail(p event.CheckedPart) string {
	var parts []string
	if p.Why != "" {
		parts = append(parts, p.Why)
	}
	if p.Diagnostics > 0 {
		parts = append(parts, count(p.Diagnostics, "diagnostic", "diagnostics"))
	}
	for _, t := range []struct {
		n    int
		what string
	}{{p.Passed, "passed"}, {p.Failed, "failed"}, {p.Flaky, "flaky"}, {p.Skipped, "skipped"}} {
		if t.n > 0 {
			parts = append(parts, count(t.n, "test ", "tests ")+t.what)
		}
	}
	if by := programs(p.Ran); by != "" {
		parts = append(parts, "by "+by)
	}
	if p.Cached {
		parts = append(parts, "nothing changed since it was checked")
	}
	text := strings.Join(parts, "; ")
	if p.Hint != "" {
		text += " (hint: " + p.Hint + ")"
	}
	return text
}

// programs names what ran, each once; a version stands behind the last of those
// that have it.
func programs(ran []event.Program) string {
	var names, versions []string
	for _, p := range ran {
		if name := shortArgv(p.Argv); !slices.Contains(names, name) {
			names, versions = append(names, name), append(versions, p.Version)
		}
	}
	for i := range names {
		if versions[i] != "" && (i+1 == len(names) || versions[i+1] != versions[i]) {
			names[i] += " (" + versions[i] + ")"
		}
	}
	const most = 8
	if n := len(names) - most; n > 0 {
		names = append(names[:most], fmt.Sprintf("%d more", n))
	}
	return strings.Join(names, ", ")
}

// shortArgv is a program's name and its subcommand, if it has one.
func shortArgv(argv []string) string {
	if len(argv) == 0 {
		return ""
	}
	name := argv[0][strings.LastIndexByte(argv[0], '/')+1:]
	if len(argv) > 1 && len(argv[1]) < 16 && argv[1] != "" && argv[1][0] != '-' && !strings.ContainsAny(argv[1], "/.") {
		name += " " + argv[1]
	}
	return name
}

func sumLine(e event.Checks, color bool) string {
	found := count(e.Diagnostics, "diagnostic", "diagnostics")
	if e.Tests {
		found += ", " + count(e.TestsPassed, "test", "tests") + " passed"
		if e.TestsFailed > 0 {
			found += fmt.Sprintf(", %d failed", e.TestsFailed)
		}
	}
	sgr := map[string]string{"clean": green, "findings": red}[e.State]
	text := paint(color, orElse(sgr, yellow), oneLine(e.State)) + ": " + found + "; " + count(e.FilesChecked, "file", "files") + " checked"
	if e.FilesNot > 0 {
		text += fmt.Sprintf(", %d not", e.FilesNot)
	}
	if e.FilesUnlisted != "" {
		text += " (" + oneLine(e.FilesUnlisted) + ")"
	}
	if e.Stopped {
		text += "; stopped before all was checked"
	}
	return text + fmt.Sprintf("; isolation: %s; %s, of which cf %s", oneLine(e.Tier), span(e.Own+e.Tools), brief(e.Own))
}

// brief writes a duration that may be well below a second.
func brief(d time.Duration) string {
	if d < time.Second {
		return fmt.Sprintf("%d ms", d.Milliseconds())
	}
	return span(d)
}

func count(n int, one, more string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, more)
}
