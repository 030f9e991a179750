package deploytest

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"

	"github.com/bitactor/cf/check/prometheus/promql"
	"github.com/bitactor/cf/scaffold"
)

const (
	rulesPattern = "monitoring/prometheus/*.rules.yml"
	testsPattern = "monitoring/prometheus/*_test.yml"
	dashboards   = "monitoring/grafana/*.json"
	runbookPath  = "docs/operations/monitoring_runbook.md"
)

// rule is a rule of Prometheus.
type rule struct {
	Alert, Record, Expr string
	Labels, Annotations map[string]string
}

func (p project) rules(t *testing.T) []rule {
	t.Helper()
	var all []rule
	for _, name := range p.names(rulesPattern) {
		var file struct {
			Groups []struct{ Rules []rule }
		}
		must(t, yaml.Unmarshal([]byte(p[name]), &file))
		for _, g := range file.Groups {
			all = append(all, g.Rules...)
		}
	}
	return all
}

// alerts returns the names of the alerts, sorted.
func (p project) alerts(t *testing.T) []string {
	t.Helper()
	var names []string
	for _, r := range p.rules(t) {
		if r.Alert != "" {
			names = append(names, r.Alert)
		}
	}
	slices.Sort(names)
	return names
}

// TestPromtool runs promtool over the rules with all blocks, and with those alone
// that the block needs.
func TestPromtool(t *testing.T) {
	need(t, "promtool", "prometheus")
	for name, p := range map[string]project{"whole": whole(t), "alone": render(t, scaffold.ProfileOTP, "monitoring")} {
		config := "monitoring/prometheus/prometheus.yml"
		// Debian's promtool is built without discovery in Kubernetes.
		p[config] = regexp.MustCompile(`(?s)    kubernetes_sd_configs:.*?(    relabel_configs:)`).ReplaceAllString(p[config], "    static_configs: [{targets: [a]}]\n$1")
		dir := p.write(t)
		for part, args := range map[string][]string{
			"rules":  append([]string{"check", "rules", "--lint=all", "--lint-fatal"}, p.names(rulesPattern)...),
			"tests":  append([]string{"test", "rules"}, p.names(testsPattern)...),
			"config": {"check", "config", config},
		} {
			t.Run(name+"/"+part, func(t *testing.T) {
				if out, err := run(t, dir, nil, "promtool", args...); err != nil {
					t.Errorf("promtool %v: %v\n%s", args, err, out)
				}
			})
		}
	}
}

// TestEveryAlertIsTested wants a unit test in which each alert fires, with its
// texts, and one in which it does not.
func TestEveryAlertIsTested(t *testing.T) {
	p := whole(t)
	fires, quiet := map[string]bool{}, map[string]bool{}
	for _, name := range p.names(testsPattern) {
		var file struct {
			Tests []struct {
				AlertRuleTest []struct {
					Alertname string `yaml:"alertname"`
					ExpAlerts []any  `yaml:"exp_alerts"`
				} `yaml:"alert_rule_test"`
			}
		}
		must(t, yaml.Unmarshal([]byte(p[name]), &file))
		for _, test := range file.Tests {
			for _, a := range test.AlertRuleTest {
				fires[a.Alertname] = fires[a.Alertname] || len(a.ExpAlerts) > 0
				quiet[a.Alertname] = quiet[a.Alertname] || len(a.ExpAlerts) == 0
			}
		}
	}
	for _, alert := range p.alerts(t) {
		if !fires[alert] || !quiet[alert] {
			t.Errorf("%s: a test fires it: %v, one does not: %v", alert, fires[alert], quiet[alert])
		}
	}
}

