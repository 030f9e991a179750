package reply

import (
	"go/parser"
	"go/token"
	"strings"
	"testing"

	"github.com/bitactor/cf/fault"
	"pgregory.net/rapid"
)

func parsesGo(code string) bool {
	_, err := parser.ParseFile(token.NewFileSet(), "", code, 0)
	return err == nil
}

func parsesAny(string) bool { return true }

func forGo() Want {
	return Want{
		Path: "limit/limiter.go", Languages: []string{"go", "golang"}, Whole: true, Parses: parsesGo,
		Defines: func(code string) bool { return strings.Contains(code, "func Allow") },
	}
}

const (
	allow  = "package limit\n\nfunc Allow(n int) bool { return n < 3 }\n"
	allow4 = "package limit\n\nfunc Allow(n int) bool { return n < 4 }\n"
	broken = "package limit\n\nfunc Allow(n int) bool { return n <\n"
)

func fenced(info, code string) string { return "```" + info + "\n" + code + "```\n" }

func TestExtract(t *testing.T) {
	for name, test := range map[string]struct {
		text string
		code string // "" means a fault
		how  How
		want string // code of the fault
	}{
		"one fence":              {fenced("go", allow), allow, Fenced, ""},
		"prose around":           {"Sure! Here it is:\n\n" + fenced("go", allow) + "\nThis limits to 3.\n", allow, Fenced, ""},
		"no language":            {fenced("", allow), allow, Fenced, ""},
		"another name":           {fenced("Golang", allow), allow, Fenced, ""},
		"tildes":                 {"~~~go\n" + allow + "~~~\n", allow, Fenced, ""},
		"in a list":              {"1. Like this:\n   ```go\n" + allow + "   ```\n", allow, Fenced, ""},
		"CRLF":                   {strings.ReplaceAll(fenced("go", allow), "\n", "\r\n"), strings.TrimRight(strings.ReplaceAll(allow, "\n", "\r\n"), "\r\n") + "\n", Fenced, ""},
		"the same twice":         {fenced("go", allow) + "Again:\n" + fenced("go", allow+"\n"), allow, Fenced, ""},
		"with an example of use": {fenced("go", allow) + "Use it:\n" + fenced("go", "package main\n\nfunc main() { println(limit.Ok(2)) }\n"), allow, Fenced, ""},
		"with a command":         {fenced("sh", "go test ./...\n") + fenced("go", allow), allow, Fenced, ""},
		"for two files":          {"**limiter.go**\n" + fenced("go", allow) + "**other.go**\n" + fenced("go", allow4), allow, Fenced, ""},
		"two files, in the info": {fenced("go:limit/limiter.go", allow) + fenced("go path=limit/other.go", allow4), allow, Fenced, ""},
		"two files, in comments": {fenced("go", "// limit/limiter.go\n"+allow) + fenced("go", "// other.go\n"+allow4), "// limit/limiter.go\n" + allow, Fenced, ""},
		"broken code is given":   {fenced("go", broken), broken, Fenced, ""}, // the checks say what is wrong with it
		"fence in a comment": {
			fenced("go", "package limit\n\n/*\nAllow:\n```\nAllow(2)\n```\n*/\nfunc Allow(n int) bool { return true }\n"),
			"package limit\n\n/*\nAllow:\n```\nAllow(2)\n```\n*/\nfunc Allow(n int) bool { return true }\n", Fenced, "",
		},
		"not closed":             {"```go\n" + allow, allow, OpenFence, ""},
		"bare":                   {allow, allow, Bare, ""},
		"bare, prose around":     {"Here is the code.\n\n" + allow + "\nIt is fast!\n", allow, Bare, ""},
		"wrapped in Markdown":    {"````markdown\nHere:\n" + fenced("go", allow) + "````\n", allow, Fenced, ""},
		"a path that leads out":  {"**../../etc/passwd**\n" + fenced("go", allow), "", "", CodeOther},
		"an absolute path":       {"```go path=/etc/cron.d/limiter\n" + allow + "```\n", "", "", CodeOther},
		"empty":                  {" \n\t\n", "", "", CodeEmpty},
		"prose only":             {"I would use a token bucket.\n", "", "", CodeNoCode},
		"refusal in a fence":     {fenced("text", "I can't do that.\n"), "", "", CodeNoCode},
		"two answers":            {fenced("go", allow) + "or\n" + fenced("go", allow4), "", "", CodeAmbiguous},
		"for another file only":  {"### other.go\n" + fenced("go", allow), "", "", CodeOther},
		"nothing that was asked": {fenced("go", "package limit\n\nfunc Deny() {}\n"), "", "", CodeNoCode},
		"not closed and broken":  {"```go\n" + broken, "", "", CodeCut},
	} {
		t.Run(name, func(t *testing.T) {
			found, err := Extract(test.text, forGo())
			if found.Code != test.code || found.How != test.how || fault.CodeOf(err) != test.want {
				t.Errorf("got %q %q %v", found.Code, found.How, err)
			}
			if err != nil && fault.KindOf(err) != fault.Unusable {
				t.Errorf("kind %s", fault.KindOf(err))
			}
		})
	}
}

