package readiness_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bitactor/cf/check"
	"github.com/bitactor/cf/check/readiness"
)

// planted is one thing broken in the clean tree: the text old of a file becomes text,
// "" for old is the whole file, and GONE for text takes it away. It must fail the
// points of want, and no other.
type planted struct {
	name, file, old, text string
	want                  string                        // points, by spaces
	place                 string                        // that a point of want names; "" for none
	more                  func(files map[string]string) // what else is altered
	edit                  func(*readiness.Request)
}

const gone = "GONE"

// plants are the faults by their areas, at least five each.
var plants = map[string][]planted{
	"architecture": {
		{name: "finding in code", file: "shop.py", old: "Takes", text: "BAD loose\nTakes", want: "architecture.checked", place: "shop.py:1 loose"},
		{name: "broken JSON", file: "settings.json", text: "{", want: "architecture.checked", place: "settings.json:1 unexpected-end"},
		{name: "broken YAML", file: "settings.yaml", text: "a: [1\n", want: "architecture.checked", place: "settings.yaml:1 syntax"},
		{name: "broken link in a document", file: "README.md", text: "# Shop\n\n[a](nowhere.md)\n", want: "architecture.checked", place: "README.md:3 broken-link"},
		{name: "no description", file: "ARCHITECTURE.md", text: gone, want: "architecture.described"},
		{name: "empty description", file: "ARCHITECTURE.md", text: "\n \n", want: "architecture.described"},
		{name: "broken link in the description", file: "ARCHITECTURE.md", old: "One module", text: "[One](x.md) module", want: "architecture.checked architecture.described", place: "ARCHITECTURE.md:3 broken-link"},
		{name: "stub in product code", edit: open("shop.py", 9, "stub"), want: "architecture.finished", place: "shop.py:9 stub"},
		{name: "mark of work to do", edit: open("shop.py", 2, "work-left"), want: "architecture.finished", place: "shop.py:2 work-left"},
		{name: "goal without owner", file: "value.yaml", old: "    owner: us\n", text: "", want: "architecture.purpose", place: "value.yaml:3 value-field"},
		{name: "goal that serves nothing there", file: "value.yaml", old: "shop.py, ", text: "shop.py, other.py, ", want: "architecture.purpose", place: "value.yaml:10 path-missing"},
		{name: "goal without a measure", file: "value.yaml", old: "    measure: p99 of an order\n", text: "", want: "architecture.purpose", place: "value.yaml:3 value-field"},
		{name: "two goals of one name", file: "value.yaml", old: "goals:\n", text: "goals:\n  - {id: fast, goal: g, owner: us, measure: m, unit: ms, target: <= 5 ms, evidence: {report: report.json, field: /p99}, serves: [shop.py]}\n", want: "architecture.purpose", place: "value.yaml:4 duplicate-goal"},
	},
	"tests": {
		{name: "no test at all", file: "shop.py", old: " TEST takes_orders passed", text: "", more: replace("bench/load.py", " TEST load passed", ""), want: "tests.run"},
		{name: "failing test", file: "shop.py", old: "takes_orders passed", text: "takes_orders failed", want: "tests.pass", place: "takes_orders failed"},
		{name: "flaky test", file: "shop.py", old: "takes_orders passed", text: "takes_orders flaky", want: "tests.pass", place: "takes_orders flaky"},
		{name: "one of two fails", file: "bench/load.py", old: "load passed", text: "load failed", want: "tests.pass", place: "load failed"},
		{name: "mutants that live", edit: killed(6, 10), want: "tests.mutation", place: "shop.py: line 5: + became -"},
		{name: "one mutant too many", edit: killed(69, 100), want: "tests.mutation"},
		{name: "no mutant dies", edit: killed(0, 5), want: "tests.mutation"},
	},
	"security": {
		{name: "no policy", file: "SECURITY.md", text: gone, want: "security.policy"},
		{name: "empty policy", file: "SECURITY.md", text: "", want: "security.policy"},
		{name: "root", file: "k8s/shop.yaml", old: "runAsNonRoot: true", text: "runAsNonRoot: false", want: "security.pods", place: "k8s/shop.yaml:16 pod-security/runAsNonRoot"},
		{name: "more rights later", file: "k8s/shop.yaml", old: "allowPrivilegeEscalation: false", text: "allowPrivilegeEscalation: true", want: "security.pods", place: "k8s/shop.yaml:19 pod-security/allowPrivilegeEscalation"},
		{name: "the node's network", file: "k8s/shop.yaml", old: "      containers:\n", text: "      hostNetwork: true\n      containers:\n", want: "security.pods", place: "k8s/shop.yaml:18 pod-security/hostNamespaces"},
		{name: "privileged", file: "k8s/shop.yaml", old: "readOnlyRootFilesystem: true", text: "privileged: true", want: "security.pods", place: "k8s/shop.yaml:27 pod-security/privileged"},
		{name: "vulnerable module", file: "go.mod", old: "go 1.21", text: "go 1.21 // WEAK govulncheck", want: "security.govulncheck", place: "go.mod:3 weak"},
		{name: "fault in Go", file: "go.mod", old: "go 1.21", text: "go 1.21 // WEAK staticcheck", want: "security.staticcheck", place: "go.mod:3 weak"},
		{name: "secret", file: "notes.txt", text: "WEAK gitleaks\n", want: "security.gitleaks", place: "notes.txt:1 weak"},
		{name: "bad Dockerfile", file: "Dockerfile", old: "USER", text: "# WEAK hadolint\nUSER", want: "security.hadolint", place: "Dockerfile:3 weak"},
		{name: "bad workflow", file: ".github/workflows/ci.yml", old: "jobs:", text: "# WEAK zizmor\njobs:", want: "security.zizmor", place: ".github/workflows/ci.yml:3 weak"},
		{name: "vulnerable package", file: "package-lock.json", text: `{"x": "WEAK npm"}`, want: "security.npm", place: "package-lock.json:1 weak"},
		{name: "weakness in Python", file: "shop.py", old: "ORDERS =", text: "# WEAK bandit\nORDERS =", want: "security.bandit", place: "shop.py:5 weak"},
		{name: "rule of the project", file: "shop.py", old: "ORDERS =", text: "# WEAK semgrep\nORDERS =", want: "security.semgrep", place: "shop.py:5 weak"},
		{name: "bad infrastructure", file: "infra/main.tf", old: "terraform", text: "# WEAK checkov\nterraform", want: "security.checkov", place: "infra/main.tf:1 weak"},
	},
	"telemetry": {
		{name: "nothing emitted", file: "shop.py", old: "from prometheus_client", text: "from other", more: without("monitoring/shop.rules.yml"), want: "telemetry.emitted"},
		{name: "name that is not emitted", file: "monitoring/shop.rules.yml", old: "shop_orders_total", text: "shop_order_total", want: "telemetry.agrees", place: "monitoring/shop.rules.yml:5 metric-never-emitted"},
		{name: "rate of a gauge", file: "monitoring/shop.rules.yml", old: "shop_queue_length > 100", text: "rate(shop_queue_length[5m]) > 100", want: "telemetry.agrees", place: "monitoring/shop.rules.yml:9 rate-of-gauge"},
		{name: "buckets of a counter", file: "monitoring/shop.rules.yml", old: "shop_queue_length > 100", text: "histogram_quantile(0.9, rate(shop_queue_length_bucket[5m])) > 100", want: "telemetry.agrees"},
		{name: "name of no metric in a dashboard", file: "monitoring/dashboard.json", text: `{"title": "x", "panels": [{"targets": [{"expr": "sum(shop_refunds_total)"}]}]}`, want: "telemetry.agrees"},
		{name: "label without bound", file: "shop.py", old: `["kind"]`, text: `["user_id"]`, want: "telemetry.bounded", place: "shop.py:5 unbounded-label"},
		{name: "alert without a runbook", file: "monitoring/shop.rules.yml", old: "      - alert: Queue\n        expr: shop_queue_length > 100\n        for: 5m\n        annotations: {runbook_url: \"docs/operations.md#no-orders\"}\n", text: "      - alert: Queue\n        expr: shop_queue_length > 100\n        for: 5m\n", want: "telemetry.alerts"},
		{name: "runbook that is not there", file: "monitoring/shop.rules.yml", old: "5m\n        annotations: {runbook_url: \"docs/operations.md#no-orders\"}\n      - alert", text: "5m\n        annotations: {runbook_url: \"docs/other.md\"}\n      - alert", want: "telemetry.alerts"},
	},
	"operations": {
		{name: "no runbook", file: "docs/operations.md", text: gone, more: without("monitoring/shop.rules.yml"), want: "operations.runbook"},
		{name: "empty runbook", file: "docs/operations.md", text: "\n", more: without("monitoring/shop.rules.yml"), want: "operations.runbook"},
		{name: "no liveness probe", file: "k8s/shop.yaml", old: "          livenessProbe: {httpGet: {path: /livez, port: http}}\n", text: "", want: "operations.health"},
		{name: "no readiness probe", file: "k8s/shop.yaml", old: "          readinessProbe: {httpGet: {path: /readyz, port: http}}\n", text: "", want: "operations.health"},
		{name: "broken expression", file: "monitoring/shop.rules.yml", old: "[5m]) == 0", text: "[5m] == 0", want: "operations.rules", place: "monitoring/shop.rules.yml:5 promql"},
		{name: "rule without a name", file: "monitoring/shop.rules.yml", old: "  - name: shop\n    rules:", text: "  - rules:", want: "operations.rules"},
		{name: "no change log", file: "CHANGELOG.md", text: gone, want: "operations.changes"},
		{name: "empty change log", file: "CHANGELOG.md", text: "", want: "operations.changes"},
	},
	"deployment": {
		{name: "image without a version", file: "Dockerfile", old: ":3.12.3-slim", text: "", want: "deployment.image", place: "Dockerfile:1 unpinned-image"},
		{name: "instruction that is none", file: "Dockerfile", old: "USER 10001", text: "USR 10001", want: "deployment.image", place: "Dockerfile:3 unknown-instruction"},
		{name: "source that is not there", file: "Dockerfile", old: "COPY shop.py", text: "COPY stop.py", want: "deployment.image", place: "Dockerfile:2 copy-source"},
		{name: "field that is none", file: "k8s/shop.yaml", old: "  replicas: 2", text: "  replcas: 2", want: "deployment.manifests", place: "k8s/shop.yaml:7 unknown-field"},
		{name: "selector of nothing", file: "k8s/shop.yaml", old: "matchLabels: {app: shop}", text: "matchLabels: {app: other}", want: "deployment.manifests"},
		{name: "image of no version in a pod", file: "k8s/shop.yaml", old: "shop:1.0.0", text: "shop:latest", want: "deployment.manifests"},
		{name: "no pipeline", file: ".github/workflows/ci.yml", text: gone, want: "deployment.pipeline"},
		{name: "pipeline without tests", file: ".github/workflows/ci.yml", old: "python3 -m pytest", text: "echo built", want: "deployment.pipeline"},
		{name: "pipeline whose script runs no tests", file: ".github/workflows/ci.yml", old: "python3 -m pytest", text: "ci/build.sh", more: script("make all"), want: "deployment.pipeline"},
		{name: "finding in the pipeline", file: ".github/workflows/ci.yml", old: "ubuntu-latest", text: "ubuntu-latests", want: "architecture.checked deployment.pipeline"},
		{name: "version that is not fixed", file: "requirements.txt", old: "==", text: ">=", want: "deployment.locked", place: "requirements.txt:1"},
		{name: "modules without sums", file: "go.mod", old: "go 1.21\n", text: "go 1.21\n\nrequire example.org/x v1.0.0\n", want: "deployment.locked", place: "go.mod"},
		{name: "packages without a lock", file: "mix.exs", text: "defp deps, do: [{:jason, \"~> 1.4\"}]\n", want: "deployment.locked", place: "mix.exs"},
	},
	"performance": {
		{name: "target that is missed", file: "report.json", old: "3", text: "7", want: "performance.goals", place: "value.yaml:9 target-missed"},
		{name: "report that is not there", file: "report.json", text: gone, want: "performance.goals"},
		{name: "field that is not there", file: "value.yaml", old: "/p99", text: "/p50", want: "performance.goals"},
		{name: "no number", file: "report.json", old: "3", text: `"fast"`, want: "performance.goals"},
		{name: "nothing measured", file: "bench/load.py", text: gone, more: replace("value.yaml", ", bench/load.py", ""), want: "performance.measured"},
		{name: "no limits", file: "k8s/shop.yaml", old: "            limits: {cpu: 500m, memory: 64Mi}\n", text: "", want: "performance.limits"},
		{name: "no requests", file: "k8s/shop.yaml", old: "            requests: {cpu: 100m, memory: 64Mi}\n            limits: {cpu: 500m, memory: 64Mi}\n", text: "            limits: {cpu: 500m}\n", want: "performance.limits"},
	},
}

