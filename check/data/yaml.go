package data

import (
	"bytes"
	"errors"
	"io"
	"strings"

	goccy "github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/parser"
	"go.yaml.in/yaml/v4"

	"github.com/bitactor/cf/check/source"
	"github.com/bitactor/cf/lazyregexp"
)

// A document whose aliases, written out, make it longer than nodesMax nodes and
// growthMax times as long as it is, is the "billion laughs".
const (
	nodesMax  = 100_000
	growthMax = 10
)

// YAMLValuesMax bounds the lines and values of a YAML file that is parsed: each
// takes about 200 bytes.
const YAMLValuesMax = 300_000

// template finds lines that text/template or Jinja are to fill in: a value or a
// whole line that begins with a mark of theirs.
var template = lazyregexp.New(`(?m)^[ \t]*(?:- +)*(?:[\w.\-/"']+:[ \t]+)?(?:\{\{|\{%)`)

// ErrTemplate says that a file can't be checked as it is.
var ErrTemplate = errors.New("a template, which is YAML only once it is rendered")

// Template tells whether f is no YAML because it is a template of it, as the
// files of Helm charts are.
func Template(f *source.File) bool {
	if !template.Match(f.Data) {
		return false
	}
	try := source.New("", "", f.Path, f.Data)
	CheckYAML(try)
	return try.Failed()
}

// version12 is the directive of YAML 1.2, which the parser knows but by its
// number refuses; as a comment of the same length it changes no place.
var version12 = lazyregexp.New(`(?m)^%(YAML[ \t]+1\.2[ \t]*(?:#.*)?\r?)$`)

// CheckYAML records what is wrong with f as YAML and returns its documents,
// each a node of kind yaml.DocumentNode. After a syntax error it returns those
// before it.
func CheckYAML(f *source.File) []*yaml.Node {
	var docs []*yaml.Node
	dec := yaml.NewDecoder(bytes.NewReader(version12.ReplaceAll(f.Data, []byte("#$1"))))
	for {
		doc := new(yaml.Node)
		err := dec.Decode(doc)
		if errors.Is(err, io.EOF) {
			return docs
		}
		if err != nil {
			yamlFault(f, err)
			return docs
		}
		w := yamlWalk{f: f, size: map[*yaml.Node]int{}}
		w.node(doc)
		w.limit = max(nodesMax, growthMax*w.nodes)
		n := w.written(doc)
		if w.cycle != nil {
			f.Error(NodeOffset(f, w.cycle), "alias-cycle", "alias *%s stands inside what it stands for", w.cycle.Value)
			return docs
		}
		if n > w.limit {
			f.Error(NodeOffset(f, w.widest), "alias-bomb", "aliases make this document larger than %d nodes", w.limit)
			return docs
		}
		docs = append(docs, doc)
	}
}

// NodeOffset returns where a node begins in f. The library counts columns in
// characters.
func NodeOffset(f *source.File, n *yaml.Node) int {
	if n == nil {
		return 0
	}
	return f.RuneOffset(n.Line, n.Column)
}

// secondBytesMax is the largest file that is parsed a second time for a better
// place: that parser needs time in proportion to the square of the depth.
const secondBytesMax = 32 << 10

// yamlFault records an error of the library. The library names the line where
// the construct began that it could not finish; a second parser, which is too
// lenient to judge, names the place of the mistake itself where it sees one.
func yamlFault(f *source.File, err error) {
	at, text := yamlPlace(f, err)
	if at2, text2, ok := secondOpinion(f, text); ok {
		at, text = at2, text2
	}
	line, _ := f.Position(at)
	row := f.Line(line)
	indent := row[:len(row)-len(strings.TrimLeft(row, " \t"))]
	switch {
	case strings.Contains(indent, "\t"):
		f.Error(f.Offset(line, 1)+strings.IndexByte(indent, '\t'), "tab-indent", "a tab in the indentation; YAML allows only spaces")
	case strings.Contains(text, "exceeded max depth"):
		f.Error(at, "nesting", "nested more than %d deep", depthMax)
	case strings.Contains(text, "unknown anchor"):
		f.Error(at, "unknown-anchor", "%s", text)
	default:
		f.Error(at, "syntax", "%s", text)
	}
}

