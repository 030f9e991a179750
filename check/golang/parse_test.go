package golang

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestVetReportOfOlderGo(t *testing.T) {
	// Up to Go 1.25 on the error output, with lines of the build between.
	text := "# example.com/m/a\n{\n\t\"example.com/m/a\": {\n\t\t\"printf\": [\n\t\t\t{\n\t\t\t\t\"posn\": \"/r/a/a.go:5:24\",\n\t\t\t\t\"message\": \"wrong type\"\n\t\t\t}\n\t\t],\n\t\t\"buildtag\": {\n\t\t\t\"error\": \"no\"\n\t\t}\n\t}\n}\n# example.com/m/b\nvet: b/b.go:5:33: undefined: nope\n"
	found := vetReport(text)
	if len(found) != 1 || found[0].File != "/r/a/a.go" || found[0].Line != 5 || found[0].Column != 24 || found[0].Code != "printf" {
		t.Errorf("%+v", found)
	}
}

func TestOnly(t *testing.T) {
	packages := []string{"example.com/m", "example.com/m/a.b", "example.com/m/a"}
	names, pattern := only([]string{"example.com/m/a.b.TestX/sub test.1", "example.com/m.TestY", "example.com/m.TestY/z", "elsewhere.TestZ"}, packages)
	if !slices.Equal(names, []string{"example.com/m", "example.com/m/a.b"}) || pattern != "^(TestX|TestY)$" {
		t.Errorf("%q %s", names, pattern)
	}
}

func TestReplaced(t *testing.T) {
	mod := "module m\n\nreplace (\n\ta => ../a v1\n\tb => ./sub/b\n\tc => example.com/c v1.0.0\n\td => ../../outside\n\te => \"../quoted\"\n)\n"
	if diff := cmp.Diff([]string{"svc/a", "svc/one/sub/b", "outside", "svc/quoted"}, replaced("svc/one", []byte(mod))); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if got := replaced(".", []byte("replace a => ../a\n")); len(got) > 0 {
		t.Errorf("out of the root: %q", got)
	}
}

func FuzzDecodePackages(f *testing.F) {
	f.Add("{\"ImportPath\": \"m/a\", \"Dir\": \"/r/a\"}\n{\"ImportPath\": \"m/a.test\", \"DepsErrors\": [{\"Pos\": \"a.go:1:2\", \"Err\": \"x\"}, null]}")
	f.Fuzz(func(t *testing.T, text string) {
		if list := decodePackages(text); slices.Contains(list, nil) {
			t.Fatal("a package is nil")
		}
	})
}

func FuzzDecodeTests(f *testing.F) {
	f.Add("{\"Action\":\"run\",\"Package\":\"p\",\"Test\":\"TestA\"}\n{\"Action\":\"fail\",\"Package\":\"p\",\"Test\":\"TestA\"}\nnoise\n")
	f.Fuzz(func(t *testing.T, text string) {
		for _, p := range decodeTests(text) {
			if len(p.order) != len(p.tests) || p.output.Len() > outputMax+len(text) {
				t.Fatalf("%d names of %d tests", len(p.order), len(p.tests))
			}
		}
		if strings.Contains(onlyBuild(text), `"Action":"run"`) && !strings.Contains(text, "build-output") {
			t.Fatal("an event of a test passed as one of the build")
		}
	})
}

func FuzzVetReport(f *testing.F) {
	f.Add("{\n\t\"m/a\": {\n\t\t\"printf\": [\n\t\t\t{\"posn\": \"/r/a.go:5:24\", \"message\": \"x\"}\n\t\t]\n\t}\n}\n")
	f.Fuzz(func(t *testing.T, text string) {
		for _, d := range vetReport(text) {
			if d.Line < 0 || d.Column < 0 {
				t.Fatalf("%+v", d)
			}
		}
	})
}

func FuzzDecodeProfile(f *testing.F) {
	f.Add("mode: set\nexample.com/m/a.go:12.34,15.2 3 1\n")
	f.Fuzz(func(t *testing.T, text string) {
		for _, b := range decodeProfile(text) {
			if b.from < 1 || b.to < b.from || b.to-b.from > blockLinesMax {
				t.Fatalf("%+v", b)
			}
		}
	})
}

func FuzzSource(f *testing.F) {
	f.Add("package a\n\nvar   x = 1\n")
	f.Add("package a\nfunc ( {")
	f.Add("package a\n//line b.go:99\nfunc ( {")
	f.Fuzz(func(t *testing.T, text string) {
		lines := strings.Count(text, "\n") + 1
		for _, d := range append(parse("a.go", []byte(text)), unformatted("a.go", []byte(text))...) {
			if d.File != "a.go" || d.Line > lines+1 {
				t.Fatalf("%+v of %d lines", d, lines)
			}
		}
	})
}
