package rust

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/bitactor/cf/check"
	"github.com/bitactor/cf/check/tool"
	"github.com/bitactor/cf/lazyregexp"
)

// compile runs cargo check over all targets and tells whether it came to its
// end.
func (r *run) compile(ctx context.Context) (bool, error) {
	result, ended, err := r.Run(ctx, tool.Call{
		Step: "compile", Tool: "cargo check", Program: r.tools.cargo, Dir: r.Target.Project, Env: r.env,
		Args: []string{"check", "--offline", "--all-targets", "--message-format=json"},
	})
	if err != nil || !ended {
		return false, err
	}
	all, finished := parseCargo(slices.Concat(result.Stdout.Head, result.Stdout.Tail))
	r.messages(all, "cargo check")
	stderr := result.Stderr.String()
	switch {
	case result.Stdout.Dropped > 0:
		r.Gap(check.Gap{What: "compile", Why: "cargo check printed more than is kept", Blocks: true})
	case finished && (result.Code == 0 || r.Failing()):
		return true, nil
	case r.manifest(stderr):
	default:
		r.Gap(check.Gap{What: "compile", Why: "cargo: " + firstError(stderr), Hint: "cargo fetch", Blocks: true})
	}
	return false, nil
}

var (
	manifestPlace  = lazyregexp.New(`(?m)^\s*--> (\S*Cargo\.toml):(\d+):(\d+)`)
	manifestLine   = lazyregexp.New(`(?m)^\s*TOML parse error at line (\d+), column`) // of older ones
	manifestBroken = lazyregexp.New("failed to parse manifest at `([^`]+)`")
	errorLine      = lazyregexp.New(`(?m)^error: (.*)$`)
)

func firstError(stderr string) string {
	if m := errorLine.FindStringSubmatch(stderr); m != nil {
		return m[1]
	}
	return strings.TrimSpace(stderr)
}

// manifest reports a Cargo.toml that cargo can't read; it says so for people
// alone.
func (r *run) manifest(stderr string) bool {
	d := check.Diagnostic{Severity: check.Error, Code: "manifest", Message: stderr, Tool: "cargo check"}
	var inside bool
	if m := manifestPlace.FindStringSubmatch(stderr); m != nil {
		if d.File, inside = r.locate(m[1]); inside {
			d.Line = number(m[2])
			d.Column = r.Column(d.File, d.Line, number(m[3]))
		}
	} else if m := manifestBroken.FindStringSubmatch(stderr); m != nil {
		d.File, inside = r.locate(m[1])
		if m := manifestLine.FindStringSubmatch(stderr); m != nil {
			d.Line = number(m[1])
		}
	}
	if inside {
		r.Diagnose(d)
	}
	return inside
}

func number(digits string) int {
	n, err := strconv.Atoi(digits)
	if err != nil {
		return 0
	}
	return n
}

// message is what the compiler says about one place.
type message struct {
	Level, Code, Text, File string
	Line, Column            int // from 1, Column in characters; 0 unknown
}

// diagnostic is rustc's own form
// (https://doc.rust-lang.org/rustc/json.html#diagnostics).
type diagnostic struct {
	Message, Level string
	Code           *struct{ Code string }
	Spans          []struct {
		FileName    string `json:"file_name"`
		LineStart   int    `json:"line_start"`
		ColumnStart int    `json:"column_start"`
		IsPrimary   bool   `json:"is_primary"`
	}
	Children []struct{ Level, Message string }
}

