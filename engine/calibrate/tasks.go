package calibrate

import (
	"context"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"strings"

	"github.com/bitactor/cf/engine/guard"
	"github.com/bitactor/cf/engine/reply"
	"github.com/bitactor/cf/llm"
	"github.com/bitactor/cf/prompts"
	"github.com/bitactor/cf/syntax"
)

// task is a function to write in a small file. The files import nothing, so that
// they can be type-checked without a toolchain.
type task struct {
	path, symbol string
	file         string // with a body that says that it is missing
	cases        []string
}

// missing is the body of what is to be written.
const missing = "panic(\"not implemented\")"

var tasks = []task{
	{
		"bounds/bounds.go", "Clamp",
		"// Package bounds keeps numbers within bounds.\npackage bounds\n\n// Max is the largest bound.\nconst Max = 1000\n\n" +
			"// Clamp returns n, or the bound that it is beyond.\nfunc Clamp(n, low, high int) int {\n\t" + missing + "\n}\n\n" +
			"// Inside tells whether n lies within the bounds.\nfunc Inside(n, low, high int) bool { return low <= n && n <= high }\n",
		[]string{"Clamp(5, 0, 3) == 3", "Clamp(-1, 0, 3) == 0", "Clamp(2, 0, 3) == 2"},
	},
	{
		"words/words.go", "Count",
		"// Package words counts words.\npackage words\n\n// List is a list of words.\ntype List []string\n\n" +
			"// First returns the first word, \"\" if there is none.\nfunc (l List) First() string {\n\tif len(l) == 0 {\n\t\treturn \"\"\n\t}\n\treturn l[0]\n}\n\n" +
			"// Count returns how often word is in the list.\nfunc Count(l List, word string) int {\n\t" + missing + "\n}\n",
		[]string{`Count(List{"a", "b", "a"}, "a") == 2`, `Count(nil, "a") == 0`},
	},
	{
		"queue/queue.go", "Reverse",
		"// Package queue holds numbers in their order.\npackage queue\n\n// Reverse returns the numbers in the opposite order; list stays as it is.\n" +
			"func Reverse(list []int) []int {\n\t" + missing + "\n}\n\n// Sum adds the numbers up.\nfunc Sum(list []int) int {\n\tn := 0\n\tfor _, v := range list {\n\t\tn += v\n\t}\n\treturn n\n}\n",
		[]string{"Reverse([]int{1, 2, 3}) is [3 2 1]", "Reverse(nil) is empty"},
	},
}

// form is how much of a file is asked for; the names are those of package engine.
type form string

const (
	bySymbol form = "symbol"
	byFile   form = "file"
)

// messages asks for a task in a form, with or without its cases.
func (s *session) messages(t task, f form, cases bool) ([]llm.Message, error) {
	in := prompts.CodeInput{Path: t.path, Language: "go"}
	if f == bySymbol {
		in.Symbol = "the function " + t.symbol
		in.Present = prompts.File{Path: t.path, Kind: "file", Text: t.stub()}
	} else {
		in.Files = []prompts.File{{Path: t.path, Kind: "file", Text: t.file}}
		in.Instructions = "Write the function " + t.symbol + "; everything else stays as it is."
	}
	if cases {
		in.Cases = t.cases
	}
	system, err := s.Words.CodeSystem()
	if err != nil {
		return nil, err
	}
	user, err := s.Words.Code(in)
	return []llm.Message{{Role: llm.System, Content: system}, {Role: llm.User, Content: user}}, err
}

// stub is the function as it stands in the file.
func (t task) stub() string {
	at := strings.Index(t.file, "func "+t.symbol+"(")
	end := strings.Index(t.file[at:], "\n}\n")
	return t.file[at : at+end+2]
}

// solve asks for a task once and returns the function as it was written, "" if
// the answer is of no use.
func (s *session) solve(t task, f form, cases bool, temperature float64, seed int64, think bool) (string, error) {
	messages, err := s.messages(t, f, cases)
	if err != nil {
		return "", err
	}
	r := llm.Request{Messages: messages, MaxTokens: codeTokens, Temperature: temperature, Seed: seed}
	if think {
		r.Think, r.ThinkTokens = true, thinkTokens
		r.MaxTokens += thinkTokens
	}
	got, err := s.chat(r)
	if err != nil {
		return "", err
	}
	return t.usable(s.ctx, f, got.Text, got.Stop == llm.StopEnd), nil
}

// usable returns the function of an answer if the answer can be read, fits into
// the file, type-checks, and leaves everything else as it was; else "".
func (t task) usable(ctx context.Context, f form, text string, whole bool) string {
	lang := syntax.Of(t.path, nil)
	parse := func(code string) (*syntax.File, bool) {
		file, err := syntax.Parse(ctx, lang, []byte(code))
		if err != nil {
			return nil, false
		}
		_, ok := file.Symbol(t.symbol)
		return file, ok
	}
	found, err := reply.Extract(text, reply.Want{
		Path: t.path, Languages: []string{"go", "golang"}, Whole: whole,
		Parses: func(code string) bool {
			problems, err := syntax.Check(ctx, lang, []byte(code))
			return err == nil && len(problems) == 0
		},
		Defines: func(code string) bool { _, ok := parse(code); return ok },
	})
	if err != nil {
		return ""
	}
	before, _ := parse(t.file)
	answer, _ := parse(found.Code)
	source := found.Code
	if f == bySymbol {
		old, _ := before.Symbol(t.symbol)
		written, _ := answer.Symbol(t.symbol)
		spliced, err := before.Splice(ctx, old, answer.Text(written.Decl))
		if err != nil {
			return ""
		}
		source = string(spliced)
	}
	after, ok := parse(source)
	if !ok || len(guard.Source(before, after, guard.Options{})) > 0 || !typed(source) || !sameRest(before, after, t.symbol) {
		return ""
	}
	s, _ := after.Symbol(t.symbol)
	if body := after.Text(s.Decl); !s.BodyRange.Empty() && !strings.Contains(body, missing) {
		return body
	}
	return ""
}

// typed tells whether a file without imports type-checks.
func typed(source string) bool {
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, "", source, 0)
	if err != nil {
		return false
	}
	config := types.Config{Error: func(error) {}}
	_, err = config.Check("p", set, []*ast.File{file}, nil)
	return err == nil
}

// sameRest tells whether all definitions but one are as they were, but for their
// comments and white space at line ends.
func sameRest(before, after *syntax.File, but string) bool {
	code := map[string]string{}
	for _, s := range after.Symbols() {
		code[s.FullName()] = strings.Join(strings.Fields(after.Text(s.Decl)), " ")
	}
	for _, s := range before.Symbols() {
		if s.FullName() != but && code[s.FullName()] != strings.Join(strings.Fields(before.Text(s.Decl)), " ") {
			return false
		}
	}
	return true
}