// TestAlertsSayWhatToDo wants severity, texts and the runbook's section of each.
func TestAlertsSayWhatToDo(t *testing.T) {
	p := whole(t)
	for _, r := range p.rules(t) {
		if r.Alert == "" {
			continue
		}
		if s := r.Labels["severity"]; s != "critical" && s != "warning" {
			t.Errorf("%s has the severity %q", r.Alert, s)
		}
		for _, name := range []string{"summary", "description", "runbook_url"} {
			if r.Annotations[name] == "" {
				t.Errorf("%s has no %s", r.Alert, name)
			}
		}
		if _, anchor, _ := strings.Cut(r.Annotations["runbook_url"], "#"); anchor != strings.ToLower(r.Alert) {
			t.Errorf("%s leads to the section %q", r.Alert, anchor)
		}
	}
}

var (
	metricWord = regexp.MustCompile(`\bbitactor[a-z0-9_:]*`)
	scrapeOnly = regexp.MustCompile(`_(bucket|sum|count)$`)
)

// TestEveryMetricIsServed wants each metric that a rule, a dashboard or the adapter
// names to be one that a block serves or a rule records; and, for projects with
// few blocks, that the blocks present suffice.
func TestEveryMetricIsServed(t *testing.T) {
	f := whatIs(t)
	for _, ids := range [][]string{catalogue(t).All(scaffold.ProfileOTP), {"monitoring"}, {"scaling"}, {"monitoring", "consensus"}, {"monitoring", "memory", "worker"}} {
		closure, err := catalogue(t).Closure(ids...)
		must(t, err)
		served := map[string]string{}
		for _, id := range closure {
			maps.Copy(served, f.metrics[id])
		}
		p := render(t, scaffold.ProfileOTP, ids...)
		for _, r := range p.rules(t) {
			served[r.Record] = "record"
		}
		for where, expr := range p.expressions(t) {
			for _, name := range metricWord.FindAllString(expr, -1) {
				base := scrapeOnly.ReplaceAllString(name, "")
				if served[name] == "" && served[base] != "histogram" || served[name] == "histogram" {
					t.Errorf("%s: nothing in %v serves %s", where, ids, name)
				}
			}
		}
	}
}

// expressions returns every expression of rules, dashboards and adapter, without
// the texts of its labels, by where it stands.
func (p project) expressions(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, r := range p.rules(t) {
		all["rule "+r.Alert+r.Record] = r.Expr
	}
	for _, name := range p.names(dashboards) {
		for _, panel := range readDashboard(t, p[name]).Panels {
			for _, target := range panel.Targets {
				all[name+" "+panel.Title+" "+target.RefID] = target.Expr
			}
		}
		for _, v := range readDashboard(t, p[name]).Templating.List {
			if v.Type == "query" {
				all[name+" $"+v.Name] = v.Query
			}
		}
	}
	adapter := regexp.MustCompile(`seriesQuery: (.*)`).FindAllStringSubmatch(p["monitoring/prometheus-adapter/config.yaml"], -1)
	for _, m := range adapter {
		all["adapter "+m[1]] = m[1]
	}
	quoted := regexp.MustCompile(`"[^"]*"`)
	for where, expr := range all {
		all[where] = quoted.ReplaceAllString(expr, `""`)
	}
	return all
}

// dashboard is what the rules of grafana/dashboard-linter look at.
type dashboard struct {
	UID, Title string
	Editable   *bool
	Panels     []struct {
		ID                       int
		Type, Title, Description string
		Datasource               struct{ UID string }
		FieldConfig              struct{ Defaults struct{ Unit string } }
		Targets                  []struct {
			RefID, Expr string
			Datasource  struct{ UID string }
		}
	}
	Templating struct {
		List []variable
	}
}

type variable struct {
	Name, Label, Type, Query, AllValue string
	IncludeAll, Multi                  bool
	Refresh                            int
	Datasource                         struct{ UID string }
}

func readDashboard(t *testing.T, text string) dashboard {
	t.Helper()
	var d dashboard
	must(t, json.Unmarshal([]byte(text), &d))
	return d
}

