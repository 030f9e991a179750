package clean

import (
	"bytes"
	"slices"
	"strings"

	"github.com/bitactor/cf/lazyregexp"
	"github.com/bitactor/cf/syntax"
)

// match is what a query found.
type match struct {
	file  string
	tree  *syntax.File
	by    map[string]syntax.Range
	known *Known
}

func (m match) text(name string) string { return m.tree.Text(m.by[name]) }

// condition keeps a match from being a finding: keep says why the code stays as it
// is and is told; drop says that it is not what the pattern is about.
type condition func(m match) (keep string, drop bool)

var conditions = map[string]condition{
	"boundary": func(m match) (string, bool) {
		return outside(crossed(exiting.ReplaceAllString(m.text("found"), ""))), false
	},
	// All that is done is to close, remove, print or draw something, or something is looked for
	// to be imported: nothing depends on it.
	"cleanup": func(m match) (string, bool) { return outside(cleaned(m.text("body"))), false },
	// A comment inside says why: inside of the handler, where the pattern names it, or in the
	// line above, which in Go must speak of failing.
	"commented": func(m match) (string, bool) {
		found := m.by["found"]
		within := found
		if handler, ok := m.by["_handler"]; ok {
			within = handler
		}
		return "", slices.ContainsFunc(m.tree.Regions(), func(r syntax.Region) bool {
			above := (within != found || strings.HasPrefix(m.text("found"), "try") || ofFailing.MatchString(m.tree.Text(r.Range))) && m.tree.Line(r.Range.Start) == m.tree.Line(found.Start)-1
			return r.Kind == syntax.Comment && (above || within.Start <= r.Range.Start && r.Range.End <= within.End)
		})
	},
	// The statement has other handlers, or an end of its own.
	"others": func(m match) (string, bool) {
		if len(clauses.FindAllString(m.text("found"), 2)) > 1 {
			return "it has other clauses", false
		}
		return "", false
	},
	// The value names what was caught: it is passed on.
	"used": func(m match) (string, bool) {
		name := strings.TrimSpace(m.text("caught"))
		return "", name != "_" && name != "" && slices.Contains(words(m.text("value")), name)
	},
	// A class or a method that says by its name, its decorators or what it is derived from that
	// others implement it.
	"abstract": func(m match) (string, bool) {
		at := m.by["found"].Start
		return "", slices.ContainsFunc(m.tree.Symbols(), func(s syntax.Symbol) bool {
			if at < s.Range.Start || s.Range.End <= at {
				return false
			}
			head := m.tree.Text(syntax.Range{Start: s.Range.Start, End: s.Decl.Start})
			if s.Kind == syntax.Type {
				return abstractName.MatchString(s.Name) || abstract.MatchString(head+s.Signature)
			}
			return abstract.MatchString(head)
		})
	},
	// A method that others are to implement, that declares an interface, or that stands for a
	// decorator alone; a function only where its decorator sends calls to others by their
	// types, where it answers before, or where something puts another in its place, as it may
	// in that of a method. A text that does not speak of work to do refuses.
	"implemented": func(m match) (string, bool) {
		s, ok := m.around(syntax.Method, syntax.Function)
		if !ok {
			return "", false
		}
		text := m.tree.Text(s.Range)
		silent := !strings.ContainsAny(m.text("found"), `"'`)
		if m.within(typesOnly) != "" {
			return "", true
		}
		decorated := strings.HasPrefix(strings.TrimSpace(plainDecorator.ReplaceAllString(text, "")), "@")
		if returnsInside.MatchString(m.tree.Text(syntax.Range{Start: s.Range.Start, End: m.by["found"].Start})) {
			return "", true // it does something, and refuses the rest
		}
		if m.refuses() {
			return "", true
		}
		if s.Parent == "" {
			return "", silent && (dispatched.MatchString(text) || m.known.set[s.Name])
		}
		if m.nested(s) {
			return "", false
		}
		if silent && (m.known.set[s.Name] || m.known.own[s.Name]) {
			return "", true
		}
		operator := strings.HasPrefix(s.Name, "__") && s.Name != "__init__"
		return "", m.derived(s) || operator || declaration.MatchString(text) || forOthers.MatchString(text) || silent && decorated
	},
	// Where the statement fails, another way is gone: see fallback.
	"fallback": func(m match) (string, bool) { return "", m.fallback() },
	// The check before it decides by what is there or to be had, or waits for as long as its
	// context lasts.
	"lookup": func(m match) (string, bool) { return "", lookup.MatchString(m.text("before")) },
	// What is looked at, on the line that opens the block around, looks for something, and
	// the answer is that there is none.
	"absent": func(m match) (string, bool) {
		return "", lookedFor.MatchString(m.opening()) && absent.MatchString(m.text("found"))
	},
	// Another clause answers what went well with an error: the error is what is wanted. Or it
	// takes away what is there: there was nothing.
	"negated": func(m match) (string, bool) {
		s, ok := m.around(syntax.Function, syntax.Macro)
		return "", ok && (negation.MatchString(m.tree.Text(s.Range)) || removal.MatchString(m.tree.Text(s.Range)))
	},
	// To sleep is what it is for.
	"asleep": func(m match) (string, bool) {
		s, ok := m.around(syntax.Function, syntax.Method, syntax.Test)
		return "", ok && asleep.MatchString(s.Parent+" "+s.Name)
	},
	// The text goes on and says what there is instead, or why there is nothing.
	"explained": func(m match) (string, bool) { return "", explained.MatchString(m.text("_text")) },
	// It stands in a type: what a function may answer.
	"typed": func(m match) (string, bool) {
		return "", typing.MatchString(m.within(typing)) || typing.MatchString(m.line())
	},
	// A text for people stands in for one that could not be made of a value.
	"placeholder": func(m match) (string, bool) {
		return "", strings.HasPrefix(m.text("value"), `"`) && len(m.text("value")) > 2 && displayed.MatchString(m.text("block"))
	},
	// What made the error, in the same package, makes errors of text alone: nobody could
	// ask for a kind.
	"plain": func(m match) (string, bool) { return "", m.plain() },
	// The error is of a decoder of characters, which has no kind that anybody could ask for, or
	// of a call of a DLL of Windows, where another result is the status, or no error but a list
	// of texts (k8s.io/apimachinery/pkg/util/validation).
	"leaf": func(m match) (string, bool) {
		lines := strings.Split(m.tree.Text(syntax.Range{End: m.by["found"].Start}), "\n")
		return "", leaf.MatchString(strings.Join(lines[max(len(lines)-6, 0):], "\n"))
	},
	// The innermost function around does not answer with an error, or says by the name of a
	// result of its own whether it went well, or is an index of client-go's cache, which
	// panics where one answers with an error (k8s.io/client-go/tools/cache, thread_safe_store),
	// or a condition that is asked until it is true (k8s.io/apimachinery/pkg/util/wait).
	"no-error": func(m match) (string, bool) {
		head := m.function()
		if asked.MatchString(head) && notYet.MatchString(m.text("found")) {
			return "", true
		}
		return "", !answersError.MatchString(head) || sendsErrors.MatchString(head) || saysOK.MatchString(head) || indexes.MatchString(head)
	},
	// What is looked at, on the line that opens the block around, lies outside.
	"boundary-subject": func(m match) (string, bool) { return outside(crossed(m.opening())), false },
	// The name of the function, or its spec, says what the answer means.
	"attempt": func(m match) (string, bool) {
		s, ok := m.around(syntax.Function, syntax.Macro)
		if !ok {
			return "", false
		}
		spec := specified.FindString(m.tree.Text(syntax.Range{Start: s.Range.Start, End: s.NameRange.Start}))
		return "", attempt.MatchString(s.Name) || slices.Contains(words(spec), strings.Trim(m.text("value"), ":")) && strings.Contains(spec, "|")
	},
	// The new error speaks of the one that was caught, or needs not to: see named.
	"named": func(m match) (string, bool) { return "", m.named() },
	// In Elixir one of several functions that say the same in the implementation of a
	// protocol or of a behaviour that is named, which demands them, or one of Any, from which
	// others are derived.
	"protocol": func(m match) (string, bool) {
		of := m.within(implementation)
		several := bytes.Count(m.tree.Source(), []byte(m.text("found"))) > 1
		if several && demanded.MatchString(m.above()) {
			return "", true
		}
		return "", of != "" && (forAny.MatchString(of) || several)
	},
	// The value says that something failed, or shows what could not be worked on.
	"shown": func(m match) (string, bool) { return "", shown.MatchString(m.text("value")) },
	// An exported method that says no more than that it is not implemented: as often as not one
	// that an interface asks of a type which never has it. Several that say the same are, and
	// so is a function literal that answers so: someone asks for it as an argument. So are a
	// method that names neither its receiver nor what it is given, and what a file for some
	// systems alone has because others do. What stands in the default of a switch guards
	// against a value that nobody thought of, and a text that says what is not supported
	// refuses; for functions of a table and methods of several types see inTable.
	"forced": func(m match) (string, bool) {
		call, text := m.text("_panic"), m.text("_text")
		if oneSystem.MatchString(m.file) || bytes.Contains(m.tree.Source(), []byte("\n//go:build ")) || bytes.HasPrefix(m.tree.Source(), []byte("//go:build ")) {
			return "", true
		}
		if call == "" {
			call = m.text("_new")
			if strings.HasPrefix(m.function(), "func(") {
				return "", true
			}
		}
		if guards.MatchString(m.opening()) || explained.MatchString(text) {
			return "", true
		}
		if m.inTable(call, text) {
			return "", true
		}
		s, ok := m.around(syntax.Method)
		if ok && nameless.MatchString(m.tree.Text(s.Range)) {
			return "", true
		}
		if !ok || !exported.MatchString(s.Name) {
			return "", false
		}
		return "", bare.MatchString(text) || call != "panic" && bareError.MatchString(text) ||
			bytes.Count(m.tree.Source(), []byte(call+"("+text+")")) > 1
	},
}

