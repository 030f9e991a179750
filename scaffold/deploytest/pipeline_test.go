package deploytest

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v4"

	"github.com/bitactor/cf/scaffold"
)

const (
	workflowPath = ".github/workflows/bitactor-production.yml"
	newImage     = "registry.example.com/bitactor/bitactor@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
)

// fakeKubectl stands in for a cluster: it keeps the colour that serves in the file
// active, prints the file pods, fails in what the file broken names, and writes
// every call to the file calls.
const fakeKubectl = `#!/usr/bin/env bash
cd "$FAKE_CLUSTER"
arguments="$*"
arguments=${arguments/#--namespace bitactor /}
case $arguments in apply*--selector*) arguments="apply ${arguments##*=}" ;; apply*) arguments="apply everything" ;; esac
echo "$arguments" >>calls
if [ -s broken ] && [[ $arguments =~ $(cat broken) ]]; then
  echo "broken: $arguments" >&2
  exit 1
fi
case $arguments in
  'get service bitactor '*) cat active 2>/dev/null || true ;;
  'get deployment/'*) printf 3 ;;
  'get pods '*) cat pods ;;
  'patch service bitactor '*) [[ $arguments =~ \"(blue|green)\" ]] && printf %s "${BASH_REMATCH[1]}" >active ;;
  'port-forward '*) exec sleep 60 ;;
esac
`

// run of ci/deploy.sh against the cluster and the node that stand in.
type deployment struct {
	serves  string // the colour before; "" for no Service
	broken  string // what kubectl fails in
	unready bool   // the node's /readyz
	pods    string // of the new colour, as ci/watch.sh asks for them
	errors  bool   // Prometheus says that signals fail
}

// try runs the script and returns whether it ended well, which colour serves, and
// the calls of kubectl that change something.
func (d deployment) try(t *testing.T) (ok bool, serves string, calls []string, out string) {
	t.Helper()
	need(t, "curl", "curl")
	dir, fake := render(t, scaffold.ProfileOTP, "ci").write(t), t.TempDir()
	must(t, os.WriteFile(filepath.Join(fake, "kubectl"), []byte(fakeKubectl), 0o755))
	for name, text := range map[string]string{"broken": d.broken, "pods": d.pods} {
		must(t, os.WriteFile(filepath.Join(fake, name), []byte(text), 0o644))
	}
	if d.serves != "" {
		must(t, os.WriteFile(filepath.Join(fake, "active"), []byte(d.serves), 0o644))
	}
	var asked atomic.Int64
	node := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/readyz" && d.unready:
			w.WriteHeader(http.StatusServiceUnavailable)
		case r.URL.Path == "/metrics":
			fmt.Fprintln(w, "bitactor_ready 1")
		case strings.HasPrefix(r.URL.Path, "/api/v1/query"):
			asked.Add(1)
			result := "[]"
			if d.errors {
				result = `[{"value":[1,"0.5"]}]`
			}
			fmt.Fprintf(w, `{"status":"success","data":{"resultType":"vector","result":%s}}`, result)
		}
	}))
	defer node.Close()
	u, err := url.Parse(node.URL)
	must(t, err)
	environ := []string{
		"PATH=" + fake + ":" + os.Getenv("PATH"), "FAKE_CLUSTER=" + fake, "SMOKE_PORT=" + u.Port(), "SMOKE_SECONDS=1",
		"WATCH_SECONDS=1", "WATCH_STEP=1", "PROMETHEUS_URL=" + node.URL,
	}
	out, err = run(t, dir, environ, "ci/deploy.sh", newImage)
	active, _ := os.ReadFile(filepath.Join(fake, "active"))
	log, _ := os.ReadFile(filepath.Join(fake, "calls"))
	for line := range strings.Lines(string(log)) {
		if line = strings.TrimSpace(line); !strings.HasPrefix(line, "get ") && !strings.HasPrefix(line, "port-forward ") {
			calls = append(calls, regexp.MustCompile(` --timeout=\S+`).ReplaceAllString(line, ""))
		}
	}
	return err == nil, string(active), calls, out
}

const goodPods = "green-1 true 0\ngreen-2 true 0\n"

