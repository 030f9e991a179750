// Package order has the stores that sync/atomic does not: Go's atomic stores are
// sequentially consistent, which on amd64 is a locked exchange of some twenty ticks
// where a plain move is enough (docs/decisions/0008-release-stores.md). It is for words
// that one goroutine writes and others read with sync/atomic, and must never be used
// for a protocol that needs more than release and acquire.
//
// Race builds and other processors use sync/atomic.
package order
