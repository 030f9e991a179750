// Package corebench is the suite of `cf benchmark core`: what a signal costs in
// each case, beside the machine's own limit measured in the same run. It must
// never leave out the unfavourable rows, nor give a figure without its batch size.
//
// Built without cgo, or on a system other than Linux, it measures the plain Go
// implementation in every row and says so.
package corebench

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"time"

	"github.com/bitactor/cf/bench"
	"github.com/bitactor/cf/core"
	"github.com/bitactor/cf/core/cases"
)

// Options choose how thorough a run is.
type Options struct {
	Rounds   int           // interleaved runs per case; 0: 101
	Warmup   time.Duration // per case; 0: 5 ms
	Progress func(done, total int)
}

// QuickRounds are the rounds of a quick run: enough for intervals, too few for
// claims that hold on a busy machine.
const QuickRounds = 12

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

// The names of rows that others refer to.
const (
	oneCycle        = "a dependent addition (one core cycle)"
	limitTick       = "a tick read"
	tableCall       = "a call through the table, one kind"
	swap            = "an uncontended compare-and-swap"
	limitMPSC       = "a compare-and-swap and a table call, in one loop"
	limitOne        = "fill a signal and call its handler, no ring"
	limitFill       = "fill 32 signals and call their handlers, no ring"
	limitFillRandom = "the same by 32, random kinds"
	noBatch         = "SPSC, no batch"
	batch8          = "SPSC, batch 8"
	batch32         = "SPSC, batch 32"
	timed128        = "SPSC, timed, batch 128"
	mpscBy32        = "MPSC, drained by 32"
	cLoop           = "SPSC in C, batch 64"
	goLoop          = "SPSC in Go, batch 64"
	cDrain          = "drain alone in C, batch 64"
	goDrain         = "drain alone in Go, batch 64"
	cross64         = "SPSC, two cores, batch 64"
	peerCK          = "ck_ring, two cores"
	peerDPDK        = "DPDK's ring, two cores, batch 64"
)

