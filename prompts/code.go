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

// TestsInput asks for tests of code.
type TestsInput struct {
	Files        []File   // the code, whole or its part and its outline
	Code         string   // its path
	Package      string   // that the code says it belongs to; may be empty
	Symbol       string   // what of it to test, in words; "" means all
	Path         string   // of the tests' file
	Framework    string   // how tests of this kind are written
	Known        []string // names of tests that the file holds already
	Instructions string   // the user's words
}

// CodeTests returns the first user message for tests of code.
func (w *Words) CodeTests(in TestsInput) (string, error) { return w.render("code-tests", in) }

// CodeSystem returns the constant text that opens every conversation about code.
func (w *Words) CodeSystem() (string, error) { return w.render("code-system", none{}) }

// Code returns the first user message; package engine/reply reads the answer.
func (w *Words) Code(in CodeInput) (string, error) { return w.render("code", in) }

// CodeAgain asks once more and names what was wrong.
func (w *Words) CodeAgain(problems []string) (string, error) {
	return w.render("code-again", ProblemsInput{problems})
}
