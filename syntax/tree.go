//go:build cgo

package syntax

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
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
	"golang.org/x/sync/semaphore"
)

// grammars are the entry points of the C parsers, by name of language.
var grammars = map[string]func() unsafe.Pointer{
	"go": golang.Language, "c": c.Language, "elixir": elixir.Language, "python": python.Language,
	"javascript": javascript.Language, "typescript": typescript.LanguageTypescript, "tsx": typescript.LanguageTSX,
	"rust": rust.Language, "shell": bash.Language,
}

// grammar is a language's parser tables and its query. Both are made on first use
// and kept for the life of the process; the query takes long enough to make (3 to
// 200 ms) that those who only ask for errors do without.
type grammar struct {
	language func() *sitter.Language
	query    func() (*sitter.Query, error)
}

var loaded = func() map[*Language]*grammar {
	list := map[*Language]*grammar{}
	for _, l := range languages {
		if l.query == "" {
			continue
		}
		language := sync.OnceValue(func() *sitter.Language { return sitter.NewLanguage(grammars[l.name]()) })
		list[l] = &grammar{language, sync.OnceValues(func() (*sitter.Query, error) {
			text, err := queryFiles.ReadFile("queries/" + l.query + ".scm")
			if err != nil {
				return nil, err
			}
			query, fault := sitter.NewQuery(language(), string(text))
			if fault != nil { // of the query file: a test finds it
				return nil, fault
			}
			return query, nil
		})}
	}
	return list
}()

// parser is a parser of the C library with the flag that stops it. Both are C
// memory: free must be called.
type parser struct {
	*sitter.Parser
	stop *uintptr
}

// parsers holds idle parsers. A sync.Pool would drop them without freeing them.
var parsers = make(chan parser, max(2, runtime.NumCPU()))

func takeParser() parser {
	select {
	case p := <-parsers:
		return p
	default:
		p := parser{sitter.NewParser(), newFlag()}
		// The newer way to stop a parse, a progress callback, leaks its options in
		// v0.25.0 of the binding: ParseWithOptions saves them and never lets go.
		p.SetCancellationFlag(p.stop) //nolint:staticcheck // see above
		return p
	}
}

func (p parser) free() {
	p.Close()
	freeFlag(p.stop)
}

// give keeps a parser for the next parse.
func (p parser) give() {
	select {
	case parsers <- p:
	default:
		p.free()
	}
}

// chunkBytes is how much of the source the parser is given at once: the binding
// copies each piece, and copies it again when the parser comes back to it. So
// many bytes as servedBytes allows may be copied in one parse.
const chunkBytes = 16 << 10

func servedBytes(src []byte) int { return 3*len(src) + 16<<20 }

// maxMemory bounds what the C library holds for all parses together, in bytes.
const maxMemory = 64 << 20

// memoryOf returns the share of it that a source may take. A tree takes 10 to 25
// times the bytes of ordinary source.
func memoryOf(sourceBytes int) int64 { return min(maxMemory, 1<<20+96*int64(sourceBytes)) }

// memory is what no parse has taken.
var memory = semaphore.NewWeighted(maxMemory)

// grow parses the source to a tree, which the caller closes.
func grow(ctx context.Context, deadline time.Time, g *grammar, src []byte) (*sitter.Tree, error) {
	p := takeParser()
	if err := p.SetLanguage(g.language()); err != nil {
		p.free()
		return nil, err
	}
	atomic.StoreUintptr(p.stop, 0)
	var stopping sync.WaitGroup
	stopping.Add(1)
	unwatch := context.AfterFunc(ctx, func() {
		atomic.StoreUintptr(p.stop, 1)
		stopping.Done()
	})
	p.SetTimeoutMicros(microsUntil(deadline)) //nolint:staticcheck // as the flag
	served, most := 0, servedBytes(src)
	var tree *sitter.Tree
	read := func(at int, _ sitter.Point) []byte {
		if at >= len(src) {
			return nil
		}
		piece := src[at:min(len(src), (at/chunkBytes+1)*chunkBytes)]
		if served += len(piece); served > most {
			atomic.StoreUintptr(p.stop, 1)
		}
		return piece
	}
	watched(p.stop, memoryOf(len(src)), func() { tree = p.ParseWithOptions(read, nil, nil) })
	if !unwatch() {
		stopping.Wait()
	}
	if tree == nil {
		// A parser that was stopped can't be used again: Reset forgets one of its
		// marks, and the next parse would abort the process (mended in 0.25.1,
		// https://github.com/tree-sitter/tree-sitter/pull/4176).
		p.free()
		giveBackMemory(maxMemory)
		if err := ended(ctx); err != nil {
			return nil, err
		}
		return nil, ErrTooComplex
	}
	p.give()
	return tree, nil
}

