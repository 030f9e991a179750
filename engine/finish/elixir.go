package finish

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/bitactor/cf/lazyregexp"
	"github.com/bitactor/cf/syntax"
)

// elixirModule is the one module of a file of tests.
type elixirModule struct {
	symbol     syntax.Symbol
	inner      syntax.Range // between "do" and "end"
	directives []string     // alias, import, require lines at its top, plain
	uses       []string
	settings   bool // setup, tags or attributes: they are about every test of the module
}

var (
	directive = lazyregexp.New(`(?m)^[ \t]*((?:alias|import|require)[ \t]+[^\n]*)\n`)
	useLine   = lazyregexp.New(`(?m)^[ \t]*(use[ \t]+[^\n]*)\n`)
	setting   = lazyregexp.New(`(?m)^[ \t]*(?:setup\b|setup_all\b|@(?:moduletag|describetag|tag|[a-z_]+)\b|defmacro|defdelegate|on_exit)`)
)

// moduleOf returns the first module of a file; alone tells whether nothing stands
// beside it.
func moduleOf(f *file) (first elixirModule, ok, alone bool) {
	var m elixirModule
	n := 0
	for _, s := range f.tree.Symbols() {
		if s.Parent == "" {
			if n++; n == 1 {
				m.symbol = s
			}
		}
	}
	text := f.tree.Text(m.symbol.BodyRange)
	if n == 0 || m.symbol.Kind != syntax.Module || !strings.HasPrefix(text, "do") || !strings.HasSuffix(text, "end") {
		return m, false, false
	}
	m.inner = syntax.Range{Start: m.symbol.BodyRange.Start + len("do"), End: m.symbol.BodyRange.End - len("end")}
	body := f.tree.Text(m.inner)
	for _, d := range directive.FindAllStringSubmatch(body, -1) {
		m.directives = append(m.directives, plain(d[1]))
	}
	for _, u := range useLine.FindAllStringSubmatch(body, -1) {
		m.uses = append(m.uses, plain(u[1]))
	}
	m.settings = setting.MatchString(body)
	return m, true, strings.TrimSpace(string(f.text[:m.symbol.Range.Start])+string(f.text[m.symbol.Range.End:])) == ""
}

// uniteElixir puts the tests of extra's module into that of into where both are
// plain; else the module as a whole behind it, under a name of its own.
func uniteElixir(_ context.Context, into, extra *file, m *Merged) ([]byte, error) {
	to, there, _ := moduleOf(into)
	from, _, alone := moduleOf(extra)
	if there && alone && !to.settings && !from.settings && slices.Equal(to.uses, from.uses) {
		if cut, ok := elixirNames(into, extra, to, from, m); ok {
			return intoModule(into, extra, to, from, cut), nil
		}
		*m = Merged{File: m.File, Into: m.Into, Renamed: map[string]string{}}
	}
	taken := map[string]bool{}
	for _, s := range into.tree.Symbols() {
		if s.Kind == syntax.Module {
			taken[s.Name] = true
		}
	}
	text := string(extra.text)
	for _, s := range slices.Backward(extra.tree.Symbols()) {
		if s.Kind != syntax.Module || !taken[s.Name] {
			continue
		}
		if strings.Count(text, s.Name) != 1 || s.Parent != "" {
			m.Why = "both define the module " + s.Name
			return nil, nil
		}
		fresh := s.Name + "More"
		for n := 2; taken[fresh]; n++ {
			fresh = fmt.Sprintf("%sMore%d", s.Name, n)
		}
		text = text[:s.NameRange.Start] + fresh + text[s.NameRange.End:]
		m.Renamed[s.Name] = fresh
	}
	m.Cases = len(extra.tree.TestNames())
	return []byte(strings.TrimRight(string(into.text), "\n") + "\n\n" + strings.TrimLeft(text, "\n")), nil
}

// elixirNames finds what of extra is there already. It is not ok where a function or
// a test has the name of another one.
func elixirNames(into, extra *file, to, from elixirModule, m *Merged) (cut []syntax.Range, ok bool) {
	key := func(s syntax.Symbol, module string) string {
		parent := strings.TrimPrefix(strings.TrimPrefix(s.Parent, module), ".")
		return fmt.Sprintf("%s|%s|%s|%d", s.Kind, parent, s.Name, s.Arity)
	}
	there := map[string]string{}
	for _, s := range into.tree.Symbols() {
		there[key(s, to.symbol.Name)] = plain(into.tree.Text(s.Decl))
	}
	for _, s := range extra.tree.Symbols() {
		if s.Parent == "" {
			continue
		}
		if s.Kind == syntax.Module || s.Kind == syntax.Type || s.Kind == syntax.Constant {
			return nil, false
		}
		text, known := there[key(s, from.symbol.Name)]
		switch {
		case known && text == plain(extra.tree.Text(s.Decl)):
			cut = append(cut, s.Range)
			if s.Kind == syntax.Test && !strings.HasPrefix(s.Signature, "describe") {
				m.Dropped = append(m.Dropped, s.Name)
			}
		case known:
			return nil, false
		case s.Kind == syntax.Test && !strings.HasPrefix(s.Signature, "describe"):
			m.Cases++
		}
	}
	return cut, true
}

// intoModule writes the union of two modules.
func intoModule(into, extra *file, to, from elixirModule, cut []syntax.Range) []byte {
	body := string(without(extra.text, from.inner, cut))
	body = useLine.ReplaceAllString(body, "")
	fresh := ""
	for _, d := range directive.FindAllStringSubmatch(body, -1) {
		if !slices.Contains(to.directives, plain(d[1])) {
			fresh += "  " + strings.TrimSpace(d[1]) + "\n"
		}
	}
	body = directive.ReplaceAllString(body, "")
	inner := into.tree.Text(to.inner)
	if at := useLine.FindStringIndex(inner); at != nil && fresh != "" {
		inner = inner[:at[1]] + fresh + inner[at[1]:]
	}
	text := string(into.text[:to.inner.Start]) + strings.TrimRight(inner, "\n ") + "\n\n" + strings.TrimRight(strings.TrimLeft(body, "\n"), "\n ") + "\n" + string(into.text[to.inner.End:])
	return []byte(strings.ReplaceAll(text, "\n\n\n", "\n\n"))
}
