package finish

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/bitactor/cf/lazyregexp"
	"github.com/bitactor/cf/syntax"
)

// erlangFile is what counts of a module of tests: EUnit's, or a suite of Common Test.
type erlangFile struct {
	*file
	module  syntax.Token
	exports []string // "name/arity"
	cases   []string // of a suite: what all/0 lists
	list    syntax.Range
	head    int               // behind the last attribute that has to stand above functions
	cut     []syntax.Range    // attributes that are written anew
	above   map[string]string // other attributes above functions, as written, by their plain text
	order   []string          // of above
	itself  bool              // it names its own module
	why     string            // it can't take part
}

// ofSymbols are the attributes that belong to symbols.
var ofSymbols = []string{"define", "record", "type", "opaque", "spec"}

// suiteHooks run around the cases of a suite.
var suiteHooks = []string{"suite", "groups", "init_per_suite", "end_per_suite", "init_per_group", "end_per_group", "init_per_testcase", "end_per_testcase"}

func readErlang(ctx context.Context, f *file) (*erlangFile, error) {
	e := &erlangFile{file: f, above: map[string]string{}}
	forms, err := syntax.ErlangForms(ctx, f.text)
	if err != nil {
		return nil, err
	}
	functions := false
	for _, form := range forms {
		e.form(form)
		functions = functions || form.Attribute == "" || slices.Contains(ofSymbols, form.Attribute)
		if !functions {
			e.head = form.Range.End
		}
	}
	if e.module.Text == "" {
		e.why = "it names no module"
	}
	return e, nil
}

func (e *erlangFile) form(form syntax.Form) {
	switch form.Attribute {
	case "module":
		if len(form.Tokens) > 3 {
			e.module = form.Tokens[3]
		}
		e.cut = append(e.cut, form.Range)
	case "export":
		for i := 0; i+2 < len(form.Tokens); i++ {
			if t := form.Tokens[i : i+3]; t[0].Kind == syntax.AtomToken && t[1].Text == "/" && t[2].Kind == syntax.NumberToken {
				e.exports = append(e.exports, e.tree.Text(t[0].Range)+"/"+e.tree.Text(t[2].Range))
			}
		}
		e.cut = append(e.cut, form.Range)
	case "include", "include_lib", "import", "compile", "behaviour", "behavior":
		text := e.tree.Text(form.Range)
		e.above[plain(text)] = text
		e.order = append(e.order, plain(text))
		e.cut = append(e.cut, form.Range)
	case "":
		if len(form.Tokens) > 4 && form.Tokens[0].Text == "all" && form.Tokens[2].Text == ")" {
			e.all(form.Tokens[3:])
		}
	default:
		if !slices.Contains(ofSymbols, form.Attribute) {
			e.why = fmt.Sprintf("its attribute -%s is about the whole file", form.Attribute)
		}
	}
	e.itself = e.itself || form.Attribute != "module" && slices.ContainsFunc(form.Tokens, func(t syntax.Token) bool {
		text := e.tree.Text(t.Range)
		return e.module.Text != "" && (t.Text == e.module.Text || t.Kind == syntax.StringToken && strings.Contains(text, e.module.Text))
	})
}

// all reads "-> [a, b]".
func (e *erlangFile) all(tokens []syntax.Token) {
	if !strings.HasSuffix(e.path, "_SUITE.erl") || len(tokens) < 3 || tokens[0].Text != "->" || tokens[1].Text != "[" || tokens[len(tokens)-1].Text != "]" {
		return
	}
	list := tokens[2 : len(tokens)-1]
	for i, t := range list {
		switch {
		case i%2 == 0 && t.Kind == syntax.AtomToken:
			e.cases = append(e.cases, e.tree.Text(t.Range))
		case i%2 == 1 && t.Text == ",":
		default:
			e.cases = nil
			return
		}
	}
	e.list = syntax.Range{Start: tokens[1].Range.End, End: tokens[len(tokens)-1].Range.Start}
}

