//go:build cgo && linux

package cases

// #cgo CFLAGS: -std=gnu11 -O2 -Wall -Wextra -I${SRCDIR}/../include -I${SRCDIR}/src
// #cgo LDFLAGS: -lpthread
// #include "src/cases.h"
import "C"

import "github.com/bitactor/cf/core"

// InC tells whether Open runs workloads in C.
const InC = true

// The two lists of workloads are as long as each other.
var _ = [1]struct{}{}[count-C.BA_CASE_COUNT]

// inC is an open workload in C.
type inC struct{ state *C.struct_ba_case_state }

// Open prepares a workload in C: a core.Error, or ErrNotBuilt.
func Open(s Setup) (Workload, error) {
	setup := C.struct_ba_case_setup{
		which: C.uint32_t(s.Which), batch: C.uint32_t(s.Batch), slots: C.uint32_t(s.Slots),
		flags: C.uint32_t(s.Flags), trace_records: C.uint32_t(s.TraceRecords), place: C.uint32_t(s.Place),
	}
	var c inC
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
func (c *inC) Run(operations int) (Timing, error) {
	var r C.struct_ba_case_result
	if code := C.ba_case_run(c.state, C.uint64_t(operations), &r); code != 0 {
		return Timing{}, core.Error(code)
	}
	return Timing{Ticks: uint64(r.ticks), NS: uint64(r.ns), Switches: int(r.switches)}, nil
}

// Close frees the workload.
func (c *inC) Close() { C.ba_case_close(c.state) }
