package deploytest

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bitactor/cf/check/prometheus/promql"
	"github.com/bitactor/cf/scaffold"
)

const (
	architecturePath = "docs/architecture/bitactor_production.md"
	deploymentPath   = "docs/deployment/production_deployment.md"
	operationsPath   = "docs/operations/production_operations.md"
)

// documents returns those of the blocks looked at here.
func (p project) documents() project {
	return filter(p, func(name string) bool {
		return slices.Contains([]string{architecturePath, deploymentPath, operationsPath, runbookPath}, name)
	})
}

var fence = regexp.MustCompile("(?s)```sh\n(.*?)```")

// scripts returns the shell blocks of a document.
func scripts(text string) []string {
	var all []string
	for _, m := range fence.FindAllStringSubmatch(text, -1) {
		all = append(all, m[1])
	}
	return all
}

// TestRunbookHasASectionForEachAlert and none for what is no alert, whatever blocks
// there are.
func TestRunbookHasASectionForEachAlert(t *testing.T) {
	heading := regexp.MustCompile(`(?m)^## (\S+)$`)
	for _, ids := range [][]string{catalogue(t).All(scaffold.ProfileOTP), {"runbook"}, {"runbook", "consensus"}, {"runbook", "scaling"}, {"runbook", "memory", "worker"}} {
		p := render(t, scaffold.ProfileOTP, ids...)
		var sections []string
		for _, m := range heading.FindAllStringSubmatch(p[runbookPath], -1) {
			sections = append(sections, m[1])
		}
		slices.Sort(sections)
		if d := cmp.Diff(p.alerts(t), sections); d != "" {
			t.Errorf("%v: alerts and sections differ:\n%s", ids, d)
		}
	}
}

// TestRunbookSectionsAreWhole wants all six parts in each.
func TestRunbookSectionsAreWhole(t *testing.T) {
	for _, section := range strings.Split(whole(t)[runbookPath], "\n## ")[1:] {
		name, body, _ := strings.Cut(section, "\n")
		at := 0
		for _, part := range []string{"**Meaning.**", "**Impact.**", "**Check.**\n\n```sh\n", "**Act.**\n\n- ", "**Verify.**\n\n```sh\n", "**Escalate**"} {
			i := strings.Index(body[at:], part)
			if i < 0 {
				t.Errorf("%s has no %s in its place", name, part)
				break
			}
			at += i
		}
	}
}

// TestPathsExist wants each path that a document names in backquotes or in a command
// to be in the project.
func TestPathsExist(t *testing.T) {
	named := regexp.MustCompile("(?m)(?:^|[` (\"'])((?:bitactor_otp|src|test|docker|k8s|ci|monitoring|docs|\\.github)/[\\w./*-]*\\w)")
	for _, ids := range [][]string{catalogue(t).All(scaffold.ProfileOTP), {"architecture", "server"}, {"deployment"}, {"operations"}, {"runbook"}} {
		p := render(t, scaffold.ProfileOTP, ids...)
		for name, text := range p.documents() {
			for _, m := range named.FindAllStringSubmatch(text, -1) {
				if _, there := p[m[1]]; !there && len(p.names(m[1])) == 0 && !p.folder(m[1]) {
					t.Errorf("%s names %s, which %v do not have", name, m[1], ids)
				}
			}
		}
	}
}

func (p project) folder(name string) bool {
	for file := range p {
		if strings.HasPrefix(file, strings.TrimSuffix(name, "/")+"/") {
			return true
		}
	}
	return false
}

