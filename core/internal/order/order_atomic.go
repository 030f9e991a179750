//go:build (!amd64 && !arm64) || race

package order

import "sync/atomic"

// Release32 stores value so that all earlier writes are visible to who reads it.
func Release32(word *atomic.Uint32, value uint32) { word.Store(value) }

// Release64 is Release32 for 64 bits.
func Release64(word *atomic.Uint64, value uint64) { word.Store(value) }
