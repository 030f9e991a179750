// Package value checks what a project says it is for: goals with a measure, a
// target, and evidence that the target is met, written in files named value.yaml
// (docs/value.md describes them).
//
// It must never take an opinion for evidence: a goal is met where a number that
// stands in a file, or that a command printed, meets the target. It runs no command
// unless it was told to, and then in the sandbox.
//
// Invariants:
//  1. Evidence that is not there, can't be read, is older than the code it speaks
//     of, or was not run, is reported: it never counts as met.
//  2. Nothing is said about files that no goal and no `modules` names.
package value

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/bitactor/cf/check"
	"github.com/bitactor/cf/check/data"
	"github.com/bitactor/cf/check/source"
	"github.com/bitactor/cf/workspace"
)

const (
	name = "value"
	tool = "cf value"
)

// Options say how goals are checked.
type Options struct {
	// Run has the commands that goals name as evidence run in the sandbox; without
	// it a goal whose evidence is a command is not checked.
	Run bool
	// Committed tells when the newest of some files or folders, relative to the root,
	// was committed; the zero time where nobody knows. nil: nobody does. The times of
	// the files themselves say when they were checked out.
	Committed func(ctx context.Context, paths []string) time.Time
}

// New returns the checker "value". It looks at the tree as a whole.
func New(o Options) check.Checker { return checker{o} }

type checker struct{ o Options }

func (checker) Name() string              { return name }
func (checker) Match(string, []byte) bool { return false }
func (checker) Markers() []string         { return nil }
func (checker) Tools() []check.Tool       { return nil }
func (checker) Whole() bool               { return true }
func (checker) Across() bool              { return true }

// String tells the settings, which what is kept between runs depends on.
func (c checker) String() string { return fmt.Sprintf("run=%v", c.o.Run) }

// The rules.
const (
	codeField    = "value-field"
	codeTwice    = "duplicate-goal"
	codeTarget   = "not-measurable"
	codeEvidence = "evidence-missing"
	codeNumber   = "evidence-without-number"
	codeMissed   = "target-missed"
	codeOld      = "evidence-outdated"
	codeServes   = "goal-served-by-none"
	codePath     = "path-missing"
	codeIdle     = "module-without-goal" // a note
)

// Canaries plants a goal that can't be measured, one without evidence, and one that
// is missed.
func (checker) Canaries() []check.Canary {
	const head = "version: 1\ngoals:\n  - id: fast\n    goal: answers at once\n    owner: us\n    measure: p99\n    serves: [a.txt]\n"
	files := func(rest string) map[string]string {
		return map[string]string{"value.yaml": head + rest, "a.txt": "a\n", "r.json": `{"p99": 7}` + "\n"}
	}
	return []check.Canary{
		{Files: files("    target: soon\n    evidence: {report: r.json, field: /p99}\n"), File: "value.yaml", Line: 8, Code: codeTarget},
		{Files: files("    target: <= 5\n    evidence: {report: none.json, field: /p99}\n"), File: "value.yaml", Line: 9, Code: codeEvidence},
		{Files: files("    target: <= 5\n    evidence: {report: r.json, field: /p99}\n"), File: "value.yaml", Line: 9, Code: codeMissed},
	}
}

// Check reads the files named value.yaml that speak for the target's paths.
func (c checker) Check(ctx context.Context, t check.Target) (check.Outcome, error) {
	list, err := t.Stage.List(ctx, workspace.ListOptions{})
	if err != nil {
		return check.Outcome{}, err
	}
	var names []string
	for _, f := range list.Files {
		if base := path.Base(f.Path); (base == "value.yaml" || base == "value.yml") && concerns(path.Dir(f.Path), t.Paths) {
			names = append(names, f.Path)
		}
	}
	if len(names) == 0 {
		why := "there is no value.yaml: nothing says what this is for"
		return check.Outcome{Gaps: []check.Gap{{What: "business value", Why: why, Hint: "write value.yaml: goals with measure, target, evidence and owner", Blocks: true}}}, nil
	}
	out := check.Outcome{Volatile: true} // it depends on the time of commits, which is no content of the tree
	r := source.Reader{Checker: name, Tool: tool, ValuesMax: data.YAMLValuesMax}
	read, err := r.Each(ctx, t, names, func(f *source.File) error {
		for _, doc := range data.CheckYAML(f) {
			if len(doc.Content) == 1 {
				g := &goals{File: f, ctx: ctx, target: t, options: c.o, files: list.Files, out: &out, dir: path.Dir(f.Path), seen: map[string]bool{}}
				g.root(doc.Content[0])
			}
		}
		return ctx.Err()
	})
	out.Diagnostics = append(out.Diagnostics, read.Diagnostics...)
	out.Gaps = append(out.Gaps, read.Gaps...)
	return out, err
}

// concerns tells whether a value.yaml in dir speaks for one of the paths: it lies
// above or below it.
func concerns(dir string, paths []string) bool {
	under := func(p, folder string) bool {
		return folder == "." || p == folder || strings.HasPrefix(p, folder+"/")
	}
	return len(paths) == 0 || slices.ContainsFunc(paths, func(p string) bool {
		p = path.Clean(p)
		return under(p, dir) || under(dir, p)
	})
}

