// Package kubernetes checks manifests: files in YAML or JSON that hold objects
// of Kubernetes. Every object is decoded strictly; pods are held against the
// Pod Security Standard "restricted" and a few practices.
//
// It must never ask a cluster.
//
// Invariants:
//  1. YAML and JSON are checked first, by package data, and a file that is
//     neither goes no further.
//  2. A kind that is not Kubernetes' own is a gap, never a mistake.
//  3. What the API server would refuse is an error; what it would take and a
//     reviewer should not is a warning.
package kubernetes

import (
	"context"
	"errors"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/bitactor/cf/check"
	"github.com/bitactor/cf/check/data"
	"github.com/bitactor/cf/check/source"
)

const (
	name = "kubernetes"
	tool = "cf kubernetes"
)

// listItem is the type of the items of v1 List: objects of their own.
const listItem = "object"

// New returns the checker "kubernetes".
func New() check.Checker { return checker{} }

type checker struct{}

func (checker) Name() string        { return name }
func (checker) Markers() []string   { return nil }
func (checker) Tools() []check.Tool { return nil }

func (checker) Match(name string, head []byte) bool {
	return data.KindOf(name, head) == data.Kubernetes
}

func (checker) Canaries() []check.Canary {
	const pod = "apiVersion: v1\nkind: Pod\nmetadata:\n  name: canary\nspec:\n  containers:\n    - name: a\n      image: a:1\n"
	return []check.Canary{
		{Files: map[string]string{"canary.yaml": pod + "      imagePullPolice: Always\n"}, File: "canary.yaml", Line: 9, Code: "unknown-field"},
		{Files: map[string]string{"canary.yaml": pod + "  hostPID: true\n"}, File: "canary.yaml", Line: 9, Code: "pod-security/hostNamespaces"},
	}
}

// Check looks at the changed files, each alone.
func (checker) Check(ctx context.Context, t check.Target) (check.Outcome, error) {
	r := source.Reader{Checker: name, Tool: tool, ValuesMax: data.YAMLValuesMax}
	var gaps []check.Gap
	out, err := r.Each(ctx, t, t.Changed, func(f *source.File) error {
		var docs []*yaml.Node
		if strings.HasSuffix(strings.ToLower(f.Path), ".json") {
			if data.CheckJSON(f, data.Strict); f.Failed() {
				return nil
			}
			again := source.New(name, tool, f.Path, f.Data) // JSON is YAML; its mistakes are known by now
			docs = data.CheckYAML(again)
			if again.Failed() {
				return errors.New("the parser of objects does not take this JSON")
			}
		} else if data.Template(f) {
			return data.ErrTemplate
		} else {
			docs = data.CheckYAML(f)
		}
		d := &decoder{f: f, schema: known(), budget: nodesMax, unknown: map[string]bool{}}
		for _, doc := range docs {
			d.document(doc)
		}
		if d.budget < 0 {
			return errors.New("aliases make the objects too large")
		}
		for kind := range d.unknown {
			gaps = append(gaps, check.Gap{File: f.Path, What: "schema", Why: kind + " is no kind of Kubernetes itself"})
		}
		return nil
	})
	out.Gaps = append(out.Gaps, gaps...)
	return out, err
}

// document checks the object of a document; an empty one is none.
func (d *decoder) document(doc *yaml.Node) {
	if len(doc.Content) == 0 {
		return
	}
	if root := deref(doc.Content[0]); root.Kind != yaml.ScalarNode || root.ShortTag() != "!!null" {
		d.object(root)
	}
}

// object checks one object by its apiVersion and kind.
func (d *decoder) object(n *yaml.Node) {
	n = deref(n)
	version, kind := text(n, "apiVersion"), text(n, "kind")
	at := data.NodeOffset(d.f, n)
	if n.Kind != yaml.MappingNode || version == "" || kind == "" {
		d.f.Error(at, "no-kind", "an object needs apiVersion and kind")
		return
	}
	full := version + " " + kind
	if full == "v1 List" {
		if items := get(n, "items"); items != nil {
			d.value(items, "[]"+listItem, "items")
		}
		return
	}
	kindAt := data.NodeOffset(d.f, get(n, "kind"))
	group, _, _ := strings.Cut(version, "/")
	typ, ok := d.schema.kinds[full]
	switch {
	case ok:
		d.value(n, typ, "")
		pods{f: d.f}.object(n, kind)
	case removed[full] != "":
		d.f.Error(kindAt, "removed-api", "%s is no longer served; use %s", full, removed[full])
	case d.schema.groups[version]:
		d.f.Error(kindAt, "unknown-kind", "%s has no kind %s", version, kind)
	case version == group && !strings.Contains(group, "."):
		d.f.Error(data.NodeOffset(d.f, get(n, "apiVersion")), "unknown-version", "there is no apiVersion %s", version)
	default:
		d.unknown[full] = true
	}
}

// get returns the node at keys below n, nil where there is none or it is null.
func get(n *yaml.Node, keys ...string) *yaml.Node {
	for _, key := range keys {
		if n = member(n, key); n == nil {
			return nil
		}
	}
	if n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" {
		return nil
	}
	return n
}

// member returns what key has in the mapping n; what is merged in counts where
// n does not have it itself.
func member(n *yaml.Node, key string) *yaml.Node {
	if n == nil || n.Kind != yaml.MappingNode {
		return nil
	}
	var merged *yaml.Node
	for i := 0; i+1 < len(n.Content); i += 2 {
		switch k, v := n.Content[i], deref(n.Content[i+1]); {
		case k.Value == key:
			return v
		case k.ShortTag() != "!!merge" || merged != nil:
		case v.Kind == yaml.MappingNode:
			merged = member(v, key)
		case v.Kind == yaml.SequenceNode:
			for _, one := range v.Content {
				if merged == nil {
					merged = member(deref(one), key)
				}
			}
		}
	}
	return merged
}

// text returns the string at keys below n, "" where there is none.
func text(n *yaml.Node, keys ...string) string {
	if v := get(n, keys...); v != nil && v.Kind == yaml.ScalarNode {
		return v.Value
	}
	return ""
}

// is tells whether the boolean at keys below n is there and has a value.
func is(n *yaml.Node, want string, keys ...string) bool {
	v := get(n, keys...)
	return v != nil && v.ShortTag() == "!!bool" && strings.EqualFold(v.Value, want)
}

// items returns the items of the list at keys below n.
func items(n *yaml.Node, keys ...string) []*yaml.Node {
	v := get(n, keys...)
	if v == nil || v.Kind != yaml.SequenceNode {
		return nil
	}
	list := make([]*yaml.Node, len(v.Content))
	for i, item := range v.Content {
		list[i] = deref(item)
	}
	return list
}
