package mutants

import (
	"embed"
	"strings"

	"github.com/bitactor/cf/syntax"
)

//go:embed queries/*.scm
var queries embed.FS

// dialect is how mutants of one language are written.
type dialect struct {
	language   *syntax.Language
	query      string
	testModule bool // modules called "test..." hold tests
	oneByOne   bool // its checker builds in one folder, so that checks wait for each other
	negate     func(condition string) string
	remove     func(statement string) string
	// zero says what becomes of a value that is given back; false where nothing
	// can. value is its range, statement that of the whole statement, empty where
	// the query does not name it.
	zero func(s *surveyed, value, statement syntax.Range) (site, bool)
	// incidental tells of a value that is given back whether callers may not look
	// at it; nil where that can't be told.
	incidental func(s *surveyed, value syntax.Range) bool
}

// dialects by the names of their languages. In Go everything that is declared
// must be used, or it does not compile: there nothing is left out, but never
// executed.
var dialects = map[string]*dialect{
	"go":         newDialect("go", "go", wrap("!(%s)"), wrap("if false { %s }"), goZero),
	"python":     newDialect("python", "python", wrap("not (%s)"), wrap("pass"), constant("None")),
	"c":          newDialect("c", "c", wrap("!(%s)"), wrap(";"), constant("0")),
	"elixir":     newDialect("elixir", "elixir", wrap("!(%s)"), wrap("nil"), constant("nil")),
	"javascript": newDialect("javascript", "javascript", wrap("!(%s)"), wrap(";"), constant("undefined")),
	"typescript": newDialect("typescript", "javascript", wrap("!(%s)"), wrap(";"), constant("undefined")),
	"tsx":        newDialect("tsx", "javascript", wrap("!(%s)"), wrap(";"), constant("undefined")),
	"rust":       newDialect("rust", "rust", wrap("!(%s)"), wrap("();"), constant("Default::default()")),
}

func newDialect(
	name, file string, negate, remove func(string) string, zero func(*surveyed, syntax.Range, syntax.Range) (site, bool),
) *dialect {
	text, err := queries.ReadFile("queries/" + file + ".scm")
	if err != nil { // of this package's own files: every test finds it
		panic(err)
	}
	d := &dialect{
		language: syntax.ByName(name), query: string(text), negate: negate, remove: remove, zero: zero,
		testModule: name == "rust", oneByOne: name == "rust" || name == "elixir",
	}
	if name == "go" {
		d.incidental = besideError
	}
	return d
}

// dialectOf returns the dialect of a file by its name, nil where there is none.
func dialectOf(file string) *dialect {
	if l := syntax.Of(file, nil); l != nil {
		return dialects[l.Name()]
	}
	return nil
}

// wrap puts a text where format has %s, if it has.
func wrap(format string) func(string) string {
	return func(text string) string { return strings.ReplaceAll(format, "%s", text) }
}

// constant is zero where one text is the zero value of all types.
func constant(text string) func(*surveyed, syntax.Range, syntax.Range) (site, bool) {
	return func(_ *surveyed, value, _ syntax.Range) (site, bool) { return site{OpReturn, value, text}, true }
}
