// Package core is the BitActor core for Go: 64-byte signals, bounded rings,
// dispatch by kind, an event ring, pools and a reversible trace.
//
// The C library in this folder (include/bitactor.h) is the same thing for C and
// for the Erlang NIF. This package implements it in plain Go over the same bytes,
// so a ring that Go fills can be drained by C and the other way round; tests hold
// the two equal, byte for byte. With cgo the memory of rings and contexts is
// allocated by C and may be given to C code; without cgo, and in race builds, it
// is Go memory, so that the race detector sees every access. No operation on a
// signal calls C, allocates or blocks.
//
// It must never import another package of this module, start a goroutine, print,
// or store a Go pointer in a ring.
//
// Invariants
//
//  1. Every offset and size used here is generated from the C header.
//  2. Atomic accesses stand where include/bitactor/order.h has them. Those of
//     sync/atomic are sequentially consistent, which is stronger; the hot stores
//     are releases and the counters relaxed, as in C (internal/order).
//  3. What an operation leaves in memory is what the C function leaves there.
//  4. After Free nothing of a ring, pool, trace or context may be used.
//
// A ring's producer side and its consumer side belong to one goroutine each at a
// time (MPSC: any number of producers); a context to the one that drains.
package core

//go:generate sh internal/layout/generate.sh

// Error is an error code of the core, the same number in C. It is comparable:
// err == core.ErrFull.
type Error int32

// Error returns the text of the code.
func (e Error) Error() string {
	if e > 0 || -int(e) >= len(errorTexts) {
		return "core: unknown error"
	}
	return "core: " + errorTexts[-e]
}

// Mode says who may use a ring.
type Mode uint32
