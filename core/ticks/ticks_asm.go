//go:build amd64 || arm64

package ticks

// Now returns the counter. It is not ordered with the instructions around it.
//
//go:noescape
func Now() uint64
