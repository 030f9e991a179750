package clean

import (
	"bytes"
	"slices"
	"strings"

	"github.com/bitactor/cf/lazyregexp"
	"github.com/bitactor/cf/syntax"
)

var (
	assignment    = lazyregexp.New(`^\s*([A-Za-z_][\w.]*)\s*(?::[^=]+)?=[^=]`)
	elseClause    = lazyregexp.New(`^\s*else:`)
	leaves        = lazyregexp.New(`^\s*(?:(?:return|raise)\b|self\.(?:error|fail)\()`)
	returnsInside = lazyregexp.New(`(?m)^\s*return\b`)
	breaks        = lazyregexp.New(`(?m)^\s*break\s*\z`)
	branch        = lazyregexp.New(`^(?:if|elif|else)\b.*:$`)
	opens         = lazyregexp.New(`[(\[{]`)
	closes        = lazyregexp.New(`[)\]}]`)
	quoted        = lazyregexp.New(`["'](?:[^"'\\]|\\.|'\w)*["']`)
	ending        = lazyregexp.New(`^_*(?:close|quit|exit|stop|shut_?down|clean_?up|tear_?down|del|disconnect|terminate|dispose|abort)(?:_|[A-Z]|$)`)
	byOthers      = lazyregexp.New(`(?i)\bimplemented (?:in|by|for) \w`)
	reporting     = lazyregexp.New(`(?i)(?:^|_)(?:usage|analytics)(?:_|$)`)
	observes      = lazyregexp.New(`(?i)(?:^|/)(?:observability|telemetry|metrics|analytics|tracing)(?:/|\.py$)`)
	selfAttribute = lazyregexp.New(`^self\.\w+$`)
	onFailure     = lazyregexp.New(`(?i)#.*\b(?:fail\w*|ignored|ignoring|best[ -]effort|defensive|don't let|even if)\b`)
	docstring     = lazyregexp.New(`(?s)\A\s*class\b[^\n]*\n\s*"""(?:[^"]|"[^"]|""[^"])*"""`)
	addressed     = lazyregexp.New(`(?i)\bsub-?class|\bderived class|\bmust be (?:overridden|implemented|defined)\b|\binstances of this class (?:should|must|have to)\b|\bto be (?:sub-?classed|overridden|implemented)`)
	selfCall      = lazyregexp.New(`\bself\.(\w+)\(`)
	reraises      = lazyregexp.New(`(?s)\bexcept\b[^\n]*:\n(?:\s*\S[^\n]*\n)+?\s*raise\s*(?:\n|$)`)
	conversion    = lazyregexp.New(`(?:^|\n)[ \t]*try:[ \t]*\n[ \t]*(?:[\w.]+ = |return )(?:int|float)\((\w+)\)[ \t]*\n\s*$`)
	interfaceOf   = lazyregexp.New(`(?m)^\s*@(?:\w+\.)*implementer\(`)
)

var pythonHead = lazyregexp.New(`^[ \t]*(?:async[ \t]+)?def[ \t]+(\w+)`)

// refuses tells whether an exception has a text that says anything but that there is work
// to do, or that it is the work of others.
func (m match) refuses() bool {
	text := quoted.FindString(m.text("found"))
	return len(text) > 2 && (!todo.MatchString(text) || byOthers.MatchString(text))
}

// nested tells whether what was found stands in a function inside of a method, which has
// no symbol of its own.
func (m match) nested(method syntax.Symbol) bool {
	before := m.tree.Text(syntax.Range{Start: method.Range.Start, End: m.by["found"].Start})
	lines := strings.Split(before, "\n")
	level := lines[len(lines)-1]
	for i := len(lines) - 2; i >= 0; i-- {
		d := pythonHead.FindStringSubmatch(lines[i])
		if d != nil && len(lines[i])-len(strings.TrimLeft(lines[i], " \t")) < len(level) {
			return d[1] != method.Name
		}
	}
	return false
}

// derived tells whether a method is one for other classes: others are derived from its
// class, unless it is private and nobody else has it, several in the class or in the tree
// say the same, the class implements nothing, or an interface, or an abstract class
// somewhere, demands the method.
func (m match) derived(method syntax.Symbol) bool {
	name := method.Parent[strings.LastIndexByte(method.Parent, '.')+1:]
	own := strings.HasPrefix(method.Name, "_") && m.known.methods[method.Name] == 1
	if m.known.bases[name] && !own || m.known.stubs[method.Name] > 1 || m.known.asked[method.Name] {
		return true
	}
	class, _ := m.around(syntax.Type)
	text := m.tree.Text(class.Range)
	said := strings.Count(text, "raise NotImplementedError")
	described := strings.Contains(text, `"""`) && !strings.Contains(class.Signature, "(")
	return said > 1 || addressed.MatchString(docstring.FindString(text)) || described && said == len(pythonDefinition.FindAllString(text, -1)) || interfaceOf.MatchString(text)
}