// uniteErlang puts the functions of extra behind those of into: includes, imports and
// exports above, the cases of a suite into its list.
func uniteErlang(ctx context.Context, into, extra *file, m *Merged) ([]byte, error) {
	to, from, err := both(ctx, into, extra, readErlang)
	if err != nil {
		return nil, err
	}
	if m.Why = apart(to, from); m.Why != "" {
		return nil, nil
	}
	edits, gone, why := erlangNames(to, from, m)
	if why != "" {
		m.Why = why
		return nil, nil
	}
	for _, c := range from.cut {
		edits = append(edits, syntax.Edit{Start: c.Start, End: c.End})
	}
	body, err := replaced(extra.text, edits)
	if err != nil {
		return nil, err
	}
	text := []byte(strings.TrimRight(into.tree.Text(syntax.Range{End: len(into.text)}), "\n") + "\n\n" + strings.Trim(body, "\n") + "\n")
	var above []syntax.Edit
	if head := erlangHead(to, from, gone); head != "" {
		above = append(above, syntax.Edit{Start: to.head, End: to.head, New: []byte(head)})
	}
	fresh := slices.DeleteFunc(slices.Clone(from.cases), func(c string) bool {
		return slices.Contains(to.cases, c) || slices.Contains(gone, c+"/1") && len(named(into, c)) == 0
	})
	if len(fresh) > 0 {
		at := to.list.Start + len(strings.TrimRight(into.tree.Text(to.list), " \t\r\n"))
		above = append(above, syntax.Edit{Start: at, End: at, New: []byte(", " + strings.Join(fresh, ", "))})
	}
	return syntax.Replace(text, above)
}

// apart says why two modules can't be one.
func apart(to, from *erlangFile) string {
	switch {
	case from.why != "":
		return from.why
	case to.why != "":
		return to.why + " of " + to.path
	case from.itself:
		return "it names its own module"
	}
	for _, text := range from.order {
		if _, there := to.above[text]; !there && strings.HasPrefix(text, "-compile") && !harmless.MatchString(text) {
			return fmt.Sprintf("%q is about the whole file", text)
		}
	}
	for text := range to.above {
		if _, there := from.above[text]; !there && strings.HasPrefix(text, "-compile") && !harmless.MatchString(text) {
			return fmt.Sprintf("%q of %s is about the whole file", text, to.path)
		}
	}
	if !strings.HasSuffix(from.path, "_SUITE.erl") {
		return ""
	}
	if len(to.cases) == 0 || len(from.cases) == 0 {
		return "all/0 is no plain list of cases in both"
	}
	for _, hook := range suiteHooks {
		if a, b := named(to.file, hook), named(from.file, hook); !slices.Equal(a, b) {
			return hook + " is not the same in both"
		}
	}
	return ""
}

// harmless are compiler options that change no result.
var harmless = lazyregexp.New(`^-compile\(\[?(?:(?:export_all|nowarn_export_all|nowarn_unused_function|debug_info)(?:, ?)?)+\]?\)\.$`)

// named returns the definitions of a name, without white space.
func named(f *file, name string) []string {
	var out []string
	for _, s := range f.tree.Symbols() {
		if s.Name == name {
			out = append(out, plain(f.tree.Text(s.Decl)))
		}
	}
	return out
}

// erlangHead is what has to be added above the functions of to.
func erlangHead(to, from *erlangFile, gone []string) string {
	head := ""
	for _, text := range from.order {
		if _, there := to.above[text]; !there {
			head += "\n" + from.above[text]
		}
	}
	var exports []string
	for _, e := range from.exports {
		if !slices.Contains(to.exports, e) && !slices.Contains(gone, e) {
			exports = append(exports, e)
		}
	}
	if len(exports) > 0 {
		head += "\n-export([" + strings.Join(exports, ", ") + "])."
	}
	return head
}

