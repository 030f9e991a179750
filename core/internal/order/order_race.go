//go:build race

package order

import "sync/atomic"

// AddOwned64 adds to a counter that only the caller's goroutine writes and that others
// just look at: it orders nothing.
func AddOwned64(word *atomic.Uint64, amount uint64) { word.Store(word.Load() + amount) }
