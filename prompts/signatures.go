package prompts

// The inputs of the signatures: all that their words can see.
type (
	// ContextInput opens a conversation: what was read, and the task.
	ContextInput struct {
		Files []File
		Task  string
	}
	// HeadingsInput asks for several sections in one reply.
	HeadingsInput struct{ Sections []Section }
	// SectionInput asks for one section.
	SectionInput struct {
		Title, Asks string
		Task        string
	}
	// ProblemsInput asks for the steps again.
	ProblemsInput struct{ Problems []string }
	// FollowUpInput asks a further question.
	FollowUpInput struct {
		Files  []File
		Task   string
		Before string // summary of a conversation that no longer fits; "" while it does
	}
	none struct{}
)

// sampleFiles have every kind, so that every branch of the words is tried.
var sampleFiles = []File{{Path: "a", Kind: "outline", Text: "b", Cut: true}, {Path: "a", Kind: "file", Text: "b"}, {Path: "--context", Kind: "text", Text: "b"}}

// samples are what words are tried with when they are loaded.
var samples = map[string][]any{
	"system":           {none{}},
	"context":          {ContextInput{sampleFiles, "task"}, ContextInput{}},
	"ask":              {ContextInput{sampleFiles, "task"}, ContextInput{}},
	"analyse":          {HeadingsInput{Analysed}},
	"assess":           {HeadingsInput{Assessed}},
	"section":          {SectionInput{"title", "asks", "task"}, SectionInput{}},
	"section-again":    {SectionInput{"title", "asks", "task"}, SectionInput{}},
	"steps":            {none{}},
	"steps-again":      {ProblemsInput{[]string{"problem"}}, ProblemsInput{}},
	"steps-lines":      {none{}},
	"code-system":      {none{}},
	"code":             {CodeInput{sampleFiles, "a.go", "go", "the function F", File{Text: "b"}, "do", []string{"case"}, []string{"problem"}}, CodeInput{}},
	"document":         {DocumentInput{sampleFiles, "a.md", "title", []string{"section"}, "do"}, DocumentInput{}},
	"document-section": {DocumentSectionInput{"a.md", "section", &File{Text: "now"}}, DocumentSectionInput{}},
	"code-tests":       {TestsInput{sampleFiles, "a.go", "a", "the function F", "a_test.go", "functions", []string{"TestA"}, "do"}, TestsInput{}},
	"code-again":       {ProblemsInput{[]string{"problem"}}, ProblemsInput{}},
	"plan":             {PlanInput{[]string{"a.go"}, 1, "task", PlanStepsMax}, PlanInput{}},
	"plan-again":       {ProblemsInput{[]string{"problem"}}, ProblemsInput{}},
	"summary":          {SummaryInput{"task", "facts"}, SummaryInput{}},
	"followup":         {FollowUpInput{sampleFiles, "task", "before"}, FollowUpInput{}},
}

// System returns the constant text that opens every conversation.
func (w *Words) System() (string, error) { return w.render("system", none{}) }

// Context returns the part of the first message that stands before what is
// asked: files, then the task.
func (w *Words) Context(in ContextInput) (string, error) { return w.render("context", in) }

// Analyse asks for the sections in, of Analysed, in one reply; ReadSections
// reads it.
func (w *Words) Analyse(in HeadingsInput) (string, error) { return w.render("analyse", in) }

// Assess asks for sections of Assessed in one reply; ReadSections reads it.
func (w *Words) Assess(in HeadingsInput) (string, error) { return w.render("assess", in) }

// Section asks for one section alone; OneSection reads the reply. Again words
// it anew, for a reply that could not be used.
func (w *Words) Section(s Section, task string, again bool) (string, error) {
	name := "section"
	if again {
		name = "section-again"
	}
	return w.render(name, SectionInput{Title: s.Title, Asks: s.Asks, Task: task})
}

// Steps asks for the list of files as JSON that satisfies StepsSchema;
// ParseSteps reads it.
func (w *Words) Steps() (string, error) { return w.render("steps", none{}) }

// StepsAgain asks once more and names what was wrong.
func (w *Words) StepsAgain(problems []string) (string, error) {
	return w.render("steps-again", ProblemsInput{problems})
}

// StepsLines asks for the list as plain lines; ParseLines reads it.
func (w *Words) StepsLines() (string, error) { return w.render("steps-lines", none{}) }

// Ask returns the whole user message of a question with files.
func (w *Words) Ask(in ContextInput) (string, error) { return w.render("ask", in) }

// FollowUp returns the user message of a further question.
func (w *Words) FollowUp(in FollowUpInput) (string, error) { return w.render("followup", in) }
