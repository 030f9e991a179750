package finish

import (
	"context"
	"fmt"
	"go/format"
	"path"
	"slices"
	"strings"

	"github.com/bitactor/cf/syntax"
)

const goQuery = `
(package_clause (package_identifier) @package) @clause
(import_declaration) @import
(import_spec name: (_)? @name path: (_) @path) @spec
`

// goHead is what stands above the declarations of a Go file.
type goHead struct {
	pkg         string
	constraints []string
	specs       []string // imports, as written
	names       map[string]string
	open        int // where a spec may be put into the last group; -1 where there is none
	single      int // where the last import begins that is no group; -1 where there is none
	end         int // of the last import, or of the package clause
}

func readGoHead(ctx context.Context, f *file) (goHead, error) {
	h := goHead{names: map[string]string{}, open: -1, single: -1}
	matches, err := syntax.Query(ctx, f.tree.Language(), f.text, goQuery)
	if err != nil {
		return h, err
	}
	for _, m := range matches {
		by := map[string]syntax.Range{}
		for _, c := range m {
			by[c.Name] = c.Range
		}
		switch {
		case !by["package"].Empty():
			h.pkg, h.end = f.tree.Text(by["package"]), max(h.end, by["clause"].End)
		case !by["import"].Empty():
			h.end = max(h.end, by["import"].End)
			if text := f.tree.Text(by["import"]); strings.HasSuffix(text, ")") {
				h.open = by["import"].End - 1
			} else {
				h.single = by["import"].Start
			}
		case !by["path"].Empty():
			h.specs = append(h.specs, f.tree.Text(by["spec"]))
			imported := strings.Trim(f.tree.Text(by["path"]), "\"`")
			name := path.Base(imported)
			if !by["name"].Empty() {
				name = f.tree.Text(by["name"])
			}
			h.names[name] = imported
		}
	}
	head, _, _ := strings.Cut(string(f.text), "\npackage ")
	for line := range strings.Lines(head) {
		if strings.HasPrefix(line, "//go:build ") || strings.HasPrefix(line, "// +build ") {
			h.constraints = append(h.constraints, strings.TrimSpace(line))
		}
	}
	return h, nil
}

// uniteGo puts the declarations of extra behind those of into. In one package two
// names can't collide, so nothing is renamed.
func uniteGo(ctx context.Context, into, extra *file, m *Merged) ([]byte, error) {
	to, from, err := both(ctx, into, extra, readGoHead)
	if err != nil {
		return nil, err
	}
	switch {
	case to.pkg != from.pkg:
		m.Why = fmt.Sprintf("it is of package %s, not %s", from.pkg, to.pkg)
	case !slices.Equal(to.constraints, from.constraints):
		m.Why = "its build constraints are others"
	case from.names["C"] != "" || to.names["C"] != "":
		m.Why = "it imports C"
	case strings.Contains(string(extra.text[:from.end]), "DO NOT EDIT"):
		m.Why = "a generator writes it"
	}
	for name, imported := range from.names {
		if other, there := to.names[name]; there && other != imported && name != "_" && name != "." {
			m.Why = fmt.Sprintf("both import something as %s", name)
		}
	}
	if m.Why != "" {
		return nil, nil
	}
	var cut []syntax.Range
	for _, s := range topTests(extra) {
		if _, same := sameBody(into, extra, s); same {
			m.Dropped = append(m.Dropped, s.Name)
			cut = append(cut, s.Range)
			continue
		}
		m.Cases++
	}
	body := without(extra.text, syntax.Range{Start: from.end, End: len(extra.text)}, cut)
	joined := append([]byte(withImports(into.text, to, from)), '\n')
	joined = append(joined, body...)
	text, err := format.Source(dropUnusedImports(joined, from, to))
	if err != nil {
		m.Why = "the union is no Go: " + err.Error()
		return nil, nil
	}
	return text, nil
}

// withImports returns a file with the imports of another one added.
func withImports(src []byte, to, from goHead) string {
	var fresh []string
	for _, s := range from.specs {
		if !slices.ContainsFunc(to.specs, func(t string) bool { return plain(t) == plain(s) }) {
			fresh = append(fresh, s)
		}
	}
	text := string(src)
	switch {
	case len(fresh) == 0:
		return text
	case to.open >= 0:
		return text[:to.open] + "\t" + strings.Join(fresh, "\n\t") + "\n" + text[to.open:]
	}
	if to.single >= 0 { // it becomes a group
		spec := strings.TrimSpace(strings.TrimPrefix(text[to.single:to.end], "import"))
		return text[:to.single] + "import (\n\t" + spec + "\n\t" + strings.Join(fresh, "\n\t") + "\n)" + text[to.end:]
	}
	return text[:to.end] + "\n\nimport (\n\t" + strings.Join(fresh, "\n\t") + "\n)" + text[to.end:]
}

// dropUnusedImports takes out an import of extra whose last use was in a dropped
// case.
func dropUnusedImports(src []byte, from, to goHead) []byte {
	text := string(src)
	for name, imported := range from.names {
		if to.names[name] == imported || name == "_" || name == "." || strings.Contains(text, name+".") {
			continue
		}
		for _, s := range from.specs {
			if strings.Contains(s, imported) {
				text = strings.Replace(text, "\t"+s+"\n", "", 1)
			}
		}
	}
	return []byte(text)
}
