package syntax

import (
	"bytes"
	"sort"
	"strconv"
	"strings"
)

// Range is a part of the source in bytes, End excluded. An absent part is the
// zero Range.
type Range struct {
	Start, End int
}

// Empty tells whether the range holds no byte.
func (r Range) Empty() bool { return r.End <= r.Start }

func (r Range) holds(o Range) bool { return r.Start <= o.Start && o.End <= r.End }

// Kind says what a symbol is.
type Kind string

// The kinds of symbols. A module is also a namespace or a protocol; a type is
// also a class, a trait, an interface or a record.
const (
	Function Kind = "function"
	Method   Kind = "method"
	Type     Kind = "type"
	Module   Kind = "module"
	Constant Kind = "constant"
	Variable Kind = "variable"
	Test     Kind = "test"
	Macro    Kind = "macro"
)

// Symbol is one definition.
type Symbol struct {
	Name   string // as written: "Push", "push"; the words of a test that is named by a string
	Kind   Kind
	Parent string // full name of what it belongs to: "Stack", "MyApp.Stack"; "" at the top
	// Arity is the number of arguments where the language tells functions apart
	// by it (Elixir, Erlang), else -1. Defaults counts those that may be left out.
	Arity, Defaults int
	Signature       string // the declaration up to its body, on one line
	Exported        bool   // usable from other files, by the language's own rule; never a test
	// Range is all that belongs to the symbol: comments, attributes, decorators
	// and specs directly above it, every clause, up to the last byte of its body
	// without the line's end. Decl is the same without what stands above.
	Range, Decl   Range
	NameRange     Range
	BodyRange     Range // with its brackets where the language has them; of the first clause
	StartLine     int   // of Range; lines count from 1
	Line, EndLine int   // of the name and of the last byte
}

// FullName returns "Parent.Name", with "/arity" where the language has it.
func (s Symbol) FullName() string {
	name := s.Name
	if s.Parent != "" {
		name = s.Parent + "." + name
	}
	if s.Arity >= 0 {
		name += "/" + strconv.Itoa(s.Arity)
	}
	return name
}

// Problem is a place where the source breaks its grammar.
type Problem struct {
	Line, Column int // from 1, Column in bytes
	Message      string
}

// Reference is the use of an identifier.
type Reference struct {
	Name string
	Line int // from 1
}

// RegionKind tells comments from strings.
type RegionKind string

// The kinds of regions.
const (
	Comment RegionKind = "comment"
	String  RegionKind = "string"
)

// Region is a comment or a string literal, with its marks.
type Region struct {
	Kind  RegionKind
	Range Range
}

// Import is a name of another file, module or package that the file asks for,
// as written but without quotes: "fmt", "MyApp.Foo", "./x.js", "stdio.h".
type Import struct {
	Name string
	Line int // from 1
}

// Skip is a mark that keeps a test, or a whole file, from running.
type Skip struct {
	Line int    // from 1
	Text string // the mark as written, on one line
}

// File is what was found in one source. It is immutable.
type File struct {
	language   *Language
	src        []byte
	lines      []int // offset of each line's first byte
	problems   []Problem
	symbols    []Symbol
	references []Reference
	regions    []Region
	imports    []Import
	skips      []Skip
	subtests   []Range
}

// Language returns the language the file was parsed as.
func (f *File) Language() *Language { return f.language }

// Source returns the bytes the file was parsed from; they must not be changed.
func (f *File) Source() []byte { return f.src }

// Errors returns the places where the source breaks its grammar, in order, at
// most 50. None: the source parses.
//
// A grammar is not a compiler. It accepts what a compiler refuses (Python's
// indentation is only partly checked), and a few sound sources look broken to
// it, in C above all, where macros may stand for anything. So compare with the
// errors of the file before a change, or let the compiler judge.
func (f *File) Errors() []Problem { return f.problems }

// Symbols returns the definitions in the order of their ranges; a symbol stands
// before those it holds.
func (f *File) Symbols() []Symbol { return f.symbols }

// References returns the uses of identifiers in source order, without the names
// of the definitions themselves.
func (f *File) References() []Reference { return f.references }