func without(file string) func(map[string]string) {
	return func(files map[string]string) { delete(files, file) }
}

// script is what a pipeline calls: it calls another one that runs the command.
func script(command string) func(map[string]string) {
	return func(files map[string]string) {
		files["ci/build.sh"] = "#!/bin/sh\nset -e\n. ./ci/run.sh\n"
		files["ci/run.sh"] = "#!/bin/sh\n" + command + "\n"
	}
}

func replace(file, old, text string) func(map[string]string) {
	return func(files map[string]string) { files[file] = strings.Replace(files[file], old, text, 1) }
}

func open(file string, line int, code string) func(*readiness.Request) {
	return func(r *readiness.Request) { r.Open = []check.Diagnostic{{File: file, Line: line, Code: code}} }
}

func killed(n, of int) func(*readiness.Request) {
	return func(r *readiness.Request) { r.Mutation.Killed, r.Mutation.Valid = n, of }
}

// broken is the clean tree with the fault.
func (p planted) broken(t *testing.T) map[string]string {
	t.Helper()
	files := shop(t)
	switch {
	case p.old != "" && !strings.Contains(files[p.file], p.old):
		t.Fatalf("%s does not hold %q", p.file, p.old)
	case p.text == gone:
		delete(files, p.file)
	case p.old != "":
		files[p.file] = strings.Replace(files[p.file], p.old, p.text, 1)
	case p.file != "":
		files[p.file] = p.text
	}
	if p.more != nil {
		p.more(files)
	}
	return files
}

