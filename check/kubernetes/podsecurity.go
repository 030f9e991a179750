package kubernetes

import (
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/bitactor/cf/check/data"
	"github.com/bitactor/cf/check/source"
)

// pods checks pods by the level "restricted" of the Pod Security Standards
// (kubernetes.io/docs/concepts/security/pod-security-standards), version 1.37.
// The names of the checks are those of k8s.io/pod-security-admission, which a
// test holds these against; that package stays out of the program with k8s.io/api.
type pods struct{ f *source.File }

// templates say where a kind keeps its pod: the path of what has metadata and
// spec.
var templates = map[string][]string{
	"Pod": {}, "PodTemplate": {"template"}, "Deployment": {"spec", "template"}, "ReplicaSet": {"spec", "template"}, "StatefulSet": {"spec", "template"},
	"DaemonSet": {"spec", "template"}, "ReplicationController": {"spec", "template"}, "Job": {"spec", "template"}, "CronJob": {"spec", "jobTemplate", "spec", "template"},
}

// object checks the pod that an object has, if it has one.
func (p pods) object(n *yaml.Node, kind string) {
	path, ok := templates[kind]
	if !ok {
		return
	}
	pod := get(n, path...)
	spec := get(pod, "spec")
	if spec == nil || spec.Kind != yaml.MappingNode {
		return
	}
	p.security(pod, spec)
	p.practices(n, kind, pod, spec)
}

func (p pods) forbid(n *yaml.Node, check, format string, args ...any) {
	p.f.Warn(data.NodeOffset(p.f, n), "pod-security/"+check, format, args...)
}

// containers returns every container of a pod.
func containers(spec *yaml.Node) []*yaml.Node {
	var all []*yaml.Node
	for _, list := range []string{"initContainers", "containers", "ephemeralContainers"} {
		for _, c := range items(spec, list) {
			if c.Kind == yaml.MappingNode {
				all = append(all, c)
			}
		}
	}
	return all
}

// security records what "restricted" forbids.
func (p pods) security(pod, spec *yaml.Node) {
	windows := text(spec, "os", "name") == "windows"
	ownUsers := is(spec, "false", "hostUsers")
	p.host(spec)
	p.volumes(spec)
	p.sysctls(spec)
	p.annotations(pod)
	p.context(spec, "the pod", ownUsers)
	if own := get(spec, "securityContext", "seccompProfile"); own != nil && !windows && !seccomp(own) {
		p.forbid(own, "seccompProfile_restricted", "the pod must set the seccomp profile RuntimeDefault or Localhost, whatever its containers set")
	}
	for _, c := range containers(spec) {
		who := "container " + text(c, "name")
		p.context(c, who, ownUsers)
		p.hosts(c, who)
		if !ownUsers {
			p.nonRoot(spec, c, who)
		}
		if !windows {
			p.privileges(spec, c, who)
		}
	}
}

// nonRoot wants runAsNonRoot of each container or of the pod.
func (p pods) nonRoot(spec, c *yaml.Node, who string) {
	if get(c, "securityContext", "runAsNonRoot") == nil && !is(spec, "true", "securityContext", "runAsNonRoot") {
		p.forbid(c, "runAsNonRoot", "%s or its pod must set securityContext.runAsNonRoot: true", who)
	}
}

// privileges wants what a container of Linux must set.
func (p pods) privileges(spec, c *yaml.Node, who string) {
	if !is(c, "false", "securityContext", "allowPrivilegeEscalation") {
		p.forbid(c, "allowPrivilegeEscalation", "%s must set securityContext.allowPrivilegeEscalation: false", who)
	}
	dropped := false
	for _, d := range items(c, "securityContext", "capabilities", "drop") {
		dropped = dropped || d.Value == "ALL"
	}
	if !dropped {
		p.forbid(c, "capabilities_restricted", `%s must set securityContext.capabilities.drop: ["ALL"]`, who)
	}
	for _, a := range items(c, "securityContext", "capabilities", "add") {
		if a.Value != "NET_BIND_SERVICE" {
			p.forbid(a, "capabilities_restricted", "%s must not add the capability %s", who, a.Value)
		}
	}
	switch own := get(c, "securityContext", "seccompProfile"); {
	case own != nil && !seccomp(own):
		p.forbid(own, "seccompProfile_restricted", "%s must set the seccomp profile RuntimeDefault or Localhost", who)
	case own == nil && get(spec, "securityContext", "seccompProfile") == nil:
		p.forbid(c, "seccompProfile_restricted", "%s or its pod must set securityContext.seccompProfile.type: RuntimeDefault or Localhost", who)
	}
}

func seccomp(profile *yaml.Node) bool {
	t := text(profile, "type")
	return t == "RuntimeDefault" || t == "Localhost"
}

// host forbids the namespaces of the host.
func (p pods) host(spec *yaml.Node) {
	for _, key := range []string{"hostNetwork", "hostPID", "hostIPC"} {
		if is(spec, "true", key) {
			p.forbid(get(spec, key), "hostNamespaces", "%s must not be set", key)
		}
	}
}

