//go:build !amd64 && !arm64

package ticks

import "time"

var start = time.Now()

// Now returns the nanoseconds since the program began.
func Now() uint64 { return uint64(time.Since(start)) }