// erlangNames compares what two modules define. gone are names that extra no longer
// defines by itself.
func erlangNames(to, from *erlangFile, m *Merged) (edits []syntax.Edit, gone []string, why string) {
	key := func(s syntax.Symbol) string { return fmt.Sprintf("%s %s/%d", kindOf(s), s.Name, s.Arity) }
	taken := map[string]string{}
	for _, s := range to.tree.Symbols() {
		taken[key(s)] = plain(to.tree.Text(s.Decl))
	}
	for _, s := range from.tree.Symbols() {
		if s.Kind == syntax.Module || s.Name == "all" && len(from.cases) > 0 {
			if s.Kind != syntax.Module {
				edits = append(edits, syntax.Edit{Start: s.Range.Start, End: s.Range.End})
			}
			continue
		}
		isCase := s.Kind == syntax.Test || s.Arity == 1 && slices.Contains(from.cases, s.Name)
		text, there := taken[key(s)]
		same := there && text == plain(from.tree.Text(s.Decl)) || isCase && !there && erlangTwin(to, from, s)
		switch {
		case same:
			if isCase {
				m.Dropped = append(m.Dropped, s.Name)
			}
			gone = append(gone, fmt.Sprintf("%s/%d", s.Name, s.Arity))
			edits = append(edits, syntax.Edit{Start: s.Range.Start, End: s.Range.End})
		case there && s.Kind == syntax.Test && strings.Count(string(from.text), s.Name) == 1:
			fresh := erlangFresh(taken, s.Name)
			m.Renamed[s.Name] = fresh
			m.Cases++
			edits = append(edits, syntax.Edit{Start: s.NameRange.Start, End: s.NameRange.End, New: []byte(fresh)})
		case there:
			return nil, nil, fmt.Sprintf("both define %s, and not the same", strings.TrimSuffix(fmt.Sprintf("%s/%d", s.Name, s.Arity), "/-1"))
		case isCase:
			m.Cases++
		}
		if _, there := taken[key(s)]; !there {
			taken[key(s)] = ""
		}
	}
	return edits, gone, ""
}

// kindOf puts functions and tests into one space of names, as Erlang does.
func kindOf(s syntax.Symbol) syntax.Kind {
	if s.Kind == syntax.Test {
		return syntax.Function
	}
	return s.Kind
}

// reflects names what depends on where it stands.
var reflects = lazyregexp.New(`\?(?:FUNCTION_NAME|LINE|MODULE|FILE)\b|__(?:func|LINE|FILE)__`)

// erlangTwin tells whether to has a case of the same kind with the body of s.
func erlangTwin(to, from *erlangFile, s syntax.Symbol) bool {
	body := from.tree.Text(s.BodyRange)
	if strings.TrimSpace(body) == "" || reflects.MatchString(body) {
		return false
	}
	form := func(f *erlangFile, s syntax.Symbol) string { // from the arguments on
		return plain(f.tree.Text(syntax.Range{Start: s.NameRange.End, End: s.Decl.End}))
	}
	return slices.ContainsFunc(to.tree.Symbols(), func(t syntax.Symbol) bool {
		isCase := t.Kind == syntax.Test || slices.Contains(to.cases, t.Name)
		return isCase && t.Kind == s.Kind && strings.HasSuffix(t.Name, "_") == strings.HasSuffix(s.Name, "_") && form(to, t) == form(from, s)
	})
}

// erlangFresh makes a name that EUnit still takes for a test.
func erlangFresh(taken map[string]string, name string) string {
	end := "_test"
	if strings.HasSuffix(name, "_") {
		end = "_test_"
	}
	stem := strings.TrimSuffix(name, end)
	for n := 2; ; n++ {
		fresh := fmt.Sprintf("%s_%d%s", stem, n, end)
		if _, there := taken["function "+fresh+"/0"]; !there {
			return fresh
		}
	}
}

// adopted is extra as the canonical file, which an Erlang module has to be named
// after; why tells that it can't be.
func adopted(ctx context.Context, name string, extra *file) (into *file, why string, err error) {
	if extra.tree.Language().Name() != "erlang" {
		return &file{name, extra.text, extra.tree}, "", nil
	}
	e, err := readErlang(ctx, extra)
	switch {
	case err != nil:
		return nil, "", err
	case e.module.Text == "":
		return nil, "it names no module", nil
	case e.itself:
		return nil, "it names its own module", nil
	}
	text, err := syntax.Replace(extra.text, []syntax.Edit{{Start: e.module.Range.Start, End: e.module.Range.End, New: []byte(moduleName(name))}})
	if err != nil {
		return nil, "", err
	}
	into, err = parsed(ctx, name, text)
	return into, "", err
}
