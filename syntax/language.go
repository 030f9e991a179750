package syntax

import (
	"bytes"
	"embed"
	"path"
	"slices"
	"strings"
)

//go:embed queries/*.scm
var queryFiles embed.FS

// Language is one that this package can read. The values are made once, by this
// package, and safe for concurrent use.
type Language struct {
	name         string
	query        string   // file below queries/; "" where the grammar is ours
	extensions   []string // with the dot
	interpreters []string // of a shebang, without version
	arity        bool     // functions are told apart by their number of arguments
	clauses      bool     // neighbouring definitions of one function are one symbol
	pairs        map[string]string
	exported     func(s *Symbol, before []string) bool
}

// Name returns the language's short, stable name: "go", "c", "elixir",
// "erlang", "python", "javascript", "typescript", "tsx", "rust", "shell".
func (l *Language) Name() string { return l.name }

// String returns the name.
func (l *Language) String() string { return l.name }

var brackets = map[string]string{"(": ")", "[": "]", "{": "}"}

func pairsWith(more ...string) map[string]string {
	pairs := map[string]string{}
	for open, end := range brackets {
		pairs[open] = end
	}
	for i := 0; i+1 < len(more); i += 2 {
		pairs[more[i]] = more[i+1]
	}
	return pairs
}

var languages = []*Language{
	{name: "go", query: "go", extensions: []string{".go"}, pairs: brackets, exported: upperCase},
	{name: "c", query: "c", extensions: []string{".c", ".h"}, pairs: brackets, exported: notStatic},
	{
		name: "elixir", query: "elixir", extensions: []string{".ex", ".exs"}, interpreters: []string{"elixir"},
		arity: true, clauses: true, pairs: pairsWith("do", "end", "fn", "end", "#{", "}"), exported: notPrivateDef,
	},
	{
		name: "erlang", extensions: []string{".erl", ".hrl", ".escript"}, interpreters: []string{"escript"},
		arity: true,
	},
	{
		name: "python", query: "python", extensions: []string{".py", ".pyi"}, interpreters: []string{"python"},
		pairs: brackets, exported: notUnderscored,
	},
	{
		name: "javascript", query: "javascript", extensions: []string{".js", ".jsx", ".mjs", ".cjs"}, interpreters: []string{"node"},
		pairs: pairsWith("${", "}"), exported: hasExport,
	},
	{
		name: "typescript", query: "typescript", extensions: []string{".ts", ".mts", ".cts"},
		interpreters: []string{"ts-node", "deno", "tsx"}, clauses: true, pairs: pairsWith("${", "}"), exported: hasExport,
	},
	{name: "tsx", query: "typescript", extensions: []string{".tsx"}, clauses: true, pairs: pairsWith("${", "}"), exported: hasExport},
	{name: "rust", query: "rust", extensions: []string{".rs"}, pairs: brackets, exported: hasPub},
	{
		name: "shell", query: "shell", extensions: []string{".sh", ".bash"}, interpreters: []string{"sh", "bash", "dash"},
		exported: always, // a ")" may end the pattern of a case, so round brackets don't pair
		pairs:    map[string]string{"if": "fi", "do": "done", "case": "esac", "{": "}", "${": "}"},
	},
}

// Languages returns all languages, in a fixed order.
func Languages() []*Language { return slices.Clone(languages) }

// ByName returns the language of a name as Name gives it, or nil.
func ByName(name string) *Language {
	for _, l := range languages {
		if l.name == name {
			return l
		}
	}
	return nil
}

// Of returns the language of a file, or nil where it is none of ours. The
// extension speaks first; a path without one is told by the interpreter that
// the first line of head names. head may be nil; 128 bytes are enough.
func Of(file string, head []byte) *Language {
	ext := strings.ToLower(path.Ext(strings.ReplaceAll(file, `\`, "/")))
	for _, l := range languages {
		if ext != "" && slices.Contains(l.extensions, ext) {
			return l
		}
	}
	if ext != "" && ext != path.Base(file) {
		return nil
	}
	program := interpreter(head)
	for _, l := range languages {
		if program != "" && slices.Contains(l.interpreters, program) {
			return l
		}
	}
	return nil
}

// interpreter returns the program of a shebang line without folder and version:
// "#!/usr/bin/env -S python3.11 -u" gives "python".
func interpreter(head []byte) string {
	line, ok := bytes.CutPrefix(head, []byte("#!"))
	if !ok {
		return ""
	}
	line, _, _ = bytes.Cut(line, []byte("\n"))
	for _, word := range strings.Fields(string(line)) {
		program := path.Base(word)
		if program == "env" || strings.HasPrefix(word, "-") || strings.Contains(word, "=") {
			continue
		}
		return strings.TrimRight(program, "0123456789.")
	}
	return ""
}
