package kubernetes_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
	"pgregory.net/rapid"

	"github.com/bitactor/cf/check/kubernetes"
	"github.com/bitactor/cf/check/source/sourcetest"
)

// forbidden returns the checks of level "restricted" that Kubernetes' own
// library, in the version of go.mod, fails a pod in.
func forbidden(pod *corev1.Pod) []string {
	overridden := map[policy.CheckID]bool{}
	for _, c := range policy.DefaultChecks() {
		if c.Level == api.LevelRestricted {
			for _, id := range c.Versions[len(c.Versions)-1].OverrideCheckIDs {
				overridden[id] = true
			}
		}
	}
	ids := []string{}
	for _, c := range policy.DefaultChecks() {
		if newest := c.Versions[len(c.Versions)-1]; !overridden[c.ID] && !newest.CheckPod(&pod.ObjectMeta, &pod.Spec).Allowed {
			ids = append(ids, string(c.ID))
		}
	}
	slices.Sort(ids)
	return ids
}

// maybe draws nil or a pointer to one of values.
func maybe[T any](t *rapid.T, label string, values ...T) *T {
	i := rapid.IntRange(-1, len(values)-1).Draw(t, label)
	if i < 0 {
		return nil
	}
	return &values[i]
}

func drawContext(t *rapid.T) *corev1.SecurityContext {
	if rapid.Bool().Draw(t, "no context") {
		return nil
	}
	c := &corev1.SecurityContext{
		Privileged: maybe(t, "privileged", true, false), RunAsNonRoot: maybe(t, "nonroot", true, false), RunAsUser: maybe(t, "user", int64(0), int64(7)),
		AllowPrivilegeEscalation: maybe(t, "escalation", true, false), ProcMount: maybe(t, "proc", corev1.DefaultProcMount, corev1.UnmaskedProcMount),
		SeccompProfile:  maybe(t, "seccomp", corev1.SeccompProfile{Type: "RuntimeDefault"}, corev1.SeccompProfile{Type: "Unconfined"}),
		AppArmorProfile: maybe(t, "apparmor", corev1.AppArmorProfile{Type: "RuntimeDefault"}, corev1.AppArmorProfile{Type: "Unconfined"}),
		SELinuxOptions:  maybe(t, "selinux", corev1.SELinuxOptions{Type: "container_t"}, corev1.SELinuxOptions{Type: "spc_t"}, corev1.SELinuxOptions{User: "x"}, corev1.SELinuxOptions{Role: "x"}),
		Capabilities: maybe(t, "capabilities", corev1.Capabilities{Drop: []corev1.Capability{"ALL"}}, corev1.Capabilities{Drop: []corev1.Capability{"KILL"}},
			corev1.Capabilities{Drop: []corev1.Capability{"KILL", "ALL"}, Add: []corev1.Capability{"NET_BIND_SERVICE"}}, corev1.Capabilities{Drop: []corev1.Capability{"ALL"}, Add: []corev1.Capability{"SYS_ADMIN"}}),
	}
	if h := maybe(t, "hostprocess", true, false); h != nil {
		c.WindowsOptions = &corev1.WindowsSecurityContextOptions{HostProcess: h}
	}
	return c
}

func drawContainer(t *rapid.T) corev1.Container {
	c := corev1.Container{Name: "c" + rapid.StringMatching(`[a-z]{4}`).Draw(t, "name"), Image: "a:1", SecurityContext: drawContext(t)}
	if p := maybe(t, "port", int32(0), int32(80)); p != nil {
		c.Ports = []corev1.ContainerPort{{ContainerPort: 1, HostPort: *p}}
	}
	handler := func(label string) *corev1.Probe {
		host := maybe(t, label, "", "example.org")
		if host == nil {
			return nil
		}
		return &corev1.Probe{ProbeHandler: corev1.ProbeHandler{TCPSocket: &corev1.TCPSocketAction{Host: *host}}}
	}
	c.LivenessProbe, c.StartupProbe = handler("liveness"), handler("startup")
	if host := maybe(t, "stop", "", "example.org"); host != nil {
		c.Lifecycle = &corev1.Lifecycle{PreStop: &corev1.LifecycleHandler{HTTPGet: &corev1.HTTPGetAction{Host: *host}}}
	}
	return c
}

func drawPod(t *rapid.T) *corev1.Pod {
	p := &corev1.Pod{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"}}
	if a := maybe(t, "annotation", "", "runtime/default", "localhost/x", "unconfined"); a != nil {
		p.Annotations = map[string]string{"container.apparmor.security.beta.kubernetes.io/c": *a}
	}
	s := &p.Spec
	s.HostNetwork, s.HostPID, s.HostIPC = rapid.Bool().Draw(t, "network"), rapid.Bool().Draw(t, "pid"), rapid.Bool().Draw(t, "ipc")
	s.HostUsers = maybe(t, "users", true, false)
	s.OS = maybe(t, "os", corev1.PodOS{Name: "linux"}, corev1.PodOS{Name: "windows"})
	if c := drawContext(t); c != nil {
		s.SecurityContext = &corev1.PodSecurityContext{
			RunAsNonRoot: c.RunAsNonRoot, RunAsUser: c.RunAsUser, SeccompProfile: c.SeccompProfile, AppArmorProfile: c.AppArmorProfile,
			SELinuxOptions: c.SELinuxOptions, WindowsOptions: c.WindowsOptions,
		}
		if name := maybe(t, "sysctl", "net.ipv4.tcp_rmem", "kernel.msgmax"); name != nil {
			s.SecurityContext.Sysctls = []corev1.Sysctl{{Name: *name, Value: "1"}}
		}
	}
	for range rapid.IntRange(0, 2).Draw(t, "init") {
		s.InitContainers = append(s.InitContainers, drawContainer(t))
	}
	for range rapid.IntRange(1, 2).Draw(t, "containers") {
		s.Containers = append(s.Containers, drawContainer(t))
	}
	if v := maybe(t, "volume", corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}, corev1.VolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: "/"}},
		corev1.VolumeSource{NFS: &corev1.NFSVolumeSource{}}, corev1.VolumeSource{}); v != nil {
		s.Volumes = []corev1.Volume{{Name: "v", VolumeSource: *v}}
	}
	return p
}

// TestPodSecurityIsKubernetesOwn holds the pod checks against Kubernetes' own
// library: both forbid a pod by the same checks.
func TestPodSecurityIsKubernetesOwn(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		pod := drawPod(rt)
		text, err := json.Marshal(pod)
		if err != nil {
			rt.Fatal(err)
		}
		out := sourcetest.Check(t, kubernetes.New(), map[string]string{"pod.json": `{"apiVersion": "v1", "kind": "List", "items": [` + string(text) + "]}"})
		got := []string{}
		for _, d := range out.Diagnostics {
			if id, ok := strings.CutPrefix(d.Code, "pod-security/"); ok && !slices.Contains(got, id) {
				got = append(got, id)
			}
			if d.Code == "unknown-field" || d.Code == "wrong-type" {
				rt.Fatalf("%s: %s\n%s", d.Code, d.Message, text)
			}
		}
		slices.Sort(got)
		if diff := cmp.Diff(forbidden(pod), got); diff != "" {
			rt.Fatalf("Kubernetes' checks (-) and ours (+) differ:\n%s\n%s", diff, text)
		}
	})
}
