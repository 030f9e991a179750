package engine

import (
	"context"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/bitactor/cf/check"
	"github.com/bitactor/cf/engine/guard"
	"github.com/bitactor/cf/fault"
	"github.com/bitactor/cf/lazyregexp"
	"github.com/bitactor/cf/syntax"
)

// target is what a request is about: a whole file, or definitions of one.
type target struct {
	path    string
	exists  bool
	present string
	lang    *syntax.Language // nil: a kind that is not parsed
	file    *syntax.File     // of present; nil for a new file or a kind that is not parsed
	symbols []syntax.Symbol  // to be written anew, in the order of the file; empty: the whole file
}

// wholeLinesMax is the size up to which a file is written whole where nothing says
// what of it: small models do better with whole files than with edits (aider's
// polyglot figures: 16.4 against 8.0), and one of this size is a minute on a CPU.
const wholeLinesMax = 60

// open reads the file and finds what of it is meant.
func (e *Engine) open(ctx context.Context, f *files, r Request) (*target, error) {
	t := &target{path: r.Path}
	if f.kind(r.Path) != "" {
		data, err := f.read(r.Path)
		if err != nil {
			return nil, err
		}
		t.exists, t.present = true, string(data)
	} else {
		if path.Ext(r.Path) == "" && syntax.Of(r.Path, nil) == nil && !strings.Contains(strings.ToLower(path.Base(r.Path)), "file") {
			return nil, fault.New(fault.Usage, CodeNoFile, "there is no such file or folder, and its name does not tell what it shall be").On("implement", r.Path).
				Hint("name a file, such as " + r.Path + ".go")
		}
		f.absent(r.Path)
	}
	if t.lang = syntax.Of(r.Path, []byte(t.present)); t.lang != nil && t.exists {
		file, err := syntax.Parse(ctx, t.lang, []byte(t.present))
		if err != nil {
			return nil, fault.New(fault.Failed, "", "%w", err).On("parse", r.Path)
		}
		t.file = file
	}
	if err := t.choose(r); err != nil {
		return nil, err
	}
	if e.Profile != nil && e.Profile.Edit == EditFile && t.small() || !e.uses(PartLayout) {
		t.symbols = nil
	}
	return t, t.showable()
}

// shown is the text that the model sees and writes anew.
func (t *target) shown() string {
	if len(t.symbols) == 0 {
		return t.present
	}
	var b strings.Builder
	for _, s := range t.symbols {
		b.WriteString(t.file.Text(s.Range))
	}
	return b.String()
}

// choose decides what of the file is written anew: the symbol that was named,
// those that the instructions name, those without a body; else the whole file if
// it is small.
func (t *target) choose(r Request) error {
	if r.Symbol != "" {
		return t.named(r.Symbol)
	}
	if t.file == nil || len(t.file.Symbols()) == 0 {
		return nil
	}
	if r.Instructions != "" {
		t.symbols = t.mentioned(r.Instructions)
	}
	if len(t.symbols) == 0 {
		t.symbols = t.found(r)
	}
	if len(t.symbols) == 0 {
		t.symbols = t.hollow()
	}
	switch {
	case len(t.symbols) > 0:
		return nil
	case r.Instructions == "" && len(r.Findings)+len(r.Failing) == 0:
		return fault.New(fault.Usage, CodeNothing, "it has no definition without a body").On("implement", t.path).
			Hint("say what to change: --instructions TEXT", "or name what to write anew: "+t.path+"#NAME")
	case !t.small():
		return fault.New(fault.Usage, CodeWhichSymbol, "the file has %d lines, and the instructions name none of its definitions", strings.Count(t.present, "\n")).
			On("implement", t.path).Hint("name it: "+t.path+"#NAME", "definitions there: "+strings.Join(t.names(8), ", "))
	}
	return nil
}

func (t *target) small() bool { return strings.Count(t.present, "\n") <= wholeLinesMax }

func (t *target) named(name string) error {
	if t.file == nil {
		return fault.New(fault.Usage, CodeNoSymbol, "there is nothing in it that could be called %q", name).On("implement", t.path)
	}
	s, ok := t.file.Symbol(name)
	if !ok {
		return fault.New(fault.Usage, CodeNoSymbol, "no definition is called %q", name).On("implement", t.path).
			Hint("definitions there: " + strings.Join(t.names(8), ", "))
	}
	t.symbols = []syntax.Symbol{s}
	return nil
}

// names returns the first n full names of the file.
func (t *target) names(n int) []string {
	var names []string
	for _, s := range t.file.Symbols() {
		if len(names) == n {
			return append(names, "...")
		}
		names = append(names, s.FullName())
	}
	return names
}

// mentioned returns the functions that a text names, and types and others only if
// it names no function. Common words are no names: a name must be longer than
// three bytes, or stand in backticks or before a parenthesis.
func (t *target) mentioned(text string) []syntax.Symbol {
	var functions, others []syntax.Symbol
	for _, s := range t.file.Symbols() {
		name := regexp.QuoteMeta(s.Name)
		pattern := "`" + name + `\b|\b` + name + `\(`
		if len(s.Name) > 3 {
			pattern += `|\b` + name + `\b`
		}
		if !regexp.MustCompile(pattern).MatchString(text) {
			continue
		}
		if s.Kind == syntax.Function || s.Kind == syntax.Method || s.Kind == syntax.Macro {
			functions = append(functions, s)
		} else {
			others = append(others, s)
		}
	}
	if len(functions) > 0 {
		return outermost(functions)
	}
	return outermost(others)
}

