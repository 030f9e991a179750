// Package report writes measured figures, with their goals and conditions, into
// a Markdown file that has one section for each target of make.
package report

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"
)

// Figure is one measured value beside its goal.
type Figure struct {
	Name       string
	Goal       string // as a reader would say it
	Measured   string
	Pass       bool
	Conditions string
}

func (f Figure) verdict() string {
	if f.Pass {
		return "PASS"
	}
	return "MISS"
}

// Print writes the figures to standard output.
func Print(figures []Figure) {
	for _, f := range figures {
		fmt.Printf("%-4s  %s: %s (goal: %s)\n      %s\n", f.verdict(), f.Name, f.Measured, f.Goal, f.Conditions)
	}
}

// machine describes where the figures come from.
func machine() string {
	name := "unknown processor"
	if info, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(info)) {
			if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == "model name" {
				name = strings.TrimSpace(value)
				break
			}
		}
	}
	return fmt.Sprintf("%d x %s, %s/%s, %s", runtime.NumCPU(), name, runtime.GOOS, runtime.GOARCH, runtime.Version())
}

const preface = `# Figures

Written by ` + "`make bench-*`, `soak-core`, `fuzz-core` and `solve`" + `; each row names its target. Values are medians of interleaved runs with the
smallest and largest beside them.
`

// Record replaces the section of a target of make in the Markdown file.
func Record(path, target string, figures []Figure) error {
	old, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	head, sections := split(string(old))
	if head == "" {
		head = preface
	}
	sections[target] = section(target, figures)
	var b strings.Builder
	b.WriteString(strings.TrimRight(head, "\n") + "\n")
	names := make([]string, 0, len(sections))
	for name := range sections {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		b.WriteString("\n" + strings.TrimSpace(sections[name]) + "\n")
	}
	return os.WriteFile(path, []byte(b.String()), 0o644)
}

// split cuts a figures file into what stands before the first section and the
// sections by name.
func split(text string) (string, map[string]string) {
	const mark = "## make "
	sections := map[string]string{}
	head, rest, found := strings.Cut(text, mark)
	for found {
		var body string
		body, rest, found = strings.Cut(rest, mark)
		name, _, _ := strings.Cut(body, "\n")
		sections[strings.TrimSpace(name)] = mark + body
	}
	return head, sections
}

func section(target string, figures []Figure) string {
	var b strings.Builder
	fmt.Fprintf(&b, "## make %s\n\n", target)
	fmt.Fprintf(&b, "%s; %s.\n\n", time.Now().UTC().Format(time.DateOnly), machine())
	b.WriteString("| figure | goal | measured | | conditions |\n| --- | --- | --- | --- | --- |\n")
	for _, f := range figures {
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", f.Name, f.Goal, f.Measured, f.verdict(), f.Conditions)
	}
	return b.String()
}
