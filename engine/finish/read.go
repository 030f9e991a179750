package finish

import (
	"context"

	"github.com/bitactor/cf/syntax"
)

// both reads the two files of a merge by what their language's reader makes of them.
func both[T any](ctx context.Context, into, extra *file, read func(context.Context, *file) (T, error)) (to, from T, err error) {
	if to, err = read(ctx, into); err != nil {
		return to, from, err
	}
	from, err = read(ctx, extra)
	return to, from, err
}

// captures hands over what a query finds in a file, in its order, capture by capture.
func captures(ctx context.Context, f *file, query string, each func(name string, at syntax.Range)) error {
	matches, err := syntax.Query(ctx, f.tree.Language(), f.text, query)
	if err != nil {
		return err
	}
	for _, m := range matches {
		for _, c := range m {
			each(c.Name, c.Range)
		}
	}
	return nil
}
