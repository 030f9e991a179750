package deploytest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
)

const manifestPath = "k8s/bitactor-deployment.yaml"

// cluster is what the manifests hold, as Kubernetes' own types.
type cluster struct {
	namespaces   []corev1.Namespace
	accounts     []corev1.ServiceAccount
	configs      []corev1.ConfigMap
	services     []corev1.Service
	statefulSets []appsv1.StatefulSet
	deployments  []appsv1.Deployment
	scalers      []autoscalingv2.HorizontalPodAutoscaler
	budgets      []policyv1.PodDisruptionBudget
	policies     []networkingv1.NetworkPolicy
}

// documents returns the objects of a manifest as JSON, by place.
func documents(t *testing.T, text string) [][]byte {
	t.Helper()
	var docs [][]byte
	for d := yaml.NewDecoder(strings.NewReader(text)); ; {
		var v any
		if err := d.Decode(&v); errors.Is(err, io.EOF) {
			return docs
		} else if err != nil {
			t.Fatal(err)
		}
		doc, err := json.Marshal(v)
		must(t, err)
		docs = append(docs, doc)
	}
}

// add decodes an object into list; a field that its type does not have fails.
func add[T any](t *testing.T, list *[]T, doc []byte) {
	t.Helper()
	var v T
	d := json.NewDecoder(bytes.NewReader(doc))
	d.DisallowUnknownFields()
	if err := d.Decode(&v); err != nil {
		t.Errorf("%s: %v", reflect.TypeFor[T](), err)
	}
	*list = append(*list, v)
}

func readCluster(t *testing.T, text string) *cluster {
	t.Helper()
	c := &cluster{}
	for _, doc := range documents(t, text) {
		var head metav1.TypeMeta
		must(t, json.Unmarshal(doc, &head))
		switch head.APIVersion + " " + head.Kind {
		case "v1 Namespace":
			add(t, &c.namespaces, doc)
		case "v1 ServiceAccount":
			add(t, &c.accounts, doc)
		case "v1 ConfigMap":
			add(t, &c.configs, doc)
		case "v1 Service":
			add(t, &c.services, doc)
		case "apps/v1 StatefulSet":
			add(t, &c.statefulSets, doc)
		case "apps/v1 Deployment":
			add(t, &c.deployments, doc)
		case "autoscaling/v2 HorizontalPodAutoscaler":
			add(t, &c.scalers, doc)
		case "policy/v1 PodDisruptionBudget":
			add(t, &c.budgets, doc)
		case "networking.k8s.io/v1 NetworkPolicy":
			add(t, &c.policies, doc)
		default:
			t.Errorf("nobody here knows %s %s", head.APIVersion, head.Kind)
		}
	}
	return c
}

// workload is what makes pods.
type workload struct {
	name     string
	selector *metav1.LabelSelector
	pod      corev1.PodTemplateSpec
}

func (c *cluster) workloads() []workload {
	var list []workload
	for _, s := range c.statefulSets {
		list = append(list, workload{s.Name, s.Spec.Selector, s.Spec.Template})
	}
	for _, d := range c.deployments {
		list = append(list, workload{d.Name, d.Spec.Selector, d.Spec.Template})
	}
	return list
}

// selected returns the names of the workloads whose pods carry the labels.
func (c *cluster) selected(selector map[string]string) []string {
	var found []string
	for _, w := range c.workloads() {
		if labels.SelectorFromSet(selector).Matches(labels.Set(w.pod.Labels)) {
			found = append(found, w.name)
		}
	}
	slices.Sort(found)
	return found
}

func manifests(t *testing.T) *cluster { t.Helper(); return readCluster(t, whole(t)[manifestPath]) }

// TestPodsAreRestricted asks the library that Kubernetes' own admission uses.
func TestPodsAreRestricted(t *testing.T) {
	evaluator, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	must(t, err)
	level := api.LevelVersion{Level: api.LevelRestricted, Version: api.LatestVersion()}
	c := manifests(t)
	for _, w := range c.workloads() {
		if r := policy.AggregateCheckResults(evaluator.EvaluatePod(level, &w.pod.ObjectMeta, &w.pod.Spec)); !r.Allowed {
			t.Errorf("%s: %s: %s", w.name, r.ForbiddenReason(), r.ForbiddenDetail())
		}
	}
	for _, kind := range []string{"enforce", "audit", "warn"} {
		if got := c.namespaces[0].Labels["pod-security.kubernetes.io/"+kind]; got != "restricted" {
			t.Errorf("the namespace's level to %s is %q", kind, got)
		}
	}
}

