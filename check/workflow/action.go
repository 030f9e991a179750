package workflow

import (
	"path"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/bitactor/cf/check/data"
	"github.com/bitactor/cf/check/source"
)

// The keys of action.yml and the values of runs.using, from "Metadata syntax
// for GitHub Actions" (docs.github.com, actions/reference/metadata-syntax).
var (
	actionKeys    = []string{"name", "author", "description", "inputs", "outputs", "runs", "branding"}
	inputKeys     = []string{"description", "required", "default", "deprecationMessage", "type", "options"}
	stepKeys      = []string{"run", "shell", "if", "name", "id", "env", "working-directory", "uses", "with", "continue-on-error"}
	nodeRuntimes  = []string{"node20", "node24"}
	nodeOutdated  = []string{"node12", "node16"}
	javaScriptRun = []string{"main", "pre", "post"}
)

// action checks the description of an action.
func (c file) action(f *source.File, doc *yaml.Node) {
	root := body(doc)
	if root == nil {
		f.Error(0, "action-syntax", "an action is a mapping")
		return
	}
	unknown(f, root, actionKeys, "")
	for _, key := range []string{"name", "description", "runs"} {
		if value(root, key) == nil {
			f.Error(data.NodeOffset(f, root), "action-syntax", "%q is missing", key)
		}
	}
	if inputs := value(root, "inputs"); inputs != nil && inputs.Kind == yaml.MappingNode {
		for i := 1; i < len(inputs.Content); i += 2 {
			if inputs.Content[i].Kind == yaml.MappingNode {
				unknown(f, inputs.Content[i], inputKeys, "of input "+inputs.Content[i-1].Value)
			}
		}
	}
	if runs := value(root, "runs"); runs != nil {
		c.runs(f, runs)
	}
}

func (c file) runs(f *source.File, runs *yaml.Node) {
	at := data.NodeOffset(f, runs)
	using := value(runs, "using")
	if using == nil {
		f.Error(at, "action-syntax", `"runs.using" is missing`)
		return
	}
	switch {
	case using.Value == "composite":
		c.steps(f, runs)
	case using.Value == "docker":
		c.image(f, runs)
	case slices.Contains(nodeOutdated, using.Value):
		f.Error(data.NodeOffset(f, using), "action-runtime", "%s is no longer run by GitHub; use one of %s", using.Value, strings.Join(nodeRuntimes, ", "))
	case slices.Contains(nodeRuntimes, using.Value):
		if value(runs, "main") == nil {
			f.Error(at, "action-syntax", `"runs.main" is missing`)
		}
		for _, key := range javaScriptRun {
			if v := value(runs, key); v != nil {
				c.there(f, v)
			}
		}
	default:
		f.Error(data.NodeOffset(f, using), "action-runtime", "runs.using is %q; it may be composite, docker, %s", using.Value, strings.Join(nodeRuntimes, ", "))
	}
}

func (c file) image(f *source.File, runs *yaml.Node) {
	image := value(runs, "image")
	if image == nil {
		f.Error(data.NodeOffset(f, runs), "action-syntax", `"runs.image" is missing`)
	} else if !strings.HasPrefix(image.Value, "docker://") {
		c.there(f, image)
	}
}

// there records a file that the action names and that is absent.
func (c file) there(f *source.File, n *yaml.Node) {
	if target := path.Join(path.Dir(f.Path), n.Value); !strings.HasPrefix(target, "../") && c.kind(target) == "" {
		f.Error(data.NodeOffset(f, n), "action-file", "nothing lies at %s", target)
	}
}

func (c file) steps(f *source.File, runs *yaml.Node) {
	steps := value(runs, "steps")
	if steps == nil || steps.Kind != yaml.SequenceNode {
		f.Error(data.NodeOffset(f, runs), "action-syntax", `"runs.steps" of a composite action must be a list`)
		return
	}
	for _, step := range steps.Content {
		if step.Kind == yaml.AliasNode {
			step = step.Alias
		}
		at := data.NodeOffset(f, step)
		if step.Kind != yaml.MappingNode {
			f.Error(at, "action-step", "a step is a mapping")
			continue
		}
		unknown(f, step, stepKeys, "of a step")
		run, uses := value(step, "run"), value(step, "uses")
		switch {
		case run == nil && uses == nil:
			f.Error(at, "action-step", `a step needs "run" or "uses"`)
		case run != nil && uses != nil:
			f.Error(at, "action-step", `a step has "run" or "uses", not both`)
		case run != nil && value(step, "shell") == nil:
			f.Error(at, "action-step", `"shell" is missing; a composite action has no default`)
		}
	}
}

// unknown records keys of a mapping that are not in known.
func unknown(f *source.File, n *yaml.Node, known []string, where string) {
	for i := 0; i+1 < len(n.Content); i += 2 {
		if k := n.Content[i]; !slices.Contains(known, k.Value) && k.ShortTag() != "!!merge" {
			f.Error(data.NodeOffset(f, k), "action-syntax", "unknown key %q%s; known are %s", k.Value, strings.TrimRight(" "+where, " "), strings.Join(known, ", "))
		}
	}
}

// body returns the mapping that a document is, or nil.
func body(doc *yaml.Node) *yaml.Node {
	if len(doc.Content) == 1 && doc.Content[0].Kind == yaml.MappingNode {
		return doc.Content[0]
	}
	return nil
}

// value returns what key has in a mapping, or nil.
func value(n *yaml.Node, key string) *yaml.Node {
	for i := 0; n.Kind == yaml.MappingNode && i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return n.Content[i+1]
		}
	}
	return nil
}
