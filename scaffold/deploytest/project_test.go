// Package deploytest holds the blocks that bring a system into production against
// the tools that read their files, and against the blocks that they speak of:
// container image, Kubernetes, pipeline, monitoring, scaling and documents.
//
// It has no code of its own: a rule that a template must keep is a test here.
package deploytest

import (
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/bitactor/cf/check"
	"github.com/bitactor/cf/check/data"
	"github.com/bitactor/cf/check/docker"
	"github.com/bitactor/cf/check/kubernetes"
	"github.com/bitactor/cf/check/markdown"
	"github.com/bitactor/cf/check/prometheus"
	"github.com/bitactor/cf/check/source/sourcetest"
	"github.com/bitactor/cf/check/workflow"
	"github.com/bitactor/cf/scaffold"
)

// deployBlocks are the blocks whose files are looked at here.
var deployBlocks = []string{"architecture", "ci", "deployment", "docker", "kubernetes", "monitoring", "operations", "runbook", "scaling"}

// project is a rendered project: paths and texts.
type project map[string]string

// render returns the project with the blocks ids and all that they need, with the
// planted bug that the tests of this process are to find, if any.
func render(t testing.TB, profile string, ids ...string) project {
	t.Helper()
	c := catalogue(t)
	ids, err := c.Closure(ids...)
	must(t, err)
	files, err := c.Render(scaffold.Input{Blocks: ids, Profile: profile})
	must(t, err)
	p := project{}
	for _, f := range files {
		p[f.Path] = string(f.Content)
	}
	if bug := toFind(t); bug != nil && p[bug.File] != "" {
		p[bug.File] = bug.Into(p[bug.File])
	}
	return p
}

// whole is the project with every block.
func whole(t testing.TB) project {
	t.Helper()
	return render(t, scaffold.ProfileOTP, catalogue(t).All(scaffold.ProfileOTP)...)
}

func catalogue(t testing.TB) *scaffold.Catalogue {
	t.Helper()
	c, err := scaffold.Own()
	must(t, err)
	return c
}

// of returns the files that belong to the blocks looked at here.
func (p project) of(t testing.TB) project {
	t.Helper()
	c, own := catalogue(t), project{}
	for name, text := range p {
		if b, ok := c.Owner(name); ok && slices.Contains(deployBlocks, b.ID) {
			own[name] = text
		}
	}
	return own
}

// write lays the project out in a new folder, scripts executable.
func (p project) write(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range p {
		full := filepath.Join(dir, filepath.FromSlash(name))
		must(t, os.MkdirAll(filepath.Dir(full), 0o755))
		mode := os.FileMode(0o644)
		if strings.HasPrefix(text, "#!") {
			mode = 0o755
		}
		must(t, os.WriteFile(full, []byte(text), mode))
	}
	return dir
}

// run runs a program in dir and returns what it printed, and whether it ended well.
func run(t testing.TB, dir string, environ []string, program string, args ...string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), environ...)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// need skips the test where a program is missing, unless CF_TEST_REQUIRE says that
// nothing may be skipped.
func need(t testing.TB, program, debian string) {
	t.Helper()
	if _, err := exec.LookPath(program); err == nil {
		return
	}
	if os.Getenv("CF_TEST_REQUIRE") == "1" {
		t.Fatalf("CF_TEST_REQUIRE is set and %s is missing: install the package %s", program, debian)
	}
	t.Skipf("%s is missing: install the package %s", program, debian)
}

// checkers are those of cf that know the files of these blocks.
func checkers() []check.Checker {
	return append(data.New(), docker.New(), kubernetes.New(), markdown.New(), prometheus.New(), workflow.New())
}

// judge fails the test for each finding of a checker in p. Every file of a
// project is there for links and copies to lead to.
func judge(t testing.TB, p, own project) {
	t.Helper()
	for _, c := range checkers() {
		var changed []string
		for name, text := range own {
			if c.Match(name, []byte(text[:min(len(text), 512)])) {
				changed = append(changed, name)
			}
		}
		if len(changed) == 0 {
			continue
		}
		slices.Sort(changed)
		out := sourcetest.Check(t, c, p, changed...)
		if len(out.Diagnostics)+len(out.Gaps) > 0 {
			t.Errorf("%s: %s", c.Name(), sourcetest.Render(out))
		}
	}
}

// TestCheckersFindNothing looks at the blocks with all others, in both profiles,
// and each alone with what it needs.
func TestCheckersFindNothing(t *testing.T) {
	for _, profile := range scaffold.Profiles() {
		p := render(t, profile, catalogue(t).All(profile)...)
		judge(t, p, p.of(t))
		for _, id := range deployBlocks {
			p := render(t, profile, id)
			judge(t, p, p.of(t))
		}
	}
}

// TestAnySubsetIsClean looks at the blocks beside some of the others.
func TestAnySubsetIsClean(t *testing.T) {
	all := catalogue(t).All(scaffold.ProfileOTP)
	for seed := range uint64(8) {
		r := rand.New(rand.NewPCG(seed, 7))
		ids := slices.Clone(all)
		r.Shuffle(len(ids), func(i, j int) { ids[i], ids[j] = ids[j], ids[i] })
		p := render(t, scaffold.ProfileOTP, ids[:1+r.IntN(len(ids))]...)
		judge(t, p, p.of(t))
	}
}

// TestNothingOfTheTemplateIsLeft would see a delimiter in a file that block.yaml
// does not name as a template.
func TestNothingOfTheTemplateIsLeft(t *testing.T) {
	for name, text := range whole(t).of(t) {
		if strings.ContainsAny(text, "⟦⟧") {
			t.Errorf("%s holds a delimiter of templates", name)
		}
		if strings.Contains(text, "<no value>") {
			t.Errorf("%s holds a value that is not there", name)
		}
	}
}

// names returns the sorted paths of p that a pattern of path.Match fits.
func (p project) names(pattern string) []string {
	return slices.Sorted(maps.Keys(filter(p, func(name string) bool {
		ok, err := filepath.Match(pattern, name)
		return err == nil && ok
	})))
}

func filter(p project, keep func(string) bool) project {
	out := project{}
	for name, text := range p {
		if keep(name) {
			out[name] = text
		}
	}
	return out
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