// TestDashboards keeps the rules of grafana/dashboard-linter (docs/rules of its
// repository), which can't be built as a module.
func TestDashboards(t *testing.T) {
	uids := map[string]bool{}
	for _, ids := range [][]string{catalogue(t).All(scaffold.ProfileOTP), {"monitoring"}, {"monitoring", "memory"}} {
		p := render(t, scaffold.ProfileOTP, ids...)
		clear(uids)
		for _, name := range p.names(dashboards) {
			d := readDashboard(t, p[name])
			if d.UID == "" || uids[d.UID] || d.Title == "" || d.Editable == nil || *d.Editable {
				t.Errorf("%s: uid %q, title %q, editable %v", name, d.UID, d.Title, d.Editable)
			}
			uids[d.UID] = true
			for _, problem := range append(d.variables(), d.panels()...) {
				t.Errorf("%s: %s", name, problem)
			}
		}
	}
}

// variables holds the rules template-datasource, -job, -instance, -label-promql and
// -on-time-change-reload.
func (d dashboard) variables() []string {
	var problems []string
	vars := map[string]variable{}
	for _, v := range d.Templating.List {
		vars[v.Name] = v
		if v.Type == "query" && (v.Refresh != 2 || v.Datasource.UID != "${datasource}" || !strings.HasPrefix(v.Query, "label_values(")) {
			problems = append(problems, fmt.Sprintf("variable %s: %+v", v.Name, v))
		}
	}
	if v := vars["datasource"]; v.Type != "datasource" || v.Query != "prometheus" || v.Label != "Data source" {
		problems = append(problems, fmt.Sprintf("no variable for the data source: %+v", v))
	}
	for name, label := range map[string]string{"job": "Job", "instance": "Instance"} {
		if v := vars[name]; v.Label != label || !v.Multi || !v.IncludeAll || v.AllValue != ".+" {
			problems = append(problems, fmt.Sprintf("no variable %s: %+v", name, v))
		}
	}
	return problems
}

var (
	selectorForm = regexp.MustCompile(`\b(?:bitactor_[a-z0-9_]+|up)(\{[^}]*\})?`)
	ranged       = regexp.MustCompile(`\[([^\]]+)\]`)
	counterForm  = regexp.MustCompile(`(rate|increase|irate)\(bitactor_\w+_total\b|bitactor_\w+_total\b`)
)

// panels holds the rules panel-datasource, -title-description, -units, -no-targets,
// target-promql, -rate-interval, -job, -instance and -counter-agg.
func (d dashboard) panels() []string {
	var problems []string
	say := func(title, format string, args ...any) {
		problems = append(problems, title+": "+fmt.Sprintf(format, args...))
	}
	ids := map[int]bool{}
	for _, p := range d.Panels {
		if ids[p.ID] || p.ID == 0 {
			say(p.Title, "the id %d is taken", p.ID)
		}
		ids[p.ID] = true
		if p.Title == "" || p.Description == "" || p.FieldConfig.Defaults.Unit == "" || len(p.Targets) == 0 || p.Datasource.UID != "${datasource}" {
			say(p.Title, "title, description, unit, targets or data source is missing: %+v", p)
		}
		for _, target := range p.Targets {
			expr := strings.NewReplacer("$__rate_interval", "5m", "$job", "a", "$instance", "b").Replace(target.Expr)
			if _, err := promql.Parse(expr); err != nil {
				say(p.Title, "%s: %v", target.Expr, err)
			}
			for _, m := range selectorForm.FindAllStringSubmatch(target.Expr, -1) {
				if !strings.Contains(m[1], `job=~"$job"`) || !strings.Contains(m[1], `instance=~"$instance"`) {
					say(p.Title, "%s does not choose by job and instance", m[0])
				}
			}
			for _, m := range ranged.FindAllStringSubmatch(target.Expr, -1) {
				if m[1] != "$__rate_interval" {
					say(p.Title, "a range of %s", m[1])
				}
			}
			for _, m := range counterForm.FindAllStringSubmatch(target.Expr, -1) {
				if m[1] == "" {
					say(p.Title, "%s is a counter without a rate", m[0])
				}
			}
		}
	}
	return problems
}

