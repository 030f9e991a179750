package prompts

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bitactor/cf/fault"
)

// TestSystemIsShort holds the limit of 600 tokens with a safe estimate: no
// vocabulary in use needs more than a token for every three bytes of English.
func TestSystemIsShort(t *testing.T) {
	w := builtIn(t)
	text, err := w.System()
	if err != nil {
		t.Fatal(err)
	}
	if tokens := len(text) / 3; tokens >= 600 {
		t.Errorf("the system text has up to %d tokens", tokens)
	}
}

func TestOverride(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "section", "Only {{.Title}}.")
	w, err := Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	got, err := w.Section(Analysed[0], "task", false)
	if err != nil || got != "Only Reasoning." {
		t.Errorf("got %q, %v", got, err)
	}
	if o := w.Overridden(); len(o) != 1 || o[0] != "section" {
		t.Errorf("overridden: %q", o)
	}
}

func TestBrokenOverrideNamesFileAndLine(t *testing.T) {
	tests := map[string]string{
		"syntax":    "one\n{{if}}",
		"field":     "one\n{{.Secret}}",
		"printf":    "one\n{{printf \"%1000000000d\" 1}}",
		"call":      "one\n{{call .Title}}",
		"count":     "one\n{{range 1000000000}}x{{end}}",
		"define":    "one\n{{define \"x\"}}{{template \"x\"}}{{end}}{{template \"x\"}}",
		"nested":    "one\n{{range .Title}}{{range .Title}}{{range .Title}}{{end}}{{end}}{{end}}",
		"too long":  strings.Repeat("x", wordsBytesMax+1),
		"recursion": "one\n{{template \"x\"}}",
	}
	for name, text := range tests {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			write(t, dir, "section", text)
			_, err := Load(dir)
			if fault.KindOf(err) != fault.Usage {
				t.Fatalf("got %v", err)
			}
			where := filepath.Join(dir, "section.md.tmpl")
			if name != "too long" && name != "define" {
				where += ":2"
			}
			if !strings.Contains(err.Error(), where) {
				t.Errorf("%q does not name %s", err, where)
			}
		})
	}
}

func TestContextIsTheSameEveryTime(t *testing.T) {
	w := builtIn(t)
	in := ContextInput{Task: "build it", Files: []File{
		{Path: "--context", Kind: "text", Text: "must be small"},
		{Path: ".", Kind: "outline", Text: "main.go\n"},
		{Path: "main.go", Kind: "file", Text: "package main // ```\n", Fence: 4, Cut: true},
	}}
	got, err := w.Context(in)
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "context", got)
}

func TestQuestions(t *testing.T) {
	w := builtIn(t)
	analyse, err := w.Analyse(HeadingsInput{Analysed})
	if err != nil {
		t.Fatal(err)
	}
	assess, err := w.Assess(HeadingsInput{Assessed})
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "analyse", analyse)
	golden(t, "assess", assess)
}

func builtIn(t *testing.T) *Words {
	t.Helper()
	w, err := Load("")
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func write(t *testing.T, dir, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name+Ending), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// golden compares with testdata/NAME.golden; CF_UPDATE=1 rewrites it.
func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name+".golden")
	if os.Getenv("CF_UPDATE") != "" {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(got+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got+"\n" != string(want) {
		t.Errorf("%s differs (CF_UPDATE=1 rewrites it):\n%s", file, got)
	}
}
