//go:build cgo

package syntax

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func mustParse(t testing.TB, path, src string) *File {
	t.Helper()
	f, err := Parse(context.Background(), Of(path, []byte(src)), []byte(src))
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return f
}

var update = flag.Bool("update", false, "rewrite the goldens in testdata")

// render writes what was found in a file, for a golden.
func render(f *File) string {
	var b strings.Builder
	for _, p := range f.Errors() {
		fmt.Fprintf(&b, "error %d:%d %s\n", p.Line, p.Column, p.Message)
	}
	for _, i := range f.Imports() {
		fmt.Fprintf(&b, "import %d %s\n", i.Line, i.Name)
	}
	for _, s := range f.Symbols() {
		exported, body := "", ""
		if s.Exported {
			exported = " exported"
		}
		if !s.BodyRange.Empty() {
			body = fmt.Sprintf(" body %d-%d", f.Line(s.BodyRange.Start), f.Line(s.BodyRange.End-1))
		}
		fmt.Fprintf(&b, "%s %s lines %d-%d name %d%s%s: %s\n", s.Kind, s.FullName(), s.StartLine, s.EndLine, s.Line, body, exported, s.Signature)
	}
	for _, name := range f.TestNames() {
		fmt.Fprintf(&b, "test name %s\n", name)
	}
	for _, s := range f.Skips() {
		fmt.Fprintf(&b, "skip %d %s\n", s.Line, s.Text)
	}
	for _, r := range f.Regions() {
		fmt.Fprintf(&b, "%s %d %s\n", r.Kind, f.Line(r.Range.Start), quoted(f.Text(r.Range)))
	}
	line := 0
	for _, r := range f.References() {
		if r.Line != line {
			fmt.Fprintf(&b, "\nuses %d", r.Line)
			line = r.Line
		}
		b.WriteString(" " + r.Name)
	}
	return b.String() + "\n"
}

// TestGolden reads every file of testdata and compares what was found.
func TestGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/*/*.*")
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]map[string]bool{"sound": {}, "broken": {}}
	for _, path := range files {
		if strings.HasSuffix(path, ".golden") {
			continue
		}
		folder := filepath.Base(filepath.Dir(path))
		t.Run(strings.TrimPrefix(path, "testdata/"), func(t *testing.T) {
			src, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			f := mustParse(t, strings.TrimSuffix(path, ".src"), string(src)) // gofmt keeps away from .src
			seen[folder][f.Language().Name()] = true
			if sound := folder == "sound"; sound != (len(f.Errors()) == 0) {
				t.Errorf("errors %v in a file that is %s", f.Errors(), folder)
			}
			got := render(f)
			golden := path + ".golden"
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("-golden +got:\n%s", diff)
			}
		})
	}
	for _, l := range Languages() {
		for folder, languages := range seen {
			if !languages[l.Name()] {
				t.Errorf("no %s file of %s", folder, l.Name())
			}
		}
	}
}
