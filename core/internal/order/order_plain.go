//go:build !race

package order

import (
	"sync/atomic"
	"unsafe"
)

// AddOwned64 adds to a counter that only the caller's goroutine writes and that others
// just look at: it orders nothing. The store is a plain one, of which Go's memory model
// promises a reader of a word the value of some store
// (https://go.dev/ref/mem#restrictions).
func AddOwned64(word *atomic.Uint64, amount uint64) {
	*(*uint64)(unsafe.Pointer(word)) += amount
}
