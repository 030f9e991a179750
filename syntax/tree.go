//go:build cgo

package syntax

import (
	"context"
	"runtime"
	"strings"
	"sync"
	"time"
	"unsafe"

	sitter "github.com/tree-sitter/go-tree-sitter"
	bash "github.com/tree-sitter/tree-sitter-bash/bindings/go"
	c "github.com/tree-sitter/tree-sitter-c/bindings/go"
	elixir "github.com/tree-sitter/tree-sitter-elixir/bindings/go"
	golang "github.com/tree-sitter/tree-sitter-go/bindings/go"
	javascript "github.com/tree-sitter/tree-sitter-javascript/bindings/go"
	python "github.com/tree-sitter/tree-sitter-python/bindings/go"
	rust "github.com/tree-sitter/tree-sitter-rust/bindings/go"
	typescript "github.com/tree-sitter/tree-sitter-typescript/bindings/go"
)

// grammars are the entry points of the C parsers, by name of language.
var grammars = map[string]func() unsafe.Pointer{
	"go": golang.Language, "c": c.Language, "elixir": elixir.Language, "python": python.Language,
	"javascript": javascript.Language, "typescript": typescript.LanguageTypescript, "tsx": typescript.LanguageTSX,
	"rust": rust.Language, "shell": bash.Language,
}

// grammar is a language's parser tables and compiled query. Both are made on
// first use and kept for the life of the process.
type grammar struct {
	language *sitter.Language
	query    *sitter.Query
	captures []string // by index of capture
}

var (
	grammarsMu   sync.Mutex
	grammarCache = map[string]*grammar{}
)

// load returns the grammar of l. A query that does not compile is a fault of
// this package, which a test finds.
func (l *Language) load() (*grammar, error) {
	grammarsMu.Lock()
	defer grammarsMu.Unlock()
	if g := grammarCache[l.name]; g != nil {
		return g, nil
	}
	text, err := queryFiles.ReadFile("queries/" + l.query + ".scm")
	if err != nil {
		return nil, err
	}
	g := &grammar{language: sitter.NewLanguage(grammars[l.name]())}
	query, fault := sitter.NewQuery(g.language, string(text))
	if fault != nil {
		return nil, fault
	}
	g.query, g.captures = query, query.CaptureNames()
	grammarCache[l.name] = g
	return g, nil
}

// parsers holds idle parsers, which are C memory: a sync.Pool would drop them
// without freeing it.
var parsers = make(chan *sitter.Parser, max(2, runtime.NumCPU()))

func takeParser() *sitter.Parser {
	select {
	case p := <-parsers:
		return p
	default:
		return sitter.NewParser()
	}
}

func giveParser(p *sitter.Parser) {
	p.Reset()
	select {
	case parsers <- p:
	default:
		p.Close()
	}
}

// chunkBytes is how much of the source the parser is given at once: the binding
// copies each piece, and copies it again when the parser comes back to it.
const chunkBytes = 16 << 10

// grow parses the source to a tree, which the caller closes.
func grow(ctx context.Context, g *grammar, src []byte) (*sitter.Tree, error) {
	p := takeParser()
	defer giveParser(p)
	if err := p.SetLanguage(g.language); err != nil {
		return nil, err
	}
	// The newer way, a progress callback, leaks its options in v0.25.0 of the
	// binding (parser.go saves them and never lets go).
	p.SetTimeoutMicros(limitMicros(ctx)) //nolint:staticcheck // see above
	served, most := 0, 8*len(src)+(1<<20)
	tree := p.ParseWithOptions(func(at int, _ sitter.Point) []byte {
		if at >= len(src) || served > most || ctx.Err() != nil {
			return nil
		}
		piece := src[at:min(len(src), (at/chunkBytes+1)*chunkBytes)]
		served += len(piece)
		return piece
	}, nil, nil)
	switch {
	case ctx.Err() != nil:
		if tree != nil {
			tree.Close()
		}
		return nil, ctx.Err()
	case tree == nil:
		return nil, ErrTooComplex
	case served > most:
		tree.Close()
		return nil, ErrTooComplex
	}
	return tree, nil
}

