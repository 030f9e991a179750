package fix

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/bitactor/cf/check"
	"github.com/bitactor/cf/engine"
	"github.com/bitactor/cf/lazyregexp"
	"github.com/bitactor/cf/syntax"
	"github.com/bitactor/cf/workspace"
)

// Group is what is wrong with one file.
type Group struct {
	File     string
	Symbol   string // the one definition that failing tests are about; "" where there are several
	Findings []check.Diagnostic
	Failing  []check.Test
}

func (g Group) done() bool { return len(g.Findings)+len(g.Failing) == 0 }

func (g Group) describe() string {
	var parts []string
	if n := len(g.Findings); n > 0 {
		parts = append(parts, count(n, "finding"))
	}
	if n := len(g.Failing); n > 0 {
		parts = append(parts, count(n, "failing test"))
	}
	return strings.Join(parts, " and ")
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// groups puts what the report lists to the files that have to change for it, those
// that do not compile first, then in the report's order. left holds what no file
// could be told for.
func (r *run) groups(ctx context.Context) (groups []Group, left []Left) {
	at := func(file string) *Group {
		i := slices.IndexFunc(groups, func(g Group) bool { return g.File == file })
		if i < 0 {
			groups = append(groups, Group{File: file})
			i = len(groups) - 1
		}
		return &groups[i]
	}
	for _, d := range r.report.Diagnostics() {
		if d.File == "" || r.Tree.Kind(d.File) != "file" {
			left = append(left, Left{d.Checker, d.Message})
			continue
		}
		g := at(d.File)
		g.Findings = append(g.Findings, d)
	}
	slices.SortStableFunc(groups, func(a, b Group) int { return rank(a) - rank(b) })
	for _, p := range r.report.Parts {
		for _, t := range p.Tests {
			if t.State != check.Failed {
				continue
			}
			if file, symbol := r.subject(ctx, t); file != "" {
				at(file).fails(t, symbol)
			} else {
				left = append(left, Left{t.Name, "which file has to change could not be told"})
			}
		}
	}
	return groups, left
}

// fails adds a failing test that is about a definition, or, with "", the file.
func (g *Group) fails(t check.Test, symbol string) {
	if len(g.Findings) > 0 || len(g.Failing) > 0 && g.Symbol != symbol {
		symbol = "" // the findings, or several tests, say more
	}
	g.Failing, g.Symbol = append(g.Failing, t), symbol
}

// revealed adds what the working trial shows and the unchanged tree did not.
func (r *run) revealed(ctx context.Context, groups []Group) []Group {
	add := func(file string) *Group {
		i := slices.IndexFunc(groups, func(g Group) bool { return g.File == file })
		if i < 0 {
			groups = append(groups, Group{File: file})
			i = len(groups) - 1
		}
		return &groups[i]
	}
	for _, d := range r.working.Verdict.New {
		add(d.File) // open adds the finding itself
	}
	for _, t := range r.working.Verdict.NewlyFailing {
		if file, symbol := r.subject(ctx, t); file != "" {
			add(file).fails(t, symbol)
		}
	}
	return groups
}

// rank puts files with errors before those with warnings only.
func rank(g Group) int {
	if slices.ContainsFunc(g.Findings, func(d check.Diagnostic) bool { return d.Severity == check.Error }) {
		return 0
	}
	return 1
}

// subjectFilesMax bounds the files that are searched for what a test calls.
const subjectFilesMax = 200

// subject returns the file that a failing test is about, and the definition if it
// is one: among the files of its language, the one that defines most of what its
// text calls; of equal ones the one that is named like the test's file, then the
// nearest.
func (r *run) subject(ctx context.Context, t check.Test) (file, symbol string) {
	lang := syntax.Of(t.File, nil)
	data, err := r.Tree.Read(t.File)
	if lang == nil || err != nil {
		return "", ""
	}
	called := names(testText(ctx, lang, data, t))
	listing, err := r.Tree.List(ctx, workspace.ListOptions{})
	if err != nil {
		return "", ""
	}
	var near []string
	for _, f := range listing.Files {
		if f.Path != t.File && !engine.IsTest(f.Path) && syntax.Of(f.Path, nil) == lang {
			near = append(near, f.Path)
		}
	}
	slices.SortStableFunc(near, func(a, b string) int { return distance(a, t.File) - distance(b, t.File) })
	most := 0
	for _, candidate := range near[:min(len(near), subjectFilesMax)] {
		found := r.defined(ctx, lang, candidate, called)
		if len(found) <= most {
			continue
		}
		most, file, symbol = len(found), candidate, ""
		if len(found) == 1 {
			symbol = found[0]
		}
	}
	return file, symbol
}

// distance is smaller the more likely a file is what a test is about: by name,
// then by the folders between them.
func distance(file, test string) int {
	d := 0
	if stem(file) != stem(test) {
		d = 100
	}
	a, b := strings.Split(path.Dir(file), "/"), strings.Split(path.Dir(test), "/")
	for len(a) > 0 && len(b) > 0 && a[0] == b[0] {
		a, b = a[1:], b[1:]
	}
	return d + len(a) + len(b)
}

var testAffix = lazyregexp.New(`^test_|[._-](tests?|spec|SUITE)$|^.*/`)

// stem is a file's name without folder, extension and what makes it a test.
func stem(file string) string {
	base := path.Base(file)
	return testAffix.ReplaceAllString(strings.TrimSuffix(base, path.Ext(base)), "")
}

// defined returns the functions of a file that have one of the names.
func (r *run) defined(ctx context.Context, lang *syntax.Language, file string, called map[string]bool) []string {
	data, err := r.Tree.Read(file)
	if err != nil {
		return nil
	}
	f, err := syntax.Parse(ctx, lang, data)
	if err != nil {
		return nil
	}
	var found []string
	for _, s := range f.Symbols() {
		if (s.Kind == syntax.Function || s.Kind == syntax.Method) && called[s.Name] && !slices.Contains(found, s.FullName()) {
			found = append(found, s.FullName())
		}
	}
	return found
}

// testText returns the text of the test's own function, or of the whole file where
// it can't be found, as in languages whose tests are no functions.
func testText(ctx context.Context, lang *syntax.Language, data []byte, t check.Test) string {
	f, err := syntax.Parse(ctx, lang, data)
	if err != nil {
		return string(data)
	}
	name := t.Name[strings.LastIndexAny(t.Name, ".:")+1:]
	name, _, _ = strings.Cut(name, "/")
	for _, s := range f.Symbols() {
		if s.Name == name {
			return f.Text(s.Range)
		}
	}
	if t.Line > 0 { // the block around the line that the test begins at, to the next empty one at its depth
		lines := strings.SplitAfter(string(data), "\n")
		from := min(t.Line-1, len(lines)-1)
		to := from + 1
		for to < len(lines) && !(strings.TrimSpace(lines[to]) == "" && to+1 < len(lines) && indent(lines[to+1]) <= indent(lines[from])) {
			to++
		}
		return strings.Join(lines[from:to], "")
	}
	return string(data)
}

func indent(line string) int { return len(line) - len(strings.TrimLeft(line, " \t")) }

var callee = lazyregexp.New(`([A-Za-z_][A-Za-z0-9_]*[!?]?)\s*\(`)

// names returns what a text calls.
func names(text string) map[string]bool {
	out := map[string]bool{}
	for _, m := range callee.FindAllStringSubmatch(text, -1) {
		out[m[1]] = true
	}
	return out
}
