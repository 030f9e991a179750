// Package docker checks Dockerfiles with BuildKit's own parser and the rules of
// its linter.
//
// The rules that BuildKit applies while it converts a Dockerfile into a build
// (package dockerfile2llb) are written again here, because that package brings
// gRPC and OpenTelemetry into the program; names, words and addresses of the
// rules are BuildKit's. What needs the base image (UndefinedVar of its
// variables, InvalidBaseImagePlatform) is not checked.
//
// It must never use the network or start a build.
//
// Invariants:
//  1. "# check=skip=RULE" in a Dockerfile is obeyed.
//  2. Every instruction is looked at, also behind one that is wrong.
package docker

import (
	"bytes"
	"context"
	"errors"
	"path"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/linter"
	"github.com/moby/buildkit/frontend/dockerfile/parser"

	"github.com/bitactor/cf/check"
	"github.com/bitactor/cf/check/source"
)

const (
	name = "dockerfile"
	tool = "buildkit"
)

// New returns the checker "dockerfile".
func New() check.Checker { return checker{} }

type checker struct{}

func (checker) Name() string        { return name }
func (checker) Markers() []string   { return nil }
func (checker) Tools() []check.Tool { return nil }

// Match goes by the names that Docker and Podman use.
func (checker) Match(name string, _ []byte) bool {
	base := path.Base(name)
	lower := strings.ToLower(base)
	switch {
	case strings.HasSuffix(lower, ".dockerignore"):
		return false
	case base == "Dockerfile", base == "Containerfile", strings.HasPrefix(base, "Dockerfile."), strings.HasPrefix(base, "Containerfile."):
		return true
	}
	return strings.HasSuffix(lower, ".dockerfile")
}

func (checker) Canaries() []check.Canary {
	return []check.Canary{
		{Files: map[string]string{"Dockerfile": "FROM alpine:3.20\nRUNN true\n"}, File: "Dockerfile", Line: 2, Code: "unknown-instruction"},
		{Files: map[string]string{"Dockerfile": "FROM alpine:3.20 AS a\nFROM alpine:3.20 AS a\n"}, File: "Dockerfile", Line: 2, Code: "DuplicateStageName"},
	}
}

// bytesMax is the largest file that is parsed: the instructions of a file take up
// to 270 times its bytes.
const bytesMax = 256 << 10

// Depends tells that COPY may name files anywhere in the tree.
func (checker) Depends(check.Target) []string { return []string{"."} }

// Check looks at the changed files, each alone.
func (checker) Check(ctx context.Context, t check.Target) (check.Outcome, error) {
	r := source.Reader{Checker: name, Tool: tool, BytesMax: bytesMax}
	return r.Each(ctx, t, t.Changed, func(f *source.File) error {
		d := read(f, t.Stage.Kind)
		if d != nil {
			d.lint()
		}
		return nil
	})
}

// dockerfile is a file as instructions.
type dockerfile struct {
	f       *source.File
	kind    func(path string) string
	linter  *linter.Linter
	escape  rune
	args    []*instructions.ArgCommand // before the first FROM
	stages  []*instructions.Stage
	names   []word // every instruction as it is spelt
	unclean bool   // an instruction could not be read
}

type word struct {
	text string
	at   []parser.Range
}

// read parses f and records what is no Dockerfile; nil means that nothing more
// can be said.
func read(f *source.File, kind func(string) string) *dockerfile {
	d := &dockerfile{f: f, kind: kind}
	option, _, _, _ := parser.ParseDirective("check", f.Data)
	config, err := linter.ParseLintOptions(option)
	if err != nil {
		f.Error(0, "check-directive", "%s", err)
		config = &linter.Config{}
	}
	config.Warn = func(rule, _, _, message string, at []parser.Range) { d.warn(at, rule, message) }
	config.ReturnAsError = false
	d.linter = linter.New(config)

	if len(bytes.TrimSpace(f.Data)) == 0 {
		f.Error(0, "syntax", "the file is empty")
		return nil
	}
	result, err := parser.Parse(bytes.NewReader(f.Data))
	if err != nil {
		d.fail(nil, "syntax", err)
		return nil
	}
	d.escape = result.EscapeToken
	for _, w := range result.Warnings {
		if w.URL == linter.RuleNoEmptyContinuation.URL && w.Location != nil {
			d.linter.Run(&linter.RuleNoEmptyContinuation, []parser.Range{*w.Location}, linter.RuleNoEmptyContinuation.Format())
		}
	}
	for _, n := range result.AST.Children {
		d.instruction(n)
	}
	if len(d.stages) == 0 && !d.unclean {
		f.Error(0, "syntax", "no FROM: there is nothing to build")
	}
	return d
}

// instruction reads one instruction into its stage.
func (d *dockerfile) instruction(n *parser.Node) {
	at := n.Location()
	parsed, err := instructions.ParseInstructionWithLinter(n, d.linter)
	if err != nil {
		d.unclean = true
		var unknown *instructions.UnknownInstructionError
		if errors.As(err, &unknown) {
			d.fail(at, "unknown-instruction", unknown)
		} else {
			d.fail(at, "syntax", err)
		}
		return
	}
	d.names = append(d.names, word{strings.Fields(n.Original + " ")[0], at})
	switch c := parsed.(type) {
	case *instructions.Stage:
		d.stages = append(d.stages, c)
	case *instructions.ArgCommand:
		if len(d.stages) == 0 {
			d.args = append(d.args, c)
			return
		}
		d.add(c)
	case instructions.Command:
		if len(d.stages) == 0 {
			if !d.unclean {
				d.fail(at, "syntax", errors.New("no build stage yet: "+strings.ToUpper(c.Name())+" stands before FROM"))
			}
			d.unclean = true
			return
		}
		d.add(c)
	}
}

func (d *dockerfile) add(c instructions.Command) { d.stages[len(d.stages)-1].AddCommand(c) }

// fail records an error of the parser at a place, or at the one that it names.
func (d *dockerfile) fail(at []parser.Range, code string, err error) {
	var located *parser.LocationError
	if errors.As(err, &located) && len(located.Locations) > 0 && len(at) == 0 {
		at = located.Locations[0]
	}
	text := err.Error()
	if _, reason, ok := strings.Cut(text, "parse error on line "); ok {
		_, text, _ = strings.Cut(reason, ": ")
	}
	d.f.Error(d.offset(at), code, "%s", text)
}

func (d *dockerfile) warn(at []parser.Range, rule, message string) {
	d.f.Warn(d.offset(at), rule, "%s", message)
}

// offset returns the first character that is no white space of the first line
// of a place; BuildKit knows lines alone.
func (d *dockerfile) offset(at []parser.Range) int {
	if len(at) == 0 {
		return 0
	}
	line := at[0].Start.Line
	text := d.f.Line(line)
	return d.f.Offset(line, len(text)-len(strings.TrimLeft(text, " \t"))+1)
}
