// Package planted reads the lists of bugs that are put into generated files, one at
// a time, to see that something finds each: a test of the generated project, a test
// of scaffold/deploytest, or a checker of cf.
//
// It must never be part of cf: tests alone import it.
package planted

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
)

// Bug is a bug to put into a generated file.
type Bug struct {
	Block    string `yaml:"block"`     // whose file it is; told by the file where it is missing
	File     string `yaml:"file"`      // path in the generated project
	Replace  string `yaml:"replace"`   // occurs once in the file, rendered with all blocks
	With     string `yaml:"with"`      // what takes its place
	CaughtBy names  `yaml:"caught_by"` // what must find it; see Kind
	Needs    string `yaml:"needs"`     // "ra": only the tests over three nodes find it

	Name string `yaml:"-"` // the list and the place in it, "core/3"
}

// Kind tells what a name of CaughtBy stands for.
type Kind int

const (
	// Suite is a test file or a folder of tests of the generated project, relative
	// to bitactor_otp. Of several, one must fail.
	Suite Kind = iota
	// Command is a call of Mix that changes nothing, "mix compile" or "mix format".
	Command
	// Test is a test function of scaffold/deploytest, or a part of one, "TestX/part".
	Test
	// Checker is a checker of cf, "cf docker": what `cf validate FILE` runs.
	Checker
)

// KindOf returns the kind of a name.
func KindOf(name string) Kind {
	switch {
	case strings.HasPrefix(name, "cf "):
		return Checker
	case strings.HasPrefix(name, "mix "):
		return Command
	case strings.HasPrefix(name, "Test"):
		return Test
	}
	return Suite
}

// Of returns those of the bug's names that are of one of the kinds.
func (b Bug) Of(kinds ...Kind) []string {
	var found []string
	for _, name := range b.CaughtBy {
		if slices.Contains(kinds, KindOf(name)) {
			found = append(found, name)
		}
	}
	return found
}

// Into returns the text with the bug. A file that is rendered for few blocks may
// not have the place.
func (b Bug) Into(text string) string { return strings.Replace(text, b.Replace, b.With, 1) }

// Read returns the bugs of the lists DIR/*.yaml, in the order of the lists' names.
func Read(dir string) ([]Bug, error) {
	lists, err := filepath.Glob(filepath.Join(dir, "*.yaml"))
	if err != nil || len(lists) == 0 {
		return nil, fmt.Errorf("no lists of planted bugs in %s: %v", dir, err)
	}
	var all []Bug
	for _, list := range lists {
		text, err := os.ReadFile(list)
		if err != nil {
			return nil, err
		}
		var bugs []Bug
		if err := yaml.UnmarshalWithOptions(text, &bugs, yaml.Strict()); err != nil {
			return nil, fmt.Errorf("%s: %w", list, err)
		}
		for i := range bugs {
			bugs[i].Name = fmt.Sprintf("%s/%d", strings.TrimSuffix(filepath.Base(list), ".yaml"), i+1)
		}
		all = append(all, bugs...)
	}
	return all, nil
}

// names is one name or several.
type names []string

// UnmarshalYAML takes a name alone for a list of one.
func (l *names) UnmarshalYAML(unmarshal func(any) error) error {
	var one string
	if unmarshal(&one) == nil {
		*l = names{one}
		return nil
	}
	var many []string
	err := unmarshal(&many)
	*l = many
	return err
}