var (
	answersError = lazyregexp.New(`\berror\)?\s*$`)
	saysOK       = lazyregexp.New(`[(,]\s*(?:ok|found|exists|handled|valid) bool, err error\)\s*$`)
	indexes      = lazyregexp.New(`^func\(\w+ (?:any|interface\{\})\) \(\[\]string, error\)\s*$`)
	lookedFor    = lazyregexp.New(`\b(?:\w+\.)*(?:get|find|lookup|search)(?:_\w+)?\(`)
	removal      = lazyregexp.New(`\{:ok, \w+\}\s*->\s*[\w.:]*(?:delete|remove|stop|close|cancel|unregister|untrack)\w*\(`)
	explained    = lazyregexp.New(`(?i:implemented\W+.*(?:not support|n.t support|instead))|mplemented\W+.*\b[uU]se [A-Z]`)
	negation     = lazyregexp.New(`:ok\s*->\s*\{:error\b`)
	typing       = lazyregexp.New(`^\s*@(?:spec|callback|macrocallback|type|typep|opaque)\b`)
	displayed    = lazyregexp.New(`^\s*do\s+(?:to_string|inspect|Macro\.to_string|String\.Chars\.to_string|Kernel\.(?:to_string|inspect))\([^\n]*\)\s*\n\s*rescue\b`)
	absent       = lazyregexp.New(`\{:ok, (?:nil|\[\]|%\{\})\}\s*$`)
	asked        = lazyregexp.New(`^func\((?:\w+ context\.Context|context\.Context)?\) \((?:\w+ )?bool, (?:\w+ )?error\)\s*$`)
	notYet       = lazyregexp.New(`\breturn false, nil\b`)
	sendsErrors  = lazyregexp.New(`\bchan error\)?\s*$`)
	emptyType    = lazyregexp.New(`\b(?:interface|struct)\{\}`)
	cleanup      = lazyregexp.New(`\b\w*(?:close|stop|kill|shutdown|cleanup|unlink|remove|terminate|release|cancel|flush|disconnect|rmtree|rmdir|print|debug|curs_set|addn?str|addch|itemconfig)\w*\(|\b\w*log(?:ger|ging)?\.\w+\(|\bdel \w`)
	imports      = lazyregexp.New(`(?m)^\s*(?:import|from)\b.*`)
	clauses      = lazyregexp.New(`(?m)^\s*(?:except\b|else:|finally:)`)
	abstract     = lazyregexp.New(`abstractmethod|\bABC(?:Meta)?\b|\bProtocol\b|\bInterface\b|overload`)
	abstractName = lazyregexp.New(`Base|Abstract|Interface|Mixin|Visitor|Protocol`)
	// plainDecorator leaves the body what is called
	plainDecorator = lazyregexp.New(`(?m)^\s*@(?:property|staticmethod|classmethod|override)\s*$`)
	lookup         = lazyregexp.New(`\bos\.Open\w*\(|\b(?:Stat|Lstat|Lookup\w*|ReadFile|LookPath|Getwd|Parse\w*|Atoi|Unmarshal|[gG]et\w*|[fF]ind\w*|user\.Current|Rel|EvalSymlinks|(?:[aA]cquire|[tT]ry)\w*Lock)\(|\b(?:Recv|Receive|Next|Wait|Acquire)\(ctx\)`)
	// typesOnly is what no run gets to
	typesOnly = lazyregexp.New(`^\s*if (?:\w+\.)?TYPE_CHECKING\b`)
	demanded  = lazyregexp.New(`(?m)^\s*@impl [A-Z]`)
	// declaration has not even a self: an interface of zope
	declaration    = lazyregexp.New(`^\s*def \w+\(\)`)
	dispatched     = lazyregexp.New(`^\s*@(?:\w+\.)*(?:singledispatch|multimethod|dispatch|generic|overload)\b`)
	leaf           = lazyregexp.New(`\berr :?= (?:base64\.\w+\.DecodeString|hex\.DecodeString|url\.(?:Path|Query)Unescape)\(|, _, err :?= \w+\.Call\(|\berr :?= (?:\w*[vV]alidation)\.Is\w+\(`)
	exported       = lazyregexp.New(`^\p{Lu}`)
	implementation = lazyregexp.New(`^\s*defimpl\b`)
	forAny         = lazyregexp.New(`\bfor:\s*Any\b`)
	shown          = lazyregexp.New(`(?i)^\{:error,\s*(?:["%\[]|:(?:invalid|bad|malformed|unsupported)_?\w*)|"[^"]*(?:fail|error|could not|n't)[^"]*"|\binspect\(`)
	guards         = lazyregexp.New(`^\s*default:\s*$`)
	oneSystem      = lazyregexp.New(`_(?:windows|linux|darwin|freebsd|openbsd|netbsd|solaris|unix|posix|other|others|unsupported|nocgo|wasm|js)\.go$`)
	todo           = lazyregexp.New(`(?i)implement|to[ -]?do\b|\bto be\b|\blater\b|\byet\b|\bsoon\b|\bfuture\b|placeholder|\bstub|fixme|\bwip\b|in progress`)
	nameless       = lazyregexp.New(`^func \(\*?\w+\) \w+\((?:[\w.*\[\]]+(?:, )?)+\)`)
	forOthers      = lazyregexp.New(`(?i)subclass|overrid|implementors?\b|derived class|child class|must (?:be )?implement|not (?:required|needed|supported|used|expected)|can(?:no|')t\b|\binstead\b|never (?:get|be|is)? ?called|unsupported`)
	attempt        = lazyregexp.New(`^(?:safe|try|maybe)_|\?$`)
	specified      = lazyregexp.New(`(?s)@spec\s.*`)
	bare           = lazyregexp.New(`(?i)^.not implemented[.!]?.$`)
	bareError      = lazyregexp.New(`(?i)^.unimplemented[.!]?.$`)
	ofFailing      = lazyregexp.New(`^//.*\b(?i:errors?|fail\w*|skip\w*|ignor\w*)\b`)
	// asleep does what it is called
	asleep = lazyregexp.New(`(?i)sleep|delay|wait|pause|throttle|timeout`)
)

