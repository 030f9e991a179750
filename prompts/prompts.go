// Package prompts holds what cf says to a model and how it understands the
// reply: the words in NAME.md.tmpl, and beside each a typed signature that
// renders them and parses what comes back.
//
// It knows the types of llm and nothing else of ours but fault. It never calls
// a model, never starts a program and reads files only where Load is told to
// look for the user's own words. It never puts a clock, a counter, a path of
// the machine or anything random into a prompt.
//
// Invariants:
//  1. The same input gives the same bytes.
//  2. A prompt is laid out for reuse of its prefix: the constant system text,
//     the files, the task, and what is asked of it last.
//  3. A parser takes any bytes: it never panics, its work is linear in their
//     number, and every byte it returns came from the model.
//  4. Words see only the fields of their signature; they can call nothing that
//     touches the system, and their output is bounded.
package prompts

import "strings"

// File is a piece of context that goes into a prompt.
type File struct {
	Path  string // as shown to the model; relative, with slashes
	Kind  string // "outline", "file", "text"
	Text  string
	Cut   bool // Text is not all there is
	Fence int  // backticks that Text does not contain in a row; 0 means 3
}

// Ticks returns the line that opens and closes the file's block.
func (f File) Ticks() string { return strings.Repeat("`", max(3, f.Fence)) }

// Body returns the text with exactly one line end at its end.
func (f File) Body() string { return strings.TrimRight(f.Text, "\n") + "\n" }

// Section is one part of a reasoned answer.
type Section struct {
	ID    string // stable: stands in events and stored sessions
	Title string // as shown and as asked for
	Asks  string // what it has to answer, as questions to the model
	names []string
}

// The sections, in the order of the answer. Analysed ones come from the
// analyse signature, Assessed ones from assess. The questions are short and
// concrete because a model of 0.1B parameters drifts to generalities when it is
// only given a title (measured with SmolLM2-135M).
var (
	Analysed = []Section{
		{
			"reasoning", "Reasoning", "What does the task ask for, what is hard about it, and which choice would you make?",
			[]string{"reasoning", "analysis", "rationale", "thinking", "thought process", "thoughts"},
		},
		{
			"plan", "Implementation Plan", "What should be built first, second and third?",
			[]string{"implementation plan", "plan", "implementation", "implementation steps", "plan of implementation", "roadmap"},
		},
		{
			"strategy", "Code Strategy", "Which modules and functions does the code need, and how do they call each other?",
			[]string{"code strategy", "coding strategy", "strategy", "code structure", "code design", "code"},
		},
	}
	Assessed = []Section{
		{
			"value", "Business Value", "Who gains from this, and what does it save or earn?",
			[]string{"business value", "business values", "value", "business impact", "business case", "benefits"},
		},
		{
			"telemetry", "Telemetry Points", "Which numbers and events should be measured and logged while it runs, and which of them should raise an alarm?",
			[]string{"telemetry points", "telemetry", "telemetry point", "metrics", "observability", "monitoring"},
		},
		{
			"validation", "Validation", "Which tests show that it works, and which failures should they try?",
			[]string{"validation", "validation plan", "testing", "tests", "verification", "validation strategy"},
		},
	}
)

// Steps and Answer are the sections that are no labelled text: the list of
// files, and the free answer to a question.
var (
	Steps  = Section{ID: "steps", Title: "Steps"}
	Answer = Section{ID: "answer", Title: "Answer"}
)

// Sections returns Analysed and Assessed in order.
func Sections() []Section { return append(append([]Section(nil), Analysed...), Assessed...) }
