// Package cases holds the workloads that the core is measured by: C code under
// src, compiled here together with the core's sources, and the same of Go. It
// must never be imported by anything but benchmarks.
//
// Built with the tag peers (and libck-dev, libdpdk-dev) it also measures the rings
// of those libraries.
package cases

// Timing is what one run took.
type Timing struct {
	Ticks, NS uint64
	Switches  int // how often one of two threads lost its core
}
