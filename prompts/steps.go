package prompts

import (
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"github.com/google/jsonschema-go/jsonschema"
	"github.com/kaptinlin/jsonrepair"

	"github.com/bitactor/cf/lazyregexp"
)

// Step is one file of a plan, as the model writes it.
type Step struct {
	Path   string `json:"path"`
	Action string `json:"action"`
	Why    string `json:"why"`
	Block  string `json:"block,omitempty"`
}

// StepList is the reply of the steps signature.
type StepList struct {
	Files []Step `json:"files"`
}

// filesMax is the most files of a plan.
const filesMax = 12

// actions are what a step may do to its file.
var actions = []string{"create", "change", "test", "document"}

// schema is the JSON schema of StepList and its validator, made on first use.
var schema = sync.OnceValues(func() (json.RawMessage, *jsonschema.Resolved) {
	made := reflectSteps()
	resolved, err := made.Resolve(nil)
	if err != nil {
		panic(err) // a Go type of ours
	}
	return encodeSchema(made), resolved
})

// guided is the schema for models that need a rail: a path must look like one,
// and there are three to six. It is stricter than schema, which validates.
var guided = sync.OnceValue(func() json.RawMessage {
	made := reflectSteps()
	files := made.Properties["files"]
	files.MinItems, files.MaxItems = new(3), new(6)
	step := files.Items.Properties
	step["path"] = &jsonschema.Schema{Type: "string", Pattern: `^[a-z0-9_]+(/[a-z0-9_]+){0,3}\.[a-z]{1,4}$`}
	step["why"].MinLength, step["why"].MaxLength = new(12), new(120)
	delete(step, "block")
	files.Items.PropertyOrder = []string{"path", "action", "why"}
	return encodeSchema(made)
})

// reflectSteps returns the schema of StepList with its bounds. The order of the
// properties is the order in which a grammar makes a model write them.
func reflectSteps() *jsonschema.Schema {
	made, err := jsonschema.For[StepList](nil)
	if err != nil {
		panic(err) // a Go type of ours
	}
	files := made.Properties["files"]
	files.Type, files.Types = "array", nil // a nil slice is no list of files
	files.MinItems, files.MaxItems = new(1), new(filesMax)
	step := files.Items.Properties
	step["path"].MinLength, step["path"].MaxLength = new(1), new(120)
	step["why"].MinLength, step["why"].MaxLength = new(1), new(240)
	step["block"].MaxLength = new(60)
	for _, action := range actions {
		step["action"].Enum = append(step["action"].Enum, action)
	}
	return made
}

func encodeSchema(made *jsonschema.Schema) json.RawMessage {
	raw, err := json.Marshal(made)
	if err != nil {
		panic(err) // a Go type of ours
	}
	return raw
}

// StepsSchema returns the JSON schema that a reply with steps must satisfy. The
// narrow one is for tiny models, which otherwise write one step, without a file
// name (seen with SmolLM2-135M).
func StepsSchema(narrow bool) json.RawMessage {
	if narrow {
		return guided()
	}
	raw, _ := schema()
	return raw
}

// replyBytesMax bounds what ParseSteps looks at.
const replyBytesMax = 256 << 10

// ParseSteps reads a reply with steps. Broken JSON is repaired first (repaired
// tells so). What is then still wrong is in problems, in words fit to be shown
// to the model; steps holds the files that are sound all the same.
func ParseSteps(reply string) (steps []Step, repaired bool, problems []string) {
	if len(reply) > replyBytesMax {
		return nil, false, []string{fmt.Sprintf("the reply is over %d bytes", replyBytesMax)}
	}
	text := jsonPart(reply)
	if text == "" {
		return nil, false, []string{"the reply holds no JSON object"}
	}
	if !json.Valid([]byte(text)) {
		mended, err := jsonrepair.Repair(text)
		if err != nil || !json.Valid([]byte(mended)) {
			return nil, false, []string{"the reply is no valid JSON"}
		}
		text, repaired = mended, true
	}
	problems = violations(text)
	var list StepList
	if err := json.Unmarshal([]byte(text), &list); err != nil {
		return nil, repaired, append(problems, "the values have the wrong types")
	}
	steps, bad := sound(list.Files)
	return steps, repaired, append(problems, bad...)
}

