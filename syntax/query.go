package syntax

import (
	"context"
	"errors"
	"fmt"
)

// Capture is a part of the source that a query names.
type Capture struct {
	Name  string // without the @
	Range Range
}

// ErrBadQuery is returned for a query that its language's grammar does not take.
var ErrBadQuery = errors.New("the query does not fit the grammar")

// Query returns the matches of a tree-sitter query
// (https://tree-sitter.github.io/tree-sitter/using-parsers/queries) over src, in
// the order in which they begin; each holds its captures in source order. The
// source may break its grammar: what could be understood is searched. A
// query is made once and kept for the life of the process, so its text should be
// a constant. The errors are those of Parse, ErrNoParser for a language without a
// grammar, and ErrBadQuery. Query is safe for concurrent use.
func Query(ctx context.Context, lang *Language, src []byte, query string) ([][]Capture, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if len(src) > MaxBytes {
		return nil, fmt.Errorf("%s: %d bytes: %w", lang.name, len(src), ErrTooLarge)
	}
	if lang.query == "" {
		return nil, fmt.Errorf("%s: %w", lang.name, ErrNoParser)
	}
	found, err := queryTree(ctx, lang, src, query)
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, fmt.Errorf("%s: %w", lang.name, err)
	}
	return found, nil
}
