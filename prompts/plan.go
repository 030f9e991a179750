package prompts

import (
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/google/jsonschema-go/jsonschema"
	"github.com/kaptinlin/jsonrepair"
)

// PlanInput asks for a plan over several files.
type PlanInput struct {
	Files []string // of the project, relative, with slashes
	More  int      // files that there was no room to name
	Task  string
	Most  int // steps
}

// PlanStep is one file of a plan, as the model writes it.
type PlanStep struct {
	File string `json:"file"`
	Kind string `json:"kind"` // one of PlanKinds
	What string `json:"what"` // what to do, in the model's words
}

// PlanList is the reply of the plan signature.
type PlanList struct {
	Steps []PlanStep `json:"steps"`
}

// PlanStepsMax is the most steps of a plan.
const PlanStepsMax = 8

// planWhatBytesMax bounds what a step says; more is an answer in place of a plan.
const planWhatBytesMax = 600

// PlanKinds are what a step may do to its file. None takes a file away.
var PlanKinds = []string{"new", "change", "tests", "docs"}

// Plan asks for a plan as JSON that satisfies PlanSchema; ParsePlan reads it.
func (w *Words) Plan(in PlanInput) (string, error) { return w.render("plan", in) }

// PlanAgain asks once more and names what was wrong.
func (w *Words) PlanAgain(problems []string) (string, error) {
	return w.render("plan-again", ProblemsInput{problems})
}

// planSchema is the JSON schema of PlanList, made on first use.
var planSchema = sync.OnceValue(func() json.RawMessage {
	made, err := jsonschema.For[PlanList](nil)
	if err != nil {
		panic(err) // a Go type of ours
	}
	steps := made.Properties["steps"]
	steps.Type, steps.Types = "array", nil // a nil slice is no list of steps
	steps.MinItems, steps.MaxItems = new(1), new(PlanStepsMax)
	step := steps.Items.Properties
	step["file"].MinLength, step["file"].MaxLength = new(1), new(120)
	step["what"].MinLength, step["what"].MaxLength = new(8), new(400)
	for _, kind := range PlanKinds {
		step["kind"].Enum = append(step["kind"].Enum, kind)
	}
	return encodeSchema(made)
})

// PlanSchema returns the JSON schema that a reply with a plan must satisfy.
func PlanSchema() json.RawMessage { return planSchema() }

// ParsePlan reads a reply with a plan. Broken JSON is repaired first (repaired
// tells so). What is then still wrong is in problems, in words fit to be shown to
// the model; steps holds those that are sound all the same, each file once, in the
// reply's order. Whether the files fit the project is for the caller to say.
func ParsePlan(reply string) (steps []PlanStep, repaired bool, problems []string) {
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
	var list PlanList
	if err := json.Unmarshal([]byte(text), &list); err != nil {
		if err := json.Unmarshal([]byte(text), &list.Steps); err != nil { // the list without the object around it
			return nil, repaired, []string{`the reply is no object with a list "steps" of file, kind and what`}
		}
	}
	if len(list.Steps) == 0 {
		return nil, repaired, []string{"the plan has no step"}
	}
	for _, s := range list.Steps {
		s, problem := s.sound()
		switch known := slices.ContainsFunc(steps, func(o PlanStep) bool { return o.File == s.File }); {
		case problem == "" && known:
			problem = fmt.Sprintf("%q stands there twice", s.File)
		case problem == "" && len(steps) == PlanStepsMax:
			problem = fmt.Sprintf("there are more than %d steps", PlanStepsMax)
		case problem == "":
			steps = append(steps, s)
			continue
		}
		if len(problems) < problemsMax {
			problems = append(problems, problem)
		}
	}
	return steps, repaired, problems
}

// sound returns the step with its fields cleaned, and what is wrong with it.
func (s PlanStep) sound() (PlanStep, string) {
	s.File = strings.TrimPrefix(strings.TrimSpace(s.File), "./")
	s.Kind = strings.ToLower(strings.TrimSpace(s.Kind))
	s.What = strings.TrimSpace(s.What)
	base := path.Base(s.File)
	switch {
	case !soundPath(s.File) || !fileLike(base) && !plainNames[base]:
		return s, fmt.Sprintf("%.60q is no relative path of a file", s.File)
	case !slices.Contains(PlanKinds, s.Kind):
		return s, fmt.Sprintf("%.60q: the kind %.20q is none of %s", s.File, s.Kind, strings.Join(PlanKinds, ", "))
	case len(strings.Fields(s.What)) < 2:
		return s, fmt.Sprintf("%.60q: it does not say what is to be done", s.File)
	case len(s.What) > planWhatBytesMax:
		return s, fmt.Sprintf("%.60q: what is to be done takes more than %d bytes", s.File, planWhatBytesMax)
	}
	return s, ""
}
