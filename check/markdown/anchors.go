package markdown

import (
	"bytes"
	"strconv"
	"strings"

	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/util"

	"github.com/bitactor/cf/check/source"
	"github.com/bitactor/cf/lazyregexp"
)

// notSlug is what GitHub takes out of a heading to name it: PUNCTUATION_REGEXP,
// /[^\p{Word}\- ]/u, of TableOfContentsFilter in gjtorikian/html-pipeline.
var notSlug = lazyregexp.New(`[^\p{L}\p{M}\p{Nd}\p{Pc}\- ]`)

// slug returns the anchor that GitHub gives a heading.
func slug(heading string) string {
	return strings.ReplaceAll(notSlug.ReplaceAllString(strings.ToLower(heading), ""), " ", "-")
}

var explicitAnchor = lazyregexp.New(`(?i)<[a-z][^<>]*?\s(?:id|name)\s*=\s*(?:"([^"<>]+)"|'([^'<>]+)'|([^\s"'<>]+))`)

// Anchors returns the names that a link to a document may end in: those that GitHub
// gives its headings, and those of its HTML. The error is that it takes too long to
// parse.
func Anchors(name string, text []byte) (map[string]bool, error) {
	d, err := parse(source.New("markdown", "", name, text))
	if err != nil {
		return nil, err
	}
	return d.anchors(), nil
}

// anchors returns every name that a link to the document may end in.
func (d *document) anchors() map[string]bool {
	all := map[string]bool{}
	count := map[string]int{}
	d.each(func(n ast.Node) {
		if n.Kind() != ast.KindHeading {
			return
		}
		s := slug(d.text(n))
		if k := count[s]; k > 0 {
			all[s+"-"+strconv.Itoa(k)] = true
		} else {
			all[s] = true
		}
		count[s]++
	})
	d.html(func(_ int, raw []byte) {
		for _, m := range explicitAnchor.FindAllSubmatch(raw, -1) {
			all[string(bytes.Join(m[1:], nil))] = true
		}
	})
	return all
}

// duplicateAnchors records anchors in HTML that stand twice.
func (d *document) duplicateAnchors() {
	seen := map[string]int{}
	d.html(func(at int, raw []byte) {
		for _, m := range explicitAnchor.FindAllSubmatchIndex(raw, -1) {
			for g := 2; g < len(m); g += 2 {
				if m[g] < 0 {
					continue
				}
				anchor := string(raw[m[g]:m[g+1]])
				if line, ok := seen[anchor]; ok {
					d.f.Error(at+m[0], "duplicate-anchor", "anchor %q stands on line %d already", anchor, line)
					continue
				}
				seen[anchor], _ = d.f.Position(at + m[0])
			}
		}
	})
}

// html visits every piece of HTML with its offset; comments are none.
func (d *document) html(visit func(at int, raw []byte)) {
	d.each(func(n ast.Node) {
		switch n := n.(type) {
		case *ast.HTMLBlock:
			if n.HTMLBlockType == ast.HTMLBlockType2 {
				return
			}
			for i := range n.Lines().Len() {
				s := n.Lines().At(i)
				visit(s.Start, s.Value(d.src))
			}
		case *ast.RawHTML:
			for i := range n.Segments.Len() {
				s := n.Segments.At(i)
				visit(s.Start, s.Value(d.src))
			}
		}
	})
}

// text returns what a reader sees of n's words.
func (d *document) text(n ast.Node) string {
	var b strings.Builder
	_ = ast.Walk(n, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if !entering {
			return ast.WalkContinue, nil
		}
		switch n := n.(type) {
		case *ast.Image:
			return ast.WalkSkipChildren, nil
		case *ast.AutoLink:
			b.Write(n.Label(d.src))
		case *ast.Text:
			value := n.Segment.Value(d.src)
			if n.Parent().Kind() != ast.KindCodeSpan {
				value = util.ResolveEntityNames(util.ResolveNumericReferences(util.UnescapePunctuations(value)))
			}
			b.Write(value)
		case *ast.String:
			b.Write(n.Value)
		}
		return ast.WalkContinue, nil
	})
	return b.String()
}
