package prompts

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/template"
	"text/template/parse"

	"github.com/bitactor/cf/fault"
)

//go:embed *.md.tmpl
var embedded embed.FS

// Ending is how the file of a prompt ends: NAME.md.tmpl.
const Ending = ".md.tmpl"

// Bounds of one prompt's words and of what they render to, in bytes.
const (
	wordsBytesMax  = 64 << 10
	renderBytesMax = 4 << 20
)

// CodeWords is the code of the fault for words that can't be used [Usage].
const CodeWords = "prompt-words"

// Words are the words of all prompts. Safe for concurrent use.
type Words struct {
	parsed     map[string]*template.Template
	overridden []string
}

// Names returns the names of all prompts, sorted.
func Names() []string {
	entries, err := embedded.ReadDir(".")
	if err != nil {
		panic(err) // the embedded folder is part of the program
	}
	var names []string
	for _, e := range entries {
		names = append(names, strings.TrimSuffix(e.Name(), Ending))
	}
	return names
}

// Default returns the built-in words of a prompt; ok is false for an unknown
// name.
func Default(name string) (text string, ok bool) {
	if !slices.Contains(Names(), name) {
		return "", false
	}
	raw, err := embedded.ReadFile(name + Ending)
	return string(raw), err == nil
}

// Load returns the words of all prompts: those in dir, as NAME.md.tmpl, over
// the built-in ones. dir may be "" or absent. Words that do not parse, use what
// their signature lacks, or can't be read are a fault of kind Usage that names
// file and line.
func Load(dir string) (*Words, error) {
	w := &Words{parsed: map[string]*template.Template{}}
	for _, name := range Names() {
		text, _ := Default(name)
		file := name + Ending
		if dir != "" {
			own, err := readWords(filepath.Join(dir, file))
			if err != nil {
				return nil, broken(filepath.Join(dir, file), err)
			}
			if own != nil {
				text, file = *own, filepath.Join(dir, file)
				w.overridden = append(w.overridden, name)
			}
		}
		t, err := compile(name, file, text)
		if err != nil {
			return nil, broken(file, err)
		}
		w.parsed[name] = t
	}
	return w, nil
}

// Overridden returns the names of the prompts whose words are the user's.
func (w *Words) Overridden() []string { return slices.Clone(w.overridden) }

// readWords returns nil where there is no file.
func readWords(file string) (*string, error) {
	info, err := os.Stat(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("is not a regular file")
	}
	if info.Size() > wordsBytesMax {
		return nil, fmt.Errorf("is over %d bytes", wordsBytesMax)
	}
	raw, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	text := string(raw)
	return &text, nil
}

func broken(file string, err error) error {
	reason := strings.TrimPrefix(err.Error(), "template: ")
	if !strings.Contains(reason, file) {
		reason = file + ": " + reason
	}
	return fault.New(fault.Usage, CodeWords, "%s", reason).On("prompt words", "").
		Hint("cf prompt reset NAME takes your words away and uses the built-in ones")
}

// compile parses words, refuses what could run without bound, and renders them
// once with sample data, so that a wrong field is found before a model waits.
func compile(name, file, text string) (*template.Template, error) {
	t, err := template.New(file).Option("missingkey=error").Parse(text)
	if err != nil {
		return nil, err
	}
	if len(t.Templates()) > 1 {
		return nil, errors.New("define and block are not allowed")
	}
	if t.Tree == nil || t.Root == nil {
		return nil, fmt.Errorf("%s:1: the words are empty", file)
	}
	if err := allowed(t.Tree, t.Root, 0); err != nil {
		return nil, err
	}
	for _, sample := range samples[name] {
		if _, err := execute(t, sample); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// functions are what words may call: nothing that runs code or formats at
// length.
var functions = []string{"and", "or", "not", "eq", "ne", "lt", "le", "gt", "ge", "len"}

// rangesMax is how deep ranges may nest: with no range over numbers the work is
// then at most the square of the number of files.
const rangesMax = 2

func allowed(tree *parse.Tree, node parse.Node, ranges int) error {
	refuse := func(what string) error {
		at, _ := tree.ErrorContext(node)
		return fmt.Errorf("%s: %s is not allowed in words", at, what)
	}
	both := func(nodes ...*parse.ListNode) error {
		for _, list := range nodes {
			if list == nil {
				continue
			}
			for _, n := range list.Nodes {
				if err := allowed(tree, n, ranges); err != nil {
					return err
				}
			}
		}
		return nil
	}
	switch n := node.(type) {
	case *parse.TextNode, *parse.CommentNode, *parse.BreakNode, *parse.ContinueNode:
		return nil
	case *parse.ListNode:
		return both(n)
	case *parse.ActionNode:
		return calls(n.Pipe, refuse)
	case *parse.IfNode:
		return errors.Join(calls(n.Pipe, refuse), both(n.List, n.ElseList))
	case *parse.WithNode:
		return errors.Join(calls(n.Pipe, refuse), both(n.List, n.ElseList))
	case *parse.RangeNode:
		ranges++
		if ranges > rangesMax {
			return refuse("a range in a range in a range")
		}
		if len(n.Pipe.Cmds) != 1 || len(n.Pipe.Cmds[0].Args) != 1 || n.Pipe.Cmds[0].Args[0].Type() != parse.NodeField {
			return refuse("a range over anything but a field")
		}
		return both(n.List, n.ElseList)
	}
	return refuse(node.String())
}

func calls(pipe *parse.PipeNode, refuse func(string) error) error {
	for _, cmd := range pipe.Cmds {
		for _, arg := range cmd.Args {
			switch a := arg.(type) {
			case *parse.IdentifierNode:
				if !slices.Contains(functions, a.Ident) {
					return refuse(a.Ident)
				}
			case *parse.PipeNode:
				if err := calls(a, refuse); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// render returns a prompt's text without the line end at its end.
func (w *Words) render(name string, data any) (string, error) {
	text, err := execute(w.parsed[name], data)
	if err != nil {
		return "", broken(name, err)
	}
	return text, nil
}

func execute(t *template.Template, data any) (string, error) {
	var out bounded
	if err := t.Execute(&out, data); err != nil {
		return "", err
	}
	return strings.TrimSpace(out.String()), nil
}

// bounded is a writer that refuses to grow over renderBytesMax.
type bounded struct{ strings.Builder }

func (b *bounded) Write(p []byte) (int, error) {
	if b.Len()+len(p) > renderBytesMax {
		return 0, fmt.Errorf("the prompt is over %d bytes", renderBytesMax)
	}
	return b.Builder.Write(p)
}
