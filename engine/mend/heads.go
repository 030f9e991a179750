package mend

import (
	"regexp"
	"slices"
	"strings"

	"github.com/bitactor/cf/lazyregexp"
)

var (
	systemInclude = lazyregexp.New(`(?m)^[ \t]*#[ \t]*include[ \t]*<[\w./+-]+>`)
	pythonImport  = lazyregexp.New(`(?m)^(?:import|from[ \t]+[\w.]+[ \t]+import)[ \t]+([\w., \t]+)$`)
	spaces        = lazyregexp.New(`[ \t]+`)
)

// Heads adds to a file of C or Python what a definition that was put into it came
// with: #include lines of system headers, and imports of names that the definition
// uses. They stand outside of the definition, so that putting it alone loses them.
// Other languages come back as they are.
func Heads(source, answer, definition, language string) Result {
	r := Result{Source: source}
	var kind *lazyregexp.Regexp
	switch language {
	case "c":
		kind = systemInclude
	case "python":
		kind = pythonImport
	default:
		return r
	}
	var there []string
	at := -1 // behind the last such line
	for _, m := range kind.FindAllStringIndex(source, -1) {
		there = append(there, plainLine(source[m[0]:m[1]]))
		at = m[1]
	}
	if at < 0 {
		return r // where a first one belongs depends on comments and guards
	}
	var lines []string
	for _, m := range kind.FindAllStringSubmatch(answer, -1) {
		line := plainLine(m[0])
		if slices.Contains(there, line) || slices.Contains(lines, line) || language == "python" && !usesImport(definition, m[1]) {
			continue
		}
		lines = append(lines, line)
		r.Did = append(r.Did, "added: "+line)
	}
	for _, line := range slices.Backward(lines) {
		r.Source = r.Source[:at] + "\n" + line + r.Source[at:]
	}
	return r
}

// plainLine is a line with its white space evened out.
func plainLine(line string) string {
	line = strings.TrimSpace(spaces.ReplaceAllString(line, " "))
	return strings.Replace(line, "# include", "#include", 1)
}

// usesImport tells whether code uses a name that a list of imported ones binds.
func usesImport(code, list string) bool {
	return slices.ContainsFunc(strings.Split(list, ","), func(one string) bool {
		fields := strings.Fields(one)
		if len(fields) == 0 {
			return false
		}
		name, _, _ := strings.Cut(fields[len(fields)-1], ".") // the last is the one behind "as"
		return regexp.MustCompile(`\b` + regexp.QuoteMeta(name) + `\b`).MatchString(code)
	})
}
