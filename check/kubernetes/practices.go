package kubernetes

import (
	"path"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/bitactor/cf/check/data"
)

// practices records what the API server refuses only when it runs the object,
// and what it takes and a reviewer should not.
func (p pods) practices(n *yaml.Node, kind string, pod, spec *yaml.Node) {
	if len(items(spec, "containers")) == 0 {
		p.f.Error(data.NodeOffset(p.f, spec), "no-containers", "a pod needs containers")
	}
	p.selector(n, kind, pod)
	volumes := map[string]bool{}
	for _, v := range items(spec, "volumes") {
		volumes[text(v, "name")] = true
	}
	for _, claim := range items(n, "spec", "volumeClaimTemplates") { // a StatefulSet makes volumes of these
		volumes[text(claim, "metadata", "name")] = true
	}
	names := map[string]bool{}
	for _, c := range containers(spec) {
		at := data.NodeOffset(p.f, c)
		cname := text(c, "name")
		switch {
		case cname == "":
			p.f.Error(at, "no-name", "a container needs a name")
		case names[cname]:
			p.f.Error(data.NodeOffset(p.f, get(c, "name")), "duplicate-name", "another container has the name %s", cname)
		}
		names[cname] = true
		p.image(c, cname)
		p.mounts(volumes, c, cname)
	}
	for _, c := range items(spec, "containers") {
		p.running(c, kind)
	}
}

// selector holds the labels of a pod against the selector of what makes it.
func (p pods) selector(n *yaml.Node, kind string, pod *yaml.Node) {
	if kind != "Deployment" && kind != "ReplicaSet" && kind != "StatefulSet" && kind != "DaemonSet" {
		return
	}
	selector := get(n, "spec", "selector")
	if selector == nil {
		p.f.Error(data.NodeOffset(p.f, get(n, "spec")), "no-selector", "spec.selector is required")
		return
	}
	labels := get(selector, "matchLabels")
	if labels == nil || labels.Kind != yaml.MappingNode {
		return
	}
	for i := 0; i+1 < len(labels.Content); i += 2 {
		k, v := labels.Content[i], deref(labels.Content[i+1])
		if got := text(pod, "metadata", "labels", k.Value); got != v.Value {
			p.f.Error(data.NodeOffset(p.f, k), "selector-mismatch", "the selector wants the label %s: %s, which the pod's template has not", k.Value, v.Value)
		}
	}
}

// image wants an image, and one that stays what it is.
func (p pods) image(c *yaml.Node, cname string) {
	image := text(c, "image")
	if image == "" {
		p.f.Error(data.NodeOffset(p.f, c), "no-image", "container %s needs an image", cname)
		return
	}
	if strings.Contains(image, "@") || strings.ContainsAny(image, "${}") {
		return
	}
	if _, tag, ok := strings.Cut(path.Base(image), ":"); !ok || tag == "latest" {
		p.f.Warn(data.NodeOffset(p.f, get(c, "image")), "image-latest", "image %s has no fixed tag", image)
	}
}

// mounts wants each mounted volume to be there.
func (p pods) mounts(volumes map[string]bool, c *yaml.Node, cname string) {
	for _, m := range items(c, "volumeMounts") {
		if volume := text(m, "name"); volume != "" && !volumes[volume] {
			p.f.Error(data.NodeOffset(p.f, m), "no-volume", "container %s mounts volume %s, which the pod has not", cname, volume)
		}
	}
}

// running wants limits of every container, and probes of those that serve.
func (p pods) running(c *yaml.Node, kind string) {
	if c.Kind != yaml.MappingNode {
		return
	}
	at, cname := data.NodeOffset(p.f, c), text(c, "name")
	if get(c, "resources", "limits", "memory") == nil {
		p.f.Warn(at, "no-limits", "container %s has no memory limit (resources.limits.memory)", cname)
	}
	if get(c, "resources", "requests") == nil && get(c, "resources", "limits") == nil {
		p.f.Warn(at, "no-requests", "container %s requests no resources", cname)
	}
	serves := kind == "Deployment" || kind == "StatefulSet" || kind == "DaemonSet"
	if serves && len(items(c, "ports")) > 0 {
		if get(c, "readinessProbe") == nil {
			p.f.Warn(at, "no-readiness-probe", "container %s serves and has no readinessProbe", cname)
		}
		if get(c, "livenessProbe") == nil {
			p.f.Warn(at, "no-liveness-probe", "container %s serves and has no livenessProbe", cname)
		}
	}
}
