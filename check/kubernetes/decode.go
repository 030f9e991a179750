package kubernetes

import (
	"encoding/base64"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/agnivade/levenshtein"
	"go.yaml.in/yaml/v4"

	"github.com/bitactor/cf/check/data"
	"github.com/bitactor/cf/check/source"
	"github.com/bitactor/cf/lazyregexp"
)

// decoder holds an object against its type, as strict decoding by the server
// does ("kubectl apply --validate=strict"), and records each difference.
type decoder struct {
	f      *source.File
	schema *schema
	budget int // of nodes still to be visited; aliases are written out

	unknown map[string]bool // kinds that can't be checked
}

// nodesMax bounds what one file may make the decoder visit.
const nodesMax = 1 << 20

// value holds node n against a type. path says where it is, for messages.
func (d *decoder) value(n *yaml.Node, kind, path string) {
	if d.budget--; d.budget < 0 {
		return
	}
	n = deref(n)
	if n.ShortTag() == "!!null" && n.Kind == yaml.ScalarNode {
		return
	}
	switch {
	case kind == "any":
	case strings.HasPrefix(kind, "[]"):
		if n.Kind != yaml.SequenceNode {
			d.wrong(n, path, "a list")
			return
		}
		for i, item := range n.Content {
			d.value(item, kind[2:], path+"["+strconv.Itoa(i)+"]")
		}
	case strings.HasPrefix(kind, "map[]"):
		if n.Kind != yaml.MappingNode {
			d.wrong(n, path, "a mapping")
			return
		}
		d.members(n, func(k, v *yaml.Node) { d.value(v, kind[5:], path+"."+k.Value) })
	case scalars[kind] != nil:
		d.scalar(n, kind, path)
	case kind == listItem:
		d.object(n)
	default:
		d.fields(n, kind, path)
	}
}

// members visits the members of a mapping, those merged into it by "<<" too.
func (d *decoder) members(n *yaml.Node, visit func(k, v *yaml.Node)) {
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := deref(n.Content[i]), n.Content[i+1]
		if k.ShortTag() != "!!merge" {
			visit(k, v)
			continue
		}
		merged := []*yaml.Node{deref(v)}
		if merged[0].Kind == yaml.SequenceNode {
			merged = merged[0].Content
		}
		for _, m := range merged {
			if d.budget--; d.budget > 0 && deref(m).Kind == yaml.MappingNode {
				d.members(deref(m), visit)
			}
		}
	}
}

func (d *decoder) fields(n *yaml.Node, kind, path string) {
	fields := d.schema.objects[kind]
	if n.Kind != yaml.MappingNode {
		d.wrong(n, path, "a mapping")
		return
	}
	d.members(n, func(k, v *yaml.Node) {
		at := strings.TrimPrefix(path+"."+k.Value, ".")
		field, ok := fields[k.Value]
		if !ok {
			d.f.Error(data.NodeOffset(d.f, k), "unknown-field", "unknown field %s%s", at, meant(k.Value, fields))
			return
		}
		d.value(v, field, at)
	})
}

// meant returns a hint at the field that was meant, if one is near.
func meant(name string, fields object) string {
	best, least := "", len(name)/3+2
	for field := range fields {
		if n := levenshtein.ComputeDistance(strings.ToLower(name), strings.ToLower(field)); n < least || n == least && field < best {
			best, least = field, n
		}
	}
	if best == "" {
		return ""
	}
	return "; did you mean " + best + "?"
}

// scalars tells, for each scalar type, whether a node is one.
var scalars = map[string]func(n *yaml.Node) bool{
	"string":   func(n *yaml.Node) bool { return n.ShortTag() == "!!str" || n.ShortTag() == "!!timestamp" },
	"bool":     func(n *yaml.Node) bool { return n.ShortTag() == "!!bool" || oldBool(n) },
	"int32":    func(n *yaml.Node) bool { return integer(n, math.MinInt32, math.MaxInt32) },
	"int64":    func(n *yaml.Node) bool { return integer(n, math.MinInt64, math.MaxInt64) },
	"float":    func(n *yaml.Node) bool { return n.ShortTag() == "!!int" || n.ShortTag() == "!!float" },
	"bytes":    func(n *yaml.Node) bool { return n.ShortTag() == "!!str" && encoded(n.Value) },
	"quantity": func(n *yaml.Node) bool { return quantity.MatchString(n.Value) },
	"intstr":   func(n *yaml.Node) bool { return n.ShortTag() == "!!str" || integer(n, math.MinInt32, math.MaxInt32) },
	"time": func(n *yaml.Node) bool {
		_, err := time.Parse(time.RFC3339, n.Value)
		return err == nil
	},
	"duration": func(n *yaml.Node) bool {
		_, err := time.ParseDuration(n.Value)
		return err == nil && n.ShortTag() == "!!str"
	},
}

// wanted says in words what a scalar type takes.
var wanted = map[string]string{
	"string": "a string", "bool": "true or false", "int32": "an integer of 32 bits", "int64": "an integer", "float": "a number", "bytes": "a base64 string",
	"quantity": `a quantity, such as "500m" or "128Mi"`, "intstr": "an integer or a string", "time": "a time, such as 2006-01-02T15:04:05Z", "duration": `a duration, such as "30s"`,
}

// quantity is the syntax of resource.Quantity in k8s.io/apimachinery.
var quantity = lazyregexp.New(`^[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[KMGTPE]i|[numkMGTPE]|[eE][+-]?[0-9]+)?$`)

// scalar holds a node against a scalar type.
func (d *decoder) scalar(n *yaml.Node, kind, path string) {
	switch {
	case n.Kind != yaml.ScalarNode:
		d.wrong(n, path, wanted[kind])
	case kind == "string" && oldBool(n):
		d.f.Error(data.NodeOffset(d.f, n), "wrong-type", "%s: %s without quotes is a boolean to Kubernetes; write %q", path, n.Value, n.Value)
	case !scalars[kind](n):
		d.wrong(n, path, wanted[kind])
	}
}

func (d *decoder) wrong(n *yaml.Node, path, want string) {
	is := map[yaml.Kind]string{yaml.MappingNode: "a mapping", yaml.SequenceNode: "a list"}[n.Kind]
	if is == "" {
		is = strconv.Quote(n.Value)
		switch n.ShortTag() {
		case "!!int", "!!float":
			is = "the number " + n.Value
		case "!!bool":
			is = "the boolean " + n.Value
		}
	}
	if path == "" {
		path = "the object"
	}
	d.f.Error(data.NodeOffset(d.f, n), "wrong-type", "%s is %s; it must be %s", path, is, want)
}

// oldBool tells whether a plain scalar is a boolean to YAML 1.1, which
// Kubernetes reads manifests as, and a string to YAML 1.2.
func oldBool(n *yaml.Node) bool {
	return n.Kind == yaml.ScalarNode && n.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle) == 0 && n.Tag == "!!str" &&
		slices.Contains([]string{"y", "Y", "yes", "Yes", "YES", "on", "On", "ON", "n", "N", "no", "No", "NO", "off", "Off", "OFF"}, n.Value)
}

func integer(n *yaml.Node, least, most int64) bool {
	if n.ShortTag() != "!!int" {
		return false
	}
	v, err := strconv.ParseInt(strings.ReplaceAll(n.Value, "_", ""), 0, 64)
	return err == nil && v >= least && v <= most
}

func encoded(s string) bool {
	_, err := base64.StdEncoding.DecodeString(s)
	return err == nil
}

// deref returns what an alias stands for.
func deref(n *yaml.Node) *yaml.Node {
	for n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	return n
}
