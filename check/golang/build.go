package golang

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/bitactor/cf/check"
	"github.com/bitactor/cf/lazyregexp"
)

// position matches a line of the go command or of a compiler that names a
// place: file, line, column where there is one, message.
var position = lazyregexp.New(`^(?:vet: |go: )?([^\s:][^:\n]*):([0-9]+)(?::([0-9]+))?: (.*)$`)

// module checks the packages of a module that the change reaches.
func (r *run) module() error {
	g, ok, err := r.list("./...")
	if !ok || err != nil {
		return err
	}
	touched := g.touched(r)
	if len(r.Target.Only) > 0 {
		return r.tests(g, touched, g.byPath)
	}
	g.report(r)
	reached := g.loadable(g.importers(touched, true))
	if len(reached) == 0 {
		return nil
	}
	if err := r.compile(reached); err != nil {
		return err
	}
	if !r.Target.Tests {
		return nil
	}
	tested := map[string]*goPackage{}
	for _, name := range g.loadable(g.importers(touched, false)) {
		tested[name] = g.byPath[name]
	}
	return r.tests(g, touched, tested)
}

// compile builds and vets packages, or the files of one package.
func (r *run) compile(what []string) error {
	out, ok, err := r.call("compile", append([]string{"build", "-json", "-o", "/dev/null", "--"}, what...)...)
	if err != nil {
		return err
	}
	before := r.Failing()
	if ok {
		r.buildErrors(buildOutput(out.stdout)+out.stderr, "go build")
		r.unexplained(out, before, "go build")
	}
	out, ok, err = r.call("vet", append([]string{"vet", "-json", "--"}, what...)...)
	if err != nil || !ok {
		return err
	}
	// Up to Go 1.25 the report goes to the error output, among other lines.
	text := out.stdout + "\n" + out.stderr
	before = r.Failing()
	for _, d := range vetReport(text) {
		if rel, inside := r.Rel(r.Target.Project, d.File); inside {
			d.File = rel
			r.Diagnose(d)
		}
	}
	r.buildErrors(text, "go vet")
	r.unexplained(out, before, "go vet")
	return nil
}

// unexplained reports a command that failed and said nothing that is
// understood: no diagnostics then does not mean that all is well.
func (r *run) unexplained(out result, before bool, name string) {
	if out.code == 0 || before || r.Failing() {
		return
	}
	message := strings.TrimSpace(buildOutput(out.stdout) + out.stderr)
	r.Diagnose(check.Diagnostic{
		File: r.Blame("go.mod"), Severity: check.Error, Code: "build", Tool: name,
		Message: "it failed with status " + strconv.Itoa(out.code) + ": " + message,
	})
}

// buildEvent is a line of go build -json and go test -json (go help buildjson,
// go doc test2json).
type buildEvent struct {
	ImportPath, Action, Output, Package, Test, FailedBuild string
}

// buildOutput joins what the go command and the compiler say in a stream of
// events; lines that are no events are kept as they are.
func buildOutput(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		var e buildEvent
		if !strings.HasPrefix(line, "{") || json.Unmarshal([]byte(line), &e) != nil {
			b.WriteString(line)
		} else if e.Action == "build-output" {
			b.WriteString(e.Output)
		}
	}
	return b.String()
}

// buildErrors turns the compiler's lines into diagnostics. A line that begins
// with a tab goes on with the one before.
func (r *run) buildErrors(text, tool string) {
	var last []string
	flush := func() {
		if last != nil {
			r.diagnoseAt(last, tool, "compile")
			last = nil
		}
	}
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n")
		switch m := position.FindStringSubmatch(line); {
		case strings.HasPrefix(line, "\t") && last != nil:
			last[4] += "\n" + line
		case m != nil && !strings.HasPrefix(line, "#") && !strings.HasPrefix(line, `"`):
			flush()
			last = m
		default:
			flush()
		}
	}
	flush()
}