// found returns the definitions that findings lie in, and those that failing
// tests call.
func (t *target) found(r Request) []syntax.Symbol {
	var out []syntax.Symbol
	for _, s := range outermost(t.functions()) {
		in := func(d check.Diagnostic) bool { return d.File == t.path && d.Line >= s.Line && d.Line <= s.EndLine }
		if slices.ContainsFunc(r.Findings, in) {
			out = append(out, s)
		}
	}
	if len(out) > 0 {
		return out
	}
	for _, s := range outermost(t.functions()) {
		name := regexp.MustCompile(`\b` + regexp.QuoteMeta(s.Name) + `\s*\(`)
		if slices.ContainsFunc(r.Failing, func(f check.Test) bool { return name.MatchString(f.Output) }) {
			out = append(out, s)
		}
	}
	return out
}

// functions returns what has a body that can be written anew.
func (t *target) functions() []syntax.Symbol {
	var out []syntax.Symbol
	for _, s := range t.file.Symbols() {
		if s.Kind == syntax.Function || s.Kind == syntax.Method || s.Kind == syntax.Macro {
			out = append(out, s)
		}
	}
	return out
}

// outermost drops symbols that lie inside others of the list.
func outermost(symbols []syntax.Symbol) []syntax.Symbol {
	var out []syntax.Symbol
	for _, s := range symbols {
		if n := len(out); n == 0 || s.Range.Start >= out[n-1].Range.End {
			out = append(out, s)
		}
	}
	return out
}

// unwritten is a body that only says that it is missing, in the languages of
// package syntax.
var unwritten = lazyregexp.New(`(?i)^[\s{]*(` +
	`panic\("(to` + `do|not (yet )?implemented|unimplemented|implement)[^"]*"\)` +
	`|raise NotImplementedError(\([^)]*\))?|raise "(to` + `do|not (yet )?implemented)[^"]*"|pass|\.\.\.` +
	`|(to` + `do|unimplemented)!\([^)]*\)|throw new Error\(['"](to` + `do|not (yet )?implemented)[^)]*\)` +
	`|:erlang\.error\(:not_implemented\)|:not_implemented|:to` + `do)[\s};.,]*(end)?[\s}]*$`)

// hollow returns the functions that are not written yet.
func (t *target) hollow() []syntax.Symbol {
	var out []syntax.Symbol
	for _, s := range t.file.Symbols() {
		if (s.Kind == syntax.Function || s.Kind == syntax.Method) && !s.BodyRange.Empty() && unwritten.MatchString(t.body(s)) {
			out = append(out, s)
		}
	}
	return outermost(out)
}

// stillHollow finds functions of a new version that are not written: those that
// were asked for, those that had a body, and new ones that say so. An empty body
// of a new function may be meant.
func (t *target) stillHollow(after *syntax.File) []guard.Finding {
	was := map[string]bool{} // full name -> it had a body
	if t.file != nil {
		for _, s := range t.file.Symbols() {
			was[s.FullName()] = true
		}
		for _, s := range t.hollow() {
			was[s.FullName()] = false
		}
	}
	asked := fullNames(t.symbols)
	next := &target{file: after}
	var found []guard.Finding
	for _, s := range next.hollow() {
		written, known := was[s.FullName()]
		body := next.body(s)
		if written || slices.Contains(asked, s.FullName()) || !known && body != "pass" && body != "..." {
			found = append(found, guard.Finding{Code: guard.CodeElision, Line: s.Line, What: s.FullName() + " is not written"})
		}
	}
	return found
}

// body returns a symbol's body without its comments, and without the string that
// documents it, as Python has it.
func (t *target) body(s syntax.Symbol) string {
	text := []byte(t.file.Text(s.BodyRange))
	first := s.BodyRange.End - len(strings.TrimLeft(string(text), " \t\r\n"))
	for _, r := range t.file.Regions() {
		if r.Range.Start < s.BodyRange.Start || r.Range.End > s.BodyRange.End {
			continue
		}
		if r.Kind == syntax.Comment || r.Range.Start == first && r.Range.End < s.BodyRange.End {
			for i := r.Range.Start; i < r.Range.End; i++ {
				text[i-s.BodyRange.Start] = ' '
			}
		}
	}
	body := strings.TrimSpace(string(text))
	return strings.TrimSpace(strings.TrimPrefix(strings.TrimPrefix(body, "do:"), "do"))
}

// fences are the names that a fence for this file bears, the usual one first.
func (t *target) fences() []string {
	if t.lang == nil {
		ext := strings.TrimPrefix(strings.ToLower(path.Ext(t.path)), ".")
		if ext == "" {
			ext = strings.ToLower(path.Base(t.path))
		}
		return append([]string{ext}, aliases[ext]...)
	}
	return append([]string{t.lang.Name()}, aliases[t.lang.Name()]...)
}

// aliases are other names by which models open a fence of a language.
var aliases = map[string][]string{
	"go": {"golang"}, "python": {"py", "python3"}, "javascript": {"js", "jsx", "mjs"}, "typescript": {"ts"}, "tsx": {"typescript", "jsx"},
	"elixir": {"ex", "exs"}, "erlang": {"erl"}, "rust": {"rs"}, "c": {"h", "cpp", "c++"}, "shell": {"sh", "bash"}, "bash": {"sh", "shell"},
	"md": {"markdown"}, "yml": {"yaml"}, "yaml": {"yml"}, "dockerfile": {"docker"},
}

// describe says what is asked for, as the prompt and the user's report name it.
func describe(s syntax.Symbol) string { return fmt.Sprintf("the %s %s", s.Kind, s.FullName()) }

func fullNames(symbols []syntax.Symbol) []string {
	names := make([]string, 0, len(symbols))
	for _, s := range symbols {
		names = append(names, s.FullName())
	}
	return slices.Compact(names)
}
