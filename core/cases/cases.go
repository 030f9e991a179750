//go:build cgo && linux

package cases

// #cgo CFLAGS: -std=gnu11 -O2 -Wall -Wextra -I${SRCDIR}/../include -I${SRCDIR}/src
// #cgo LDFLAGS: -lpthread
// #include "src/cases.h"
import "C"

import (
	"fmt"

	"github.com/bitactor/cf/core"
)

// The workloads; src/cases.h says what each does.
const (
	Cycles         = C.BA_CASE_CYCLES
	Ticks          = C.BA_CASE_TICKS
	Call           = C.BA_CASE_CALL
	CallRandom     = C.BA_CASE_CALL_RANDOM
	Cmpxchg        = C.BA_CASE_CMPXCHG
	CmpxchgCall    = C.BA_CASE_CMPXCHG_CALL
	FillCall       = C.BA_CASE_FILL_CALL
	FillCallRandom = C.BA_CASE_FILL_CALL_RANDOM
	SPSC           = C.BA_CASE_SPSC
	SPSCCopy       = C.BA_CASE_SPSC_COPY
	SPSCRandom     = C.BA_CASE_SPSC_RANDOM
	SPSCTickEach   = C.BA_CASE_SPSC_TICK_EACH
	SPSCCold       = C.BA_CASE_SPSC_COLD
	MPSC           = C.BA_CASE_MPSC
	MPSCSpan       = C.BA_CASE_MPSC_SPAN
	Cross          = C.BA_CASE_CROSS
	CrossCK        = C.BA_CASE_CROSS_CK
	CrossDPDK      = C.BA_CASE_CROSS_DPDK
)

// Setup chooses a workload of C.
type Setup struct {
	Which        uint32
	Batch, Slots uint32
	Flags        uint32 // core.Timed, core.Events
	TraceRecords uint32 // 0: no trace
}

// Case is an open workload.
type Case struct{ state *C.struct_ba_case_state }

// ErrNotBuilt is returned for the rings of other libraries without the tag peers.
var ErrNotBuilt = fmt.Errorf("cases: built without the tag peers")

// Open prepares a workload: a core.Error, or ErrNotBuilt.
func Open(s Setup) (*Case, error) {
	setup := C.struct_ba_case_setup{
		which: C.uint32_t(s.Which), batch: C.uint32_t(s.Batch), slots: C.uint32_t(s.Slots),
		flags: C.uint32_t(s.Flags), trace_records: C.uint32_t(s.TraceRecords),
	}
	var c Case
	switch code := C.ba_case_open(&setup, &c.state); {
	case code == -100:
		return nil, ErrNotBuilt
	case code != 0:
		return nil, core.Error(code)
	}
	return &c, nil
}

// Run does operations once more. Of two threads it also tells how often either lost
// its core meanwhile: such a run has timed the scheduler.
func (c *Case) Run(operations int) (Timing, error) {
	var r C.struct_ba_case_result
	if code := C.ba_case_run(c.state, C.uint64_t(operations), &r); code != 0 {
		return Timing{}, core.Error(code)
	}
	return Timing{Ticks: uint64(r.ticks), NS: uint64(r.ns), Switches: int(r.switches)}, nil
}

// Close frees the workload.
func (c *Case) Close() { C.ba_case_close(c.state) }
