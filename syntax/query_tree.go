//go:build cgo

package syntax

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	sitter "github.com/tree-sitter/go-tree-sitter"
)

// queryKey names a query of a language.
type queryKey struct {
	lang *Language
	text string
}

// queries holds what was made of the callers' queries: func() (*sitter.Query, error)
// by queryKey.
var queries sync.Map

func madeQuery(lang *Language, text string) (*sitter.Query, error) {
	make := sync.OnceValues(func() (*sitter.Query, error) {
		q, fault := sitter.NewQuery(loaded[lang].language(), text)
		if fault != nil {
			return nil, fmt.Errorf("%w: line %d: %s", ErrBadQuery, fault.Row+1, fault.Message)
		}
		return q, nil
	})
	kept, _ := queries.LoadOrStore(queryKey{lang, text}, make)
	return kept.(func() (*sitter.Query, error))()
}

func queryTree(ctx context.Context, lang *Language, src []byte, text string) ([][]Capture, error) {
	query, err := madeQuery(lang, text)
	if err != nil {
		return nil, err
	}
	deadline := time.Now().Add(MaxTime)
	if d, ok := ctx.Deadline(); ok && d.Before(deadline) {
		deadline = d
	}
	tree, err := grow(ctx, deadline, loaded[lang], src)
	if err != nil {
		return nil, err
	}
	defer func() {
		tree.Close()
		giveBackMemory(len(src))
	}()
	var out [][]Capture
	names := query.CaptureNames()
	err = eachMatch(ctx, deadline, query, tree.RootNode(), src, func(m *sitter.QueryMatch) {
		var found []Capture
		for i := range m.Captures {
			found = append(found, Capture{names[m.Captures[i].Index], nodeRange(&m.Captures[i].Node)})
		}
		slices.SortStableFunc(found, byRange)
		if len(found) > 0 {
			out = append(out, found)
		}
	})
	slices.SortStableFunc(out, func(a, b []Capture) int { return byRange(a[0], b[0]) })
	return out, err
}

func byRange(a, b Capture) int {
	return cmp.Or(cmp.Compare(a.Range.Start, b.Range.Start), cmp.Compare(b.Range.End, a.Range.End))
}
