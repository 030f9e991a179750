// Package cases holds the workloads that the core is measured by: C code under
// src, compiled here together with the core's sources, and the same in plain Go. It
// must never be imported by anything but benchmarks.
//
// Built with the tag peers (and libck-dev, libdpdk-dev) it also measures the rings
// of those libraries. Without cgo, and on systems other than Linux, there is the Go
// part only.
package cases

import "errors"

// The workloads; src/cases.h says what each does, in the same order.
const (
	Cycles = iota
	Ticks
	Call
	CallRandom
	Cmpxchg
	CmpxchgCall
	FillCall
	FillCallRandom
	Line
	SPSC
	SPSCCopy
	SPSCRandom
	SPSCTickEach
	SPSCCold
	SPSCDrain
	MPSC
	MPSCSpan
	Cross
	CrossCK
	CrossDPDK
	count
)

// Setup chooses a workload.
type Setup struct {
	Which        uint32
	Batch, Slots uint32
	Flags        uint32 // core.Timed, core.Events
	TraceRecords uint32 // 0: no trace
	Place        uint32 // where in a page the memory begins; see src/cases.c
}

// Timing is what one run took.
type Timing struct {
	Ticks, NS uint64
	Switches  int // how often one of two threads lost its core
}

// Workload is an open workload: for one goroutine at a time, and to be closed.
type Workload interface {
	// Run does operations once more: a core.Error.
	Run(operations int) (Timing, error)
	Close()
}

// ErrNotBuilt is returned for the rings of other libraries where the program was
// built without the tag peers.
var ErrNotBuilt = errors.New("cases: built without the tag peers")
