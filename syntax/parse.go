package syntax

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// The bounds of one parse. Memory is bounded too, by what a source of its size
// may take (memoryOf), and for all parses of the process together: one of the
// largest sources, or several smaller ones, are read at one time.
const (
	MaxBytes   = 1 << 20          // of a source
	MaxTime    = 10 * time.Second // of a parse, whatever the context allows
	maxProblem = 50               // reported a file
)

// The errors of Parse. They are no findings about the source: it was not read
// to its end, so nothing is known of it.
var (
	ErrTooLarge   = errors.New("larger than 1 MiB")
	ErrTooComplex = errors.New("takes more time or memory than a parse may")
	ErrNoParser   = errors.New("this cf was built without cgo and has no parser for it")
)

// Parse reads src as lang. An error means that the source could not be read at
// all: one of the errors above, or the context's. A source that breaks its
// grammar is no error; File.Errors tells where, and what could be understood is
// there. Parse is safe for concurrent use and keeps src.
func Parse(ctx context.Context, lang *Language, src []byte) (*File, error) {
	return parse(ctx, lang, src, true)
}

// Check is Parse for those who only ask for Errors: it finds no symbols and is
// faster.
func Check(ctx context.Context, lang *Language, src []byte) ([]Problem, error) {
	f, err := parse(ctx, lang, src, false)
	if err != nil {
		return nil, err
	}
	return f.problems, nil
}

func parse(ctx context.Context, lang *Language, src []byte, all bool) (*File, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if len(src) > MaxBytes {
		return nil, fmt.Errorf("%s: %d bytes: %w", lang.name, len(src), ErrTooLarge)
	}
	f := &File{language: lang, src: src, lines: lineStarts(src)}
	var found harvest
	var err error
	if lang.query == "" {
		found, err = scanErlang(ctx, f)
	} else {
		found, err = readTree(ctx, f, all)
	}
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, fmt.Errorf("%s: %w", lang.name, err)
	}
	f.problems = found.problems
	if all {
		f.assemble(&found)
	}
	return f, nil
}