// jsonPart returns the reply from its first brace on, without a closing fence.
func jsonPart(reply string) string {
	start := strings.IndexAny(reply, "{[")
	if start < 0 {
		return ""
	}
	text := reply[start:]
	if end := strings.LastIndexAny(text, "}]"); end >= 0 && strings.Contains(text[end:], "```") {
		text = text[:end+1]
	}
	return strings.TrimSpace(text)
}

// problemsMax bounds what is sent back to the model.
const problemsMax = 5

// violations says in words what of a JSON text does not satisfy the schema.
func violations(text string) []string {
	_, resolved := schema()
	var value any
	if err := json.Unmarshal([]byte(text), &value); err != nil {
		return []string{"the reply is no valid JSON"}
	}
	if err := resolved.Validate(value); err != nil {
		return []string{err.Error()}
	}
	return nil
}

// sound returns the usable steps, each path once, and what is wrong with the
// others.
func sound(all []Step) (steps []Step, problems []string) {
	taken := map[string]bool{}
	for _, s := range all {
		s.Path = strings.TrimPrefix(strings.TrimSpace(s.Path), "./")
		s.Why = strings.TrimSpace(s.Why)
		switch {
		case s.Why == "" || strings.Trim(s.Why, ". ") == "":
			if len(problems) < problemsMax {
				problems = append(problems, fmt.Sprintf("%.60q has no reason", s.Path))
			}
			continue
		case !soundPath(s.Path) || !strings.Contains(s.Path, "/") && !fileLike(s.Path) && !plainNames[s.Path]:
			if len(problems) < problemsMax {
				problems = append(problems, fmt.Sprintf("%.60q is no relative path of a file", s.Path))
			}
			continue
		case taken[s.Path] || len(steps) == filesMax:
			continue
		}
		if !slices.Contains(actions, s.Action) {
			s.Action = "create"
		}
		taken[s.Path] = true
		steps = append(steps, s)
	}
	return steps, problems
}

// plainNames are files without extension at the root of a project.
var plainNames = map[string]bool{"Makefile": true, "Dockerfile": true, "LICENSE": true, "README": true, "Procfile": true, "Jenkinsfile": true, "rebar.config": true, ".gitignore": true}

// soundPath tells whether a model may name this path: relative, clean, with
// slashes, below the root, and printable.
func soundPath(p string) bool {
	if p == "" || len(p) > 200 || !utf8.ValidString(p) || p != path.Clean(p) || path.IsAbs(p) || p == "." {
		return false
	}
	if strings.HasPrefix(p, "~") || strings.ContainsAny(p, "\\:*?\"<>|") || strings.HasSuffix(p, " ") {
		return false
	}
	if p == ".." || strings.HasPrefix(p, "../") || p == ".git" || strings.HasPrefix(p, ".git/") {
		return false
	}
	if strings.IndexFunc(p, unicode.IsLetter) < 0 {
		return false
	}
	return strings.IndexFunc(p, func(c rune) bool { return !unicode.IsPrint(c) }) < 0
}

// lineStep matches a line that names a file: a bullet or a number, the path,
// perhaps in backticks or bold, then what it is for.
var lineStep = lazyregexp.New("^(?:[-*+•]|[0-9]{1,2}[.)])?\\s*(?:(?i:(create|change|test|document))\\s+)?[`*\"]{0,3}([A-Za-z0-9_.@-]+(?:/[A-Za-z0-9_.@-]+)*)[`*\"]{0,3}\\s*(?:[-–—:]+|\\s)\\s*(.+)$")

// ParseLines reads steps from plain lines, "path - why". A line counts only if
// its path has a slash or an extension, so that prose does not.
func ParseLines(reply string) []Step {
	if len(reply) > replyBytesMax {
		reply = reply[:replyBytesMax]
	}
	var all []Step
	for line := range strings.Lines(reply) {
		m := lineStep.FindStringSubmatch(strings.TrimSpace(line))
		if m == nil || !fileLike(m[2]) {
			continue
		}
		action := strings.ToLower(m[1])
		if action == "" {
			action = "create"
		}
		all = append(all, Step{Path: m[2], Action: action, Why: strings.Trim(m[3], "`*\" ")})
	}
	steps, _ := sound(all)
	return steps
}

func fileLike(p string) bool {
	ext := path.Ext(p)
	return len(ext) > 1 && len(ext) <= 9 && len(ext) < len(p) && strings.IndexFunc(ext[1:], unicode.IsLetter) >= 0
}