// TestPlantedFaults breaks one thing of the clean tree at a time: exactly the points
// that are about it fail, and say where or why.
func TestPlantedFaults(t *testing.T) {
	cache := t.TempDir()
	for area, list := range plants {
		if len(list) < 5 {
			t.Errorf("%s: %d faults", area, len(list))
		}
		for _, p := range list {
			t.Run(area+"/"+p.name, func(t *testing.T) {
				t.Parallel()
				failed := points(card(t, p.broken(t), inputs{edit: p.edit, cache: cache}), readiness.Fail)
				if d := cmp.Diff(strings.Fields(p.want), names(failed)); d != "" {
					t.Errorf("points that fail (-want +got):\n%s\n%+v", d, failed)
				}
				placed := p.place == ""
				for id, point := range failed {
					placed = placed || slices.Contains(point.Places, p.place)
					if len(point.Places) == 0 && point.Why == "" {
						t.Errorf("%s fails without a place or a reason: %+v", id, point)
					}
				}
				if !placed {
					t.Errorf("no point names %s: %+v", p.place, failed)
				}
			})
		}
	}
}

// TestPipelineOfScripts: that tests are run by a script of the project is as good.
func TestPipelineOfScripts(t *testing.T) {
	p := planted{file: ".github/workflows/ci.yml", old: "python3 -m pytest", text: "./ci/build.sh --all", more: script("mix test \"$@\"")}
	if failed := points(card(t, p.broken(t), inputs{}), readiness.Fail); len(failed) > 0 {
		t.Errorf("points that fail: %+v", failed)
	}
}