// message returns what counts of a diagnostic; false where it only sums up.
func (d diagnostic) message() (message, bool) {
	if d.Level != "warning" && !strings.HasPrefix(d.Level, "error") {
		return message{}, false
	}
	m := message{Level: d.Level, Text: d.Message}
	if d.Code != nil {
		m.Code = d.Code.Code
	}
	for _, s := range d.Spans {
		if s.IsPrimary || m.File == "" {
			m.File, m.Line, m.Column = s.FileName, max(s.LineStart, 0), max(s.ColumnStart, 0)
		}
		if s.IsPrimary {
			break
		}
	}
	if m.File == "" && (strings.HasPrefix(d.Message, "aborting due to") || strings.HasSuffix(d.Message, " emitted")) {
		return message{}, false
	}
	for _, c := range d.Children {
		if c.Level == "help" {
			m.Text += "\nhelp: " + c.Message
		}
	}
	return m, true
}

// parseRustc reads rustc --error-format=json: one diagnostic a line.
func parseRustc(data []byte) []message {
	var out []message
	for line := range bytes.Lines(data) {
		var d diagnostic
		if json.Unmarshal(line, &d) != nil {
			continue
		}
		if m, counts := d.message(); counts {
			out = append(out, m)
		}
	}
	return out
}

// parseCargo reads cargo --message-format=json and tells whether the build came
// to its end, well or not
// (https://doc.rust-lang.org/cargo/reference/external-tools.html#json-messages).
func parseCargo(data []byte) (out []message, finished bool) {
	for line := range bytes.Lines(data) {
		var m struct {
			Reason  string
			Message diagnostic
		}
		if json.Unmarshal(line, &m) != nil {
			continue
		}
		switch m.Reason {
		case "build-finished":
			finished = true
		case "compiler-message":
			if text, counts := m.Message.message(); counts {
				out = append(out, text)
			}
		}
	}
	return out, finished
}

// format reports the changed files that cargo fmt would change, each at the
// first line that it would.
func (r *run) format(ctx context.Context) error {
	if r.tools.cargoFmt.Path == "" {
		r.Missing(check.Tool{Program: "rustfmt", For: "format", Hint: "rustup component add rustfmt"})
		return nil
	}
	result, ended, err := r.Run(ctx, tool.Call{
		Step: "format", Tool: "cargo fmt", Program: r.tools.cargoFmt, Dir: r.Target.Project, Env: r.env,
		Args: []string{"--check", "--", "--color=never"},
	})
	if err != nil || !ended {
		return err
	}
	differing := parseFormat(slices.Concat(result.Stdout.Head, result.Stdout.Tail))
	if result.Stdout.Dropped > 0 || result.Code != 0 && len(differing) == 0 && !r.Failing() {
		r.Gap(check.Gap{What: "format", Why: fmt.Sprintf("cargo fmt ended with status %d: %s", result.Code, firstError(result.Stderr.String()))})
	}
	for _, at := range differing {
		if file, inside := r.locate(at.file); inside && slices.Contains(r.Target.Changed, file) {
			r.Diagnose(check.Diagnostic{
				File: file, Line: at.line, Severity: check.Warning, Code: "not-formatted",
				Message: "the file is not formatted as cargo fmt would", Tool: "cargo fmt",
			})
		}
	}
	return nil
}

type place struct {
	file string
	line int
}

// diffStart matches what rustfmt --check prints before each difference; older
// ones write "at line N".
var diffStart = lazyregexp.New(`^Diff in (.+?)(?: at line |:)(\d+):$`)

// parseFormat returns, for each file in what rustfmt --check prints, the line
// of its first difference; unchanged lines stand before that.
func parseFormat(data []byte) []place {
	var out []place
	seen := map[string]bool{}
	var now *place
	for line := range bytes.Lines(data) {
		text := strings.TrimRight(string(line), "\r\n")
		if m := diffStart.FindStringSubmatch(text); m != nil {
			if now = nil; !seen[m[1]] {
				seen[m[1]] = true
				now = &place{m[1], number(m[2])}
			}
			continue
		}
		switch {
		case now == nil:
		case strings.HasPrefix(text, "-"), strings.HasPrefix(text, "+"):
			out = append(out, *now)
			now = nil
		default:
			now.line++
		}
	}
	return out
}