// diagnoseAt adds a diagnostic from a match of position.
func (r *run) diagnoseAt(m []string, tool, general string) {
	file, inside := r.Rel(r.Target.Project, m[1])
	line, _ := strconv.Atoi(m[2])
	column, _ := strconv.Atoi(m[3])
	message := strings.TrimSpace(m[4])
	if strings.HasSuffix(message, "too many errors") {
		return
	}
	if !inside { // in the standard library or a module: what it says is about the project all the same
		file, line, column, message = r.Blame("go.mod"), 0, 0, m[1]+":"+m[2]+": "+message
	}
	// One command after another stumbles over the same thing: the first says it.
	key := fault{file, line, message}
	if r.said[key] || r.broken[file] && (strings.HasPrefix(message, "syntax error") || strings.HasPrefix(message, "expected ")) {
		return
	}
	r.said[key] = true
	r.fetchable = r.fetchable || code(message, general) == missingModule
	if general == "" && strings.HasSuffix(file, "go.mod") {
		general = "go.mod"
	}
	r.Diagnose(check.Diagnostic{
		File: file, Line: line, Column: column, Severity: check.Error, Code: code(message, general), Message: message, Tool: tool,
	})
}

// fault is what makes an error of two commands the same.
type fault struct {
	file    string
	line    int
	message string
}

// missingModule is the code of an import that nothing here provides.
const missingModule = "missing-module"

// codes name the errors of the go command and the compiler, which have no names
// of their own in its output.
var codes = []struct{ contains, code string }{
	{"no required module provides package", missingModule},
	{"cannot find module providing package", missingModule},
	{"missing go.sum entry", missingModule},
	{"module lookup disabled", missingModule},
	{"is not in std", missingModule},
	{"import cycle not allowed", "import-cycle"},
	{"use of internal package", "internal-package"},
	{"syntax error", "syntax"},
	{"declared and not used", "unused-variable"},
	{"imported and not used", "unused-import"},
	{"undefined:", "undefined"},
	{"undefined (type", "undefined"},
	{"missing return", "missing-return"},
	{"redeclared in this block", "redeclared"},
	{"cannot use ", "type-mismatch"},
	{"mismatched types", "type-mismatch"},
	{"expected ';', found", "syntax"},
}

func code(message, general string) string {
	for _, c := range codes {
		if strings.Contains(message, c.contains) {
			return c.code
		}
	}
	if general == "" {
		return "load"
	}
	return general
}

// vetReport reads what go vet -json writes: for each package an object from
// analyzers to findings, with "#" lines between them.
func vetReport(text string) []check.Diagnostic {
	var out []check.Diagnostic
	for _, object := range objects(text) {
		var packages map[string]map[string]json.RawMessage
		if json.Unmarshal([]byte(object), &packages) != nil {
			continue
		}
		for _, name := range slices.Sorted(maps.Keys(packages)) {
			for _, analyzer := range slices.Sorted(maps.Keys(packages[name])) {
				var found []struct{ Posn, Message string }
				if json.Unmarshal(packages[name][analyzer], &found) != nil {
					continue // an analyzer that failed says {"error": ...}
				}
				for _, f := range found {
					out = append(out, vetFinding(analyzer, f.Posn, f.Message))
				}
			}
		}
	}
	return out
}

func vetFinding(analyzer, posn, message string) check.Diagnostic {
	d := check.Diagnostic{Severity: check.Error, Code: analyzer, Message: message, Tool: "go vet", File: posn}
	if m := position.FindStringSubmatch(posn + ": "); m != nil {
		d.File = m[1]
		d.Line, _ = strconv.Atoi(m[2])
		d.Column, _ = strconv.Atoi(m[3])
	}
	return d
}

// objects returns the JSON objects of a text that begin and end a line, as
// MarshalIndent writes them.
func objects(text string) []string {
	var out []string
	var b strings.Builder
	inside := false
	for line := range strings.Lines(text) {
		if !inside && strings.HasPrefix(line, "{") {
			inside = true
			b.Reset()
		}
		if inside {
			b.WriteString(line)
		}
		if inside && strings.HasPrefix(line, "}") || inside && line == "{}\n" {
			inside = false
			out = append(out, b.String())
		}
	}
	return out
}
