//go:build cgo && linux

// Package corebench is the suite of `cf benchmark core`: what a signal costs in
// each case, beside the machine's own limit measured in the same run. It must
// never leave out the unfavourable rows, nor give a figure without its batch size.
package corebench

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/bitactor/cf/bench"
	"github.com/bitactor/cf/core"
	"github.com/bitactor/cf/core/cases"
)

// Options choose how thorough a run is.
type Options struct {
	Rounds int           // interleaved runs per case; 0: 101
	Warmup time.Duration // per case; 0: 5 ms
}

// row is one line of the table.
type row struct {
	name  string
	setup cases.Setup
	limit string // the name of the row or limit it is held against, "" = none
	inGo  bool
}

// Ring sizes. 64 slots are 4 KB, a part of any first cache; the cross-core cases
// have 512 slots, 32 KB.
const (
	nearSlots  = 64
	crossSlots = 512
	bigSlots   = 256
)

const (
	limitOne        = "limit: fill a signal and call its handler, no ring"
	limitFill       = "limit: fill 32 signals, call their handlers, no ring"
	limitFillRandom = "limit: the same by 32, random kinds"
	limitMPSC       = "limit: compare-and-swap and a table call"
	limitTick       = "limit: a tick read"
	cLoop           = "SPSC, one core, C loop, batch 64"
	peerCK          = "ck_ring, two cores"
	peerDPDK        = "DPDK ring, two cores, batch 64"
)

func limits() []row {
	near := func(which uint32) cases.Setup { return cases.Setup{Which: which, Batch: 1, Slots: nearSlots} }
	by32 := func(which uint32) cases.Setup { return cases.Setup{Which: which, Batch: 32, Slots: nearSlots} }
	return []row{
		{name: "a dependent addition (one core cycle)", setup: near(cases.Cycles)},
		{name: limitTick, setup: near(cases.Ticks)},
		{name: "a call through the table, one kind", setup: near(cases.Call)},
		{name: "a call through the table, random kinds", setup: near(cases.CallRandom)},
		{name: "an uncontended compare-and-swap", setup: near(cases.Cmpxchg)},
		{name: limitMPSC, setup: near(cases.CmpxchgCall)},
		{name: limitOne, setup: near(cases.FillCall)},
		{name: limitFill, setup: by32(cases.FillCall)},
		{name: limitFillRandom, setup: by32(cases.FillCallRandom)},
	}
}

func rows() []row {
	one := func(which, batch, flags, trace uint32) cases.Setup {
		slots := uint32(nearSlots)
		if batch > nearSlots {
			slots = bigSlots
		}
		return cases.Setup{Which: which, Batch: batch, Slots: slots, Flags: flags, TraceRecords: trace}
	}
	cross := func(which, batch uint32) cases.Setup {
		return cases.Setup{Which: which, Batch: batch, Slots: crossSlots}
	}
	return []row{
		{name: "SPSC, one core, no batch", setup: one(cases.SPSC, 1, 0, 0), limit: limitOne},
		{name: "SPSC, one core, batch 8", setup: one(cases.SPSC, 8, 0, 0), limit: limitFill},
		{name: "SPSC, one core, batch 32", setup: one(cases.SPSC, 32, 0, 0), limit: limitFill},
		{name: "SPSC, one core, batch 128", setup: one(cases.SPSC, 128, 0, 0), limit: limitFill},
		{name: "timed, batch 8", setup: one(cases.SPSC, 8, core.Timed, 0), limit: limitFill},
		{name: "timed, batch 32", setup: one(cases.SPSC, 32, core.Timed, 0), limit: limitFill},
		{name: "timed, batch 128", setup: one(cases.SPSC, 128, core.Timed, 0), limit: limitFill},
		{name: "timed, with an event a batch, batch 128", setup: one(cases.SPSC, 128, core.Timed|core.Events, 0), limit: limitFill},
		{name: "trace on, batch 32", setup: one(cases.SPSC, 32, 0, 256), limit: limitFill},
		{name: "copied in instead of in place, batch 32", setup: one(cases.SPSCCopy, 32, 0, 0), limit: limitFill},
		{name: "a tick read per signal, batch 32", setup: one(cases.SPSCTickEach, 32, 0, 0), limit: limitTick},
		{name: "random kinds, batch 32", setup: one(cases.SPSCRandom, 32, 0, 0), limit: limitFillRandom},
		{name: "cold rings (9.7 MB), batch 32", setup: one(cases.SPSCCold, 32, 0, 0), limit: limitFill},
		{name: "MPSC, one core, one claim a signal, drained one by one", setup: one(cases.MPSC, 1, 0, 0), limit: limitMPSC},
		{name: "MPSC, one core, one claim a signal, drained by 32", setup: one(cases.MPSC, 32, 0, 0), limit: limitMPSC},
		{name: "MPSC, one core, one claim for 32 signals", setup: one(cases.MPSCSpan, 32, 0, 0), limit: limitFill},
		{name: cLoop, setup: one(cases.SPSC, 64, 0, 0), limit: limitFill},
		{name: "SPSC, one core, Go over the same memory, batch 64", setup: one(cases.SPSC, 64, 0, 0), limit: cLoop, inGo: true},
		{name: "SPSC, two cores, batch 1", setup: cross(cases.Cross, 1)},
		{name: "SPSC, two cores, batch 64", setup: cross(cases.Cross, 64), limit: peerDPDK},
		{name: peerCK, setup: cross(cases.CrossCK, 64)},
		{name: peerDPDK, setup: cross(cases.CrossDPDK, 64)},
	}
}

// Run measures all cases and reports. Rings of other libraries are in the report
// where the program was built with the tag peers. It takes seconds.
func Run(ctx context.Context, o Options) (*bench.Report, error) {
	if o.Rounds == 0 {
		o.Rounds = 101
	}
	if o.Warmup == 0 {
		o.Warmup = 5 * time.Millisecond
	}
	all := append(limits(), rows()...)
	var list []bench.Case
	var kept []row
	for _, r := range all {
		c, done, err := r.open()
		if errors.Is(err, cases.ErrNotBuilt) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", r.name, err)
		}
		defer done()
		list, kept = append(list, c), append(kept, r)
	}
	end := bench.Watch(50 * time.Millisecond)
	results, err := bench.Run(ctx, bench.Plan{Warmup: o.Warmup, Rounds: o.Rounds}, list)
	if err != nil {
		return nil, err
	}
	return report(kept, results, end()), nil
}

// open prepares a row.
func (r row) open() (bench.Case, func(), error) {
	type runner interface {
		Run(operations int) (cases.Timing, error)
		Close()
	}
	var c runner
	var err error
	if r.inGo {
		c, err = cases.OpenGo(int(r.setup.Batch), int(r.setup.Slots))
	} else {
		c, err = cases.Open(r.setup)
	}
	if err != nil {
		return bench.Case{}, nil, err
	}
	run := func(n int) (bench.Sample, error) {
		t, err := c.Run(n)
		return bench.Sample{Operations: n, Ticks: t.Ticks, NS: t.NS, Disturbed: t.Switches > 0}, err
	}
	return bench.Case{Name: r.name, Operations: 8192, Run: run}, c.Close, nil
}
