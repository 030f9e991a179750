package repomap

import (
	"context"
	"path"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/bitactor/cf/lazyregexp"
	"github.com/bitactor/cf/syntax"
	"github.com/bitactor/cf/workspace/secret"
)

// entry is what is kept of one source: its definitions, the names it uses that are
// not its own, and what it imports.
type entry struct {
	defs    []entryDef // in the order of the source
	uses    []entryUse // in the order of their first use
	imports []string   // names of files and folders, in the order of the source, each once
}

type entryDef struct {
	name, signature string
	kind            syntax.Kind
	exported        bool
	parent          int // index of the definition that holds it, -1: none
	line            int
}

type entryUse struct {
	name  string
	count int
}

// family tells which languages can use each other's definitions, by one byte that
// stands before each name of the index.
var family = map[string]byte{
	"go": 'g', "c": 'c', "elixir": 'b', "erlang": 'b', "python": 'p', "javascript": 'j', "typescript": 'j', "tsx": 'j',
	"rust": 'r', "shell": 's',
}

// testFile is the name of a file that holds tests, in the languages of package
// syntax, or of one that lies among them.
var testFile = lazyregexp.New(`(_test\.(go|exs?|c|erl|py|rs)|_(SUITE|tests)\.erl|(^|/)test_[^/]*\.(py|c|sh)|\.(test|spec)\.[cm]?[jt]sx?)$|(^|/)(tests?|spec|__tests__|testdata)/`)

// readEntry parses a source. Errors are those of syntax.Parse.
func readEntry(ctx context.Context, lang *syntax.Language, file string, src []byte, b bounds) (entry, error) {
	f, err := syntax.Parse(ctx, lang, src)
	if err != nil {
		return entry{}, err
	}
	e := entry{defs: definitions(f, b.defs)}
	own := make(map[string]bool, len(e.defs))
	for _, s := range f.Symbols() {
		own[lastPart(s.Name)] = true
	}
	e.uses = uses(f, own, b.uses)
	e.imports = imports(f)
	if path.Ext(file) == ".hrl" { // macros and records of a header are there for who includes it
		for i := range e.defs {
			e.defs[i].exported = true
		}
	}
	redact(file, e.defs)
	return e, nil
}

// definitions returns what a file defines for others: no tests, nothing that is
// local to a function.
func definitions(f *syntax.File, most int) []entryDef {
	var defs []entryDef
	type open struct{ end, index int }
	var stack []open
	for _, s := range f.Symbols() {
		if s.Kind == syntax.Test || len(defs) == most {
			continue
		}
		for len(stack) > 0 && stack[len(stack)-1].end <= s.Range.Start {
			stack = stack[:len(stack)-1]
		}
		d := entryDef{name: lastPart(s.Name), signature: signature(f, s), kind: s.Kind, exported: s.Exported, parent: -1, line: s.Line}
		if n := len(stack); n > 0 {
			d.parent = stack[n-1].index
			if callable(defs[d.parent].kind) {
				continue
			}
		}
		if !nameable(d.name) || d.signature == "" {
			continue
		}
		stack = append(stack, open{s.Range.End, len(defs)})
		defs = append(defs, d)
	}
	return defs
}

func callable(k syntax.Kind) bool {
	return k == syntax.Function || k == syntax.Method || k == syntax.Macro
}

func nameable(name string) bool {
	return len(name) >= nameBytesMin && len(name) <= nameBytesMax && utf8.ValidString(name)
}

// lastPart returns a name without the modules before it: an alias of Elixir is
// used by its last part.
func lastPart(name string) string { return name[strings.LastIndexByte(name, '.')+1:] }

// uses counts the names that a file uses and does not define.
func uses(f *syntax.File, own map[string]bool, most int) []entryUse {
	at := map[string]int{}
	var list []entryUse
	for _, r := range f.References() {
		name := lastPart(r.Name)
		if i, ok := at[name]; ok {
			list[i].count++
			continue
		}
		if own[name] || !nameable(name) || len(list) == most {
			continue
		}
		at[name] = len(list)
		list = append(list, entryUse{name: name, count: 1})
	}
	return list
}

// imports returns the names by which the files and folders may be called that a
// file asks for: the last part of a path without its extension ("land" of
// "example.com/engine/land", "ring" of "ba/ring.h"), and all parts of a module's
// name, as files are named after them ("my_app", "rate_limiter" of
// "MyApp.RateLimiter").
func imports(f *syntax.File) []string {
	seen := map[string]bool{}
	var list []string
	add := func(name string) {
		if nameable(name) && !seen[name] && len(list) < importsMax {
			seen[name] = true
			list = append(list, name)
		}
	}
	for _, i := range f.Imports() {
		switch family[f.Language().Name()] {
		case 'g':
			add(path.Base(i.Name))
		case 'c', 'j', 's':
			base := path.Base(i.Name)
			add(strings.TrimSuffix(base, path.Ext(base)))
		default:
			for _, part := range strings.FieldsFunc(i.Name, func(r rune) bool { return r != '_' && !unicode.IsLetter(r) && !unicode.IsDigit(r) }) {
				add(underscored(part))
			}
		}
	}
	return list
}

