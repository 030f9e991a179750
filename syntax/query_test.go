//go:build cgo

package syntax

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestQuery(t *testing.T) {
	const src = "package a\n\nfunc f(a, b int) bool { return a+1 < b }\n"
	found, err := Query(t.Context(), ByName("go"), []byte(src), `(binary_expression left: (_) @left operator: ["+" "<"] @operator) @whole`)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, m := range found {
		for _, c := range m {
			got = append(got, c.Name+" "+src[c.Range.Start:c.Range.End])
		}
	}
	want := []string{"whole a+1 < b", "left a+1", "operator <", "whole a+1", "left a", "operator +"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestQueryErrors(t *testing.T) {
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for _, c := range []struct {
		ctx             context.Context
		language, query string
		src             string
		want            error
	}{
		{t.Context(), "go", "(no_such_node) @x", "package a\n", ErrBadQuery},
		{t.Context(), "go", "((", "package a\n", ErrBadQuery},
		{t.Context(), "erlang", "(x) @x", "-module(a).\n", ErrNoParser},
		{t.Context(), "go", "(identifier) @x", strings.Repeat(" ", MaxBytes+1), ErrTooLarge},
		{ended, "go", "(identifier) @x", "package a\n", context.Canceled},
	} {
		if _, err := Query(c.ctx, ByName(c.language), []byte(c.src), c.query); !errors.Is(err, c.want) {
			t.Errorf("%s %q: %v, want %v", c.language, c.query, err, c.want)
		}
	}
	// A source that breaks its grammar is searched all the same.
	found, err := Query(t.Context(), ByName("go"), []byte("package a\n\nfunc ( { return 1 }\n"), "(int_literal) @n")
	if err != nil || len(found) != 1 {
		t.Errorf("%v %v", found, err)
	}
}
