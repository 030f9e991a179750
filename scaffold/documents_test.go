package scaffold

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/bitactor/cf/templates"
)

// TestChecksAreDocumented keeps the table of docs/scaffold.md equal to Checks.
func TestChecksAreDocumented(t *testing.T) {
	page, err := os.ReadFile("../docs/scaffold.md")
	if err != nil {
		t.Fatal(err)
	}
	var want strings.Builder
	for _, c := range Checks() {
		fmt.Fprintf(&want, "| `%s` | %s |\n", c.Name, c.Means)
	}
	_, table, _ := strings.Cut(string(page), "| name | means |\n| --- | --- |\n")
	if table != want.String() {
		t.Errorf("docs/scaffold.md ends in\n%s\nwant\n%s", table, want.String())
	}
}

var (
	shownBy  = regexp.MustCompile("`((?:[a-z_/]+)_test\\.exs|Test[A-Z]\\w*)`")
	testFunc = regexp.MustCompile(`(?m)^func (Test\w+)\(`)
)

// TestPromisesAreShownByTests: what docs/scaffold.md names as showing a promise exists.
func TestPromisesAreShownByTests(t *testing.T) {
	page, err := os.ReadFile("../docs/scaffold.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(page), "| file | promise | shown by |\n| --- | --- | --- |\n")
	table, _, _ = strings.Cut(table, "\n\n")
	known := map[string]bool{}
	err = fs.WalkDir(templates.FS, ".", func(path string, _ fs.DirEntry, err error) error {
		for name := path; name != "." && strings.HasSuffix(path, "_test.exs"); {
			known[name] = true
			_, rest, more := strings.Cut(name, "/")
			if !more {
				break
			}
			name = rest
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob("*/*_test.go")
	here, failed := filepath.Glob("*_test.go")
	if err != nil || failed != nil {
		t.Fatal(err, failed)
	}
	for _, file := range append(files, here...) {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range testFunc.FindAllSubmatch(text, -1) {
			known[string(m[1])] = true
		}
	}
	names := shownBy.FindAllStringSubmatch(table, -1)
	if len(names) < 50 {
		t.Errorf("only %d names are in the table", len(names))
	}
	for _, name := range names {
		if !known[name[1]] {
			t.Errorf("%s does not exist", name[1])
		}
	}
}
