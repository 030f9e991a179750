package scaffold

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/bitactor/cf/scaffold/planted"
	"github.com/bitactor/cf/templates"
)

// blameless are the generated files without a planted bug, and why.
var blameless = map[string]string{
	"test/integration/test_helper.exs": "loads what its tests share: without it none of them runs",
	"test/performance/test_helper.exs": "loads what its tests share: without it none of them runs",
}

// plantedBugs reads all lists, and renders the whole system that they are for.
func plantedBugs(t *testing.T) ([]planted.Bug, map[string]File, *Catalogue) {
	t.Helper()
	c, err := Load(templates.FS)
	if err != nil {
		t.Fatal(err)
	}
	rendered, err := c.Render(Input{Blocks: c.All(ProfileOTP), Profile: ProfileOTP})
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]File{}
	for _, f := range rendered {
		files[f.Path] = f
	}
	bugs, err := planted.Read("testdata/planted")
	if err != nil {
		t.Fatal(err)
	}
	return bugs, files, c
}

// A list that names text which is not there, or tests that are not there, would
// plant nothing and catch nothing.
func TestPlantedBugsFit(t *testing.T) {
	bugs, files, c := plantedBugs(t)
	tests := testsOf(t, "deploytest")
	for _, b := range bugs {
		f, ok := files[b.File]
		if !ok {
			t.Errorf("%s: no block renders %s", b.Name, b.File)
			continue
		}
		if n := strings.Count(string(f.Content), b.Replace); n != 1 || b.Replace == b.With {
			t.Errorf("%s: %s: %q occurs %d times", b.Name, b.File, b.Replace, n)
		}
		if owner, _ := c.Owner(b.File); b.Block != "" && owner.ID != b.Block {
			t.Errorf("%s: %s belongs to block %s, not %s", b.Name, b.File, owner.ID, b.Block)
		}
		if len(b.CaughtBy) == 0 {
			t.Errorf("%s: nothing is named that finds it", b.Name)
		}
		for _, test := range b.Of(planted.Suite) {
			if !slices.ContainsFunc(slices.Collect(maps.Keys(files)), within(suite(test))) {
				t.Errorf("%s: no block renders the test %s", b.Name, test)
			}
		}
		for _, test := range b.Of(planted.Test) {
			if function, _, _ := strings.Cut(test, "/"); !slices.Contains(tests, function) {
				t.Errorf("%s: deploytest has no %s", b.Name, test)
			}
		}
		if len(b.Of(planted.Suite, planted.Command)) > 0 && len(b.Of(planted.Test, planted.Checker)) > 0 {
			t.Errorf("%s: found by the project and from outside: two bugs", b.Name)
		}
	}
}

// TestEveryFileHasAPlantedBug: a file that no bug can be planted in and found is
// one that nothing looks at. A test of the generated project has to find one.
func TestEveryFileHasAPlantedBug(t *testing.T) {
	bugs, files, _ := plantedBugs(t)
	for name := range files {
		found := slices.ContainsFunc(bugs, func(b planted.Bug) bool {
			return b.File == name || strings.HasSuffix(name, "_test.exs") &&
				slices.ContainsFunc(b.Of(planted.Suite), func(test string) bool { return within(suite(test))(name) })
		})
		if why, exempt := blameless[name]; exempt == found {
			t.Errorf("%s: a bug is planted in it: %v; exempt: %q", name, found, why)
		}
	}
	for name := range blameless {
		if _, ok := files[name]; !ok {
			t.Errorf("%s is exempt, and no block renders it", name)
		}
	}
}

// suite returns the path in the project of a test that is named from bitactor_otp.
func suite(test string) string { return filepath.ToSlash(filepath.Join("bitactor_otp", test)) }

// within tells of a path whether it is name or lies below it.
func within(name string) func(string) bool {
	return func(path string) bool { return path == name || strings.HasPrefix(path, name+"/") }
}

// testsOf returns the test functions of a package.
func testsOf(t *testing.T, folder string) []string {
	t.Helper()
	sources, err := filepath.Glob(filepath.Join(folder, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, source := range sources {
		text, err := os.ReadFile(source)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range testFunc.FindAllSubmatch(text, -1) {
			names = append(names, string(m[1]))
		}
	}
	return names
}
