package deploytest

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/bitactor/cf/check"
	"github.com/bitactor/cf/check/source/sourcetest"
	"github.com/bitactor/cf/scaffold/planted"
)

const (
	// plantedVariable names the bug that every project of the process is rendered with.
	plantedVariable = "CF_PLANTED"
	// factsVariable names a file with the facts of the project without bugs, which is
	// asked once for all of them.
	factsVariable = "CF_PLANTED_FACTS"
)

var plantedBugs = sync.OnceValues(func() ([]planted.Bug, error) { return planted.Read("../testdata/planted") })

// toFind returns the bug that the tests of this process are to find.
func toFind(t testing.TB) *planted.Bug {
	t.Helper()
	name := os.Getenv(plantedVariable)
	if name == "" {
		return nil
	}
	bugs, err := plantedBugs()
	must(t, err)
	for _, b := range bugs {
		if b.Name == name {
			return &b
		}
	}
	t.Fatalf("there is no planted bug %q", name)
	return nil
}

// TestPlantedBugsAreFound puts each planted bug that the tests and checkers outside
// of the generated project must find into it. Each test runs in a process of its own,
// as it is; each that is named must fail. The others are TestPlantedBugsAreCaught's.
func TestPlantedBugsAreFound(t *testing.T) {
	if os.Getenv(plantedVariable) != "" {
		return // one of the processes below
	}
	bugs, err := plantedBugs()
	must(t, err)
	facts := filepath.Join(t.TempDir(), "facts")
	must(t, os.WriteFile(facts, []byte(whatIs(t).text), 0o644))
	sound := whole(t)
	for _, b := range bugs {
		if len(b.Of(planted.Test, planted.Checker)) == 0 {
			continue
		}
		t.Run(b.Name+" "+filepath.Base(b.File), func(t *testing.T) {
			t.Parallel()
			for _, name := range b.Of(planted.Test) {
				environ := []string{plantedVariable + "=" + b.Name, factsVariable + "=" + facts}
				test, part, _ := strings.Cut(name, "/")
				out, err := run(t, ".", environ, os.Args[0], "-test.v", "-test.failfast", "-test.run=^"+test+"$/"+part)
				if strings.Contains(out, "--- SKIP: "+test+" ") {
					t.Skip(out) // for want of a program
				}
				if err == nil || !strings.Contains(out, "--- FAIL: "+name) {
					t.Errorf("%s does not find %q in %s\n%s", name, b.With, b.File, out)
				}
			}
			for _, name := range b.Of(planted.Checker) {
				found(t, strings.TrimPrefix(name, "cf "), sound, b)
			}
		})
	}
}

// found fails the test unless the checker finds something in the bug's file.
func found(t *testing.T, name string, sound project, b planted.Bug) {
	t.Helper()
	p := filter(sound, func(string) bool { return true })
	p[b.File] = b.Into(p[b.File])
	for _, c := range checkers() {
		if c.Name() != name {
			continue
		}
		out := sourcetest.Check(t, c, p, b.File)
		for _, d := range out.Diagnostics {
			if d.File == b.File && d.Severity != check.Note {
				return
			}
		}
		t.Errorf("cf's checker %s does not find %q in %s: %s", name, b.With, b.File, sourcetest.Render(out))
		return
	}
	t.Errorf("there is no checker %s", name)
}