func patched(colour string) string {
	return `patch service bitactor --type merge --patch {"spec":{"selector":{"bitactor.example.com/colour":"` + colour + `"}}}`
}

// TestDeploy runs the script that the pipeline and the operators run.
func TestDeploy(t *testing.T) {
	voters := []string{"apply base", "apply voter", "rollout status statefulset/bitactor-voter"}
	idle := []string{"apply green", "scale deployment/bitactor-gateway-green --replicas=3", "rollout status deployment/bitactor-gateway-green"}
	back := []string{"scale deployment/bitactor-gateway-green --replicas=0", "rollout undo statefulset/bitactor-voter", "rollout status statefulset/bitactor-voter"}
	join := func(lists ...[]string) (all []string) {
		for _, l := range lists {
			all = append(all, l...)
		}
		return all
	}
	for name, c := range map[string]struct {
		deployment
		ok     bool
		serves string
		calls  []string
	}{
		"good":           {deployment{serves: "blue", pods: goodPods}, true, "green", join(voters, idle, []string{patched("green"), "scale deployment/bitactor-gateway-blue --replicas=0"})},
		"first":          {deployment{}, true, "", []string{"apply everything", "rollout status statefulset/bitactor-voter", "rollout status deployment/bitactor-gateway-blue", "scale deployment/bitactor-gateway-green --replicas=0"}},
		"voters fail":    {deployment{serves: "blue", broken: `^rollout status statefulset`}, false, "blue", join(voters, back)},
		"idle fails":     {deployment{serves: "blue", broken: `^rollout status deployment`}, false, "blue", join(voters, idle, back)},
		"smoke fails":    {deployment{serves: "blue", unready: true}, false, "blue", join(voters, idle, back)},
		"pod not ready":  {deployment{serves: "blue", pods: "green-1 false 0\n"}, false, "blue", join(voters, idle, []string{patched("green"), patched("blue")}, back)},
		"pod restarted":  {deployment{serves: "blue", pods: "green-1 true 1\n"}, false, "blue", join(voters, idle, []string{patched("green"), patched("blue")}, back)},
		"no pod":         {deployment{serves: "blue"}, false, "blue", join(voters, idle, []string{patched("green"), patched("blue")}, back)},
		"errors":         {deployment{serves: "blue", pods: goodPods, errors: true}, false, "blue", join(voters, idle, []string{patched("green"), patched("blue")}, back)},
		"unknown colour": {deployment{serves: "red"}, false, "red", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ok, serves, calls, out := c.try(t)
			if ok != c.ok || serves != c.serves || !cmp.Equal(calls, c.calls) {
				t.Errorf("ended well: %v, serves %q\n%s\n%s", ok, serves, cmp.Diff(c.calls, calls), out)
			}
		})
	}
}

// TestDeployOtherWay is the switch from green to blue.
func TestDeployOtherWay(t *testing.T) {
	if ok, serves, _, out := (deployment{serves: "green", pods: goodPods}).try(t); !ok || serves != "blue" {
		t.Errorf("ended well: %v, serves %q\n%s", ok, serves, out)
	}
}

// TestManifestsCarryTheDigest wants the image everywhere, and refuses one that can
// change under its name.
func TestManifestsCarryTheDigest(t *testing.T) {
	dir := render(t, scaffold.ProfileOTP, "ci").write(t)
	out, err := run(t, dir, nil, "ci/manifests.sh", newImage)
	must(t, err)
	c := readCluster(t, out)
	for _, w := range c.workloads() {
		if got := w.pod.Spec.Containers[0].Image; got != newImage {
			t.Errorf("%s runs %s", w.name, got)
		}
	}
	for _, image := range []string{"", "a", "a:1", "a@sha256:12", "a;b@sha256:" + strings.Repeat("0", 64), newImage + "x"} {
		if out, err := run(t, dir, nil, "ci/manifests.sh", image); err == nil {
			t.Errorf("%q is taken: %s", image, out)
		}
	}
}

