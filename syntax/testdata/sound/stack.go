// Package stack holds a stack.
package stack

import (
	"errors"
	"fmt"

	str "strings"
)

// ErrEmpty is returned by Pop.
var ErrEmpty = errors.New("empty")

const limit = 1 << 10

const (
	// Small is small.
	Small Size = iota
	Large
)

// Size is a size.
type Size int

type (
	// Item is what a stack holds.
	Item interface {
		~int | ~string
		Len() int
	}
	pair[K comparable, V any] struct {
		key   K
		value V
	}
	Alias = map[string]Size
)

// Stack is a stack.
//
// It grows.
type Stack[T any] struct {
	items []T // newest last
}

//go:noinline
func New[T any](items ...T) *Stack[T] { return &Stack[T]{items: items} }

// Push adds x.
func (s *Stack[T]) Push(x T) {
	grow := func() int { return len(s.items) }
	const local = 1
	s.items = append(s.items, x) // grow
	fmt.Println(grow(), local, `raw
}`, '}')
}

/* Pop removes the newest. */
func (s *Stack[T]) Pop() (x T, err error) {
	if len(s.items) == 0 {
		return x, ErrEmpty
	}
	return s.items[0], nil
}

func (Size) String() string { return str.ToUpper("größe") }

func external(x int) int

var a, b = 1, func() int { return 2 }
