// Package gnu reads error messages of the form that most compilers and linters
// print, "FILE:LINE:COLUMN: MESSAGE" (GNU Coding Standards, 4.4 "Formatting
// Error Messages"), and the two other forms that are common: "FILE(LINE,COLUMN):
// MESSAGE" of Microsoft's tools and tsc, and Python's tracebacks.
//
// It must never take a line for a finding whose file the caller does not know:
// times and addresses look alike.
package gnu

import (
	"strconv"
	"strings"

	"github.com/bitactor/cf/check"
	"github.com/bitactor/cf/lazyregexp"
)

// FindingsMax is the most findings read of one text.
const FindingsMax = 2000

// lineBytesMax bounds a line that is looked at; a longer one is no message.
const lineBytesMax = 8 << 10

var (
	colons  = lazyregexp.New(`^\s*(?:\S+: )?([^\s:()][^:()]*):([0-9]{1,7})(?::([0-9]{1,7}))?(?:-[0-9:]+)?:?\s+(.*)$`)
	parens  = lazyregexp.New(`^\s*([^\s:()][^:()]*)\(([0-9]{1,7})(?:,\s*([0-9]{1,7}))?\)\s*:\s*(.*)$`)
	python  = lazyregexp.New(`^\s*File "([^"]+)", line ([0-9]{1,7})`)
	grade   = lazyregexp.New(`^(?i:(fatal error|error|warning|note|info|remark|style|hint))(?:[ :]+|$)`)
	flag    = lazyregexp.New(`\s*\[(?:-W(?:error=|error,-W)?)?([A-Za-z][A-Za-z0-9_.-]*)\]$`)
	numbers = lazyregexp.New(`^\[?([A-Z]{1,6}[0-9]{2,6})\]?:?\s+`)
)

// Parse returns the findings in a text, in its order, at most FindingsMax.
// known turns a path as it is printed into one relative to the root; false where
// no such file is there. General is the code of a finding that names none. Notes
// go with the finding before them.
func Parse(text, general string, known func(string) (string, bool)) []check.Diagnostic {
	var out []check.Diagnostic
	trace := -1 // index of a finding that waits for Python's last line
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n")
		if len(line) > lineBytesMax || len(out) >= FindingsMax {
			continue
		}
		if trace >= 0 && line != "" && line[0] != ' ' && line[0] != '\t' {
			out[trace].Message = line
			trace = -1
		}
		if m := python.FindStringSubmatch(line); m != nil {
			if d, ok := finding(append(m, "", ""), "traceback", known); ok {
				if trace >= 0 { // the innermost frame of ours counts
					out = out[:trace]
				}
				trace = len(out)
				out = append(out, d)
			}
			continue
		}
		m := colons.FindStringSubmatch(line)
		if m == nil {
			m = parens.FindStringSubmatch(line)
		}
		if m == nil {
			continue
		}
		d, ok := finding(m, general, known)
		if !ok || d.Message == "" {
			continue
		}
		if d.Severity == "note" {
			if n := len(out); n > 0 {
				out[n-1].Message += "\nnote: " + d.Message
			}
			continue
		}
		out = append(out, d)
	}
	return out
}

// finding makes a diagnostic of file, line, column and message. Its severity
// may be "note", which Parse resolves.
func finding(m []string, general string, known func(string) (string, bool)) (check.Diagnostic, bool) {
	file, ok := known(strings.TrimSpace(m[1]))
	if !ok {
		return check.Diagnostic{}, false
	}
	d := check.Diagnostic{File: file, Severity: check.Error, Code: general, Message: strings.TrimSpace(m[4])}
	d.Line, _ = strconv.Atoi(m[2])
	d.Column, _ = strconv.Atoi(m[3])
	if g := grade.FindStringSubmatch(d.Message); g != nil {
		d.Message = strings.TrimSpace(d.Message[len(g[0]):])
		switch strings.ToLower(g[1]) {
		case "warning", "style":
			d.Severity = check.Warning
		case "note", "info", "remark", "hint":
			d.Severity = "note"
		}
	}
	if f := flag.FindStringSubmatch(d.Message); f != nil {
		d.Code, d.Message = f[1], strings.TrimSuffix(d.Message, f[0])
	} else if n := numbers.FindStringSubmatch(d.Message); n != nil {
		d.Code, d.Message = n[1], d.Message[len(n[0]):]
	}
	return d, true
}
