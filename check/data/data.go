// Package data checks JSON, YAML and TOML, and offers the same checks to the
// checkers of the kinds of files that are written in these formats.
//
// It must never start a process, and never run what a file says: nothing is
// decoded into more than nodes.
//
// Invariants:
//  1. A file has one Kind, so that no mistake is reported twice.
//  2. Time and memory stay in proportion to the file's size: nesting is bounded,
//     aliases are counted and not followed.
package data

import (
	"context"

	"github.com/bitactor/cf/check"
	"github.com/bitactor/cf/check/source"
)

// New returns the checkers of this package: "json", "yaml" and "toml".
func New() []check.Checker {
	return []check.Checker{
		checker{
			name: "json", kinds: map[Kind]func(*source.File) error{JSON: jsonIn(Strict), JSONLines: jsonIn(Lines), JSONC: jsonIn(Comments)},
			canary: check.Canary{Files: map[string]string{"canary.json": "{\n  \"a\": 1,\n  \"a\": 2\n}\n"}, File: "canary.json", Line: 3, Code: "duplicate-key"},
		},
		checker{
			name: "yaml", values: YAMLValuesMax, kinds: map[Kind]func(*source.File) error{YAML: yamlAlone},
			canary: check.Canary{Files: map[string]string{"canary.yaml": "a: 1\nb:\n  c: 1\n  c: 2\n"}, File: "canary.yaml", Line: 4, Code: "duplicate-key"},
		},
		checker{
			name: "toml", kinds: map[Kind]func(*source.File) error{TOML: tomlAlone},
			canary: check.Canary{Files: map[string]string{"canary.toml": "a = 1\na = 2\n"}, File: "canary.toml", Line: 2, Code: "duplicate-key"},
		},
	}
}

func jsonIn(d Dialect) func(*source.File) error {
	return func(f *source.File) error {
		CheckJSON(f, d)
		return nil
	}
}

func yamlAlone(f *source.File) error {
	if Template(f) {
		return ErrTemplate
	}
	CheckYAML(f)
	return nil
}

func tomlAlone(f *source.File) error {
	if crowded(f.Data) {
		return errCrowded
	}
	CheckTOML(f)
	return nil
}

// checker checks files of a few kinds, each alone.
type checker struct {
	name   string
	values int // at most in a file, 0 for any number
	kinds  map[Kind]func(*source.File) error
	canary check.Canary
}

func (c checker) Name() string { return c.name }

func (c checker) Match(path string, head []byte) bool {
	return c.kinds[KindOf(path, head)] != nil
}

func (c checker) Markers() []string        { return nil }
func (c checker) Tools() []check.Tool      { return nil }
func (c checker) Canaries() []check.Canary { return []check.Canary{c.canary} }

// Check looks at the changed files, each alone.
func (c checker) Check(ctx context.Context, t check.Target) (check.Outcome, error) {
	r := source.Reader{Checker: c.name, Tool: "cf " + c.name, ValuesMax: c.values}
	return r.Each(ctx, t, t.Changed, func(f *source.File) error { return c.kinds[formatOf(f.Path)](f) })
}