// scrape is a job of Prometheus' configuration, as far as it says what is scraped.
type scrape struct {
	JobName   string `yaml:"job_name"`
	Discovery []struct {
		Role       string
		Namespaces struct{ Names []string }
	} `yaml:"kubernetes_sd_configs"`
	Relabel []struct {
		Source        []string `yaml:"source_labels"`
		Regex, Action string
	} `yaml:"relabel_configs"`
}

// keeps tells whether the rules with the action keep let a target through, and of
// which label one wants something else.
func (s scrape) keeps(target map[string]string) (string, bool) {
	for _, r := range s.Relabel {
		if r.Action != "keep" {
			continue
		}
		var values []string
		for _, label := range r.Source {
			values = append(values, target[label])
		}
		if !regexp.MustCompile("^(?:" + r.Regex + ")$").MatchString(strings.Join(values, ";")) {
			return strings.Join(r.Source, ";"), false
		}
	}
	return "", true
}

// TestScrapeFindsThePods wants the one job of the configuration to keep one port of
// each pod of the manifests, and the rules to ask for that job.
func TestScrapeFindsThePods(t *testing.T) {
	p := whole(t)
	var config struct {
		Jobs []scrape `yaml:"scrape_configs"`
	}
	must(t, yaml.Unmarshal([]byte(p["monitoring/prometheus/prometheus.yml"]), &config))
	if len(config.Jobs) != 1 || len(config.Jobs[0].Discovery) != 1 {
		t.Fatalf("the jobs are %+v", config.Jobs)
	}
	job, c := config.Jobs[0], manifests(t)
	if d := job.Discovery[0]; d.Role != "pod" || !slices.Equal(d.Namespaces.Names, []string{c.namespaces[0].Name}) {
		t.Errorf("the pods are looked for as %+v", d)
	}
	word := regexp.MustCompile(`\W`)
	for _, w := range c.workloads() {
		kept := map[string]int{}
		for _, port := range w.pod.Spec.Containers[0].Ports {
			target := map[string]string{"__meta_kubernetes_pod_container_port_name": port.Name, "__meta_kubernetes_pod_phase": "Running"}
			for name, value := range w.pod.Labels {
				target["__meta_kubernetes_pod_label_"+word.ReplaceAllString(name, "_")] = value
			}
			label, ok := job.keeps(target)
			kept[label]++
			if ok && port.Name != "http" {
				t.Errorf("%s: the port %s is scraped", w.name, port.Name)
			}
		}
		if kept[""] != 1 {
			t.Errorf("%s: %d ports are scraped: %v", w.name, kept[""], kept)
		}
	}
	named := regexp.MustCompile(`job="([^"]*)"`)
	asked := 0
	for _, r := range p.rules(t) {
		for _, m := range named.FindAllStringSubmatch(r.Expr, -1) {
			if asked++; m[1] != job.JobName {
				t.Errorf("%s%s asks for the job %s, which is %s", r.Alert, r.Record, m[1], job.JobName)
			}
		}
	}
	if asked == 0 {
		t.Error("no rule asks for a job")
	}
}

// TestRecordedRulesAreUsed finds a rule that nothing reads.
func TestRecordedRulesAreUsed(t *testing.T) {
	p := whole(t)
	var texts strings.Builder
	for _, expr := range p.expressions(t) {
		texts.WriteString(expr + "\n")
	}
	texts.WriteString(p["ci/watch.sh"])
	used := texts.String()
	for _, r := range p.rules(t) {
		if r.Record != "" && !regexp.MustCompile(`(^|[^a-z0-9_:])`+r.Record+`($|[^a-z0-9_:])`).MatchString(used) {
			t.Errorf("nothing reads %s", r.Record)
		}
	}
}
