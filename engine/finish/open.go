package finish

import (
	"bytes"
	"context"
	"path"
	"slices"
	"strings"

	"github.com/bitactor/cf/check"
	"github.com/bitactor/cf/lazyregexp"
	"github.com/bitactor/cf/syntax"
)

// The rules of what is open.
const (
	codeMark    = "work-left"
	codeStub    = "stub"
	codeSkipped = "skipped-test"
	codeSection = "empty-section"
	codeFiller  = "placeholder"
)

// The words are put together so that this file holds none of them.
var (
	workMark = lazyregexp.New(`\b(?:TO` + `DO|FIX` + `ME|XX` + `X|HA` + `CK|T` + `BD)\b`)
	stubs    = map[string]*lazyregexp.Regexp{
		"go":         lazyregexp.New(`panic\("(?:not implemented|unimplemented|implement me)[^"]*"\)|errors\.New\("(?:not implemented|unimplemented)"\)`),
		"python":     lazyregexp.New(`\braise NotImplementedError\b`),
		"elixir":     lazyregexp.New(`\braise\s*\(?\s*"(?:not implemented|unimplemented)[^"]*"|\{:error,\s*:not_implemented\}`),
		"erlang":     lazyregexp.New(`\berlang:error\(not_implemented\)|\bexit\(not_implemented\)|\{error,\s*not_implemented\}`),
		"c":          lazyregexp.New(`\bassert\(!?"?not implemented"?\)|return -ENOSYS;`),
		"rust":       lazyregexp.New(`\b(?:to` + `do|unimplemented)!\(`),
		"javascript": lazyregexp.New(`throw new Error\(["'](?:not implemented|unimplemented)[^)]*\)`),
	}
	filler = lazyregexp.New(`(?i)\blorem ipsum\b|\[(?:insert|your|fill in|placeholder)\b[^\]]*\](?:[^(]|$)|<!--\s*(?:to be written|fill in)[^>]*-->`)
)

// Reader reads files by their paths: a tree, or a stage over it.
type Reader interface {
	Read(rel string) ([]byte, error)
}

// Open lists what is still to be done in some files. Files that can't be read are
// passed over: their checkers say so.
func Open(ctx context.Context, t Reader, files []string) ([]check.Diagnostic, error) {
	var out []check.Diagnostic
	for _, name := range slices.Compact(slices.Sorted(slices.Values(files))) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		text, err := t.Read(name)
		if err != nil {
			continue
		}
		var found []check.Diagnostic
		switch lang := syntax.Of(name, text[:min(len(text), 128)]); {
		case lang != nil:
			if found, err = openCode(ctx, lang, text); err != nil && ctx.Err() != nil {
				return nil, ctx.Err()
			}
		case path.Ext(name) == ".md":
			found = openDocument(text)
		}
		for _, d := range found {
			d.File, d.Severity, d.Checker, d.Tool = name, check.Warning, "finish", "cf finish"
			d.Source = lineOf(text, d.Line)
			out = append(out, d)
		}
	}
	return out, nil
}

// openCode looks for marks in comments, stubs in code, and tests that are skipped.
func openCode(ctx context.Context, lang *syntax.Language, text []byte) ([]check.Diagnostic, error) {
	f, err := syntax.Parse(ctx, lang, text)
	if err != nil {
		return nil, err
	}
	var out []check.Diagnostic
	code := bytes.Clone(text)
	for _, r := range f.Regions() {
		if r.Kind != syntax.Comment {
			continue
		}
		comment := f.Text(r.Range)
		if at := workMark.FindStringIndex(comment); at != nil {
			out = append(out, check.Diagnostic{Line: f.Line(r.Range.Start + at[0]), Code: codeMark, Message: "marked as work to do: " + oneLine(comment[at[0]:])})
		}
		for i := r.Range.Start; i < r.Range.End; i++ {
			if code[i] != '\n' {
				code[i] = ' '
			}
		}
	}
	name := lang.Name()
	if name == "typescript" || name == "tsx" {
		name = "javascript"
	}
	if stub := stubs[name]; stub != nil {
		for _, at := range stub.FindAllIndex(code, -1) {
			if !abstract(f, at[0]) {
				out = append(out, check.Diagnostic{Line: f.Line(at[0]), Code: codeStub, Message: "not implemented: " + oneLine(string(code[at[0]:at[1]]))})
			}
		}
	}
	for _, s := range f.Skips() {
		out = append(out, check.Diagnostic{Line: s.Line, Code: codeSkipped, Message: "a test is skipped: " + oneLine(s.Text)})
	}
	return out, nil
}

// abstract tells whether the symbol at an offset is meant to be overridden: Python's
// way of saying so is the decorator, or a class that others inherit from.
func abstract(f *syntax.File, at int) bool {
	if f.Language().Name() != "python" {
		return false
	}
	for _, s := range f.Symbols() {
		if s.Range.Start <= at && at < s.Range.End && s.Kind != syntax.Module {
			head := f.Text(syntax.Range{Start: s.Range.Start, End: min(s.Range.End, s.Decl.Start+len(s.Signature)+200)})
			if strings.Contains(head, "abstractmethod") || s.Kind == syntax.Type && (strings.Contains(s.Signature, "ABC") || strings.Contains(s.Signature, "Protocol") || strings.Contains(s.Name, "Base") || strings.Contains(s.Name, "Abstract")) {
				return true
			}
		}
	}
	return false
}

var heading = lazyregexp.New(`^(#{1,6})\s+(.+?)\s*#*$`)

// openDocument looks for sections without text, fillers and marks.
func openDocument(text []byte) []check.Diagnostic {
	var out []check.Diagnostic
	type section struct{ level, line int }
	var last *section
	fenced := ""
	end := func(level int) {
		if last != nil && level <= last.level {
			out = append(out, check.Diagnostic{Line: last.line, Code: codeSection, Message: "a heading without text below it"})
		}
		last = nil
	}
	n := 0
	for line := range strings.Lines(string(text)) {
		n++
		line = strings.TrimSpace(line)
		if mark := fence(line); mark != "" && (fenced == "" || strings.HasPrefix(line, fenced)) {
			if last = nil; fenced == "" {
				fenced = mark
			} else {
				fenced = ""
			}
			continue
		}
		if fenced != "" || line == "" {
			continue
		}
		if m := heading.FindStringSubmatch(line); m != nil {
			end(len(m[1]))
			last = &section{len(m[1]), n}
			continue
		}
		last = nil
		if at := filler.FindStringIndex(line); at != nil {
			out = append(out, check.Diagnostic{Line: n, Code: codeFiller, Message: "a placeholder: " + oneLine(line[at[0]:at[1]])})
		}
		if at := workMark.FindStringIndex(line); at != nil && !strings.Contains(line[:at[0]], "`") {
			out = append(out, check.Diagnostic{Line: n, Code: codeMark, Message: "marked as work to do: " + oneLine(line[at[0]:])})
		}
	}
	end(0)
	return out
}

// fence returns the mark that begins or ends a block of code, or "".
func fence(line string) string {
	for _, c := range []string{"```", "~~~"} {
		if strings.HasPrefix(line, c) {
			return c
		}
	}
	return ""
}

func oneLine(s string) string {
	s, _, _ = strings.Cut(strings.TrimSpace(s), "\n")
	if len(s) > 120 {
		s = strings.ToValidUTF8(s[:120], "") + "..."
	}
	return s
}

func lineOf(text []byte, n int) string {
	for line := range bytes.Lines(text) {
		if n--; n == 0 {
			return strings.TrimRight(string(line), "\r\n")
		}
	}
	return ""
}