// TestPartsCoverTheManifests wants what ci/deploy.sh applies part by part to be all
// of the manifests, the Service with its switch apart.
func TestPartsCoverTheManifests(t *testing.T) {
	parts := map[string][]string{}
	for _, doc := range documents(t, whole(t)[manifestPath]) {
		var object struct {
			Kind     string
			Metadata struct {
				Name   string
				Labels map[string]string
			}
		}
		must(t, yaml.Unmarshal(doc, &object))
		part := object.Metadata.Labels["bitactor.example.com/part"]
		parts[part] = append(parts[part], object.Kind+" "+object.Metadata.Name)
	}
	want := map[string][]string{
		"voter": {"StatefulSet bitactor-voter"}, "switch": {"Service bitactor"}, "base": parts["base"],
		"blue":  {"Deployment bitactor-gateway-blue", "HorizontalPodAutoscaler bitactor-gateway-blue"},
		"green": {"Deployment bitactor-gateway-green", "HorizontalPodAutoscaler bitactor-gateway-green"},
	}
	if d := cmp.Diff(want, parts); d != "" || len(parts["base"]) == 0 {
		t.Error(d)
	}
}

// TestStepsRunScriptsThatAreThere looks at every step of the workflow: scripts of
// the project exist and can be executed, actions are pinned by commit.
func TestStepsRunScriptsThatAreThere(t *testing.T) {
	script := regexp.MustCompile(`(?:^|[\s(])((?:ci|bitactor_otp/bin)/[\w.-]+)`)
	pin := regexp.MustCompile(`^[\w.-]+/[\w./-]+@[0-9a-f]{40}$`)
	p := whole(t)
	var file struct {
		Permissions map[string]string
		Jobs        map[string]struct {
			TimeoutMinutes int `yaml:"timeout-minutes"`
			Permissions    map[string]string
			Steps          []struct {
				Uses, Run string
				With      map[string]any
			}
		}
	}
	must(t, yaml.Unmarshal([]byte(p[workflowPath]), &file))
	if file.Permissions == nil || len(file.Permissions) > 0 {
		t.Errorf("the workflow has the permissions %v", file.Permissions)
	}
	used := map[string]bool{}
	for name, job := range file.Jobs {
		if job.TimeoutMinutes == 0 || len(job.Permissions) == 0 {
			t.Errorf("%s: no time limit, or no permissions of its own", name)
		}
		for _, step := range job.Steps {
			if step.Uses != "" && !pin.MatchString(step.Uses) {
				t.Errorf("%s: %s is not pinned by commit", name, step.Uses)
			}
			if strings.HasPrefix(step.Uses, "actions/checkout@") && step.With["persist-credentials"] != false {
				t.Errorf("%s: the checkout leaves its token behind", name)
			}
			for _, m := range script.FindAllStringSubmatch(step.Run, -1) {
				used[m[1]] = true
				if !strings.HasPrefix(p[m[1]], "#!") {
					t.Errorf("%s runs %s, which is no script of the project", name, m[1])
				}
			}
		}
	}
	for name, text := range p {
		caller := regexp.MustCompile(`(^|[^\w./-])` + regexp.QuoteMeta(name) + `\b`)
		if !strings.HasPrefix(name, "ci/") || used[name] {
			continue
		}
		found := false
		for other, otherText := range p {
			found = found || strings.HasPrefix(other, "ci/") && other != name && caller.MatchString(otherText)
		}
		if !found {
			t.Errorf("nobody runs %s: %.40s", name, text)
		}
	}
}

// TestScriptsAreExecutable compares the modes of the block with what its files are.
func TestScriptsAreExecutable(t *testing.T) {
	c := catalogue(t)
	files, err := c.Render(scaffold.Input{Blocks: c.All(scaffold.ProfileOTP), Profile: scaffold.ProfileOTP})
	must(t, err)
	for _, f := range files {
		if program := strings.HasPrefix(string(f.Content), "#!"); strings.HasPrefix(f.Path, "ci/") && program != (f.Mode&0o111 != 0) {
			t.Errorf("%s has the mode %o", f.Path, f.Mode)
		}
	}
}

// TestShellcheck finds nothing in the scripts.
func TestShellcheck(t *testing.T) {
	need(t, "shellcheck", "shellcheck")
	p := whole(t)
	dir := p.write(t)
	if out, err := exec.CommandContext(t.Context(), "bash", "-c", "cd "+dir+" && shellcheck ci/*.sh").CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