func limits() []row {
	near := func(which uint32) cases.Setup { return cases.Setup{Which: which, Batch: 1, Slots: nearSlots} }
	by32 := func(which uint32) cases.Setup { return cases.Setup{Which: which, Batch: 32, Slots: nearSlots} }
	return []row{
		{name: oneCycle, setup: near(cases.Cycles)},
		{name: limitTick, setup: near(cases.Ticks)},
		{name: tableCall, setup: near(cases.Call)},
		{name: "a call through the table, random kinds", setup: near(cases.CallRandom)},
		{name: swap, setup: near(cases.Cmpxchg)},
		{name: limitMPSC, setup: near(cases.CmpxchgCall)},
		{name: limitOne, setup: near(cases.FillCall)},
		{name: limitFill, setup: by32(cases.FillCall)},
		{name: limitFillRandom, setup: by32(cases.FillCallRandom)},
		{name: "a cache line to the other core and back", setup: near(cases.Line)},
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
	list := []row{
		{name: noBatch, setup: one(cases.SPSC, 1, 0, 0), limit: limitOne},
		{name: batch8, setup: one(cases.SPSC, 8, 0, 0), limit: limitFill},
		{name: batch32, setup: one(cases.SPSC, 32, 0, 0), limit: limitFill},
		{name: "SPSC, batch 128", setup: one(cases.SPSC, 128, 0, 0), limit: limitFill},
		{name: "SPSC, timed, batch 8", setup: one(cases.SPSC, 8, core.Timed, 0), limit: limitFill},
		{name: "SPSC, timed, batch 32", setup: one(cases.SPSC, 32, core.Timed, 0), limit: limitFill},
		{name: timed128, setup: one(cases.SPSC, 128, core.Timed, 0), limit: limitFill},
		{name: "SPSC, timed + events, batch 128", setup: one(cases.SPSC, 128, core.Timed|core.Events, 0), limit: limitFill},
		{name: "SPSC, trace on, batch 32", setup: one(cases.SPSC, 32, 0, 256), limit: limitFill},
		{name: "SPSC, copied in, batch 32", setup: one(cases.SPSCCopy, 32, 0, 0), limit: limitFill},
		{name: "SPSC, tick per signal, batch 32", setup: one(cases.SPSCTickEach, 32, 0, 0), limit: limitTick},
		{name: "SPSC, random kinds, batch 32", setup: one(cases.SPSCRandom, 32, 0, 0), limit: limitFillRandom},
		{name: "SPSC, cold rings, batch 32", setup: one(cases.SPSCCold, 32, 0, 0), limit: limitFill},
		{name: "MPSC, drained one by one", setup: one(cases.MPSC, 1, 0, 0), limit: limitMPSC},
		{name: mpscBy32, setup: one(cases.MPSC, 32, 0, 0), limit: limitMPSC},
		{name: "MPSC, one claim for 32", setup: one(cases.MPSCSpan, 32, 0, 0), limit: limitFill},
		{name: "SPSC, two cores, batch 1", setup: cross(cases.Cross, 1)},
		{name: cross64, setup: cross(cases.Cross, 64), limit: peerDPDK},
		{name: peerCK, setup: cross(cases.CrossCK, 64)},
		{name: peerDPDK, setup: cross(cases.CrossDPDK, 64)},
	}
	if cases.InC { // else every row is in Go
		list = append(list,
			row{name: cLoop, setup: one(cases.SPSC, 64, 0, 0), limit: limitFill},
			row{name: goLoop, setup: one(cases.SPSC, 64, 0, 0), limit: cLoop, inGo: true},
			row{name: cDrain, setup: one(cases.SPSCDrain, 64, 0, 0)},
			row{name: goDrain, setup: one(cases.SPSCDrain, 64, 0, 0), limit: cDrain, inGo: true},
		)
	}
	return list
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
		opened, err := r.open(o.Rounds)
		if errors.Is(err, cases.ErrNotBuilt) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", r.name, err)
		}
		defer func() { opened.workload.Close() }()
		list = append(list, bench.Case{Name: r.name, Operations: signals, Run: opened.run})
		kept = append(kept, r)
	}
	end := bench.Watch(50 * time.Millisecond)
	results, err := bench.Run(ctx, bench.Plan{Warmup: o.Warmup, Rounds: o.Rounds, Progress: o.Progress}, list)
	if err != nil {
		return nil, err
	}
	noise := end()
	allocations, err := allocationsPerSignal()
	if err != nil {
		return nil, err
	}
	return report(kept, results, noise, allocations), nil
}

// opened is a row's workload, opened anew at another place in memory from time to
// time: what a case costs hangs on where its parts lie (core/cases/src/cases.c).
type opened struct {
	row
	workload cases.Workload
	runs     int // since it was opened
	most     int // runs at one place
}

// open prepares a row that is run rounds times.
func (r row) open(rounds int) (*opened, error) {
	o := &opened{row: r, most: max(1, rounds/places)}
	return o, o.reopen()
}

func (o *opened) reopen() error {
	open := cases.Open
	if o.inGo {
		open = cases.OpenGo
	}
	next, err := open(o.setup)
	if err != nil {
		return err
	}
	if o.workload != nil {
		o.workload.Close()
	}
	o.workload, o.runs = next, 0
	o.setup.Place++
	_, err = next.Run(signals) // into the cache
	return err
}

func (o *opened) run(n int) (bench.Sample, error) {
	if o.runs == o.most {
		if err := o.reopen(); err != nil {
			return bench.Sample{}, err
		}
	}
	o.runs++
	t, err := o.workload.Run(n)
	return bench.Sample{Operations: n, Ticks: t.Ticks, NS: t.NS, Disturbed: t.Switches > 0}, err
}

// places in memory that each case is measured at.
const places = 16

// signals of a run.
const signals = 8192

// allocationsPerSignal fills and drains in Go and returns what the program allocated
// meanwhile: the least of several runs, because other goroutines count too.
func allocationsPerSignal() (float64, error) {
	w, err := cases.OpenGo(cases.Setup{Which: cases.SPSC, Batch: 32, Slots: nearSlots})
	if err != nil {
		return 0, err
	}
	defer w.Close()
	least := math.Inf(1)
	for range 5 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		if _, err := w.Run(signals); err != nil {
			return 0, err
		}
		runtime.ReadMemStats(&after)
		least = min(least, float64(after.Mallocs-before.Mallocs)/signals)
	}
	return least, nil
}
