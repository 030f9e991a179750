//go:build !cgo

package syntax

import "context"

// readTree has no grammars to read with: they are C.
func readTree(context.Context, *File, bool) (harvest, error) { return harvest{}, ErrNoParser }

func queryTree(context.Context, *Language, []byte, string) ([][]Capture, error) {
	return nil, ErrNoParser
}
