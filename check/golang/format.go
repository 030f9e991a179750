package golang

import (
	"context"
	"go/format"

	"github.com/bitactor/cf/check"
)

// Formats tells whether gofmt found d.
func (checker) Formats(d check.Diagnostic) bool { return d.Tool == "gofmt" }

// Format returns a file as gofmt writes it.
func (checker) Format(_ context.Context, t check.Target, file string) ([]byte, error) {
	src, err := t.Stage.Read(file)
	if err != nil {
		return nil, nil
	}
	text, err := format.Source(src)
	if err != nil {
		return nil, nil // the findings about its syntax say why
	}
	return text, nil
}