// TestNamesExist wants modules, functions, metrics, variables and alerts that the
// documents name to be there.
func TestNamesExist(t *testing.T) {
	f, p := whatIs(t), whole(t)
	metrics := map[string]bool{}
	for _, served := range f.metrics {
		for name := range served {
			metrics[name] = true
		}
	}
	for _, r := range p.rules(t) {
		metrics[r.Record] = true
	}
	functions := map[string]bool{}
	for name := range f.functions {
		functions[name[:strings.LastIndexByte(name, '/')]] = true
	}
	alerts := p.alerts(t)
	call := regexp.MustCompile(`\b(BitActor(?:\.[A-Z]\w*)*)\.([a-z]\w*[?!]?)(/\d+)?`)
	module := regexp.MustCompile(`\bBitActor(?:\.[A-Z]\w*)+`)
	metric := regexp.MustCompile(`\bbitactor(?:_|:[a-z]+_)[a-z0-9_:]+`)
	environment := regexp.MustCompile(`\bBITACTOR_\w+`)
	alert := regexp.MustCompile(`\bBitActor[A-Z]\w+`)
	for name, text := range p.documents() {
		for _, m := range call.FindAllStringSubmatch(text, -1) {
			if full := m[1] + "." + m[2]; m[3] != "" && !f.functions[full+m[3]] || !functions[full] {
				t.Errorf("%s: there is no function %s", name, m[0])
			}
		}
		for _, m := range module.FindAllString(text, -1) {
			if !f.modules[m] {
				t.Errorf("%s: there is no module %s", name, m)
			}
		}
		for _, m := range metric.FindAllString(text, -1) {
			isFile := slices.ContainsFunc(slices.Collect(maps.Keys(p)), func(file string) bool { return strings.Contains(file, m) })
			if !metrics[m] && !metrics[scrapeOnly.ReplaceAllString(m, "")] && !isFile {
				t.Errorf("%s: nothing serves %s", name, m)
			}
		}
		for _, m := range environment.FindAllString(text, -1) {
			if _, ok := f.variables[m]; !ok && !strings.Contains(p["bitactor_otp/rel/env.sh.eex"], m) {
				t.Errorf("%s: nothing reads %s", name, m)
			}
		}
		for _, m := range alert.FindAllString(text, -1) {
			if !slices.Contains(alerts, m) {
				t.Errorf("%s: there is no alert %s", name, m)
			}
		}
	}
}

// TestVariablesAreDocumented holds the table of the deployment document against
// what the release reads, defaults included.
func TestVariablesAreDocumented(t *testing.T) {
	f, row := whatIs(t), regexp.MustCompile("(?m)^\\| `(BITACTOR_\\w+)` \\| `?([^|`]*)`? \\|")
	documented := map[string]string{}
	for _, m := range row.FindAllStringSubmatch(whole(t)[deploymentPath], -1) {
		documented[m[1]] = m[2]
	}
	for name, value := range f.variables {
		got, ok := documented[name]
		words := map[string]bool{"must be set": true, "none": true, "this node alone": true}
		if !ok || value != "" && strings.TrimSpace(got) != value || value == "" && !words[strings.TrimSpace(got)] {
			t.Errorf("%s: documented as %q (%v), its default is %q", name, got, ok, value)
		}
	}
	if len(documented) != len(f.variables) {
		t.Errorf("%d variables are documented, %d are read", len(documented), len(f.variables))
	}
}

// TestCommandsExist looks at what the shell blocks call: subcommands of the release,
// objects of the manifests, PromQL, blocks of the catalogue.
func TestCommandsExist(t *testing.T) {
	p := whole(t)
	objects := map[string]bool{}
	c := readCluster(t, p[manifestPath])
	for _, s := range c.services {
		objects["service/"+s.Name] = true
	}
	for _, s := range c.statefulSets {
		objects["statefulset/"+s.Name] = true
		for i := range *s.Spec.Replicas {
			objects["pod/"+s.Name+"-"+string(rune('0'+i))] = true
		}
	}
	for _, d := range c.deployments {
		objects["deployment/"+d.Name] = true
	}
	object := regexp.MustCompile(`\b(?:service|statefulset|deployment|pod)/bitactor[\w-]*`)
	release := regexp.MustCompile(`\bbin/bitactor (\w+)`)
	query := regexp.MustCompile(`promtool query instant "\$PROMETHEUS_URL" '([^']*)'`)
	apply := regexp.MustCompile("cf scaffold apply ([a-z-]+)")
	for name, text := range p.documents() {
		for _, m := range object.FindAllString(text, -1) {
			if !objects[m] {
				t.Errorf("%s: the manifests have no %s", name, m)
			}
		}
		for _, m := range release.FindAllStringSubmatch(text, -1) {
			if !slices.Contains([]string{"start", "stop", "restart", "rpc", "remote", "eval", "pid", "version"}, m[1]) {
				t.Errorf("%s: a release has no command %s", name, m[1])
			}
		}
		for _, m := range query.FindAllStringSubmatch(text, -1) {
			if _, err := promql.Parse(m[1]); err != nil {
				t.Errorf("%s: %s: %v", name, m[1], err)
			}
		}
	}
	for _, m := range apply.FindAllStringSubmatch(render(t, scaffold.ProfileOTP, "architecture")[architecturePath], -1) {
		if _, err := catalogue(t).Block(m[1]); err != nil {
			t.Errorf("the architecture names the block %s: %v", m[1], err)
		}
	}
}