// volumes allows the kinds of volumes that reach nothing of the host.
func (p pods) volumes(spec *yaml.Node) {
	allowed := []string{"configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "image", "persistentVolumeClaim", "projected", "secret"}
	for _, v := range items(spec, "volumes") {
		ok := false
		for _, kind := range allowed {
			ok = ok || get(v, kind) != nil
		}
		if !ok && v.Kind == yaml.MappingNode {
			p.forbid(v, "restrictedVolumes", "volume %s is of a kind that is not allowed; allowed are %s", text(v, "name"), strings.Join(allowed, ", "))
		}
	}
}

var sysctlsAllowed = map[string]bool{
	"kernel.shm_rmid_forced": true, "net.ipv4.ip_local_port_range": true, "net.ipv4.tcp_syncookies": true, "net.ipv4.ping_group_range": true,
	"net.ipv4.ip_unprivileged_port_start": true, "net.ipv4.ip_local_reserved_ports": true, "net.ipv4.tcp_keepalive_time": true, "net.ipv4.tcp_fin_timeout": true,
	"net.ipv4.tcp_keepalive_intvl": true, "net.ipv4.tcp_keepalive_probes": true, "net.ipv4.tcp_rmem": true, "net.ipv4.tcp_wmem": true,
	"net.ipv4.tcp_slow_start_after_idle": true, "net.ipv4.tcp_notsent_lowat": true,
}

func (p pods) sysctls(spec *yaml.Node) {
	for _, s := range items(spec, "securityContext", "sysctls") {
		if n := text(s, "name"); !sysctlsAllowed[n] {
			p.forbid(s, "sysctls", "sysctl %s is not allowed", n)
		}
	}
}

// annotations checks the old way to name AppArmor profiles.
func (p pods) annotations(pod *yaml.Node) {
	notes := get(pod, "metadata", "annotations")
	if notes == nil || notes.Kind != yaml.MappingNode {
		return
	}
	for i := 0; i+1 < len(notes.Content); i += 2 {
		k, v := notes.Content[i], deref(notes.Content[i+1]).Value
		if strings.HasPrefix(k.Value, "container.apparmor.security.beta.kubernetes.io/") && v != "" && v != "runtime/default" && !strings.HasPrefix(v, "localhost/") {
			p.forbid(k, "appArmorProfile", "AppArmor profile %s is not allowed", v)
		}
	}
}

// context checks the securityContext of a pod or a container.
func (p pods) context(n *yaml.Node, who string, ownUsers bool) {
	c := get(n, "securityContext")
	if c == nil {
		return
	}
	if is(c, "true", "privileged") {
		p.forbid(get(c, "privileged"), "privileged", "%s must not be privileged", who)
	}
	if user := get(c, "runAsUser"); user != nil && integer(user, 0, 0) && !ownUsers {
		p.forbid(user, "runAsUser", "%s must not run as user 0", who)
	}
	if is(c, "false", "runAsNonRoot") && !ownUsers {
		p.forbid(get(c, "runAsNonRoot"), "runAsNonRoot", "%s must set runAsNonRoot: true", who)
	}
	if mount := text(c, "procMount"); mount != "" && mount != "Default" {
		p.forbid(get(c, "procMount"), "procMount_restricted", "%s must leave procMount at Default", who)
	}
	if is(c, "true", "windowsOptions", "hostProcess") {
		p.forbid(get(c, "windowsOptions"), "windowsHostProcess", "%s must not be a host process", who)
	}
	if a := get(c, "appArmorProfile"); a != nil {
		if t := text(a, "type"); t != "RuntimeDefault" && t != "Localhost" {
			p.forbid(a, "appArmorProfile", "AppArmor profile %s is not allowed", t)
		}
	}
	if s := get(c, "seLinuxOptions"); s != nil {
		switch t := text(s, "type"); {
		case t != "" && t != "container_t" && t != "container_init_t" && t != "container_kvm_t" && t != "container_engine_t":
			p.forbid(s, "seLinuxOptions", "SELinux type %s is not allowed", t)
		case text(s, "user") != "" || text(s, "role") != "":
			p.forbid(s, "seLinuxOptions", "SELinux user and role must not be set")
		}
	}
}

// hosts forbids ports of the host, and probes and handlers that ask other hosts.
func (p pods) hosts(c *yaml.Node, who string) {
	for _, port := range items(c, "ports") {
		if h := get(port, "hostPort"); h != nil && !integer(h, 0, 0) {
			p.forbid(h, "hostPorts", "%s must not use hostPort", who)
		}
	}
	for _, path := range [][]string{{"livenessProbe"}, {"readinessProbe"}, {"startupProbe"}, {"lifecycle", "postStart"}, {"lifecycle", "preStop"}} {
		for _, how := range []string{"httpGet", "tcpSocket"} {
			if h := get(get(c, path...), how, "host"); h != nil && h.Value != "" {
				p.forbid(h, "hostProbesAndHostLifecycle", "%s must not name a host in %s", who, strings.Join(path, "."))
			}
		}
	}
}
