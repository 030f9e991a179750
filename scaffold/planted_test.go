package scaffold

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"github.com/bitactor/cf/templates"
)

// plantedBug is a bug to put into a generated file: the tests of the generated
// project must fail with it. The lists lie in testdata/planted.
type plantedBug struct {
	Block    string   `yaml:"block"`     // whose file it is; told by the file where it is missing
	File     string   `yaml:"file"`      // path in the generated project
	Replace  string   `yaml:"replace"`   // occurs once in the rendered file
	With     string   `yaml:"with"`      // what takes its place
	CaughtBy testList `yaml:"caught_by"` // tests, relative to bitactor_otp
	Needs    string   `yaml:"needs"`     // "ra": only the tests over three nodes find it
}

// testList is one test file or several.
type testList []string

func (l *testList) UnmarshalYAML(unmarshal func(any) error) error {
	var one string
	if unmarshal(&one) == nil {
		*l = testList{one}
		return nil
	}
	var many []string
	err := unmarshal(&many)
	*l = many
	return err
}

// wholly are the blocks whose every Elixir module has a planted bug.
var wholly = []string{"analytics", "health", "http", "metrics", "requests", "telemetry"}

// plantedBugs reads all lists, and renders the whole system that they are for.
func plantedBugs(t *testing.T) ([]plantedBug, map[string]File, *Catalogue) {
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
	lists, err := filepath.Glob("testdata/planted/*.yaml")
	if err != nil || len(lists) == 0 {
		t.Fatalf("no lists of planted bugs: %v", err)
	}
	var all []plantedBug
	for _, list := range lists {
		text, err := os.ReadFile(list)
		if err != nil {
			t.Fatal(err)
		}
		var bugs []plantedBug
		if err := yaml.UnmarshalWithOptions(text, &bugs, yaml.Strict()); err != nil {
			t.Fatalf("%s: %v", list, err)
		}
		all = append(all, bugs...)
	}
	return all, files, c
}

// A list that names text which is not there, or tests that are not there, would
// plant nothing and catch nothing.
func TestPlantedBugsFit(t *testing.T) {
	bugs, files, c := plantedBugs(t)
	bitten := map[string]bool{}
	for _, b := range bugs {
		bitten[b.File] = true
		f, ok := files[b.File]
		if !ok {
			t.Errorf("%s: no block renders it", b.File)
			continue
		}
		if n := strings.Count(string(f.Content), b.Replace); n != 1 || b.Replace == b.With {
			t.Errorf("%s: %q occurs %d times", b.File, b.Replace, n)
		}
		if owner, _ := c.Owner(b.File); b.Block != "" && owner.ID != b.Block {
			t.Errorf("%s: belongs to block %s, not %s", b.File, owner.ID, b.Block)
		}
		if len(b.CaughtBy) == 0 {
			t.Errorf("%s: no test is named", b.File)
		}
		for _, test := range b.CaughtBy {
			name := filepath.ToSlash(filepath.Join("bitactor_otp", test))
			if !holds(files, name) {
				t.Errorf("%s: no block renders the test %s", b.File, test)
			}
		}
	}
	for _, id := range wholly {
		b, err := c.Block(id)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range b.Paths() {
			if strings.HasPrefix(p, "bitactor_otp/lib/") && !bitten[p] {
				t.Errorf("%s: no bug is planted in it", p)
			}
		}
	}
}

// holds reports whether name is a file or a folder of files.
func holds(files map[string]File, name string) bool {
	for p := range files {
		if p == name || strings.HasPrefix(p, name+"/") {
			return true
		}
	}
	return false
}
