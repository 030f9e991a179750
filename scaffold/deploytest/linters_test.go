package deploytest

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/bitactor/cf/scaffold"
)

// long tells whether the tests run that take a minute and programs from elsewhere:
// make test-scaffold and make test-production.
func long(t *testing.T) bool {
	t.Helper()
	if os.Getenv("CF_SCAFFOLD_LONG") == "" {
		t.Log("make test-scaffold runs it")
		return false
	}
	return true
}

// linters returns the folder of the programs that judge what goes into production.
func linters(t *testing.T) string {
	t.Helper()
	for _, program := range []string{"npm", "go", "python3"} {
		need(t, program, program)
	}
	out, err := run(t, ".", nil, "../../tools/linters.sh")
	must(t, err)
	lines := strings.Split(strings.TrimSpace(out), "\n")
	return lines[len(lines)-1]
}

// lint is one of these programs: what it is called with, and a fault that it finds
// in one file, so that its silence means something.
type lint struct {
	program, profile string
	args             []string
	file             string
	replace, with    string
}

// TestLinters: the judges that reviewers of such a system would ask find nothing,
// and each finds a fault that is planted.
func TestLinters(t *testing.T) {
	if !long(t) {
		return
	}
	folder := linters(t)
	docker, pipeline := "docker/Dockerfile.bitactor", workflowPath
	for _, l := range []lint{
		{"hadolint", scaffold.ProfileOTP, []string{docker}, docker, "USER 10001:10001", "USER root"},
		{"hadolint", scaffold.ProfileHex, []string{docker}, docker, "USER 10001:10001", "USER root"},
		{"zizmor", scaffold.ProfileOTP, []string{"--offline", "--no-progress", "--persona", "pedantic", pipeline}, pipeline, "permissions: {}", "permissions: write-all"},
		{"zizmor", scaffold.ProfileHex, []string{"--offline", "--no-progress", "--persona", "pedantic", pipeline}, pipeline, "permissions: {}", "permissions: write-all"},
		{"kubernetes-validate", scaffold.ProfileOTP, []string{"--strict", "--kubernetes-version", "1.37", manifestPath}, manifestPath, "podManagementPolicy:", "podManagment:"},
		{"kube-score", scaffold.ProfileOTP, []string{"score", manifestPath}, manifestPath, "readOnlyRootFilesystem: true", "readOnlyRootFilesystem: false"},
		{"markdownlint-cli2", scaffold.ProfileOTP, []string{"docs/**/*.md"}, deploymentPath, "\n## ", "\n##"},
	} {
		t.Run(l.program+" "+l.profile, func(t *testing.T) { l.judge(t, folder) })
	}
}

func (l lint) judge(t *testing.T, folder string) {
	p := render(t, l.profile, catalogue(t).All(l.profile)...)
	// Lines are as wide as tables of ours need them.
	p[".markdownlint.json"] = `{"MD013": false}`
	program := filepath.Join(folder, l.program)
	dir := p.write(t)
	if out, err := run(t, dir, nil, program, l.args...); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	faulty := strings.Replace(p[l.file], l.replace, l.with, 1)
	if faulty == p[l.file] {
		t.Fatalf("%s has no %q to make a fault of", l.file, l.replace)
	}
	must(t, os.WriteFile(filepath.Join(dir, l.file), []byte(faulty), 0o644))
	if out, err := run(t, dir, nil, program, l.args...); err == nil {
		t.Errorf("%q is no fault to it:\n%s", l.with, out)
	}
}

// expression is what checkov's schema of workflows takes in no place, though GitHub
// does; it says nothing of a file that does not fit, so it is given another.
var expression = regexp.MustCompile(`cancel-in-progress: \$\{\{.*`)

// TestCheckov wants no failed check, and enough that passed: it passes over what it
// can't read.
func TestCheckov(t *testing.T) {
	if !long(t) {
		return
	}
	program := filepath.Join(linters(t), "checkov")
	for _, c := range []struct {
		framework, file string
		passed          int
		replace, with   string
	}{
		{"kubernetes", manifestPath, 200, "allowPrivilegeEscalation: false", "allowPrivilegeEscalation: true"},
		{"dockerfile", "docker/Dockerfile.bitactor", 80, "USER 10001:10001", "USER root"},
		{"github_actions", workflowPath, 150, "permissions: {}", "permissions: write-all"},
	} {
		t.Run(c.framework, func(t *testing.T) {
			text := whole(t)[c.file]
			if c.framework == "github_actions" {
				text = expression.ReplaceAllString(text, "cancel-in-progress: true")
			}
			if passed, failed := checkov(t, program, c.framework, c.file, text); passed < c.passed || failed > 0 {
				t.Errorf("%d checks passed, %d failed", passed, failed)
			}
			faulty := strings.Replace(text, c.replace, c.with, 1)
			if _, failed := checkov(t, program, c.framework, c.file, faulty); failed == 0 || faulty == text {
				t.Errorf("%q is no fault to it", c.with)
			}
		})
	}
}

func checkov(t *testing.T, program, framework, file, text string) (passed, failed int) {
	t.Helper()
	dir := project{file: text}.write(t)
	out, err := run(t, dir, []string{"LOG_LEVEL=ERROR"}, program, "--directory", ".", "--framework", framework,
		"--skip-download", "--quiet", "--output", "json")
	var report struct {
		Summary struct{ Passed, Failed int }
		Results struct {
			Failed []struct {
				ID string `json:"check_id"`
			} `json:"failed_checks"`
		}
	}
	if json.Unmarshal([]byte(out), &report) != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if len(report.Results.Failed) > 0 {
		t.Logf("%s: %v", file, report.Results.Failed)
	}
	return report.Summary.Passed, report.Summary.Failed
}