// fallback tells whether what is passed over has another way to go on from: an else
// clause, a break out of a loop that tries again, a default that stands right before the
// statement and that it would replace, or anywhere before it if it does nothing else, or
// a return inside with another, or an error, right after it. A comment inside that speaks
// of failing says why it is so; so does a function that reports how the program is used, and what observes it. A method of the same class that handles its failures itself
// and then raises them again has said what there is to say. What cleans up after another failure, or ends something,
// has done what it could.
func (m match) fallback() bool {
	found, src := m.by["found"], m.tree.Source()
	indent, _ := indentation(src, found.Start)
	for line := range strings.Lines(m.tree.Text(found)) {
		if rest, ok := strings.CutPrefix(line, indent); ok && elseClause.MatchString(rest) && rest[0] == 'e' {
			return true
		}
	}
	body := m.text("body")
	if onFailure.MatchString(m.tree.Text(found)) {
		return true
	}
	if leaves.MatchString(nextLine(src[found.End:])) && returnsInside.MatchString(body) {
		return true
	}
	if breaks.MatchString(body) {
		return true
	}
	targets, only := assigned(body)
	before, level := lastLine(src[:found.Start])
	if set := assignment.FindStringSubmatch(before); set != nil && level == indent && targets[set[1]] {
		return true
	}
	if observes.MatchString(m.file) {
		return true
	}
	if s, ok := m.around(syntax.Method, syntax.Function); ok && (ending.MatchString(s.Name) || reporting.MatchString(s.Name)) {
		return true
	}
	if call := selfCall.FindStringSubmatch(body); call != nil && m.reraised(call[1]) {
		return true
	}
	handling, set := m.enclosing()
	return handling || only && (slices.ContainsFunc(set, func(name string) bool { return targets[name] }) || m.attributes(targets))
}

// reraised tells whether a method of that name in the file does something about a failure
// and raises it again.
func (m match) reraised(name string) bool {
	return slices.ContainsFunc(m.tree.Symbols(), func(s syntax.Symbol) bool {
		return s.Kind == syntax.Method && s.Name == name && reraises.MatchString(m.tree.Text(s.Range))
	})
}

// converts tells whether all that was tried is to make a number of a name that the new
// error speaks of: what was caught says no more.
func (m match) converts() bool {
	text := m.tree.Text(syntax.Range{End: m.by["found"].Start})
	of := conversion.FindStringSubmatch(text[max(len(text)-300, 0):])
	return of != nil && strings.Contains(strings.SplitN(m.text("found"), "\n", 2)[0], "except ValueError") && slices.Contains(words(m.text("body")), of[1])
}

// attributes tells whether an attribute of those is assigned to elsewhere in the file
// before, as a class gives it its first value.
func (m match) attributes(targets map[string]bool) bool {
	before := string(m.tree.Source()[:m.by["found"].Start])
	for name := range targets {
		if selfAttribute.MatchString(name) && strings.Contains(before, name+" = ") {
			return true
		}
	}
	return false
}

// cleaned returns what cleans up, or is imported, in the lines of a body; "" where the
// body also does something else.
func cleaned(body string) (first string) {
	if first = strings.TrimSpace(imports.FindString(body)); first != "" {
		return first
	}
	open := 0
	for line := range strings.Lines(body) {
		text := strings.TrimSpace(line)
		inside := open > 0
		open += len(opens.FindAllString(text, -1)) - len(closes.FindAllString(text, -1))
		found := cleanup.FindString(text)
		switch {
		case inside || text == "" || text[0] == '#' || text == "pass" || strings.HasSuffix(text, ":") && open == 0:
		case found == "":
			return ""
		case first == "":
			first = found
		}
	}
	return first
}

// assigned returns the names that the lines of a body assign to, and whether the body does
// nothing else, but for deciding what to assign.
func assigned(body string) (targets map[string]bool, only bool) {
	targets, only = map[string]bool{}, true
	open := 0 // brackets of a value that goes on in the next line
	for line := range strings.Lines(body) {
		line := strings.TrimSpace(line)
		inside := open > 0
		open += len(opens.FindAllString(line, -1)) - len(closes.FindAllString(line, -1))
		left, _, ok := strings.Cut(line, "=")
		switch {
		case inside || line == "" || line[0] == '#':
		case branch.MatchString(line):
		case !ok || strings.ContainsAny(left, "([+-*/"):
			only = false
		default:
			for target := range strings.SplitSeq(left, ",") {
				target, _, _ = strings.Cut(target, ":")
				targets[strings.TrimSpace(target)] = true
			}
		}
	}
	return targets, only
}

// enclosing goes up from what was found through the blocks around it, to the head of the
// function, and tells whether one of them handles a failure, and which names they assign
// to before it.
func (m match) enclosing() (handling bool, set []string) {
	src := m.tree.Source()
	at := m.by["found"].Start
	level, _ := indentation(src, at)
	width := len(level)
	lines := strings.Split(string(src[:at]), "\n")
	for i := len(lines) - 2; i >= 0; i-- {
		line := lines[i]
		text := strings.TrimLeft(line, " \t")
		indent := len(line) - len(text)
		if strings.TrimSpace(text) == "" || indent > width {
			continue
		}
		if indent < width {
			if pythonHead.MatchString(line) {
				return handling, set
			}
			width = indent
			handling = handling || strings.HasPrefix(text, "except")
		}
		if name := assignment.FindStringSubmatch(line); name != nil {
			set = append(set, name[1])
		}
	}
	return handling, set
}

// nextLine returns the first line after the one that is there that is not blank.
func nextLine(src []byte) string {
	_, rest, _ := bytes.Cut(src, []byte("\n"))
	for line := range bytes.Lines(rest) {
		if len(bytes.TrimSpace(line)) > 0 {
			return string(line)
		}
	}
	return ""
}

// lastLine returns the last line, of those that are whole, that is neither blank nor a
// comment, and its indentation.
func lastLine(src []byte) (line, indent string) {
	lines := bytes.Split(src, []byte("\n"))
	for i := len(lines) - 2; i >= 0; i-- {
		if t := bytes.TrimSpace(lines[i]); len(t) > 0 && t[0] != '#' {
			line := string(lines[i])
			return line, line[:len(line)-len(strings.TrimLeft(line, " \t"))]
		}
	}
	return "", ""
}
