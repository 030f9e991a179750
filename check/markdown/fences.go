package markdown

import (
	"bytes"
	"context"
	"go/parser"
	"go/scanner"
	"go/token"
	"slices"
	"strings"

	mdast "github.com/yuin/goldmark/ast"
	shell "mvdan.cc/sh/v3/syntax"

	"github.com/bitactor/cf/check"
	"github.com/bitactor/cf/check/data"
	"github.com/bitactor/cf/check/source"
	"github.com/bitactor/cf/lazyregexp"
	"github.com/bitactor/cf/syntax"
)

// placeholder is how writers leave something out of a snippet. A snippet that
// holds one and does not parse is not reported.
var placeholder = lazyregexp.New(`\.\.\.|…|\{\{|<[A-Za-z][\w \-]*>|\[[A-Z][\w \-]*\]`)

// prompt begins a line of a recorded session, which is no program.
var prompt = lazyregexp.New(`(?m)^[ \t]*(?:[\w@:~/.\-]*\$|>>>|iex(?:\([^)]*\))?>|\d+>) `)

// optOut are words in a fence's info string that say that the code is not meant
// to parse; rustdoc uses "ignore" and "compile_fail".
var optOut = lazyregexp.New(`\b(?:ignore|invalid|compile_fail|fragment)\b`)

// language takes the language out of an info string: "go", "go,ignore",
// "{.python}", "json title=x".
var language = lazyregexp.New(`^\{?\.?([A-Za-z0-9+#\-]+)`)

// parsers holds what parses the code of a language; each returns what is wrong,
// with places in the code.
var parsers = map[string]func(*source.File){
	"json": snippetJSON, "jsonc": dialect(data.Comments), "jsonl": dialect(data.Lines), "ndjson": dialect(data.Lines),
	"yaml": func(f *source.File) { data.CheckYAML(f) }, "toml": data.CheckTOML,
	"go": snippetGo, "sh": snippetShell,
}

// aliases are other names of languages, as GitHub's linguist knows them.
var aliases = map[string]string{
	"yml": "yaml", "golang": "go", "bash": "sh", "shell": "sh", "py": "python", "python3": "python", "ex": "elixir", "exs": "elixir", "erl": "erlang",
	"js": "javascript", "jsx": "javascript", "ts": "typescript", "rs": "rust",
}

// grammars are the languages that package syntax parses in fences. A grammar
// takes statements and definitions alike, so that snippets need no care.
var grammars = []string{"python", "elixir", "erlang", "javascript", "typescript", "rust"}

// fences records fences that are not closed, and code in them that does not
// parse.
func (d *document) fences() {
	d.each(func(n mdast.Node) {
		if fence, ok := n.(*mdast.FencedCodeBlock); ok && d.closed(fence) {
			d.snippet(fence)
		}
	})
	if n := frontMatter(d.f.Data); n > 0 && d.f.Data[0] == '-' {
		d.frontMatter(n)
	}
}

// closed records a fence without an end and tells whether there is one. The
// parser does not: without an end, a block reaches to that of what holds it.
func (d *document) closed(fence *mdast.FencedCodeBlock) bool {
	at := fence.Pos()
	mark := d.src[at]
	width := len(d.src[at:]) - len(bytes.TrimLeft(d.src[at:], string(mark)))
	after := at
	if n := fence.Lines().Len(); n > 0 {
		after = fence.Lines().At(n - 1).Start
	}
	line, _ := d.f.Position(after)
	last := strings.Trim(d.f.Line(line+1), " \t>")
	if len(last) >= width && strings.Trim(last, string(mark)) == "" {
		return true
	}
	d.f.Error(at, "unclosed-fence", "code fence is not closed")
	return false
}

// snippet parses the code of a fence, if its language is known.
func (d *document) snippet(fence *mdast.FencedCodeBlock) {
	if fence.Info == nil {
		return
	}
	info := string(fence.Info.Segment.Value(d.src))
	m := language.FindStringSubmatch(info)
	if m == nil || optOut.MatchString(info) {
		return
	}
	lang := strings.ToLower(m[1])
	if other, ok := aliases[lang]; ok {
		lang = other
	}
	run := parsers[lang]
	if run == nil && slices.Contains(grammars, lang) {
		run = grammar(lang)
	}
	if run == nil {
		return
	}
	var code []byte
	var starts []int
	for i := range fence.Lines().Len() {
		s := fence.Lines().At(i)
		starts = append(starts, s.Start)
		code = append(code, s.Value(d.src)...)
	}
	if len(bytes.TrimSpace(code)) == 0 {
		return
	}
	f := source.New(name, tool, d.f.Path, code)
	first, _ := d.f.Position(starts[0])
	f.Above = first - 1
	run(f)
	if f.Failed() && !placeholder.Match(code) && !prompt.Match(code) {
		d.adopt(f, "fence-"+lang, starts)
	}
}

