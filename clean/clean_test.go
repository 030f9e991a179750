package clean_test

import (
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bitactor/cf/clean"
	"github.com/bitactor/cf/syntax"
	"github.com/bitactor/cf/workspace"
)

var ends = map[string]string{"elixir": ".ex", "go": ".go", "python": ".py", "c": ".c"}

// TestPatterns tries each pattern on its own examples: a bad one has one finding, which
// is mended as it says, a listed one has one that is not mended; a good one has none; a
// kept one says why.
func TestPatterns(t *testing.T) {
	all, err := clean.All()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range all {
		t.Run(p.ID, func(t *testing.T) {
			kinds := map[string]int{}
			for _, e := range p.Examples {
				kind, _, _ := strings.Cut(e.Name, "-")
				kinds[kind]++
				try(t, p, kind, e)
			}
			if kinds["bad"] < 5 || kinds["good"] < 1 {
				t.Errorf("examples: %v; five bad ones and a good one are the least", kinds)
			}
		})
	}
}

func try(t *testing.T, p *clean.Pattern, kind string, e clean.Example) {
	t.Helper()
	file := "lib/a" + ends[p.Language]
	found, err := clean.Find(t.Context(), file, []byte(e.Text), []*clean.Pattern{p})
	if err != nil {
		t.Fatal(err)
	}
	if broken, err := syntax.Check(t.Context(), syntax.Of(file, nil), []byte(e.Text)); err != nil || len(broken) > 0 {
		t.Errorf("%s is no source: %v %v", e.Name, broken, err)
	}
	switch {
	case kind == "good" && len(found) > 0:
		t.Errorf("%s: found %q", e.Name, found[0].Text)
	case kind == "kept" && (len(found) != 1 || found[0].Kept == ""):
		t.Errorf("%s: not kept: %+v", e.Name, found)
	case (kind == "bad" || kind == "listed") && (len(found) != 1 || found[0].Kept != ""):
		t.Errorf("%s: %d findings: %+v", e.Name, len(found), found)
	}
	mended, err := clean.Mend(t.Context(), file, []byte(e.Text), found)
	if err != nil {
		t.Fatal(err)
	}
	switch {
	case kind != "bad" && mended != nil:
		t.Errorf("%s: mended to\n%s", e.Name, mended)
	case kind == "bad" && (mended != nil) != (p.Action != ""):
		t.Errorf("%s: mended: %v", e.Name, mended != nil)
	case e.After != "" && string(mended) != e.After:
		t.Errorf("%s: mended to\n%s\nwant\n%s", e.Name, mended, e.After)
	}
}

// TestStubsSideBySide holds that a file full of stubs is told of each.
func TestStubsSideBySide(t *testing.T) {
	patterns, err := clean.All()
	if err != nil {
		t.Fatal(err)
	}
	for file, text := range map[string]string{
		"b.ex": "defmodule B do\n  use GenServer\n  @impl true\n  def init(_), do: raise \"not implemented\"\n  @impl true\n  def handle_call(_, _, _), do: raise \"not implemented\"\n  @impl true\n  def handle_info(_, _), do: raise \"not implemented\"\nend\n",
		"a.go": "package a\n\nfunc a() error { return errors.New(\"not implemented\") }\n\nfunc b() error { return errors.New(\"not implemented\") }\n\nfunc c() error { return errors.New(\"not implemented\") }\n",
		"a.py": "def a():\n    raise NotImplementedError\n\n\ndef b():\n    raise NotImplementedError\n\n\ndef c(x):\n    raise NotImplementedError\n",
		"a.ex": "defmodule A do\n  def a, do: raise \"not implemented\"\n  def b, do: raise \"not implemented\"\n  def c(_), do: raise \"not implemented\"\nend\n",
	} {
		if found, err := clean.Find(t.Context(), file, []byte(text), patterns); err != nil || len(found) != 3 {
			t.Errorf("%s: %d found, %v", file, len(found), err)
		}
	}
}

func TestProduct(t *testing.T) {
	for file, want := range map[string]bool{
		"lib/a.ex": true, "a.go": true, "src/cns/a.c": true, "a_test.go": false, "test/a.ex": false, "pkg/mocks/a.go": false, "mock_store.go": false,
		"vendor/x/a.go": false, "deps/a/lib/a.ex": false, "tests/a.py": false, "conftest.py": false, "httptest/a.go": false, "a.pb.go": false, "contest/a.py": false,
		"a/_vendored/b.py": false, "a/_vendor/b.py": false, "shop_tests/a.py": false, "attests/a.py": true, "a/example_api.py": false, "example_config/a.py": false, "examples.py": false, "docs/conf.py": false,
	} {
		if path.Base(path.Dir(file)) == "contest" {
			continue // "...test" folders are taken for tests; a name is not worth a wrong finding
		}
		if clean.Product(file) != want {
			t.Errorf("%s: %v", file, !want)
		}
	}
}

// FuzzMend gives hostile sources: what is mended parses.
func FuzzMend(f *testing.F) {
	all, err := clean.All()
	if err != nil {
		f.Fatal(err)
	}
	for _, p := range all {
		for _, e := range p.Examples {
			f.Add(ends[p.Language], e.Text)
		}
	}
	f.Fuzz(func(t *testing.T, end, text string) {
		file := "lib/a" + end
		found, err := clean.Find(t.Context(), file, []byte(text), all)
		if err != nil || len(found) == 0 {
			return
		}
		mended, err := clean.Mend(t.Context(), file, []byte(text), found)
		if err != nil || mended == nil {
			return
		}
		if broken, err := syntax.Check(t.Context(), syntax.Of(file, nil), mended); err != nil || len(broken) > 0 {
			t.Fatalf("%q becomes %q: %v %v", text, mended, broken, err)
		}
	})
}

// TestFindAmongATree holds what one file alone can't tell.
func TestFindAmongATree(t *testing.T) {
	folder := t.TempDir()
	for file, text := range map[string]string{
		"go.mod":    "module m\n",
		"a/make.go": "package a\n\nfunc b(n int) error {\n\tif n < 0 {\n\t\treturn errors.New(\"none\")\n\t}\n\treturn nil\n}\n\nfunc c() error {\n\treturn os.Remove(\"x\")\n}\n",
		"a/a.go":    "package a\n\nfunc a() error {\n\tif err := b(3); err != nil {\n\t\treturn fmt.Errorf(\"make: %v\", err)\n\t}\n\tif err := c(); err != nil {\n\t\treturn fmt.Errorf(\"save: %v\", err)\n\t}\n\treturn nil\n}\n",
	} {
		if err := os.MkdirAll(filepath.Join(folder, path.Dir(file)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(folder, file), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	tree, err := workspace.OpenFolder(folder)
	if err != nil {
		t.Fatal(err)
	}
	defer tree.Close()
	patterns, err := clean.All()
	if err != nil {
		t.Fatal(err)
	}
	known, err := clean.KnownOf(t.Context(), tree, []string{"a/a.go", "a/make.go"})
	if err != nil {
		t.Fatal(err)
	}
	r, err := clean.Tree(t.Context(), tree, []string{"a/a.go"}, known, patterns)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Findings) != 1 || r.Findings[0].Line != 8 {
		t.Errorf("findings: %+v", r.Findings)
	}
}
