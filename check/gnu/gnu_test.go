package gnu

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bitactor/cf/check"
)

// known knows the files whose names end in a letter that is no digit's.
func known(p string) (string, bool) {
	p = strings.TrimPrefix(p, "./")
	return p, strings.HasSuffix(p, ".c") || strings.HasSuffix(p, ".py") || strings.HasSuffix(p, ".ts") || strings.HasSuffix(p, ".rb")
}

func TestParse(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       []check.Diagnostic
	}{
		{"gcc", "a.c: In function 'f':\na.c:3:7: error: unused variable 'x' [-Werror=unused-variable]\n    3 |   int x;\na.c:1:1: note: declared here\ncc1: all warnings being treated as errors\n", []check.Diagnostic{
			{File: "a.c", Line: 3, Column: 7, Severity: check.Error, Code: "unused-variable", Message: "unused variable 'x'\nnote: declared here"},
		}},
		{"clang", "src/a b.c:3:7: warning: unused variable 'x' [-Wunused-variable]\n", []check.Diagnostic{
			{File: "src/a b.c", Line: 3, Column: 7, Severity: check.Warning, Code: "unused-variable", Message: "unused variable 'x'"},
		}},
		{"clang with -Werror", "a.c:3:7: error: unused variable 'x' [-Werror,-Wunused-variable]\n", []check.Diagnostic{
			{File: "a.c", Line: 3, Column: 7, Severity: check.Error, Code: "unused-variable", Message: "unused variable 'x'"},
		}},
		{"without a column", "./x.rb:12: syntax error, unexpected end\n", []check.Diagnostic{
			{File: "x.rb", Line: 12, Severity: check.Error, Code: "general", Message: "syntax error, unexpected end"},
		}},
		{"behind a tool's name", "ruby: x.rb:12: syntax error\n", []check.Diagnostic{
			{File: "x.rb", Line: 12, Severity: check.Error, Code: "general", Message: "syntax error"},
		}},
		{"tsc", "src/a.ts(3,5): error TS2322: Type 'string' is not a number.\r\n", []check.Diagnostic{
			{File: "src/a.ts", Line: 3, Column: 5, Severity: check.Error, Code: "TS2322", Message: "Type 'string' is not a number."},
		}},
		{"flake8", "a.py:1:1: F401 'os' imported but unused\n", []check.Diagnostic{
			{File: "a.py", Line: 1, Column: 1, Severity: check.Error, Code: "F401", Message: "'os' imported but unused"},
		}},
		{"python", "Traceback (most recent call last):\n  File \"a.py\", line 9, in <module>\n    f()\n  File \"b.py\", line 2, in f\n    x\n  File \"/usr/lib/x.so\", line 1, in g\nNameError: name 'x' is not defined\n", []check.Diagnostic{
			{File: "b.py", Line: 2, Severity: check.Error, Code: "traceback", Message: "NameError: name 'x' is not defined"},
		}},
		{"what only looks like it", "12:30:45: started\nhttp://localhost:80: no\nother.zig:3:4: error: unknown file\na.c:99999999999:1: error: x\n", nil},
	} {
		if diff := cmp.Diff(c.want, Parse(c.text, "general", known)); diff != "" {
			t.Errorf("%s (-want +got)\n%s", c.name, diff)
		}
	}
}

func TestAFloodIsBounded(t *testing.T) {
	if n := len(Parse(strings.Repeat("a.c:1:1: error: x\n", 3*FindingsMax), "g", known)); n != FindingsMax {
		t.Errorf("%d findings", n)
	}
}

func FuzzParse(f *testing.F) {
	f.Add("a.c:3:7: error: unused variable 'x' [-Werror=unused-variable]\n")
	f.Add("  File \"a.py\", line 9\nError\n")
	f.Add("src/a.ts(3,5): error TS2322: x")
	f.Fuzz(func(t *testing.T, text string) {
		for _, d := range Parse(text, "general", known) {
			if _, ok := known(d.File); !ok || d.Line < 0 || d.Column < 0 || d.Code == "" || d.Severity != check.Error && d.Severity != check.Warning {
				t.Fatalf("%q gave %+v", text, d)
			}
		}
	})
}