// A reply that reached its limit is only good for what it had closed.
func TestExtractOfACutReply(t *testing.T) {
	w := forGo()
	w.Whole = false
	for name, test := range map[string]struct{ text, code, want string }{
		"closed before":   {fenced("go", allow) + "This is", allow, ""},
		"in the code":     {"```go\n" + allow, "", CodeCut},
		"without a fence": {allow, "", CodeCut},
		"in another":      {fenced("sh", "ls\n") + "```go\npackage li", "", CodeCut},
	} {
		t.Run(name, func(t *testing.T) {
			found, err := Extract(test.text, w)
			if found.Code != test.code || fault.CodeOf(err) != test.want {
				t.Errorf("got %q %v", found.Code, err)
			}
		})
	}
}

// Markdown holds fences of its own: the first that closes is not its end.
func TestExtractOfMarkdown(t *testing.T) {
	const page = "# Limit\n\n```go\nlimit.Allow(2)\n```\n\nThat is all.\n"
	for name, test := range map[string]struct {
		text, code, want string
		whole            bool
	}{
		"with a fence in it": {"```markdown\n" + page + "```\n", page, "", true},
		"not closed":         {"```markdown\n" + page, page, "", true},
		"cut behind a fence": {"```markdown\n" + page, "", CodeCut, false},
		"cut in a fence":     {"```markdown\n# Limit\n\n```go\nlimit.A", "", CodeCut, false},
		"longer ticks":       {"````md\n" + page + "````\n", page, "", true},
		"and more behind it": {"```markdown\n" + page + "```\nI hope this helps!\n", page, "", false},
	} {
		t.Run(name, func(t *testing.T) {
			w := Want{Path: "docs/limit.md", Languages: []string{"md", "markdown"}, Whole: test.whole, Parses: parsesAny}
			found, err := Extract(test.text, w)
			if found.Code != test.code || fault.CodeOf(err) != test.want {
				t.Errorf("got %q, %v", found.Code, err)
			}
		})
	}
}

func TestExtractReturnsAStretchOfTheReply(t *testing.T) {
	piece := rapid.SampledFrom([]string{"```go\n", "```\n", "````\n", "~~~\n", "text\n", "\n", allow, broken, "// other.go\n", "**limiter.go**\n", "```", "x"})
	rapid.Check(t, func(t *rapid.T) {
		text := strings.Join(rapid.SliceOfN(piece, 0, 12).Draw(t, "pieces"), "")
		w := forGo()
		w.Whole = rapid.Bool().Draw(t, "whole")
		found, err := Extract(text, w)
		if err == nil && (!w.Defines(found.Code) || !strings.Contains(text+"\n", found.Code)) {
			t.Fatalf("%q is no stretch of %q", found.Code, text)
		}
		if (err == nil) == (found.Code == "") {
			t.Fatalf("code %q, fault %v", found.Code, err)
		}
	})
}

func TestExtractIsBounded(t *testing.T) {
	tries := 0
	w := Want{Path: "a.go", Whole: true, Parses: func(string) bool { tries++; return false }}
	for _, text := range []string{strings.Repeat("```\nx\n", 5000), strings.Repeat("a\n\n", 5000)} {
		tries = 0
		_, _ = Extract(text, w)
		if tries > triesMax {
			t.Errorf("%d tries", tries)
		}
	}
}

func FuzzExtract(f *testing.F) {
	for _, seed := range []string{fenced("go", allow), "```", "~~~\n```\n", "**a.go**\n```go:b.go path=c.go\n", "// x.go\n```\n"} {
		f.Add(seed, true)
	}
	f.Fuzz(func(t *testing.T, text string, whole bool) {
		w := Want{Path: "a.go", Languages: []string{"go"}, Whole: whole, Parses: parsesAny}
		found, err := Extract(text, w)
		if err == nil && strings.TrimSpace(found.Code) == "" {
			t.Errorf("white space taken for code in %q", text)
		}
	})
}
