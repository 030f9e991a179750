// Package mutants tells whether tests test something: it makes small faults in
// the code, one at a time, and counts those that the tests notice.
//
// Make finds the places by the syntax tree and writes the mutants; Kill lays
// each over the tree on a stage of its own and runs the tests there through the
// checkers of package check. It must never write the user's files, mutate a test
// or take a mutant that does not compile for one that a test has noticed.
//
// Invariants:
//  1. A mutant differs from its source in one place, and parses as well as it.
//     No two mutants of one call are the same text.
//  2. The same source, path and options give the same mutants in the same
//     order; the same results of their tests give the same report, however the
//     runs were scheduled.
//  3. The tests pass on the code as it is, twice, before any mutant runs: what
//     then fails is the mutant's doing.
//  4. The score counts no mutant whose outcome is not known, and every mutant
//     that no test executes as one that survived.
package mutants

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/bitactor/cf/fault"
	"github.com/bitactor/cf/syntax"
)

// Codes of faults.
const (
	CodeNoMutants = "no-mutants" // of a language that this package can't mutate [Usage]
	CodeNoSymbol  = "no-symbol"  // a symbol that the file does not define [Usage]
)

// MaxDefault is how many mutants are made where Options names no number.
const MaxDefault = 30

// Options say which mutants are made. The zero value means all of the file.
type Options struct {
	Seed    uint64   // decides which, where there are more than Max
	Max     int      // at most so many; 0 means MaxDefault
	Symbols []string // only inside these, as syntax.File.Lookup names them
}

// Mutant is one fault in a file.
type Mutant struct {
	Operator string `json:"operator"`         // what was done, one of the Op constants
	Symbol   string `json:"symbol,omitempty"` // full name of the function it lies in
	Line     int    `json:"line"`             // from 1
	Column   int    `json:"column"`           // from 1, in bytes
	Before   string `json:"before"`           // what stands at the place in the source
	After    string `json:"after"`            // and in the mutant
	offset   int    // of the place, in bytes
}

// Apply returns the whole mutated file; source is what Make was given.
func (m Mutant) Apply(source []byte) []byte {
	return slices.Concat(source[:m.offset], []byte(m.After), source[m.offset+len(m.Before):])
}

// String says what the mutant is: "line 12: < became <=".
func (m Mutant) String() string {
	after := oneLine(m.After)
	if after == "" {
		after = "nothing"
	}
	return fmt.Sprintf("line %d: %s became %s", m.Line, oneLine(m.Before), after)
}

// oneLine shortens code for a sentence.
func oneLine(text string) string {
	text = strings.ToValidUTF8(strings.Join(strings.Fields(text), " "), "?")
	if runes := []rune(text); len(runes) > 60 {
		return string(runes[:57]) + "..."
	}
	return text
}

// Can tells whether files of this path's language have mutants.
func Can(file string) bool { return dialectOf(file) != nil }

// Make returns mutants of source, the text of the file at path: at most one of
// each place before a second of any line. The errors are CodeNoMutants,
// CodeNoSymbol and those of syntax.Parse. Safe for concurrent use.
func Make(ctx context.Context, path string, source []byte, o Options) ([]Mutant, error) {
	d := dialectOf(path)
	if d == nil {
		return nil, fault.New(fault.Usage, CodeNoMutants, "files of this kind have no mutants").On("mutate", path)
	}
	s, err := survey(ctx, d, path, source)
	if err != nil {
		return nil, err
	}
	within, err := s.within(path, o.Symbols)
	if err != nil {
		return nil, err
	}
	sites := slices.DeleteFunc(s.sites(), func(at site) bool { return !s.mutable(at, within) })
	return s.choose(ctx, spread(sites, o.Seed, s.file), cmp.Or(o.Max, MaxDefault))
}

// site is a place and what it may become.
type site struct {
	operator string
	at       syntax.Range
	after    string
}

// spread orders sites: shuffled by the seed, and those of lines that already
// have some after all others.
func spread(sites []site, seed uint64, f *syntax.File) []site {
	random := rand.New(rand.NewPCG(seed, seed^0x9e3779b97f4a7c15))
	random.Shuffle(len(sites), func(i, j int) { sites[i], sites[j] = sites[j], sites[i] })
	ofLine, turn := map[int]int{}, map[site]int{}
	for _, s := range sites {
		line := f.Line(s.at.Start)
		turn[s] = ofLine[line]
		ofLine[line]++
	}
	slices.SortStableFunc(sites, func(a, b site) int { return cmp.Compare(turn[a], turn[b]) })
	return sites
}

// choose writes the mutants of the first sites that give one.
func (s *surveyed) choose(ctx context.Context, sites []site, most int) ([]Mutant, error) {
	var out []Mutant
	known := map[[sha256.Size]byte]bool{sha256.Sum256(s.file.Source()): true}
	for _, at := range sites {
		if len(out) >= most {
			break
		}
		m := s.mutant(at)
		text := m.Apply(s.file.Source())
		sum := sha256.Sum256(text)
		if known[sum] {
			continue
		}
		known[sum] = true
		problems, err := syntax.Check(ctx, s.dialect.language, text)
		if err != nil {
			return nil, failed(ctx, err, s.path)
		}
		if len(problems) > len(s.file.Errors()) {
			continue
		}
		out = append(out, m)
	}
	return out, nil
}

func (s *surveyed) mutant(at site) Mutant {
	line := s.file.Line(at.at.Start)
	start := bytes.LastIndexByte(s.file.Source()[:at.at.Start], '\n') + 1
	m := Mutant{
		Operator: at.operator, Line: line, Column: at.at.Start - start + 1,
		Before: s.file.Text(at.at), After: at.after, offset: at.at.Start,
	}
	if inner := s.innermost(at.at); inner != nil {
		m.Symbol = inner.FullName()
	}
	return m
}

// failed makes a fault of an error of package syntax.
func failed(ctx context.Context, err error, file string) error {
	if ctx.Err() != nil {
		return fault.New(fault.Interrupted, "", "%w", context.Cause(ctx)).On("mutate", file)
	}
	if errors.Is(err, syntax.ErrNoParser) {
		return fault.New(fault.Usage, CodeNoMutants, "%w", err).On("mutate", file)
	}
	return fault.New(fault.Failed, "", "%w", err).On("mutate", file)
}