var anchorName = lazyregexp.New(`unknown anchor '([^']+)'`)

// yamlPlace returns the place and the words of an error of the library. Its
// lines count from 0 in errors of its parser and in all on the first line, and
// from 1 in others (fail in decode.go of v4.0.0-rc.3).
func yamlPlace(f *source.File, err error) (offset int, text string) {
	text = strings.TrimPrefix(err.Error(), "yaml: ")
	var parse *yaml.ParserError
	if !errors.As(err, &parse) {
		if m := anchorName.FindStringSubmatch(text); m != nil {
			return max(bytes.Index(f.Data, []byte("*"+m[1])), 0), text
		}
		return 0, text
	}
	line := max(parse.Line, 1)
	if parse.Line > 0 && strings.HasPrefix(parse.Message, "did not find expected") {
		line++
	}
	return f.RuneOffset(line, parse.Column+1), parse.Message
}

// secondOpinion returns where goccy/go-yaml sees the mistake that the first
// parser called text.
func secondOpinion(f *source.File, text string) (offset int, words string, ok bool) {
	if len(f.Data) > secondBytesMax || strings.Contains(text, "exceeded max depth") || strings.Contains(text, "unknown anchor") {
		return 0, "", false
	}
	_, err := parser.ParseBytes(f.Data, 0, parser.AllowDuplicateMapKey())
	var syntax *goccy.SyntaxError
	if !errors.As(err, &syntax) || syntax.Token == nil || syntax.Token.Position == nil {
		return 0, "", false
	}
	p := syntax.Token.Position
	return f.RuneOffset(p.Line, p.Column), syntax.Message, true
}

// yamlWalk looks at every node of a document once.
type yamlWalk struct {
	f      *source.File
	nodes  int
	limit  int                // of nodes with aliases written out
	size   map[*yaml.Node]int // of what anchors name, once it is known; 0 while it is being counted
	widest *yaml.Node         // the alias that stands for the most nodes
	most   int
	cycle  *yaml.Node // an alias inside what it names
}

// node records duplicate keys in n and below. The parser bounds the depth.
func (w *yamlWalk) node(n *yaml.Node) {
	w.nodes++
	if n.Kind == yaml.MappingNode {
		w.keys(n)
	}
	for _, child := range n.Content {
		w.node(child)
	}
}

type yamlKey struct{ tag, value string }

func (w *yamlWalk) keys(n *yaml.Node) {
	seen := make(map[yamlKey]int, len(n.Content)/2)
	for i := 0; i+1 < len(n.Content); i += 2 {
		k := n.Content[i]
		if k.Kind != yaml.ScalarNode || k.ShortTag() == "!!merge" {
			continue
		}
		id := yamlKey{k.ShortTag(), k.Value}
		if line, ok := seen[id]; ok {
			w.f.Error(NodeOffset(w.f, k), "duplicate-key", "key %q is already defined on line %d", k.Value, line+w.f.Above)
			continue
		}
		seen[id] = k.Line
	}
}

// written returns how many nodes n has with its aliases written out, held at
// one above the limit.
func (w *yamlWalk) written(n *yaml.Node) int {
	if n.Kind == yaml.AliasNode {
		total, known := w.size[n.Alias]
		switch {
		case known && total == 0:
			w.cycle = n
		case !known:
			w.size[n.Alias] = 0
			total = w.written(n.Alias)
			w.size[n.Alias] = total
		}
		if total > w.most {
			w.most, w.widest = total, n
		}
		return total
	}
	total := 1
	for _, child := range n.Content {
		total += w.written(child)
		if total > w.limit {
			return w.limit + 1
		}
	}
	return total
}
