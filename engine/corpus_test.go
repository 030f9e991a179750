package engine

import (
	"context"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/bitactor/cf/fault"
	"github.com/bitactor/cf/llm"
	"github.com/bitactor/cf/llm/guard"
	"github.com/bitactor/cf/llm/llmtest"
	"github.com/rogpeppe/go-internal/txtar"
)

// corpusDir holds replies of models; its README.md says what lies where.
const corpusDir = "../testdata/replies"

// asked is a case of the corpus: a project and what is asked of it.
type asked struct {
	name    string
	row     string // rows of the list of faults that it provokes
	request Request
	files   map[string]string
}

// readCases returns the cases by name.
func readCases(t testing.TB) map[string]asked {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(corpusDir, "cases", "*.txtar"))
	if err != nil || len(names) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	cases := map[string]asked{}
	for _, name := range names {
		archive, err := txtar.ParseFile(name)
		if err != nil {
			t.Fatal(err)
		}
		c := asked{name: strings.TrimSuffix(filepath.Base(name), ".txtar"), files: map[string]string{}}
		head := fields(t, name, string(archive.Comment))
		c.row = head["provokes"]
		c.request = Request{Path: head["path"], Symbol: head["symbol"], Instructions: head["instructions"]}
		c.request.Unweighed = IsTest(c.request.Path)
		for _, f := range archive.Files {
			c.files[f.Name] = string(f.Data)
		}
		cases[c.name] = c
	}
	return cases
}

// fields reads lines of the form "key: value".
func fields(t testing.TB, name, text string) map[string]string {
	t.Helper()
	m := map[string]string{}
	for line := range strings.Lines(text) {
		key, value, ok := strings.Cut(strings.TrimRight(line, "\n"), ": ")
		if !ok {
			t.Fatalf("%s: %q is no line of a head", name, line)
		}
		m[key] = value
	}
	return m
}

// entry is one reply of the corpus.
type entry struct {
	name string // of its file, relative to corpusDir
	head map[string]string
	text string // the reply, byte for byte
}

// headEnd parts the head of an entry from its reply.
const headEnd = "-----\n"

// headKeys are the keys of an entry's head in the order in which they stand.
var headKeys = []string{"case", "model", "digest", "temperature", "seed", "max_tokens", "stop", "row", "verdict", "result", "note"}

func readEntry(t testing.TB, file string) entry {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(corpusDir, file))
	if err != nil {
		t.Fatal(err)
	}
	head, text, ok := strings.Cut(string(data), headEnd)
	if !ok {
		t.Fatalf("%s has no line %q", file, headEnd)
	}
	return entry{name: file, head: fields(t, file, head), text: text}
}

func (e entry) write(t testing.TB) {
	t.Helper()
	var b strings.Builder
	for _, key := range headKeys {
		if value := e.head[key]; value != "" {
			fmt.Fprintf(&b, "%s: %s\n", key, value)
		}
	}
	full := filepath.Join(corpusDir, e.name)
	if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(full, []byte(b.String()+headEnd+e.text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// readCorpus returns the entries below a folder of the corpus.
func readCorpus(t testing.TB, folder string) []entry {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(corpusDir, folder, "*", "*.reply"))
	if err != nil {
		t.Fatal(err)
	}
	entries := make([]entry, 0, len(names))
	for _, name := range names {
		rel, err := filepath.Rel(corpusDir, name)
		if err != nil {
			t.Fatal(err)
		}
		entries = append(entries, readEntry(t, filepath.ToSlash(rel)))
	}
	return entries
}

// replay gives one recorded reply to every request, as a provider would: a reply
// that loops is a fault, and hands out no text.
type replay struct {
	llmtest.Script
	entry   entry
	streams bool // in pieces, so that the engine may end the call early
}

func (p *replay) Chat(ctx context.Context, r llm.Request, each func(llm.Chunk) error) (llm.Reply, error) {
	if err := ctx.Err(); err != nil {
		return llm.Reply{}, err
	}
	if strings.TrimSpace(p.entry.text) == "" {
		return llm.Reply{}, fault.New(fault.Unusable, llm.CodeEmpty, "the reply is empty")
	}
	loop := guard.NewLoop()
	for line := range strings.Lines(p.entry.text) {
		if loop.Add(line) {
			return llm.Reply{}, fault.New(fault.Unusable, llm.CodeLoop, "the reply repeats itself")
		}
		if p.streams && each != nil {
			if err := each(llm.Chunk{Text: line}); err != nil {
				return llm.Reply{}, err
			}
		}
	}
	return llm.Reply{Text: p.entry.text, Stop: llm.Stop(p.entry.head["stop"])}, nil
}

// slug makes a file's name of a model's and its options.
func slug(model string, temperature float64, seed int64, tokens int) string {
	name := strings.Map(func(r rune) rune {
		if r == ':' || r == '/' || r == '.' {
			return '-'
		}
		return r
	}, model)
	return fmt.Sprintf("%s-t%s-s%d-n%d.reply", name, strconv.FormatFloat(temperature, 'f', 1, 64), seed, tokens)
}

// pathOf is where the reply to a case is kept.
func pathOf(c asked, model string, v variant) string {
	return path.Join("real", c.name, slug(model, v.temperature, v.seed, v.tokens))
}

// variant is how a case is put to a model.
type variant struct {
	temperature float64
	seed        int64
	tokens      int
}
