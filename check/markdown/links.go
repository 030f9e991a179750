package markdown

import (
	"bytes"
	"net/url"
	"path"
	"strings"
	"time"

	"github.com/agnivade/levenshtein"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/parser"

	"github.com/bitactor/cf/check/source"
	"github.com/bitactor/cf/lazyregexp"
	"github.com/bitactor/cf/workspace"
)

var (
	scheme   = lazyregexp.New(`^[A-Za-z][A-Za-z0-9+.\-]*:`)
	htmlLink = lazyregexp.New(`(?i)<(?:a|img|source|video)\b[^<>]*?\s(?:href|src)\s*=\s*(?:"([^"<>]*)"|'([^'<>]*)')`)
)

// linker follows links within a stage.
type linker struct {
	stage   *workspace.Stage
	anchors map[string]map[string]bool // by path, of files that were asked for; nil where they can't be told
}

// check records each link of d that leads nowhere, where wanted says so of its
// target, a path relative to the root.
func (l *linker) check(d *document, wanted func(target string) bool) {
	named := map[string]bool{} // links through references; the first use is enough
	follow := func(at int, destination []byte) { l.follow(d, at, string(destination), wanted) }
	d.each(func(n ast.Node) {
		var destination []byte
		var reference *ast.ReferenceLink
		switch n := n.(type) {
		case *ast.Link:
			destination, reference = n.Destination, n.Reference
		case *ast.Image:
			destination, reference = n.Destination, n.Reference
		default:
			return
		}
		if reference != nil {
			// A footnote looks like a reference to CommonMark.
			if bytes.HasPrefix(reference.Value, []byte("^")) || named[string(destination)] {
				return
			}
			named[string(destination)] = true
		}
		follow(n.Pos(), destination)
	})
	d.html(func(at int, raw []byte) {
		for _, m := range htmlLink.FindAllSubmatchIndex(raw, -1) {
			for g := 2; g < len(m); g += 2 {
				if m[g] >= 0 {
					follow(at+m[g], raw[m[g]:m[g+1]])
				}
			}
		}
	})
}

// follow records the link at an offset of d if it leads nowhere.
func (l *linker) follow(d *document, at int, destination string, wanted func(string) bool) {
	if destination == "" || strings.HasPrefix(destination, "/") || scheme.MatchString(destination) || strings.Contains(destination, "{{") {
		return
	}
	file, fragment, _ := strings.Cut(destination, "#")
	file, _, _ = strings.Cut(file, "?")
	file, fragment = unescape(file), unescape(fragment)
	target := d.f.Path
	if file != "" {
		target = path.Join(path.Dir(d.f.Path), file)
	}
	if target == ".." || strings.HasPrefix(target, "../") || !wanted(target) || strings.ContainsRune(target, 0) {
		return
	}
	if file != "" && l.stage.Kind(target) == "" {
		if !l.rendered(target) {
			d.f.Error(at, "broken-link", "nothing lies at %s", target)
		}
		return
	}
	if fragment == "" || !(checker{}).Match(target, nil) {
		return
	}
	known := l.known(d, target)
	if known != nil && !known[fragment] {
		d.f.Error(at, "broken-anchor", "%s has no heading or anchor #%s%s", target, fragment, nearest(fragment, known))
	}
}

// rendered tells whether target is the page that a site generator would make
// of a file that is there: page or page.html of page.md.
func (l *linker) rendered(target string) bool {
	return l.stage.Kind(strings.TrimSuffix(target, ".html")+".md") == "file"
}

// linkedBytesMax is the largest file that is parsed beside the one that links to
// it.
const linkedBytesMax = bytesMax / 2

// known returns the anchors of target, nil where they can't be told.
func (l *linker) known(d *document, target string) map[string]bool {
	if all, ok := l.anchors[target]; ok {
		return all
	}
	l.anchors[target] = nil // stands if parsing fails
	if target == d.f.Path {
		l.anchors[target] = d.anchors()
	} else if data, err := l.stage.Read(target); err == nil && len(data) <= linkedBytesMax {
		if other, err := parse(source.New(name, tool, target, data)); err == nil {
			l.anchors[target] = other.anchors()
		}
	}
	return l.anchors[target]
}

// nearest returns a hint at the anchor that was meant, if one is near.
func nearest(fragment string, known map[string]bool) string {
	best, least := "", len(fragment)/2+1
	for anchor := range known {
		if n := levenshtein.ComputeDistance(strings.ToLower(fragment), anchor); n < least || n == least && anchor < best {
			best, least = anchor, n
		}
	}
	if best == "" {
		return ""
	}
	return "; there is #" + best
}

func unescape(s string) string {
	if plain, err := url.PathUnescape(s); err == nil {
		return plain
	}
	return s
}

// undefined is where the second parse of references has undefined references
// lead; no text can hold it.
const undefined = "\x00undefined"

// everyReference takes every reference for defined.
type everyReference struct{ *clocked }

func (c everyReference) Reference(label string) (parser.Reference, bool) {
	if r, ok := c.clocked.Reference(label); ok {
		return r, true
	}
	return parser.NewReference([]byte(label), []byte(undefined), nil), true
}

// references records links [text][label] and [label][] whose label is not
// defined. A lone [label] is no link then but text, and nobody can tell what
// was meant. The error is errSlow.
func (d *document) references() error {
	if !bytes.Contains(d.src, []byte("][")) {
		return nil
	}
	root, err := parseWith(d.src, everyReference{newClocked(time.Now().Add(patience))})
	if err != nil {
		return err
	}
	all := document{f: d.f, src: d.src, root: root}
	all.each(func(n ast.Node) {
		var destination []byte
		var reference *ast.ReferenceLink
		switch n := n.(type) {
		case *ast.Link:
			destination, reference = n.Destination, n.Reference
		case *ast.Image:
			destination, reference = n.Destination, n.Reference
		}
		if reference == nil || reference.Type == ast.ReferenceLinkShortcut || string(destination) != undefined {
			return
		}
		if at := n.Pos(); at == 0 || !inWord(d.src[at-1]) {
			d.f.Error(at, "undefined-reference", "reference [%s] is not defined", reference.Value)
		}
	})
	return nil
}

// inWord tells whether brackets behind c are an index, as in a[i][j].
func inWord(c byte) bool {
	return c == '_' || c == ')' || c == ']' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}