// TestSelectorsLeadToPods wants every selector to hit what it is meant for.
func TestSelectorsLeadToPods(t *testing.T) {
	c := manifests(t)
	for _, w := range c.workloads() {
		if got := c.selected(w.selector.MatchLabels); !slices.Equal(got, []string{w.name}) {
			t.Errorf("the selector of %s hits the pods of %v", w.name, got)
		}
	}
	want := map[string][]string{
		"bitactor-voter-headless": {"bitactor-voter"}, "bitactor": {"bitactor-gateway-blue"},
		"bitactor-gateway-blue": {"bitactor-gateway-blue"}, "bitactor-gateway-green": {"bitactor-gateway-green"},
	}
	for _, s := range c.services {
		if got := c.selected(s.Spec.Selector); !slices.Equal(got, want[s.Name]) {
			t.Errorf("Service %s leads to %v, not %v", s.Name, got, want[s.Name])
		}
		delete(want, s.Name)
	}
	if len(want) > 0 {
		t.Errorf("no Service %v", slices.Sorted(maps.Keys(want)))
	}
	for _, b := range c.budgets {
		if got := c.selected(b.Spec.Selector.MatchLabels); !slices.Equal(got, []string{b.Name}) || b.Spec.MaxUnavailable.IntValue() != 1 {
			t.Errorf("the budget %s is for %v", b.Name, got)
		}
	}
	if len(c.budgets) != len(c.workloads()) {
		t.Errorf("%d budgets for %d workloads", len(c.budgets), len(c.workloads()))
	}
	for _, p := range c.policies {
		if got := c.selected(p.Spec.PodSelector.MatchLabels); len(got) == 0 {
			t.Errorf("the policy %s is for no pod", p.Name)
		}
	}
}

