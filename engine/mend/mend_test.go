package mend

import (
	"go/format"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestGo(t *testing.T) {
	for name, test := range map[string]struct {
		source, want string
		p            Package
	}{
		"nothing to do":     {"package a\n\nfunc F() {}\n", "package a\n\nfunc F() {}\n", Package{Name: "a"}},
		"does not parse":    {"package a\n\nfunc F( {}\n", "package a\n\nfunc F( {}\n", Package{Name: "a"}},
		"no package clause": {"func F() {}\n", "package a\n\nfunc F() {}\n", Package{Name: "a"}},
		"another package":   {"package main\n\nfunc F() {}\n", "package a\n\nfunc F() {}\n", Package{Name: "a"}},
		"external tests":    {"package a_test\n", "package a_test\n", Package{Name: "a"}},
		"new package":       {"package main\n", "package main\n", Package{}},
		"first import": {
			"package a\n\nfunc F() { fmt.Println() }\n",
			"package a\n\nimport \"fmt\"\n\nfunc F() { fmt.Println() }\n",
			Package{},
		},
		"two imports": {
			"package a\n\nfunc F() { fmt.Println(os.Args) }\n",
			"package a\n\nimport (\n\t\"fmt\"\n\t\"os\"\n)\n\nfunc F() { fmt.Println(os.Args) }\n",
			Package{},
		},
		"into a block": {
			"package a\n\nimport (\n\t\"os\"\n)\n\nfunc F() { fmt.Println(os.Args) }\n",
			"package a\n\nimport (\n\t\"fmt\"\n\t\"os\"\n)\n\nfunc F() { fmt.Println(os.Args) }\n",
			Package{},
		},
		"beside one": {
			"package a\n\nimport \"os\"\n\nfunc F() { fmt.Println(os.Args) }\n",
			"package a\n\nimport \"os\"\nimport \"fmt\"\n\nfunc F() { fmt.Println(os.Args) }\n",
			Package{},
		},
		"unused, one of two": {
			"package a\n\nimport (\n\t\"fmt\" // for F\n\t\"os\"\n)\n\nfunc F() { println(os.Args) }\n",
			"package a\n\nimport (\n\t\"os\"\n)\n\nfunc F() { println(os.Args) }\n",
			Package{},
		},
		"unused, the only one": {"package a\n\nimport \"fmt\"\n\nfunc F() {}\n", "package a\n\nfunc F() {}\n", Package{}},
		"unused, not standard": {"package a\n\nimport \"x.org/fmt\"\n\nfunc F() {}\n", "package a\n\nimport \"x.org/fmt\"\n\nfunc F() {}\n", Package{}},
		"for its effect":       {"package a\n\nimport _ \"time/tzdata\"\n", "package a\n\nimport _ \"time/tzdata\"\n", Package{}},
		"a local name":         {"package a\n\nfunc F(url U) { url.Path() }\n", "package a\n\nfunc F(url U) { url.Path() }\n", Package{}},
		"a name of the package": {
			"package a\n\nfunc F() { url.Path() }\n", "package a\n\nfunc F() { url.Path() }\n",
			Package{Siblings: map[string]string{"b.go": "package a\n\nvar url U\n"}},
		},
		"unknown": {"package a\n\nfunc F() { wibble.Go() }\n", "package a\n\nfunc F() { wibble.Go() }\n", Package{}},
		"as a sibling imports it": {
			"package a\n\nfunc F() { yaml.Marshal(1) }\n", "package a\n\nimport yaml \"x.org/goyaml\"\n\nfunc F() { yaml.Marshal(1) }\n",
			Package{Siblings: map[string]string{"b.go": "package a\n\nimport yaml \"x.org/goyaml\"\n"}},
		},
		"random by its member":  {"package a\n\nvar A = rand.IntN(3)\n", "package a\n\nimport \"math/rand/v2\"\n\nvar A = rand.IntN(3)\n", Package{}},
		"random, older":         {"package a\n\nvar A = rand.Intn(3)\n", "package a\n\nimport \"math/rand\"\n\nvar A = rand.Intn(3)\n", Package{}},
		"random, can't be told": {"package a\n\nvar A = rand.Int()\n", "package a\n\nvar A = rand.Int()\n", Package{}},
		"as the tests call it": {
			"package a\n\nfunc convert(n int) string {\n\tif n > 9 {\n\t\treturn convert(n - 1)\n\t}\n\treturn \"\"\n}\n",
			"package a\n\nfunc Convert(n int) string {\n\tif n > 9 {\n\t\treturn Convert(n - 1)\n\t}\n\treturn \"\"\n}\n",
			Package{Name: "a", Siblings: map[string]string{"a_test.go": "package a\n\nfunc TestC(t *testing.T) { _ = Convert(7) }\n"}},
		},
		"two could be meant": {
			"package a\n\nfunc convert() {}\nfunc con_vert() {}\n", "package a\n\nfunc convert() {}\nfunc con_vert() {}\n",
			Package{Name: "a", Siblings: map[string]string{"a_test.go": "package a\n\nfunc TestC(t *testing.T) { Convert() }\n"}},
		},
		"declared elsewhere": {
			"package a\n\nfunc convert() {}\n", "package a\n\nfunc convert() {}\n",
			Package{Name: "a", Siblings: map[string]string{"a_test.go": "package a\n\nfunc TestC(t *testing.T) { Convert() }\n", "b.go": "package a\n\nfunc Convert() {}\n"}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := Go(test.source, test.p)
			if diff := cmp.Diff(test.want, r.Source); diff != "" {
				t.Error(diff)
			}
			if (r.Source != test.source) != (len(r.Did) > 0) {
				t.Errorf("said to have done %q", r.Did)
			}
			if again := Go(r.Source, test.p); again.Source != r.Source {
				t.Errorf("mended twice: %s", again.Source)
			}
		})
	}
}

func TestUnusedNames(t *testing.T) {
	for name, test := range map[string]struct{ source, want string }{
		"defined":        {"x := f()", "_ = f()"},
		"one of two":     {"x, err := f(); g(err)", "_, err := f(); g(err)"},
		"both":           {"x, x2 := f()", "_, x2 := f()"}, // only x was named
		"declared":       {"var x int", "var _ int"},
		"with a value":   {"var x = f()", "var _ = f()"},
		"range":          {"for x := range f() {\n}", "for _ = range f() {\n}"},
		"range, value":   {"for i, x := range f() {\n\tg(i)\n}", "for i, _ := range f() {\n\tg(i)\n}"},
		"switch":         {"switch x := f().(type) {\ncase int:\n}", "switch f().(type) {\ncase int:\n}"},
		"assigned later": {"x := f()\nx = 3", "x := f()\nx = 3"},
	} {
		t.Run(name, func(t *testing.T) {
			const head = "package a\n\nfunc F() {\n"
			source := head + test.source + "\n}\n"
			at := strings.Index(source, "x")
			place := Place{strings.Count(source[:at], "\n") + 1, at - strings.LastIndexByte(source[:at], '\n')}
			if got := UnusedNames(source, []Place{place}); got.Source != head+test.want+"\n}\n" {
				t.Errorf("got %s", got.Source)
			}
		})
	}
}

// What parsed parses, and what was formatted keeps its format but for the order
// of imports.
func TestGoKeepsWhatParses(t *testing.T) {
	line := rapid.SampledFrom([]string{
		"import \"os\"\n", "import (\n\t\"fmt\"\n\t\"io\"\n)\n", "func f() { fmt.Println(os.Args) }\n", "func g() { io.EOF.Error() }\n",
		"var x = strings.ToUpper(\"a\")\n", "// a comment\n", "type t struct{}\n", "var r = rand.IntN(3)\n",
	})
	rapid.Check(t, func(t *rapid.T) {
		source := "package a\n" + strings.Join(rapid.SliceOfN(line, 0, 6).Draw(t, "lines"), "\n")
		if _, ok := parseGo(source); !ok {
			t.Skip("not a file")
		}
		r := Go(source, Package{Name: "a"})
		if _, err := format.Source([]byte(r.Source)); err != nil {
			t.Fatalf("%v in\n%s", err, r.Source)
		}
		if again := Go(r.Source, Package{Name: "a"}); again.Source != r.Source {
			t.Fatalf("mended twice:\n%s\n%s", r.Source, again.Source)
		}
	})
}

func FuzzMendGo(f *testing.F) {
	f.Add("package a\n\nimport \"os\"\n\nfunc F() { x := fmt.Sprint(); }\n", 5, 12)
	f.Add("func F() {}", 1, 1)
	f.Fuzz(func(t *testing.T, source string, line, column int) {
		_, parsed := parseGo(source)
		for _, r := range []Result{Go(source, Package{Name: "a"}), UnusedNames(source, []Place{{line, column}})} {
			if _, ok := parseGo(r.Source); parsed && !ok {
				t.Errorf("%q no longer parses: %q", source, r.Source)
			}
		}
	})
}

func TestFormatGo(t *testing.T) {
	for in, want := range map[string]string{
		"func F( ) int {\n    return 1; // one\n}":   "func F() int {\n\treturn 1 // one\n}",
		"package a\nfunc F( ){ }\n":                  "package a\n\nfunc F() {}\n",
		"func F( {":                                  "func F( {",
		"func (s *S) F( ) {\n  a:=`\n  x`\n_=a\n}\n": "func (s *S) F() {\n\ta := `\n  x`\n\t_ = a\n}\n",
	} {
		if got := FormatGo(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}
