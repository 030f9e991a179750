// Package markdown checks Markdown: that links lead to files and headings that
// are there, that references are defined, that code fences are closed, and that
// the code in them parses.
//
// It must never use the network: a link to another host is not followed.
//
// Invariants:
//  1. Only relative links are judged. One that begins with a slash means the
//     root of a site, and one that leaves the root another place of the forge;
//     where these lead can't be told from the tree.
//  2. Of a file that the change does not touch, only links to what the change
//     touches are reported.
//  3. A text that the parser would need long for is a gap (see patience).
package markdown

import (
	"bytes"
	"context"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/text"

	"github.com/bitactor/cf/check"
	"github.com/bitactor/cf/check/source"
	"github.com/bitactor/cf/workspace"
)

const (
	name = "markdown"
	tool = "cf markdown"
)

// New returns the checker "markdown".
func New() check.Checker { return checker{} }

type checker struct{}

func (checker) Name() string        { return name }
func (checker) Markers() []string   { return nil }
func (checker) Tools() []check.Tool { return nil }

// Match goes by the name alone.
func (checker) Match(name string, _ []byte) bool {
	switch strings.ToLower(path.Ext(name)) {
	case ".md", ".markdown", ".mdown":
		return true
	}
	return false
}

func (checker) Canaries() []check.Canary {
	return []check.Canary{
		{Files: map[string]string{"canary.md": "# Canary\n\n[gone](absent.md)\n"}, File: "canary.md", Line: 3, Code: "broken-link"},
		{Files: map[string]string{"canary.md": "# Canary\n\n```json\n{\"a\": 1,}\n```\n"}, File: "canary.md", Line: 4, Code: "fence-json"},
	}
}

// bytesMax is the largest file that is parsed: the parser's tree takes up to 140
// times its bytes.
const bytesMax = 384 << 10

// Depends tells that a link may lead anywhere in the tree.
func (checker) Depends(check.Target) []string { return []string{"."} }

// Check looks at the changed files, and in the others at links to what changed.
func (checker) Check(ctx context.Context, t check.Target) (check.Outcome, error) {
	l := &linker{stage: t.Stage, anchors: map[string]map[string]bool{}}
	r := source.Reader{Checker: name, Tool: tool, BytesMax: bytesMax}
	out, err := r.Each(ctx, t, t.Changed, func(f *source.File) error {
		d, err := parse(f)
		if err != nil {
			return err
		}
		d.fences()
		d.duplicateAnchors()
		l.check(d, func(string) bool { return true })
		return d.references()
	})
	touched := changedPaths(t.Stage)
	if err != nil || len(touched) == 0 {
		return out, err
	}
	others := slices.DeleteFunc(slices.Clone(t.Files), func(n string) bool { return slices.Contains(t.Changed, n) })
	more, err := r.Each(ctx, t, others, func(f *source.File) error {
		d, err := parse(f)
		if err == nil {
			l.check(d, func(target string) bool { return touched[target] })
		}
		return err
	})
	out.Diagnostics = append(out.Diagnostics, more.Diagnostics...)
	return out, err
}

func changedPaths(s *workspace.Stage) map[string]bool {
	touched := map[string]bool{}
	if set := s.Set(); set != nil {
		for _, c := range set.Changes {
			touched[c.Path] = true
		}
	}
	return touched
}

// document is a file as Markdown.
type document struct {
	f    *source.File
	src  []byte // f.Data with the front matter blanked out
	root ast.Node
}

// parse parses f. The error is errSlow.
func parse(f *source.File) (*document, error) {
	d := &document{f: f, src: f.Data}
	if n := frontMatter(f.Data); n > 0 {
		d.src = blank(f.Data, n)
	}
	clock := newClocked(time.Now().Add(patience))
	var err error
	d.root, err = parseWith(d.src, clock)
	return d, err
}

// parseWith parses text with a context that may panic with errSlow.
func parseWith(src []byte, c parser.Context) (root ast.Node, err error) {
	defer func() {
		if r := recover(); r != nil {
			if r != errSlow {
				panic(r)
			}
			err = errSlow
		}
	}()
	return newParser().Parse(text.NewReader(src), parser.WithContext(c)), nil
}

// newParser returns a parser of CommonMark. GitHub's tables, task lists and
// strikethrough change nothing in what is looked at here.
func newParser() parser.Parser {
	return parser.NewParser(
		parser.WithBlockParsers(parser.DefaultBlockParsers()...),
		parser.WithInlineParsers(parser.DefaultInlineParsers()...),
		parser.WithParagraphTransformers(parser.DefaultParagraphTransformers()...),
	)
}

// frontMatter returns how many bytes of text are front matter: a block between
// lines "---" (YAML) or "+++" (TOML) at the very start.
func frontMatter(data []byte) int {
	for _, mark := range []string{"---", "+++"} {
		first, _, _ := bytes.Cut(data, []byte("\n"))
		if strings.TrimRight(string(first), " \t\r") != mark {
			continue
		}
		at := len(first) + 1
		for at < len(data) {
			line, _, _ := bytes.Cut(data[at:], []byte("\n"))
			at = min(at+len(line)+1, len(data))
			if strings.TrimRight(string(line), " \t\r") == mark {
				return at
			}
		}
	}
	return 0
}

// blank returns data with the first n bytes turned into spaces, line ends kept.
func blank(data []byte, n int) []byte {
	out := slices.Clone(data)
	for i := range out[:n] {
		if out[i] != '\n' {
			out[i] = ' '
		}
	}
	return out
}

// each visits every node.
func (d *document) each(visit func(ast.Node)) {
	_ = ast.Walk(d.root, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if entering {
			visit(n)
		}
		return ast.WalkContinue, nil
	})
}