// TestImageIsThatOfThePods wants the image to be made of its own stages, and to run
// as the user, and with the data folder, that the pods have.
func TestImageIsThatOfThePods(t *testing.T) {
	text := whole(t)["docker/Dockerfile.bitactor"]
	stages := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^FROM \S+ AS (\S+)$`).FindAllStringSubmatch(text, -1) {
		stages[m[1]] = true
	}
	copied := regexp.MustCompile(`(?m)^COPY --from=(\S+) `).FindAllStringSubmatch(text, -1)
	if len(copied) == 0 {
		t.Error("nothing is copied from a stage")
	}
	for _, m := range copied {
		if !stages[m[1]] {
			t.Errorf("%s is no stage", m[1])
		}
	}
	users := regexp.MustCompile(`(?m)^USER (\d+):(\d+)$`).FindAllStringSubmatch(text, -1)
	c := manifests(t)
	for _, w := range c.workloads() {
		context := w.pod.Spec.SecurityContext
		if want := fmt.Sprintf("%d:%d", *context.RunAsUser, *context.RunAsGroup); len(users) != 1 || users[0][1]+":"+users[0][2] != want {
			t.Errorf("the image runs as %v, and %s as %s", users, w.name, want)
		}
	}
	if folder := c.configs[0].Data["BITACTOR_DATA_DIR"]; !strings.Contains(text, "BITACTOR_DATA_DIR="+folder+"\n") || !strings.Contains(text, " "+folder+"\n") {
		t.Errorf("the image has no folder %s", folder)
	}
}

// TestPortsAreThoseOfTheSystem compares names and numbers with the defaults of the
// environment and with what the image says that it listens on.
func TestPortsAreThoseOfTheSystem(t *testing.T) {
	p := whole(t)
	c := readCluster(t, p[manifestPath])
	ports := map[string]int32{"http": 9568, "dist": 9100}
	for variable, port := range map[string]string{"BITACTOR_HTTP_PORT": "9568", "BITACTOR_DIST_PORT": "9100"} {
		if c.configs[0].Data[variable] != port || !regexp.MustCompile(variable+`",[^,]*, "`+port).MatchString(p["bitactor_otp/lib/bitactor/environment.ex"]) {
			t.Errorf("%s is not %s everywhere", variable, port)
		}
	}
	if !strings.Contains(p["docker/Dockerfile.bitactor"], "\nEXPOSE 9568 9100\n") {
		t.Error("the image exposes other ports")
	}
	for _, w := range c.workloads() {
		for _, port := range w.pod.Spec.Containers[0].Ports {
			if ports[port.Name] != port.ContainerPort {
				t.Errorf("%s: port %s is %d", w.name, port.Name, port.ContainerPort)
			}
		}
	}
	for _, s := range c.services {
		for _, port := range s.Spec.Ports {
			if ports[port.Name] != port.Port || port.TargetPort.StrVal != port.Name {
				t.Errorf("Service %s: port %s is %d to %s", s.Name, port.Name, port.Port, port.TargetPort.String())
			}
		}
	}
}

// TestProbesAskRoutes wants each probe's path to be a route of the health block,
// and liveness to ask nothing else than readiness does not.
func TestProbesAskRoutes(t *testing.T) {
	block, err := catalogue(t).Block("health")
	must(t, err)
	routes := map[string]bool{}
	for _, r := range block.Routes {
		routes[r.Method+" "+r.Path] = true
	}
	for _, w := range manifests(t).workloads() {
		c := w.pod.Spec.Containers[0]
		for kind, probe := range map[string]*corev1.Probe{"/startupz": c.StartupProbe, "/livez": c.LivenessProbe, "/readyz": c.ReadinessProbe} {
			if probe == nil || probe.HTTPGet == nil || probe.HTTPGet.Path != kind || probe.HTTPGet.Port.StrVal != "http" {
				t.Errorf("%s: the probe of %s is %+v", w.name, kind, probe)
			} else if !routes["GET "+probe.HTTPGet.Path] {
				t.Errorf("%s: no route %s in the block health", w.name, probe.HTTPGet.Path)
			}
		}
	}
}

// TestAutoscalersOwnTheStatelessTier keeps them from the voters.
func TestAutoscalersOwnTheStatelessTier(t *testing.T) {
	c := manifests(t)
	deployments := map[string]appsv1.Deployment{}
	for _, d := range c.deployments {
		deployments[d.Name] = d
	}
	for _, s := range c.scalers {
		target := s.Spec.ScaleTargetRef
		d, ok := deployments[target.Name]
		if target.Kind != "Deployment" || target.APIVersion != "apps/v1" || !ok || d.Spec.Replicas != nil {
			t.Errorf("%s scales %s %s, replicas %v", s.Name, target.Kind, target.Name, d.Spec.Replicas)
		}
		delete(deployments, target.Name)
		if s.Spec.Behavior == nil || *s.Spec.Behavior.ScaleDown.StabilizationWindowSeconds < 60 || *s.Spec.MinReplicas < 2 {
			t.Errorf("%s scales down at once, or to one", s.Name)
		}
	}
	if len(deployments) > 0 {
		t.Errorf("not scaled: %v", slices.Sorted(maps.Keys(deployments)))
	}
	if v := c.statefulSets[0].Spec; *v.Replicas != 3 || v.PodManagementPolicy != appsv1.ParallelPodManagement {
		t.Errorf("voters: %d, %s", *v.Replicas, v.PodManagementPolicy)
	}
}

// TestAutoscalerMetricsAreServed wants what an autoscaler asks for to be in the
// adapter's configuration.
func TestAutoscalerMetricsAreServed(t *testing.T) {
	p := whole(t)
	for _, s := range readCluster(t, p[manifestPath]).scalers {
		var asked []string
		for _, m := range s.Spec.Metrics {
			switch {
			case m.Pods != nil:
				asked = append(asked, m.Pods.Metric.Name)
			case m.External != nil:
				asked = append(asked, m.External.Metric.Name)
			}
		}
		if len(asked) != 2 {
			t.Errorf("%s asks for %v", s.Name, asked)
		}
		for _, name := range asked {
			if !strings.Contains(p["monitoring/prometheus-adapter/config.yaml"], "as: "+name+"\n") {
				t.Errorf("%s asks for %s, which the adapter does not serve", s.Name, name)
			}
		}
	}
}

// TestGraceOutlastsTheDrain compares the pods' grace period with what the preStop
// hook and the node's own stop may take.
func TestGraceOutlastsTheDrain(t *testing.T) {
	p := whole(t)
	shutdown := regexp.MustCompile(`(?m)^-shutdown_time (\d+)$`).FindStringSubmatch(p["bitactor_otp/rel/vm.args.eex"])
	if shutdown == nil || shutdown[1] != "30000" {
		t.Fatalf("the release's -shutdown_time is %v; the grace periods were chosen for 30000", shutdown)
	}
	drain := regexp.MustCompile(`(?s)drain_delay_ms: ([\d_]+).*drain_timeout_ms: ([\d_]+)`).FindStringSubmatch(p["bitactor_otp/config/config.exs"])
	if drain == nil || milliseconds(t, drain[1])+milliseconds(t, drain[2]) >= 30_000 {
		t.Errorf("the drain is %q, and the release waits 30 s for it", drain)
	}
	for _, w := range readCluster(t, p[manifestPath]).workloads() {
		hook := w.pod.Spec.Containers[0].Lifecycle.PreStop.Exec.Command
		seconds := int64(5)
		if w.name == "bitactor-voter" {
			seconds = 600
			if want := "BitActor.Consensus.await_safe_to_stop(600_000)"; hook[len(hook)-1] != want {
				t.Errorf("the voters' guard is %v, not %s", hook, want)
			}
			if !strings.Contains(p["bitactor_otp/lib/bitactor/consensus.ex"], "def await_safe_to_stop(") {
				t.Error("BitActor.Consensus has no await_safe_to_stop")
			}
		} else if !slices.Equal(hook, []string{"/bin/sleep", "5"}) {
			t.Errorf("%s: %v", w.name, hook)
		}
		if grace := *w.pod.Spec.TerminationGracePeriodSeconds; grace < seconds+30 {
			t.Errorf("%s: a grace of %d s is shorter than %d s of preStop and 30 s of stopping", w.name, grace, seconds)
		}
	}
}

// milliseconds reads a number as Elixir writes it.
func milliseconds(t *testing.T, text string) int {
	t.Helper()
	n, err := strconv.Atoi(strings.ReplaceAll(text, "_", ""))
	must(t, err)
	return n
}

// TestVariablesAreThoseOfTheRelease wants every BITACTOR_ variable of the pods to
// be one that the release reads, and what the ConfigMap names as files mounted.
func TestVariablesAreThoseOfTheRelease(t *testing.T) {
	p := whole(t)
	known := p["bitactor_otp/lib/bitactor/environment.ex"] + p["bitactor_otp/rel/env.sh.eex"]
	c := readCluster(t, p[manifestPath])
	names := slices.Collect(maps.Keys(c.configs[0].Data))
	for _, w := range c.workloads() {
		container := w.pod.Spec.Containers[0]
		for _, e := range container.Env {
			if strings.HasPrefix(e.Name, "BITACTOR_") {
				names = append(names, e.Name)
			}
		}
		for name, value := range c.configs[0].Data {
			mounted := slices.ContainsFunc(container.VolumeMounts, func(m corev1.VolumeMount) bool {
				return value == m.MountPath || strings.HasPrefix(value, m.MountPath+"/")
			})
			if strings.HasPrefix(value, "/") && !mounted {
				t.Errorf("%s: nothing is mounted at %s, which is %s", w.name, value, name)
			}
		}
	}
	for _, name := range names {
		if !regexp.MustCompile(`\b` + name + `\b`).MatchString(known) {
			t.Errorf("the release reads no %s", name)
		}
	}
	var voters []string
	for i := range 3 {
		voters = append(voters, "bitactor@bitactor-voter-"+string(rune('0'+i))+".bitactor-voter-headless.bitactor.svc.cluster.local")
	}
	for _, name := range []string{"BITACTOR_VOTERS", "BITACTOR_PEERS"} {
		if got := c.configs[0].Data[name]; got != strings.Join(voters, ",") {
			t.Errorf("%s is %s", name, got)
		}
	}
}

// TestNetworkIsClosed wants the pods' only ways in to be distribution to voters,
// the scrape, and clients to gateways.
func TestNetworkIsClosed(t *testing.T) {
	ways := map[string]bool{}
	for _, p := range manifests(t).policies {
		for _, rule := range p.Spec.Ingress {
			if len(rule.From) == 0 || len(rule.Ports) == 0 {
				t.Errorf("%s lets everybody in, or to every port", p.Name)
			}
			for _, port := range rule.Ports {
				ways[p.Name+" "+port.Port.String()] = true
			}
		}
		for _, rule := range p.Spec.Egress {
			if len(rule.To) == 0 || len(rule.Ports) == 0 {
				t.Errorf("%s lets everything out, or to every port", p.Name)
			}
		}
		if p.Name == "default-deny" && (len(p.Spec.PodSelector.MatchLabels) > 0 || len(p.Spec.PolicyTypes) != 2 || len(p.Spec.Ingress)+len(p.Spec.Egress) > 0) {
			t.Errorf("default-deny denies less than all: %+v", p.Spec)
		}
	}
	if got := slices.Sorted(maps.Keys(ways)); !slices.Equal(got, []string{"bitactor-clients http", "bitactor-dist-voter dist", "bitactor-scrape http"}) {
		t.Errorf("ways in: %v", got)
	}
}