// around returns the innermost symbol of some kinds that holds what was found.
func (m match) around(kinds ...syntax.Kind) (inner syntax.Symbol, ok bool) {
	at := m.by["found"].Start
	for _, s := range m.tree.Symbols() {
		if s.Range.Start <= at && at < s.Range.End && slices.Contains(kinds, s.Kind) {
			inner, ok = s, true
		}
	}
	return inner, ok
}

// function returns what stands before the body of the innermost function or function
// literal of Go that holds what was found; "" for none. Braces in strings and comments
// count, too: what is said of such a function may be wrong, and is then no finding or one
// that the checks refuse to mend.
func (m match) function() string {
	s, ok := m.around(syntax.Function, syntax.Method)
	if !ok {
		return ""
	}
	text := m.tree.Text(syntax.Range{Start: s.Range.Start, End: m.by["found"].Start})
	depth := 0
	for i := len(text) - 1; i >= 0; i-- {
		switch text[i] {
		case '}':
			depth++
		case '{':
			if depth--; depth >= 0 {
				continue
			}
			depth = 0
			head := text[:i]
			head = head[max(strings.LastIndex(head, "func"), 0):]
			// one with a brace of its own holds another block, around which it is
			if strings.HasPrefix(head, "func") && !strings.ContainsAny(emptyType.ReplaceAllString(head, ""), "{}") {
				return head
			}
		}
	}
	return ""
}

