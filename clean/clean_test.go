package clean_test

import (
	"path"
	"strings"
	"testing"

	"github.com/bitactor/cf/clean"
	"github.com/bitactor/cf/syntax"
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

func TestProduct(t *testing.T) {
	for file, want := range map[string]bool{
		"lib/a.ex": true, "a.go": true, "src/cns/a.c": true, "a_test.go": false, "test/a.ex": false, "pkg/mocks/a.go": false, "mock_store.go": false,
		"vendor/x/a.go": false, "deps/a/lib/a.ex": false, "tests/a.py": false, "conftest.py": false, "httptest/a.go": false, "a.pb.go": false, "contest/a.py": false,
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