// underscored turns "RateLimiter" into "rate_limiter".
func underscored(name string) string {
	var b strings.Builder
	last := '_'
	for _, r := range name {
		if unicode.IsUpper(r) && unicode.IsLower(last) {
			b.WriteByte('_')
		}
		b.WriteRune(unicode.ToLower(r))
		last = r
	}
	return b.String()
}

// signature is a definition on one line: a small type or macro whole, since its
// fields and its value are what others need; a long constant without its value.
func signature(f *syntax.File, s syntax.Symbol) string {
	text := s.Signature
	switch l := f.Language().Name(); {
	case s.Kind == syntax.Type:
		text = typeSignature(f, s)
	case s.Kind == syntax.Constant, s.Kind == syntax.Variable, s.Kind == syntax.Macro && (l == "c" || l == "erlang"):
		whole := folded(f, s.Decl, " ")
		if whole == "#define "+s.Name { // the guard of a header, or a switch: nobody calls it
			return ""
		}
		if whole != "" && len(whole) <= valueBytesMax {
			text = whole
		} else if name, _, ok := strings.Cut(text, "="); ok && len(text) > valueBytesMax {
			text = strings.TrimSpace(name)
		}
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, text)
}

// typeSignature folds the declaration of a type without functions into a line; only
// its head where it is long or the language puts code into types.
func typeSignature(f *syntax.File, s syntax.Symbol) string {
	separator := " "
	switch f.Language().Name() {
	case "go":
		separator = "; "
	case "c", "erlang", "rust", "typescript", "tsx":
	default:
		return s.Signature
	}
	whole := folded(f, s.Decl, separator)
	if whole != "" && len(whole) <= signatureBytesMax && (f.Language().Name() != "rust" || !strings.Contains(whole, "fn ")) {
		return whole
	}
	if f.Language().Name() == "go" { // the signature ends before "struct"
		head, _, _ := strings.Cut(f.Text(s.Decl)[:min(s.Decl.End-s.Decl.Start, signatureBytesMax)], "{")
		return strings.Join(strings.Fields(head), " ")
	}
	return s.Signature
}

// folded puts a part of the source on one line, without its comments: separator
// stands where a line ended, a space beside brackets. "" where it is far too long.
func folded(f *syntax.File, part syntax.Range, separator string) string {
	if part.End-part.Start > 4*signatureBytesMax {
		return ""
	}
	text := []byte(f.Text(part))
	for _, r := range f.Regions() {
		if r.Kind == syntax.Comment && r.Range.Start >= part.Start && r.Range.End <= part.End {
			for i := r.Range.Start; i < r.Range.End; i++ {
				text[i-part.Start] = ' '
			}
		}
	}
	var b strings.Builder
	for line := range strings.Lines(string(text)) {
		line = strings.Join(strings.Fields(strings.TrimSuffix(strings.TrimRight(line, " \t\r\n"), "\\")), " ")
		switch {
		case line == "":
			continue
		case b.Len() > 0 && strings.HasSuffix(b.String(), "{") || strings.HasPrefix(line, "}"):
			b.WriteByte(' ')
		case b.Len() > 0:
			b.WriteString(separator)
		}
		b.WriteString(line)
	}
	return b.String()
}

// redact takes secrets out of the signatures of a file, then cuts them: half a
// secret would not be recognised.
func redact(file string, defs []entryDef) {
	lines := make([]string, len(defs))
	for i, d := range defs {
		lines[i] = d.signature
	}
	text, found := secret.Redact(file, strings.Join(lines, "\n"))
	if len(found) > 0 {
		lines = strings.Split(text, "\n")
	}
	for i := range defs {
		if len(lines) != len(defs) { // a rule took several lines for one secret
			defs[i].signature = defs[i].name
			continue
		}
		defs[i].signature = cut(lines[i])
	}
}

func cut(line string) string {
	if len(line) <= signatureBytesMax {
		return strings.Clone(line)
	}
	return strings.ToValidUTF8(line[:signatureBytesMax-4], "") + " ..."
}

// mappable tells whether a path may be shown: printable, and nothing that ends a
// line or a fence.
func mappable(file string) bool {
	return utf8.ValidString(file) && !strings.ContainsFunc(file, func(r rune) bool { return !unicode.IsPrint(r) || r == '`' || r == '<' })
}

// languageOf returns the language of a source file by its name, or nil.
func languageOf(file string) *syntax.Language {
	if path.Ext(file) == "" {
		return nil // a script without extension would have to be opened
	}
	return syntax.Of(file, nil)
}

// ordinal numbers the languages for the cache.
func ordinal(l *syntax.Language) byte { return byte(slices.Index(syntax.Languages(), l)) }