// above returns what stands above the function around what was found and belongs to it:
// its documents and attributes.
func (m match) above() string {
	s, ok := m.around(syntax.Function, syntax.Macro)
	if !ok {
		return ""
	}
	return m.tree.Text(syntax.Range{Start: s.Range.Start, End: s.Decl.Start})
}

// line returns the line that what was found begins on.
func (m match) line() string {
	src := m.tree.Source()
	at := m.by["found"].Start
	start := bytes.LastIndexByte(src[:at], '\n') + 1
	if n := bytes.IndexByte(src[at:], '\n'); n >= 0 {
		return string(src[start : at+n])
	}
	return string(src[start:])
}

// within returns the innermost line above what was found that it is indented under and
// that matches; "" for none.
func (m match) within(head *lazyregexp.Regexp) string {
	src := m.tree.Source()
	at := m.by["found"].Start
	indent, _ := indentation(src, at)
	width := len(indent)
	lines := strings.Split(string(src[:at]), "\n")
	for i := len(lines) - 2; i >= 0 && width > 0; i-- {
		line := lines[i]
		in := len(line) - len(strings.TrimLeft(line, " \t"))
		if strings.TrimSpace(line) == "" || in >= width {
			continue
		}
		if width = in; head.MatchString(line) {
			return line
		}
	}
	return ""
}

// opening returns the nearest line above that is indented less than what was found,
// and those above that it goes on from: "value", "|> f()", "|> case do".
func (m match) opening() string {
	src := m.tree.Source()
	at := m.by["found"].Start
	indent, _ := indentation(src, at)
	lines := strings.Split(string(src[:at]), "\n")
	for i := len(lines) - 2; i >= 0; i-- {
		line := lines[i]
		if strings.TrimSpace(line) == "" || len(line)-len(strings.TrimLeft(line, " \t")) >= len(indent) {
			continue
		}
		from := i
		for from > 0 && strings.HasPrefix(strings.TrimSpace(lines[from]), "|>") {
			from--
		}
		return strings.Join(lines[from:i+1], "\n")
	}
	return ""
}

func words(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool {
		return r != '_' && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9')
	})
}

// judge asks the conditions of these names.
func judge(names []string, m match) (keep string, drop bool) {
	for _, name := range names {
		k, d := conditions[name](m)
		if d {
			return "", true
		}
		if keep == "" {
			keep = k
		}
	}
	return keep, false
}
