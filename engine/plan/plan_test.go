package plan

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bitactor/cf/event"
	"github.com/bitactor/cf/fault"
	"github.com/bitactor/cf/llm"
	"github.com/bitactor/cf/llm/llmtest"
	"github.com/bitactor/cf/prompts"
	"github.com/bitactor/cf/workspace"
)

// project makes a tree of files; a name that ends in a slash is a folder.
func project(t *testing.T, files ...string) *workspace.Tree {
	t.Helper()
	dir := t.TempDir()
	for _, name := range append(files, ".cf/") {
		full := filepath.Join(dir, name)
		if strings.HasSuffix(name, "/") {
			if err := os.MkdirAll(full, 0o700); err != nil {
				t.Fatal(err)
			}
			continue
		}
		text := "package x\n"
		if name == ".gitignore" {
			text = "*.gen.go\n"
		}
		if err := errors.Join(os.MkdirAll(filepath.Dir(full), 0o755), os.WriteFile(full, []byte(text), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	tree, err := workspace.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tree.Close() })
	return tree
}

// stepsText is a plan in one line a step.
func stepsText(p *Plan) string {
	if p == nil {
		return ""
	}
	var lines []string
	for _, s := range p.Steps {
		name := s.File
		if s.Symbol != "" {
			name += "#" + s.Symbol
		}
		lines = append(lines, string(s.Kind)+" "+name)
	}
	return strings.Join(lines, ", ")
}

func TestNamed(t *testing.T) {
	files := []string{"limit/limit.go", "limit/limit_test.go", "limit/stats.go", "util/stats.go", "docs/guide.md", "a#b.go"}
	for name, tt := range map[string]struct {
		task    string
		args    []string
		want    string
		unknown bool // the model has to be asked
		code    string
	}{
		"in order":                   {"count", []string{"limit/stats.go", "limit/limit.go"}, "change limit/stats.go, change limit/limit.go", false, ""},
		"kinds follow from files":    {"count", []string{"limit/new.go", "limit/limit_test.go", "docs/guide.md", "cmd/x/y/main.go"}, "new limit/new.go, tests limit/limit_test.go, docs docs/guide.md, new cmd/x/y/main.go", false, ""},
		"a definition":               {"count", []string{"limit/limit.go#Limiter.Reset"}, "change limit/limit.go#Limiter.Reset", false, ""},
		"a hash in the name":         {"count", []string{"a#b.go"}, "change a#b.go", false, ""},
		"twice":                      {"count", []string{"limit/limit.go", "./limit/limit.go#F"}, "", false, CodeBadStep},
		"outside":                    {"count", []string{"../x.go"}, "", false, workspace.CodeOutside},
		"protected":                  {"count", []string{".git/hooks/pre-commit"}, "", false, CodeBadStep},
		"a folder":                   {"count", []string{"limit"}, "", true, ""},
		"nothing named":              {"count the rejected ones", nil, "", true, ""},
		"in the words":               {"move Reset from limit/limit.go to limit_test.go.", nil, "change limit/limit.go, tests limit/limit_test.go", false, ""},
		"a definition in the words":  {"rewrite `limit/limit.go#Allow`", nil, "change limit/limit.go#Allow", false, ""},
		"a name that two files have": {"tidy stats.go", nil, "", true, ""},
		"words win over nothing":     {"tidy limit/limit.go", []string{"docs/guide.md"}, "docs docs/guide.md", false, ""},
	} {
		t.Run(name, func(t *testing.T) {
			tree := project(t, files...)
			var targets []Target
			var err error
			for _, arg := range tt.args {
				target, failed := ParseTarget(tree, arg)
				targets, err = append(targets, target), errors.Join(err, failed)
			}
			var p *Plan
			known := false
			if err == nil {
				p, known, err = Named(t.Context(), tree, tt.task, targets)
			}
			if fault.CodeOf(err) != tt.code {
				t.Fatalf("fault %v, want %q", err, tt.code)
			}
			if err != nil {
				return
			}
			if known == tt.unknown {
				t.Errorf("known %v", known)
			}
			if got := stepsText(p); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

func reply(steps ...string) string {
	var list []string
	for _, s := range steps {
		kind, file, _ := strings.Cut(s, " ")
		list = append(list, `{"file":"`+file+`","kind":"`+kind+`","what":"do what is needed"}`)
	}
	return `{"steps":[` + strings.Join(list, ",") + `]}`
}

func TestAsk(t *testing.T) {
	files := []string{"limit/limit.go", "limit/limit_test.go", "limit/limit.gen.go", ".gitignore", "docs/guide.md", "Makefile"}
	for name, tt := range map[string]struct {
		replies []string
		folders []string
		want    string
		calls   int
		notes   int // of what was left out
		code    string
	}{
		"sound":                   {[]string{reply("change limit/limit.go")}, nil, "change limit/limit.go", 1, 0, ""},
		"tests and docs go last":  {[]string{reply("docs docs/guide.md", "tests limit/limit_test.go", "new limit/stats.go")}, nil, "new limit/stats.go, tests limit/limit_test.go, docs docs/guide.md", 1, 0, ""},
		"second ask":              {[]string{"I can't.", reply("change limit/limit.go")}, nil, "change limit/limit.go", 2, 0, ""},
		"what fits is kept":       {[]string{reply("change limit/limit.go", "change no/such.go")}, nil, "change limit/limit.go", 2, 1, ""},
		"the better one is kept":  {[]string{reply("change limit/limit.go", "change no/such.go"), "Sorry."}, nil, "change limit/limit.go", 2, 1, ""},
		"nothing fits":            {[]string{reply("change no/such.go", "new a/b/c/d.go")}, nil, "", 2, 2, CodeNoPlan},
		"prose":                   {[]string{"I can't."}, nil, "", 2, 1, CodeNoPlan},
		"deletes a test":          {[]string{reply("delete limit/limit_test.go")}, nil, "", 2, 1, CodeNoPlan},
		"code named as tests":     {[]string{reply("tests limit/limit.go")}, nil, "", 2, 1, CodeNoPlan},
		"code named as documents": {[]string{reply("docs limit/limit.go")}, nil, "", 2, 1, CodeNoPlan},
		"an ignored file":         {[]string{reply("change limit/limit.gen.go")}, nil, "", 2, 1, CodeNoPlan},
		"a kind nobody has":       {[]string{reply("new limit/limit.xyz")}, nil, "", 2, 1, CodeNoPlan},
		"a new file for change":   {[]string{reply("new limit/limit.go")}, nil, "change limit/limit.go", 1, 0, ""},
		"a new folder":            {[]string{reply("new stats/stats.go")}, nil, "new stats/stats.go", 1, 0, ""},
		"outside its folder":      {[]string{reply("change limit/limit.go", "docs docs/guide.md")}, []string{"docs"}, "docs docs/guide.md", 2, 1, ""},
		"a folder in the way":     {[]string{reply("new limit/x.go", "new docs/x.go")}, []string{"limit", "docs"}, "new limit/x.go, new docs/x.go", 1, 0, ""},
	} {
		t.Run(name, func(t *testing.T) {
			tree := project(t, files...)
			words, err := prompts.Load("")
			if err != nil {
				t.Fatal(err)
			}
			notes := 0
			s := &llmtest.Script{Replies: map[string][]string{"plan": tt.replies}}
			p := Planner{
				Provider: s, Model: llm.Model{Name: llmtest.ScriptModel}, Window: llm.Window{Context: 4096}, Counter: llmtest.WordCounter{}, Words: words, Tree: tree,
				Events: event.Func(func(e event.Event) {
					if _, ok := e.(event.Note); ok {
						notes++
					}
				}),
			}
			got, err := p.Ask(t.Context(), "count the rejected ones", tt.folders)
			if fault.CodeOf(err) != tt.code {
				t.Fatalf("fault %v, want %q", err, tt.code)
			}
			if text := stepsText(got); text != tt.want {
				t.Errorf("got  %s\nwant %s", text, tt.want)
			}
			if n := len(s.Requests()); n != tt.calls || notes != tt.notes {
				t.Errorf("%d calls, %d notes; want %d and %d", n, notes, tt.calls, tt.notes)
			}
			prompt := s.Requests()[0].Messages[1].Content
			if strings.Contains(prompt, "limit.gen.go") || len(tt.folders) == 0 && !strings.Contains(prompt, "- limit/limit.go\n") {
				t.Errorf("the prompt is\n%s", prompt)
			}
			if len(s.Requests()) > 1 {
				if diff := cmp.Diff(s.Requests()[0].Messages, s.Requests()[1].Messages[:2]); diff != "" {
					t.Errorf("the second ask does not begin with the first:\n%s", diff)
				}
			}
		})
	}
}

// A long list of files leaves room for the task and the reply.
func TestPromptFitsTheWindow(t *testing.T) {
	var files []string
	for _, a := range "abcdefghijklmnopqrstuvwxyz" {
		for _, b := range "abcdefghijklmnopqrstuvwxyz" {
			files = append(files, "deep/er/"+string(a)+string(b)+".go")
		}
	}
	tree := project(t, append(files, "deep/er/limits.go")...)
	words, err := prompts.Load("")
	if err != nil {
		t.Fatal(err)
	}
	s := &llmtest.Script{Replies: map[string][]string{"plan": {reply("change deep/er/limits.go")}}, Context: 2048}
	p := Planner{
		Provider: s, Model: llm.Model{Name: llmtest.ScriptModel}, Window: llm.Window{Context: 2048}, Counter: llmtest.WordCounter{}, Words: words,
		Tree: tree, Events: event.Discard,
	}
	if _, err := p.Ask(t.Context(), "raise the limits", nil); err != nil {
		t.Fatal(err)
	}
	prompt := s.Requests()[0].Messages[1].Content
	if !strings.Contains(prompt, "limits.go") || !strings.Contains(prompt, "more") {
		t.Errorf("the prompt is\n%s", prompt)
	}
}

func TestOf(t *testing.T) {
	tree := project(t, "a.go", "a_test.go", "README.md")
	got, err := Of(t.Context(), tree, "task", []event.PlanStep{
		{Path: "README.md", Action: "document", Why: "say so"},
		{Path: "a_test.go", Action: "test", Why: "test it"},
		{Path: "a.go", Action: "create", Why: "write it"},
		{Path: "x/y/z.go", Action: "create", Why: "far away"},
		{Path: "a.go", Action: "change", Why: "again"},
	}, event.Discard)
	if err != nil {
		t.Fatal(err)
	}
	if want := "change a.go, tests a_test.go, docs README.md"; stepsText(got) != want {
		t.Errorf("got %s, want %s", stepsText(got), want)
	}
	if _, err := Of(t.Context(), tree, "task", nil, event.Discard); fault.CodeOf(err) != CodeNoPlan {
		t.Errorf("no steps: %v", err)
	}
}
