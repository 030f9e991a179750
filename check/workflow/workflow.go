// Package workflow checks workflows and actions of GitHub Actions: workflows by
// rhysd/actionlint as a library, action.yml by the published syntax.
//
// It must never start a process or read a file but through the stage: the
// library's use of shellcheck and pyflakes is off, and so is what it would read
// of local actions.
//
// Invariants:
//  1. YAML is checked first, by package data; a file that is no YAML goes no
//     further, and what both would report is reported once.
//  2. Expressions nest at most nestingMax deep: the library parses them
//     recursively.
package workflow

import (
	"context"
	"errors"
	"io"
	"path"
	"strings"

	"github.com/rhysd/actionlint"
	"go.yaml.in/yaml/v4"

	"github.com/bitactor/cf/check"
	"github.com/bitactor/cf/check/data"
	"github.com/bitactor/cf/check/source"
)

const (
	name       = "workflow"
	tool       = "actionlint"
	nestingMax = 200
)

// New returns the checker "workflow".
func New() check.Checker { return checker{} }

type checker struct{}

func (checker) Name() string        { return name }
func (checker) Markers() []string   { return nil }
func (checker) Tools() []check.Tool { return nil }

func (checker) Match(name string, head []byte) bool {
	kind := data.KindOf(name, head)
	return kind == data.Workflow || kind == data.Action
}

func (checker) Canaries() []check.Canary {
	return []check.Canary{
		{
			Files: map[string]string{".github/workflows/canary.yml": "on: push\njobs:\n  a:\n    runs-on: ubuntu-latest\n    steps:\n      - run: echo ${{ github.nothing }}\n"},
			File:  ".github/workflows/canary.yml", Line: 6, Code: "expression",
		},
		{
			Files: map[string]string{"action.yml": "name: Canary\ndescription: x\nruns:\n  using: composite\n  steps:\n    - run: echo\n"},
			File:  "action.yml", Line: 6, Code: "action-step",
		},
	}
}

// Depends tells that a workflow may use actions anywhere in the tree.
func (checker) Depends(check.Target) []string { return []string{"."} }

// Check looks at the changed files, each alone.
func (checker) Check(ctx context.Context, t check.Target) (check.Outcome, error) {
	r := source.Reader{Checker: name, Tool: tool, ValuesMax: data.YAMLValuesMax}
	c := file{kind: t.Stage.Kind}
	for _, config := range []string{".github/actionlint.yaml", ".github/actionlint.yml"} {
		if text, err := t.Stage.Read(config); err == nil {
			c.config, _ = actionlint.ParseConfig(text) // a wrong one is not this checker's file
			break
		}
	}
	return r.Each(ctx, t, t.Changed, func(f *source.File) error {
		docs := data.CheckYAML(f)
		switch {
		case f.Failed() && hasSyntaxError(f):
			return nil
		case len(docs) == 0:
			f.Error(0, "empty", "the file is empty")
			return nil
		case deepest(docs[0]) > nestingMax:
			f.Error(0, "nesting", "expressions nest more than %d deep", nestingMax)
			return nil
		}
		if data.KindOf(f.Path, nil) == data.Action {
			c.action(f, docs[0])
			return nil
		}
		c.local(f, docs[0])
		return c.workflow(f)
	})
}

// file is what the checks of one run share.
type file struct {
	config *actionlint.Config // of .github/actionlint.yaml; nil without one
	kind   func(path string) string
}

// workflow has the library look at f.
func (c file) workflow(f *source.File) error {
	linter, err := actionlint.NewLinter(io.Discard, &actionlint.LinterOptions{
		WorkingDir: ".",
		// For the line that each finding shows, which nobody reads here, the library
		// would look through the file from its start.
		Oneline: true,
		OnRulesCreated: func(rules []actionlint.Rule) []actionlint.Rule {
			for _, r := range rules {
				r.SetConfig(c.config)
			}
			return rules
		},
	})
	if err != nil {
		return err
	}
	// Under this name the library looks for nothing beside the text.
	found, err := linter.Lint("<stdin>", f.Data, nil)
	if err != nil {
		return errors.New("actionlint: " + err.Error())
	}
	ignore := c.config.PathConfigs(f.Path)
	for _, e := range found {
		if ignored(e, ignore) || e.Kind == "syntax-check" && strings.Contains(e.Message, "is duplicated") && f.Failed() {
			continue
		}
		at := f.RuneOffset(e.Line, e.Column)
		if e.Kind == "runner-label" {
			f.Warn(at, e.Kind, "%s", e.Message) // a runner of one's own may have any label
			continue
		}
		f.Error(at, e.Kind, "%s", e.Message)
	}
	return nil
}

func ignored(e *actionlint.Error, configs []actionlint.PathConfig) bool {
	for _, c := range configs {
		if c.Ignore.Match(e) {
			return true
		}
	}
	return false
}

// local records steps and jobs that use an action or a workflow of this tree
// which is not there.
func (c file) local(f *source.File, doc *yaml.Node) {
	root := path.Dir(path.Dir(path.Dir(f.Path))) // of what holds .github/workflows
	walk(doc, func(n *yaml.Node) {
		for i := 0; n.Kind == yaml.MappingNode && i+1 < len(n.Content); i += 2 {
			k, v := n.Content[i], n.Content[i+1]
			if k.Value != "uses" || v.Kind != yaml.ScalarNode || !strings.HasPrefix(v.Value, "./") || strings.Contains(v.Value, "${{") {
				continue
			}
			target := path.Join(root, v.Value)
			if strings.HasSuffix(target, ".yml") || strings.HasSuffix(target, ".yaml") {
				if c.kind(target) == "" {
					f.Error(data.NodeOffset(f, v), "local-workflow", "nothing lies at %s", target)
				}
				continue
			}
			// A folder that is absent may be made by a step before, such as a
			// checkout of another repository.
			if c.kind(target) == "folder" && c.kind(target+"/action.yml") == "" && c.kind(target+"/action.yaml") == "" && c.kind(target+"/Dockerfile") == "" {
				f.Error(data.NodeOffset(f, v), "local-action", "%s holds no action.yml, action.yaml or Dockerfile", target)
			}
		}
	})
}

// hasSyntaxError tells whether f has more than duplicate keys against it.
func hasSyntaxError(f *source.File) bool {
	for _, d := range f.Findings() {
		if d.Code != "duplicate-key" {
			return true
		}
	}
	return false
}

func walk(n *yaml.Node, visit func(*yaml.Node)) {
	visit(n)
	for _, child := range n.Content {
		walk(child, visit)
	}
}

// deepest returns how deep brackets and negations nest in any one scalar, as
// far as an expression can tell.
func deepest(doc *yaml.Node) int {
	most := 0
	walk(doc, func(n *yaml.Node) {
		if n.Kind != yaml.ScalarNode || !strings.Contains(n.Value, "${{") && len(n.Value) < nestingMax {
			return
		}
		depth, run := 0, 0
		for _, c := range n.Value {
			switch c {
			case '(', '[':
				depth++
			case ')', ']':
				depth = max(depth-1, 0)
			case '!':
				run++
			case ' ', '\t', '\n':
				continue
			default:
				run = 0
			}
			most = max(most, depth+run)
		}
	})
	return most
}