// limitMicros returns how long a parse or a query may run, in microseconds.
func limitMicros(ctx context.Context) uint64 {
	limit := MaxTime
	if deadline, ok := ctx.Deadline(); ok {
		limit = min(limit, time.Until(deadline))
	}
	return uint64(max(limit, time.Millisecond).Microseconds())
}

// readTree parses f's source and returns what the query of its language finds;
// without all only the problems.
func readTree(ctx context.Context, f *File, all bool) (harvest, error) {
	g, err := f.language.load()
	if err != nil {
		return harvest{}, err
	}
	tree, err := grow(ctx, g, f.src)
	if err != nil {
		return harvest{}, err
	}
	defer tree.Close()
	var h harvest
	root := tree.RootNode()
	if h.problems, err = treeProblems(ctx, f, root); err != nil || !all {
		return h, err
	}
	return h, collect(ctx, f, g, root, &h)
}

// The bounds of a query: states kept at once, and matches between two looks at
// the context.
const (
	maxStates     = 1 << 10
	matchesAtOnce = 512
)

// collect runs the query over the tree.
func collect(ctx context.Context, f *File, g *grammar, root *sitter.Node, h *harvest) error {
	cursor := sitter.NewQueryCursor()
	defer cursor.Close()
	cursor.SetMatchLimit(maxStates)
	limit := limitMicros(ctx)
	cursor.SetTimeoutMicros(limit)
	start := time.Now()
	matches := cursor.Matches(g.query, root, f.src)
	for n := 1; ; n++ {
		m := matches.Next()
		if m == nil {
			break
		}
		if n%matchesAtOnce == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		h.add(f, g, m)
	}
	if cursor.DidExceedMatchLimit() || time.Since(start).Microseconds() >= int64(limit) {
		return ErrTooComplex
	}
	return ctx.Err()
}

// add files one match under what its captures are called. The names of captures
// are explained at the top of queries/go.scm.
func (h *harvest) add(f *File, g *grammar, m *sitter.QueryMatch) {
	d := definition{arity: -1, pattern: int(m.PatternIndex)}
	if f.language.arity {
		d.arity = 0
	}
	defines := false
	for i := range m.Captures {
		node := &m.Captures[i].Node
		r := nodeRange(node)
		switch name := g.captures[m.Captures[i].Index]; name {
		case "function", "method", "type", "module", "constant", "variable", "test", "macro":
			d.kind, d.decl, defines = Kind(name), r, true
		case "scope":
			d.decl, defines = r, true
		case "name":
			d.name = r
		case "body":
			d.body = r
		case "outer":
			d.outer = r
		case "receiver":
			d.receiver = r
		case "params":
			d.arity, d.defaults = arguments(f, node)
		case "attached":
			h.attached = append(h.attached, r)
		case "comment":
			h.comments = append(h.comments, r)
		case "string":
			h.strings = append(h.strings, r)
		case "reference":
			h.references = append(h.references, r)
		case "import":
			h.imports = append(h.imports, r)
		case "skip":
			h.skips = append(h.skips, r)
		case "subtest":
			h.subtests = append(h.subtests, r)
		}
	}
	if !defines || d.name.Empty() {
		return
	}
	if f.language.arity && d.kind != Function && d.kind != Macro {
		d.arity = -1
	}
	h.defs = append(h.defs, d)
}

// arguments counts the arguments of a function, and those with a default.
func arguments(f *File, node *sitter.Node) (count, defaults int) {
	for i := range node.NamedChildCount() {
		child := node.NamedChild(i)
		if child.Kind() == "comment" {
			continue
		}
		count++
		if op := child.ChildByFieldName("operator"); op != nil && f.Text(nodeRange(op)) == `\\` {
			defaults++
		}
	}
	return count, defaults
}

func nodeRange(n *sitter.Node) Range { return Range{int(n.StartByte()), int(n.EndByte())} }

// quoted shows a token in a message.
func quoted(text string) string {
	text = oneLine(strings.ToValidUTF8(text, "?"))
	if runes := []rune(text); len(runes) > 30 {
		text = string(runes[:30]) + "..."
	}
	return `"` + text + `"`
}