// Regions returns comments and string literals in source order. They don't overlap.
func (f *File) Regions() []Region { return f.regions }

// Imports returns what the file asks for, in source order.
func (f *File) Imports() []Import { return f.imports }

// Skips returns the marks that keep tests from running, in source order.
func (f *File) Skips() []Skip { return f.skips }

// Text returns the bytes of a range as a string.
func (f *File) Text(r Range) string { return string(f.src[r.Start:r.End]) }

// Line returns the number of the line, from 1, that holds the byte at offset.
func (f *File) Line(offset int) int {
	return sort.Search(len(f.lines), func(i int) bool { return f.lines[i] > offset })
}

// Symbol returns the symbol called name: "Name", "Parent.Name", "name/2",
// "Module.name/2" or Erlang's "module:name/2". Parent may be the last parts of
// a longer name. Where several fit, the one whose full name is name is
// preferred, then the one with a body, then the first; Lookup returns all.
func (f *File) Symbol(name string) (Symbol, bool) {
	found := f.Lookup(name)
	if len(found) == 0 {
		return Symbol{}, false
	}
	return found[0], true
}

// Lookup returns every symbol that name may mean, the best fit first.
func (f *File) Lookup(name string) []Symbol {
	wanted, arity := splitArity(name)
	if f.language.name == "erlang" {
		wanted = strings.Replace(wanted, ":", ".", 1)
	}
	var found []Symbol
	rank := map[int]int{}
	for _, s := range f.symbols {
		full := s.Name
		if s.Parent != "" {
			full = s.Parent + "." + s.Name
		}
		if arity >= 0 && s.Arity >= 0 && (arity > s.Arity || arity < s.Arity-s.Defaults) {
			continue
		}
		plain := wanted
		if arity >= 0 && s.Arity < 0 { // a test may be called "divides 4/2"
			plain = name
		}
		if full != plain && s.Name != plain && !strings.HasSuffix(full, "."+plain) {
			continue
		}
		r := 0
		if full != plain {
			r += 4
		}
		if arity >= 0 && s.Arity != arity {
			r += 2
		}
		if s.BodyRange.Empty() {
			r++
		}
		rank[s.Range.Start] = r
		found = append(found, s)
	}
	sort.SliceStable(found, func(i, j int) bool { return rank[found[i].Range.Start] < rank[found[j].Range.Start] })
	return found
}

// splitArity takes "/2" from the end of a name; -1 means there was none.
func splitArity(name string) (string, int) {
	at := strings.LastIndexByte(name, '/')
	if at <= 0 {
		return name, -1
	}
	n, err := strconv.Atoi(name[at+1:])
	if err != nil || n < 0 {
		return name, -1
	}
	return name[:at], n
}

// lineStarts returns the offset of the first byte of every line.
func lineStarts(src []byte) []int {
	starts := make([]int, 1, bytes.Count(src, []byte("\n"))+1)
	for i, b := range src {
		if b == '\n' {
			starts = append(starts, i+1)
		}
	}
	return starts
}

// oneLine folds runs of white space to single spaces.
func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

// problem makes a Problem of an offset.
func (f *File) problem(at int, message string) Problem {
	line := f.Line(at)
	return Problem{Line: line, Column: at - f.lines[line-1] + 1, Message: message}
}

// afterText returns the offset behind the last byte before at that is no white
// space: there something is missing, not at the token that shows it.
func (f *File) afterText(at int) int {
	for at > 0 && isSpace(f.src[at-1]) {
		at--
	}
	return at
}

// indent returns the number of bytes of white space before the first other byte
// of the line that holds offset, and whether that byte is the one at offset.
func (f *File) indent(offset int) (int, bool) {
	start := f.lines[f.Line(offset)-1]
	at := start
	for at < offset && (f.src[at] == ' ' || f.src[at] == '\t') {
		at++
	}
	return at - start, at == offset
}

// quoted shows a token in a message.
func quoted(text string) string {
	text = oneLine(strings.ToValidUTF8(text, "?"))
	if runes := []rune(text); len(runes) > 30 {
		text = string(runes[:30]) + "..."
	}
	return `"` + text + `"`
}