// ended is the error of a context that has ended or is about to: the parser's own
// clock may be a moment ahead of the context's.
func ended(ctx context.Context) error {
	if d, ok := ctx.Deadline(); ok && ctx.Err() == nil && !time.Now().Before(d) {
		return context.DeadlineExceeded
	}
	return ctx.Err()
}

func microsUntil(deadline time.Time) uint64 {
	return uint64(max(time.Until(deadline), time.Millisecond).Microseconds())
}

// readTree parses f's source and returns what the query of its language finds;
// without all only the problems.
func readTree(ctx context.Context, f *File, all bool) (harvest, error) {
	g := loaded[f.language]
	if err := memory.Acquire(ctx, memoryOf(len(f.src))); err != nil {
		return harvest{}, err
	}
	defer memory.Release(memoryOf(len(f.src)))
	deadline := time.Now().Add(MaxTime)
	if d, ok := ctx.Deadline(); ok && d.Before(deadline) {
		deadline = d
	}
	tree, err := grow(ctx, deadline, g, f.src)
	if err != nil {
		return harvest{}, err
	}
	defer func() {
		tree.Close()
		giveBackMemory(len(f.src))
	}()
	var h harvest
	root := tree.RootNode()
	if h.problems, err = treeProblems(ctx, f, root); err != nil || !all {
		return h, err
	}
	return h, collect(ctx, deadline, f, g, root, &h)
}

// The bounds of a query: states kept at once, and matches between two looks at
// the context.
const (
	maxStates     = 1 << 10
	matchesAtOnce = 512
)

// collect runs the query of f's language over the tree.
func collect(ctx context.Context, deadline time.Time, f *File, g *grammar, root *sitter.Node, h *harvest) error {
	query, err := g.query()
	if err != nil {
		return err
	}
	names := query.CaptureNames()
	return eachMatch(ctx, deadline, query, root, f.src, func(m *sitter.QueryMatch) { h.add(f, names, m) })
}

// eachMatch runs a query over a tree within the bounds.
func eachMatch(ctx context.Context, deadline time.Time, query *sitter.Query, root *sitter.Node, src []byte, visit func(*sitter.QueryMatch)) error {
	cursor := sitter.NewQueryCursor()
	defer cursor.Close()
	cursor.SetMatchLimit(maxStates)
	cursor.SetTimeoutMicros(microsUntil(deadline))
	matches := cursor.Matches(query, root, src)
	for n := 1; ; n++ {
		m := matches.Next()
		if m == nil {
			break
		}
		if n%matchesAtOnce == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		visit(m)
	}
	if err := ended(ctx); err != nil {
		return err
	}
	if cursor.DidExceedMatchLimit() || !time.Now().Before(deadline) { // it may have ended early
		return ErrTooComplex
	}
	return nil
}

// add files one match under what its captures are called. The names of captures
// are explained at the top of queries/go.scm.
func (h *harvest) add(f *File, names []string, m *sitter.QueryMatch) {
	d := definition{arity: -1, pattern: int(m.PatternIndex)}
	if f.language.arity {
		d.arity = 0
	}
	defines := false
	for i := range m.Captures {
		node := &m.Captures[i].Node
		r := nodeRange(node)
		switch name := names[m.Captures[i].Index]; name {
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
		case "for":
			d.suffix = r
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