// TestShellBlocksAreClean runs shellcheck over every shell block.
func TestShellBlocksAreClean(t *testing.T) {
	need(t, "shellcheck", "shellcheck")
	dir := t.TempDir()
	var files []string
	for name, text := range whole(t).documents() {
		for i, script := range scripts(text) {
			file := strings.ReplaceAll(name, "/", "-") + "-" + string(rune('a'+i%26)) + string(rune('a'+i/26)) + ".sh"
			must(t, os.WriteFile(filepath.Join(dir, file), []byte("#!/usr/bin/env bash\n"+script), 0o644))
			files = append(files, file)
		}
	}
	slices.Sort(files)
	if len(files) < 50 {
		t.Fatalf("only %d shell blocks were found", len(files))
	}
	// 2029: what runs on the other side is meant to be expanded here or there.
	if out, err := run(t, dir, nil, "shellcheck", append([]string{"--exclude=SC2029"}, files...)...); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestExpressionsForNodesParse gives every expression that a document sends to a
// node to Elixir's parser.
func TestExpressionsForNodesParse(t *testing.T) {
	need(t, "elixir", "elixir")
	sent := regexp.MustCompile(`(?:node bitactor-voter-\d|bitactor rpc) '([^']*)'`)
	var program strings.Builder
	n := 0
	for _, text := range whole(t).documents() {
		for _, m := range sent.FindAllStringSubmatch(text, -1) {
			program.WriteString("Code.string_to_quoted!(~S'''\n" + m[1] + "\n''')\n")
			n++
		}
	}
	if n < 10 {
		t.Fatalf("only %d expressions were found", n)
	}
	file := filepath.Join(t.TempDir(), "parse.exs")
	must(t, os.WriteFile(file, []byte(program.String()), 0o644))
	if out, err := run(t, t.TempDir(), nil, "elixir", file); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestDocumentsFollowTheBlocks wants the architecture to name what is there and
// what is not, in a project that is empty and in one that is whole.
func TestDocumentsFollowTheBlocks(t *testing.T) {
	for _, c := range []struct {
		ids         []string
		has, hasNot []string
	}{
		{[]string{"architecture"}, []string{"None yet", "cf scaffold apply server"}, []string{"bitactor_otp/", "## Failures"}},
		{catalogue(t).All(scaffold.ProfileOTP), []string{"| 30 | `BitActor.Consensus` |", "## Failures", "Nothing of what the catalogue has"}, []string{"None yet", "cf scaffold apply server"}},
		{[]string{"architecture", "consensus"}, []string{"## Consistency"}, []string{"## The way of a signal"}},
	} {
		text := render(t, scaffold.ProfileOTP, c.ids...)[architecturePath]
		for _, want := range c.has {
			if !strings.Contains(text, want) {
				t.Errorf("%v: not there: %s", c.ids, want)
			}
		}
		for _, not := range c.hasNot {
			if strings.Contains(text, not) {
				t.Errorf("%v: there: %s", c.ids, not)
			}
		}
	}
}
