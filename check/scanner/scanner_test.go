package scanner

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bitactor/cf/check"
	"github.com/bitactor/cf/check/checktest"
	"github.com/bitactor/cf/process"
)

// of returns the scanner called name.
func of(t *testing.T, name string) *scanner {
	t.Helper()
	for i := range scanners {
		if scanners[i].Program == name {
			return &scanners[i]
		}
	}
	t.Fatalf("no scanner %s", name)
	return nil
}

// recorded names for each scanner the version whose report over testdata/NAME/tree,
// which holds at least 5 faults, lies in testdata/NAME/report, without what is not
// read of it; the golden holds what is reported. That of npm, which asks its registry,
// was put together from its documentation.
var recorded = []struct {
	name, version string
	code          int
}{
	{"govulncheck", "1.9.0", 0},
	{"staticcheck", "2026.2.2", 1},
	{"gitleaks", "8.30.1", 0},
	{"hadolint", "2.15.1", 0},
	{"zizmor", "1.32.0", 0},
	{"npm", "9.2.0", 1},
	{"bandit", "1.9.4", 0},
	{"semgrep", "1.185.0", 0},
	{"checkov", "3.3.30", 0},
}

// tree reads testdata/NAME/tree. A token of GitHub's form stands there as TOKEN.
func tree(t *testing.T, name string) map[string]string {
	t.Helper()
	root := filepath.Join("testdata", name, "tree")
	files := map[string]string{}
	err := filepath.WalkDir(root, func(p string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(p)
		rel, _ := filepath.Rel(root, p)
		files[strings.TrimSuffix(filepath.ToSlash(rel), ".in")] = strings.ReplaceAll(string(text), "TOKEN", planted)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// says makes a program that prints a file and ends with a status.
func says(t *testing.T, name, file string, status int) checktest.Option {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return prints(t, name, string(text), "", status)
}

func prints(t *testing.T, name, stdout, stderr string, status int) checktest.Option {
	t.Helper()
	code, err := json.Marshal(status)
	if err != nil {
		t.Fatal(err)
	}
	script := "#!/bin/sh\ncat <<'END-OF-REPORT'\n" + stdout + "\nEND-OF-REPORT\ncat >&2 <<'END-OF-REPORT'\n" + stderr + "\nEND-OF-REPORT\nexit " + string(code) + "\n"
	return checktest.Path(checktest.Programs(t, map[string]string{name: script}), "/usr/bin", "/bin")
}

// TestRecordedReports holds what becomes of the reports of real scanners.
func TestRecordedReports(t *testing.T) {
	if len(recorded) != len(scanners) {
		t.Errorf("%d recordings of %d scanners", len(recorded), len(scanners))
	}
	for _, r := range recorded {
		t.Run(r.name, func(t *testing.T) {
			c := of(t, r.name)
			out := checktest.Check(t, c, tree(t, r.name), says(t, r.name, filepath.Join("testdata", r.name, "report"), r.code))
			for i := range out.Ran {
				out.Ran[i].Version = r.version
			}
			checktest.Golden(t, r.name, out)
			found := 0
			for _, d := range out.Diagnostics {
				if d.Severity != check.Note {
					found++
				}
			}
			if found < 5 {
				t.Errorf("%d findings, want the 5 that were planted", found)
			}
		})
	}
}

// TestNothingPassesByNotRunning holds that a scanner which did not do its work leaves
// a gap that blocks.
func TestNothingPassesByNotRunning(t *testing.T) {
	for i := range scanners {
		c := &scanners[i]
		files := tree(t, c.Program)
		empty := `{"version":"2.1.0","runs":[]}`
		for what, option := range map[string]checktest.Option{
			"missing":       checktest.Path("/nonexistent"),
			"silent":        prints(t, c.Program, "", "", 0),
			"another's":     prints(t, c.Program, `{"version":"2.1.0","runs":[{"tool":{"driver":{"name":"other"}},"results":[]}]}`, "", 0),
			"no run":        prints(t, c.Program, empty, "", 0),
			"bad end":       prints(t, c.Program, "", "it broke", 70),
			"not a report":  prints(t, c.Program, "all is well", "", 0),
			"killed":        checktest.Path(checktest.Programs(t, map[string]string{c.Program: "#!/bin/sh\nkill -9 $$\n"}), "/usr/bin", "/bin"),
			"cut in middle": prints(t, c.Program, `{"version":"2.1.0","runs":[{"tool":{"driver":{"na`, "", 0),
		} {
			out := checktest.Check(t, c, files, option)
			if len(out.Gaps) == 0 || !out.Gaps[0].Blocks && !c.Needed || len(out.Diagnostics) > 0 {
				t.Errorf("%s, %s: %s", c.Program, what, checktest.Render(out))
			}
		}
	}
}

// TestDataBehindTheNetwork holds the words that scanners say where they lack it.
func TestDataBehindTheNetwork(t *testing.T) {
	for name, said := range map[string]string{
		"govulncheck": `govulncheck: fetching vulnerabilities: Get "https://vuln.example/index/modules.json.gz": dial tcp: lookup vuln.example: no such host`,
		"npm":         "npm warn audit request failed, reason: getaddrinfo EAI_AGAIN\nnpm error audit endpoint returned an error",
	} {
		out := checktest.Check(t, of(t, name), tree(t, name), prints(t, name, "", said, 1))
		if len(out.Gaps) != 1 || !out.Gaps[0].Blocks || !strings.Contains(out.Gaps[0].Why, "behind the network") || out.Gaps[0].Hint == "" {
			t.Errorf("%s: %+v", name, out.Gaps)
		}
	}
}

// TestASecretIsNotShown holds that the line with a secret stays out of the report.
func TestASecretIsNotShown(t *testing.T) {
	c := of(t, "gitleaks")
	stage := checktest.Stage(t, tree(t, "gitleaks"), says(t, "gitleaks", "testdata/gitleaks/report", 0))
	out, err := check.Run(t.Context(), check.Request{Stage: stage, Checkers: []check.Checker{withoutCanaries{c}}})
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(out)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), "github-pat") || strings.Contains(string(text), planted) {
		t.Errorf("%s", text)
	}
}

// withoutCanaries is a scanner whose fake would miss them.
type withoutCanaries struct{ *scanner }

func (withoutCanaries) Canaries() []check.Canary { return nil }

// TestRealScanners lets those that are on this machine find their canaries.
func TestRealScanners(t *testing.T) {
	for i := range scanners {
		c := &scanners[i]
		if _, err := process.Look(c.Program, os.Environ()); err == nil {
			t.Run(c.Program, func(t *testing.T) { checktest.Canaries(t, c) })
		}
	}
}

func FuzzReports(f *testing.F) {
	for _, r := range recorded {
		text, err := os.ReadFile(filepath.Join("testdata", r.name, "report"))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text[:min(len(text), 4096)])
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		for i := range scanners {
			list, err := scanners[i].read(text)
			if err != nil && len(list) > 0 {
				t.Errorf("%s: findings beside %v", scanners[i].Program, err)
			}
		}
	})
}
