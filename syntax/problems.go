//go:build cgo

package syntax

import (
	"context"
	"fmt"
	"slices"
	"strings"

	sitter "github.com/tree-sitter/go-tree-sitter"
)

// treeProblems says where the tree departs from the grammar. A tree without a
// fault is not visited at all.
func treeProblems(ctx context.Context, f *File, root *sitter.Node) ([]Problem, error) {
	if !root.HasError() {
		return nil, nil
	}
	w := problemWalk{f: f}
	if err := w.walk(ctx, root); err != nil {
		return nil, err
	}
	return w.result(), nil
}

// problemWalk collects problems, and the brackets that have no partner: an
// unclosed one breaks all that follows, and the parser often notices far away.
type problemWalk struct {
	f       *File
	found   []located
	open    []bracket
	opened  []bracket // the first without a partner that was opened
	closing []bracket // the first without a partner that closes
}

// located is a problem that spans the bytes to end. A span of an error that holds
// a bracket without partner says less than the bracket.
type located struct {
	at, end int
	message string
	bracket bool
}

type bracket struct {
	at     int
	text   string
	indent int // of its line
}

// walk visits the tree without recursion: it may be as deep as the source is long.
func (w *problemWalk) walk(ctx context.Context, root *sitter.Node) error {
	cursor := root.Walk()
	defer cursor.Close()
	for n := 1; ; n++ {
		if n%4096 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		node := cursor.Node()
		w.visit(node)
		if cursor.GotoFirstChild() {
			continue
		}
		for !cursor.GotoNextSibling() {
			if !cursor.GotoParent() {
				return nil
			}
		}
	}
}

func (w *problemWalk) visit(node *sitter.Node) {
	at := int(node.StartByte())
	switch {
	case node.IsMissing():
		at = w.f.afterText(at)
		w.found = append(w.found, located{at: at, end: at, message: "missing " + describeKind(node.Kind())})
	case node.IsError():
		w.found = append(w.found, located{at: at, end: int(node.EndByte()), message: w.unexpected(node)})
	}
	if node.ChildCount() == 0 && !node.IsMissing() {
		w.bracket(at, node.Kind())
	}
}

// bracket keeps account of brackets and of words like do and end.
func (w *problemWalk) bracket(at int, text string) {
	pairs := w.f.language.pairs
	indent, first := w.f.indent(at)
	if _, ok := pairs[text]; ok {
		w.open = append(w.open, bracket{at, text, indent})
		return
	}
	if !closes(pairs, text) {
		return
	}
	partner := -1
	for i := len(w.open) - 1; i >= 0; i-- {
		if pairs[w.open[i].text] != text {
			continue
		}
		if partner < 0 {
			partner = i
		}
		// A closing bracket that begins its line belongs to the line with the
		// same indentation, if there is one that waits for it.
		if !first || w.open[i].indent == indent {
			partner = i
			break
		}
		if w.open[i].indent < indent {
			break
		}
	}
	if partner < 0 {
		w.closing = append(w.closing, bracket{at, text, indent})
		return
	}
	w.opened = append(w.opened, w.open[partner+1:]...)
	w.open = w.open[:partner]
}

func closes(pairs map[string]string, text string) bool {
	for _, end := range pairs {
		if end == text {
			return true
		}
	}
	return false
}

// unexpected names the first token of an error.
func (w *problemWalk) unexpected(node *sitter.Node) string {
	text := w.f.Text(nodeRange(node))
	if first, _, more := strings.Cut(strings.TrimSpace(text), "\n"); more {
		text = first
	}
	leaf := node
	for leaf.ChildCount() > 0 {
		leaf = leaf.Child(0)
	}
	if leaf != node && !leaf.IsMissing() && leaf.EndByte() > leaf.StartByte() {
		text = w.f.Text(nodeRange(leaf))
	}
	switch text = strings.TrimSpace(text); text {
	case "":
		return "unexpected end of the file"
	case `"`, "'", "`", `"""`, "'''":
		return "a string that is never closed begins with " + text
	}
	return "unexpected " + quoted(text)
}

// describeKind turns the name of a missing node into words.
func describeKind(kind string) string {
	if strings.IndexFunc(kind, func(r rune) bool { return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' }) < 0 || len(kind) < 4 && !strings.Contains(kind, "_") {
		return `"` + kind + `"`
	}
	return strings.ReplaceAll(strings.TrimLeft(kind, "_"), "_", " ")
}

// result orders the problems and puts unpaired brackets among them.
func (w *problemWalk) result() []Problem {
	var unpaired []located
	for _, b := range append(w.opened, w.open...) {
		unpaired = append(unpaired, located{b.at, b.at, fmt.Sprintf("%q is never closed", b.text), true})
	}
	for _, b := range w.closing {
		unpaired = append(unpaired, located{b.at, b.at, fmt.Sprintf("unexpected %q: nothing is open that it closes", b.text), true})
	}
	byPlace := func(a, b located) int { return a.at - b.at }
	slices.SortFunc(unpaired, byPlace)
	list := slices.Clone(unpaired)
	for _, l := range w.found {
		i, _ := slices.BinarySearchFunc(unpaired, l.at, func(u located, at int) int { return u.at - at })
		if i == len(unpaired) || unpaired[i].at > l.end {
			list = append(list, l)
		}
	}
	slices.SortStableFunc(list, byPlace)
	var problems []Problem
	for i, l := range list {
		if len(problems) < maxProblem && (i == 0 || list[i-1].at != l.at) {
			problems = append(problems, w.f.problem(l.at, l.message))
		}
	}
	return problems
}
