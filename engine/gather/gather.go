// Package gather reads before a model thinks: it picks what of the user's
// files goes into the prompt, within a budget of tokens, and says of each
// piece what became of it.
//
// It must never read a file that holds secrets by its name, give out a secret
// it can recognise (package secret), cut a file without saying so, or let the
// content of a file act as part of the prompt.
//
// Invariants:
//  1. The same task, contexts, budget and files give the same bytes in the
//     same order, so that a server can reuse the prompt's prefix from turn to
//     turn: no clock, no random, nothing that cf itself writes.
//  2. The tokens of all pieces together never exceed the budget.
//  3. Whatever was named and is not in the pieces whole has an event.Read that
//     says why.
//  4. Piece.Text is valid UTF-8 with LF line ends, holds no chat-template
//     marker, and no fence as long as Piece.Fence.
package gather

import (
	"context"
	"slices"
	"strings"

	"github.com/bitactor/cf/event"
	"github.com/bitactor/cf/workspace"
	"github.com/bitactor/cf/workspace/secret"
)

// Shares of the budget, in percent: a small model needs the named files more
// than a map, and no file that nobody named may crowd out the others.
const (
	outlinePercent = 15
	filePercent    = 40
)

// cutTokensMin is the smallest part of a file worth showing where nobody asked
// for that file with an @: less is a title and noise.
const cutTokensMin = 96

// Input says what to gather for.
type Input struct {
	Task     string   // the user's words; only searched for names, never returned
	Contexts []string // raw --context values: TEXT, @FILE, @DIR; "@@x" is the text "@x"
	Budget   int      // tokens for all pieces together
	Count    func(string) int
	Sink     event.Sink // nil drops the events
}

// Kind says what a piece is.
type Kind string

// The kinds.
const (
	Inline  Kind = "text"    // a --context TEXT
	File    Kind = "file"    // a file's content
	Outline Kind = "outline" // a map of a folder
)

// Piece is one part of the context. A prompt shows Text between two lines of
// Fence backticks: it holds no run of so many, so it can't end the block.
type Piece struct {
	Path   string // relative to the root, with slashes; absolute for a file outside; quoted where it holds odd bytes; "--context" for inline text
	Kind   Kind
	Text   string
	Tokens int  // of the path, the fences and the text
	Cut    bool // lines were left out; a line in Text says how many
	Fence  int  // backticks of the fence, at least 3
}

// Context is what was gathered.
type Context struct {
	Pieces   []Piece        // what --context names in the user's order, the outline, the other files by path
	Reads    []event.Read   // one for each thing considered, in the order of reading
	Tokens   int            // of all pieces
	Redacted []secret.Found // secrets replaced in the pieces
}

// Gather reads what in asks for, in this order of priority: what --context
// names, files that the task or a context text names (by path, base name or
// defined symbol), an outline of the project, its main documents, and the
// files whose words are nearest to the task's.
//
// A missing, binary, too big or secret file behind an explicit @ is a fault of
// kind Usage; a file that was only mentioned is reported and left out. Memory
// is bounded by the walk's (workspace.FilesMax) and one file's size.
func Gather(ctx context.Context, tree *workspace.Tree, in Input) (*Context, error) {
	g := &gatherer{ctx: ctx, tree: tree, in: in, out: &Context{}, taken: map[string]bool{}, redacted: map[string]int{}}
	if g.in.Sink == nil {
		g.in.Sink = event.Discard
	}
	listing, err := tree.List(ctx, workspace.ListOptions{})
	if err != nil {
		return nil, err
	}
	g.listing = listing
	named, err := g.contexts()
	if err != nil {
		return nil, err
	}
	defer named.close()

	g.explicit(named)
	if err := g.folders(named); err != nil {
		return nil, err
	}
	wanted := g.mentions(named.words(in.Task))
	ranked, err := g.rank(wanted)
	if err != nil {
		return nil, err
	}
	reserve := min(g.percent(outlinePercent), g.left())
	files := g.mentioned(append(wanted.files, ranked.definers...), reserve)
	g.outline()
	files = append(files, g.background(ranked.best)...)

	slices.SortFunc(files, func(a, b Piece) int { return strings.Compare(a.Path, b.Path) })
	g.out.Pieces = append(g.out.Pieces, files...)
	g.bounds()
	g.out.Redacted = g.found()
	return g.out, nil
}

