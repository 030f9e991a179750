//go:build (amd64 || arm64) && !race

package order

import "sync/atomic"

// Release32 stores value so that all earlier writes are visible to who reads it.
//
//go:noescape
func Release32(word *atomic.Uint32, value uint32)

// Release64 is Release32 for 64 bits.
//
//go:noescape
func Release64(word *atomic.Uint64, value uint64)