// adopt records the errors found in a snippet whose lines begin at starts.
func (d *document) adopt(f *source.File, code string, starts []int) {
	for _, found := range f.Findings() {
		if found.Severity != check.Error {
			continue
		}
		line := min(found.Line, len(starts))
		column := found.Column
		if found.Line > len(starts) {
			column = 1
		}
		d.f.Error(starts[line-1]+column-1, code, "%s", found.Message)
	}
}

// frontMatter checks the YAML in the first n bytes.
func (d *document) frontMatter(n int) {
	lines := bytes.SplitAfter(d.f.Data[:n], []byte("\n"))
	lines = lines[:len(lines)-1]
	if len(lines) < 2 {
		return
	}
	var starts []int
	at := 0
	for _, l := range lines[:len(lines)-1] {
		starts = append(starts, at)
		at += len(l)
	}
	f := source.New(name, tool, d.f.Path, d.f.Data[:at])
	if data.CheckYAML(f); f.Failed() && !placeholder.Match(d.f.Data[:at]) {
		d.adopt(f, "front-matter", starts)
	}
}

// grammar returns what parses a language by its grammar. One mistake makes the
// grammar see more of them, so only the first is told.
func grammar(lang string) func(*source.File) {
	return func(f *source.File) {
		problems, err := syntax.Check(context.Background(), syntax.ByName(lang), f.Data)
		if err == nil && len(problems) > 0 {
			f.Error(f.Offset(problems[0].Line, problems[0].Column), "syntax", "%s", problems[0].Message)
		}
	}
}

func dialect(d data.Dialect) func(*source.File) {
	return func(f *source.File) { data.CheckJSON(f, d) }
}

// snippetJSON accepts a value, values one a line, and members of an object.
func snippetJSON(f *source.File) {
	for _, try := range []*source.File{
		source.New(name, tool, f.Path, f.Data),
		source.New(name, tool, f.Path, append(append([]byte("{"), bytes.TrimRight(f.Data, ", \t\r\n")...), '}')),
	} {
		if data.CheckJSON(try, data.Strict); !try.Failed() {
			return
		}
	}
	try := source.New(name, tool, f.Path, f.Data)
	if data.CheckJSON(try, data.Lines); try.Failed() {
		data.CheckJSON(f, data.Strict)
	}
}

// snippetGo accepts a file, declarations, statements, and imports followed by
// statements.
func snippetGo(f *source.File) {
	text := string(f.Data)
	word, _, _ := strings.Cut(strings.TrimSpace(goComment.ReplaceAllString(text, " ")), " ")
	if word == "package" {
		goErrors(f, "", text, "")
		return
	}
	const file, body = "package p\n", "package p\nfunc _() {\n"
	if goParses(file+text) || goParses(body+text+"\n}\n") {
		return
	}
	if imports := goImports.FindString(text); imports != "" && goParses(file+imports+"\nfunc _() {\n"+text[len(imports):]+"\n}\n") {
		return
	}
	switch word {
	case "func", "type", "import", "var", "const":
		goErrors(f, file, text, "")
	default:
		goErrors(f, body, text, "\n}\n")
	}
}

var (
	goComment = lazyregexp.New(`(?s)//[^\n]*|/\*.*?\*/`)
	goImports = lazyregexp.New(`^\s*(?:import\s+(?:\([^)]*\)|[\w.]*\s*"[^"]*")\s*)+`)
)

func goParses(text string) bool {
	_, err := parser.ParseFile(token.NewFileSet(), "", text, parser.SkipObjectResolution)
	return err == nil
}

// goErrors records the errors of text, which stands between before and after.
func goErrors(f *source.File, before, text, after string) {
	_, err := parser.ParseFile(token.NewFileSet(), "", before+text+after, parser.SkipObjectResolution)
	list, ok := err.(scanner.ErrorList)
	if !ok || len(list) == 0 {
		return
	}
	f.Error(list[0].Pos.Offset-len(before), "syntax", "%s", list[0].Msg)
}

// snippetShell accepts what Bash does.
func snippetShell(f *source.File) {
	_, err := shell.NewParser(shell.Variant(shell.LangBash)).Parse(bytes.NewReader(f.Data), "")
	if parse, ok := err.(shell.ParseError); ok {
		f.Error(int(parse.Pos.Offset()), "syntax", "%s", parse.Text)
	} else if err != nil {
		f.Error(0, "syntax", "%s", err)
	}
}
