package value

import (
	"bytes"
	"encoding/json"
	"fmt"
	"path"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/bitactor/cf/check"
	"github.com/bitactor/cf/fault"
	"github.com/bitactor/cf/lazyregexp"
	"github.com/bitactor/cf/workspace/sandbox"
)

// target is a bound for a number.
type target struct {
	operator string
	bound    float64
	unit     string
}

var targetForm = lazyregexp.New(`^(<=|>=|<|>|==)\s*(-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)\s*([^\s0-9][^\s]*)?$`)

// parseTarget reads an operator, a number and a unit that may be left out.
func parseTarget(text string) (target, bool) {
	m := targetForm.FindStringSubmatch(strings.TrimSpace(text))
	if m == nil {
		return target{}, false
	}
	bound, err := strconv.ParseFloat(m[2], 64)
	return target{m[1], bound, m[3]}, err == nil
}

// met tells whether a value meets the target.
func (t target) met(v float64) bool {
	switch t.operator {
	case "<=":
		return v <= t.bound
	case ">=":
		return v >= t.bound
	case "<":
		return v < t.bound
	case ">":
		return v > t.bound
	}
	return v == t.bound
}

func (t target) String() string {
	return strings.TrimSpace(fmt.Sprintf("%s %g %s", t.operator, t.bound, t.unit))
}

// readTarget reads the target of a goal, whose unit must be that of the measure.
func (g *goals) readTarget(goal *yaml.Node, fields map[string]*yaml.Node, who string) (target, bool) {
	text := g.text(goal, fields, "target", who)
	if text == "" {
		return target{}, false
	}
	t, ok := parseTarget(text)
	if !ok {
		g.Error(g.at(fields["target"]), codeTarget, "%s can't be measured: its target %q is no comparison with a number, such as \"<= 50 us\"", who, text)
		return t, false
	}
	if unit := fields["unit"]; unit != nil && t.unit != "" && unit.Value != t.unit {
		g.Error(g.at(fields["target"]), codeTarget, "%s is measured in %s, and its target is in %s", who, unit.Value, t.unit)
		return t, false
	}
	return t, true
}

// evidence holds what proves a goal against its target.
func (g *goals) evidence(n *yaml.Node, who string, t target, measurable bool, newest time.Time) {
	fields := g.fields(n, "evidence", evidenceKeys)
	if fields == nil {
		return
	}
	report, command := fields["report"], fields["command"]
	field := ""
	if f := fields["field"]; f != nil {
		field = f.Value
	}
	var text []byte
	switch {
	case (report == nil) == (command == nil):
		g.Error(g.at(n), codeEvidence, "the evidence of %s is either a \"report\" or a \"command\"", who)
		return
	case report != nil:
		p := path.Join(g.dir, report.Value)
		var err error
		if text, err = g.target.Stage.Read(p); err != nil {
			g.Error(g.at(report), codeEvidence, "the evidence of %s, %s, can't be read: %s", who, report.Value, fault.CodeOf(err))
			return
		}
		if made := g.made(p, text); !made.IsZero() && newest.After(made) {
			g.Warn(g.at(report), codeOld, "the evidence of %s is of %s; what serves it was changed on %s", who, day(made), day(newest))
		}
	default:
		if text = g.run(command, who); text == nil {
			return
		}
	}
	if !measurable {
		return
	}
	v, err := number(text, field)
	if err != nil {
		g.Error(g.at(n), codeNumber, "the evidence of %s has no number: %s", who, err)
		return
	}
	if !t.met(v) {
		g.Error(g.at(n), codeMissed, "%s is missed: %g, and the target is %s", who, v, t)
	}
}

func day(t time.Time) string { return t.UTC().Format("2006-01-02 15:04") }

// number takes the number out of a report: the field that a JSON pointer (RFC 6901)
// names, or, without one, the last word of the last line.
func number(text []byte, field string) (float64, error) {
	if field == "" {
		words := strings.Fields(string(text))
		if len(words) == 0 {
			return 0, fmt.Errorf("it is empty")
		}
		v, err := strconv.ParseFloat(words[len(words)-1], 64)
		if err != nil {
			return 0, fmt.Errorf("its last word is %q", words[len(words)-1])
		}
		return v, nil
	}
	var at any
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	if err := dec.Decode(&at); err != nil {
		return 0, fmt.Errorf("it is no JSON")
	}
	unescape := strings.NewReplacer("~1", "/", "~0", "~")
	for key := range strings.SplitSeq(strings.TrimPrefix(field, "/"), "/") {
		key = unescape.Replace(key)
		switch v := at.(type) {
		case map[string]any:
			at = v[key]
		case []any:
			i, err := strconv.Atoi(key)
			if err != nil || i < 0 || i >= len(v) {
				return 0, fmt.Errorf("there is no %s", field)
			}
			at = v[i]
		default:
			at = nil
		}
	}
	switch v := at.(type) {
	case json.Number:
		return v.Float64()
	case bool:
		if v {
			return 1, nil
		}
		return 0, nil
	case nil:
		return 0, fmt.Errorf("there is no %s", field)
	}
	return 0, fmt.Errorf("%s is no number", field)
}

// run runs a command in the sandbox and returns what it printed, nil where it did
// not run or failed.
func (g *goals) run(n *yaml.Node, who string) []byte {
	var argv []string
	for _, item := range g.strings(n, "command") {
		argv = append(argv, item.Value)
	}
	if len(argv) == 0 {
		g.Error(g.at(n), codeEvidence, "the evidence of %s is a command without words", who)
		return nil
	}
	if !g.options.Run {
		g.out.Gaps = append(g.out.Gaps, check.Gap{
			File: g.Path, What: who, Why: "its evidence is a command, which was not run: " + strings.Join(argv, " "), Hint: "--run-evidence runs it in the sandbox",
		})
		return nil
	}
	result, err := g.target.Stage.Run(g.ctx, sandbox.Command{Program: argv[0], Args: argv[1:], Dir: g.dir})
	g.out.Ran = append(g.out.Ran, check.Ran{Argv: argv, Dir: g.dir, Code: result.Code, Elapsed: result.Elapsed})
	if err != nil {
		g.Error(g.at(n), codeEvidence, "the evidence of %s could not be had: %s", who, err)
		return nil
	}
	return []byte(result.Stdout.String())
}

// made tells when a report was made: its own field "time", else when it was
// committed.
func (g *goals) made(p string, text []byte) time.Time {
	var own struct {
		Time time.Time `json:"time"`
	}
	if json.Unmarshal(text, &own) == nil && !own.Time.IsZero() {
		return own.Time
	}
	return g.changed([]string{p})
}

// changed tells when the newest of some paths was committed.
func (g *goals) changed(paths []string) time.Time {
	if len(paths) == 0 || g.options.Committed == nil {
		return time.Time{}
	}
	return g.options.Committed(g.ctx, paths)
}
