package prompts

// CodeInput asks for code: a whole file, or one symbol of it.
type CodeInput struct {
	Files        []File   // what it stands among; an outline is of the file itself, a map of others
	Path         string   // relative, with slashes
	Language     string   // as a fence names it: "go"
	Symbol       string   // in words, such as "the function Allow"; "" means the whole file
	Present      File     // what the symbol is now
	Instructions string   // the user's words
	Cases        []string // lines of tests that the code must satisfy
	Problems     []string // what is wrong with it now
}

// CodeSystem returns the constant text that opens every conversation about code.
func (w *Words) CodeSystem() (string, error) { return w.render("code-system", none{}) }

// Code returns the first user message; package engine/reply reads the answer.
func (w *Words) Code(in CodeInput) (string, error) { return w.render("code", in) }

// CodeAgain asks once more and names what was wrong.
func (w *Words) CodeAgain(problems []string) (string, error) {
	return w.render("code-again", ProblemsInput{problems})
}