// goals checks one document.
type goals struct {
	*source.File
	ctx     context.Context //nolint:containedctx // of the one call of Check that this lives in
	target  check.Target
	options Options
	files   []workspace.File
	out     *check.Outcome
	dir     string
	seen    map[string]bool
	served  []string // what goals serve, relative to the root
}

var (
	rootKeys     = []string{"version", "goals", "modules"}
	goalKeys     = []string{"id", "goal", "owner", "measure", "unit", "target", "evidence", "serves"}
	evidenceKeys = []string{"report", "field", "command"}
)

// at is the offset of a node.
func (g *goals) at(n *yaml.Node) int { return data.NodeOffset(g.File, n) }

// fields reads a mapping, and reports keys that nobody knows.
func (g *goals) fields(n *yaml.Node, what string, known []string) map[string]*yaml.Node {
	if n.Kind != yaml.MappingNode {
		g.Error(g.at(n), codeField, "%s must be a mapping", what)
		return nil
	}
	out := map[string]*yaml.Node{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		if !slices.Contains(known, key.Value) {
			g.Error(g.at(key), codeField, "%s has no field %q; there is: %s", what, key.Value, strings.Join(known, ", "))
		}
		out[key.Value] = n.Content[i+1]
	}
	return out
}

// text returns the value of a field that must be there.
func (g *goals) text(of *yaml.Node, fields map[string]*yaml.Node, key, who string) string {
	v := fields[key]
	if v == nil || v.Kind != yaml.ScalarNode || strings.TrimSpace(v.Value) == "" {
		at := of
		if v != nil {
			at = v
		}
		g.Error(g.at(at), codeField, "%s needs %q", who, key)
		return ""
	}
	return strings.TrimSpace(v.Value)
}

// strings returns the entries of a list of strings.
func (g *goals) strings(n *yaml.Node, what string) []*yaml.Node {
	if n == nil {
		return nil
	}
	if n.Kind != yaml.SequenceNode {
		g.Error(g.at(n), codeField, "%s must be a list", what)
		return nil
	}
	return n.Content
}

func (g *goals) root(n *yaml.Node) {
	fields := g.fields(n, "a value file", rootKeys)
	if fields == nil {
		return
	}
	if v := fields["version"]; v == nil || v.Value != "1" {
		g.Error(g.at(n), codeField, "a value file begins with \"version: 1\"")
	}
	list := g.strings(fields["goals"], "goals")
	if len(list) == 0 {
		g.Error(g.at(n), codeField, "a value file needs \"goals\", a list of at least one")
	}
	for _, goal := range list {
		g.goal(goal)
	}
	g.modules(fields["modules"])
}

// goal checks one goal.
func (g *goals) goal(n *yaml.Node) {
	fields := g.fields(n, "a goal", goalKeys)
	if fields == nil {
		return
	}
	id := g.text(n, fields, "id", "a goal")
	who := "the goal " + id
	if id != "" && g.seen[id] {
		g.Error(g.at(fields["id"]), codeTwice, "%s stands in this file already", who)
	}
	g.seen[id] = true
	for _, key := range []string{"goal", "owner", "measure"} {
		g.text(n, fields, key, who)
	}
	newest := g.serves(n, fields["serves"], who)
	target, measurable := g.readTarget(n, fields, who)
	if e := fields["evidence"]; e == nil {
		g.Error(g.at(n), codeEvidence, "%s has no evidence: a report with a number, or a command that prints one", who)
	} else {
		g.evidence(e, who, target, measurable, newest)
	}
}

// serves checks the paths that a goal names, and returns when the newest of them was
// changed.
func (g *goals) serves(goal, n *yaml.Node, who string) time.Time {
	list := g.strings(n, "serves")
	if len(list) == 0 {
		g.Warn(g.at(goal), codeServes, "%s is served by nothing: name files or folders in \"serves\"", who)
	}
	var paths []string
	for _, item := range list {
		p := path.Join(g.dir, item.Value)
		if g.target.Stage.Kind(p) == "" {
			g.Error(g.at(item), codePath, "%s is served by %s, which is not there", who, item.Value)
			continue
		}
		paths = append(paths, p)
	}
	g.served = append(g.served, paths...)
	return g.changed(paths)
}

// modules notes what is to serve a goal and serves none.
func (g *goals) modules(n *yaml.Node) {
	for _, pattern := range g.strings(n, "modules") {
		matched := false
		for _, f := range g.files {
			if ok, err := path.Match(path.Join(g.dir, pattern.Value), f.Path); err != nil || !ok {
				continue
			}
			matched = true
			if !slices.ContainsFunc(g.served, func(p string) bool { return f.Path == p || strings.HasPrefix(f.Path, p+"/") }) {
				g.Add(check.Diagnostic{Line: pattern.Line, Column: pattern.Column, Severity: check.Note, Code: codeIdle, Message: f.Path + " serves no goal"})
			}
		}
		if !matched {
			g.Error(g.at(pattern), codePath, "no file is called %s", pattern.Value)
		}
	}
}