// gatherer holds the state of one call.
type gatherer struct {
	ctx      context.Context
	tree     *workspace.Tree
	in       Input
	out      *Context
	listing  *workspace.Listing
	taken    map[string]bool // labels that are in the pieces or were reported
	redacted map[string]int
}

func (g *gatherer) percent(p int) int { return g.in.Budget * p / 100 }

func (g *gatherer) left() int { return max(0, g.in.Budget-g.out.Tokens) }

// report emits r and keeps it.
func (g *gatherer) report(r event.Read) {
	g.out.Reads = append(g.out.Reads, r)
	g.in.Sink.Emit(r)
}

// place makes d a piece of at most limit tokens and reports it; ok is false
// where not even a line of it fits, or less than cutMin tokens of it.
func (g *gatherer) place(d *document, limit, cutMin int) (p Piece, ok bool) {
	p, ok = fit(d, min(limit, g.left()), g.in.Count)
	if ok = ok && (!p.Cut || p.Tokens >= cutMin); !ok {
		g.report(event.Read{Path: d.label, State: "left-out", Why: "the budget of tokens is used up"})
		return p, false
	}
	g.out.Tokens += p.Tokens
	for _, f := range d.redacted {
		g.redacted[f.Kind] += f.Count
	}
	state := "read"
	why := d.notes
	if p.Cut {
		state = "cut"
		why = append([]string{d.cutNote}, why...)
	}
	g.report(event.Read{Path: d.label, State: state, Tokens: p.Tokens, Why: strings.Join(why, "; ")})
	return p, true
}

// explicit places the texts and files that --context names. When they do not
// all fit, the small ones stay whole and the large ones share the rest.
func (g *gatherer) explicit(named *named) {
	sizes := make([]int, len(named.documents))
	for i, d := range named.documents {
		sizes[i] = size(d, g.left(), g.in.Count)
	}
	for i, share := range allot(sizes, g.left()) {
		if p, ok := g.place(named.documents[i], share, 0); ok {
			g.out.Pieces = append(g.out.Pieces, p)
		}
	}
}

// mentioned places the files that the task names, leaving reserve tokens.
func (g *gatherer) mentioned(paths []string, reserve int) []Piece {
	return g.files(paths, func() int { return min(g.percent(filePercent), g.left()-reserve) })
}

// background places what nobody named: first the main documents in at most
// half of what is left, then the best-ranked files.
func (g *gatherer) background(ranked []string) []Piece {
	floor := g.left() / 2
	pieces := g.files(mainDocuments(g.listing.Files), func() int { return min(g.percent(filePercent), g.left()-floor) })
	return append(pieces, g.files(ranked, func() int { return min(g.percent(filePercent), g.left()) })...)
}

// files places each file that is not in the pieces yet, in at most limit()
// tokens.
func (g *gatherer) files(paths []string, limit func() int) []Piece {
	var pieces []Piece
	for _, rel := range paths {
		label := display(rel)
		if g.taken[label] {
			continue
		}
		g.taken[label] = true
		d, err := load(g.tree, rel, label)
		if err != nil {
			g.report(event.Read{Path: label, State: "skipped", Why: reason(err)})
			continue
		}
		if p, ok := g.place(d, limit(), cutTokensMin); ok {
			pieces = append(pieces, p)
		}
	}
	return pieces
}

// bounds reports where the walk ended early: what was not listed was not
// searched either.
func (g *gatherer) bounds() {
	for _, why := range limits(g.listing) {
		g.report(event.Read{Path: ".", State: "left-out", Why: why})
	}
}

func (g *gatherer) found() []secret.Found {
	var found []secret.Found
	for kind, n := range g.redacted {
		found = append(found, secret.Found{Kind: kind, Count: n})
	}
	slices.SortFunc(found, func(a, b secret.Found) int { return strings.Compare(a.Kind, b.Kind) })
	return found
}
