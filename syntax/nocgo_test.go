//go:build !cgo

package syntax

import (
	"context"
	"errors"
	"testing"
)

func TestWithoutCgoOnlyErlangIsParsed(t *testing.T) {
	for _, l := range Languages() {
		_, err := Parse(context.Background(), l, []byte("x"))
		if l.Name() == "erlang" {
			if err != nil {
				t.Errorf("erlang: %v", err)
			}
		} else if !errors.Is(err, ErrNoParser) {
			t.Errorf("%s: %v", l.Name(), err)
		}
	}
}
