package cases

import (
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bitactor/cf/core"
	"github.com/bitactor/cf/core/ticks"
)

// The frame of the Go workloads, as in src/state.h, which says why each is so.
const (
	goKind   = 70 // of every signal of one kind
	goRings  = 2048
	goStride = 997
	goKinds  = 1 << 18
	goSpins  = 4000
)

// golang is an open workload in Go.
type golang struct {
	setup   Setup
	context *core.Context
	rings   []*core.Ring
	spare   []*core.Ring
	lines   []core.Signal // as many as slots, without a ring
	kinds   []uint8       // drawn beforehand
	drawn   int           // of kinds, over all runs
	next    int           // ring to use, over all runs
	word    atomic.Uint64
}

// OpenGo prepares a workload in Go over memory of the core: the errors of
// core.NewContext and core.NewRing, ErrNotBuilt for the rings of other libraries.
func OpenGo(s Setup) (Workload, error) {
	if s.Which > Cross {
		return nil, ErrNotBuilt
	}
	context, err := core.NewContext(core.Config{Flags: s.Flags, TraceRecords: s.TraceRecords})
	if err != nil {
		return nil, err
	}
	g := &golang{setup: s, context: context, kinds: make([]uint8, goKinds)}
	mode, rings := core.SPSC, 1
	switch s.Which {
	case MPSC, MPSCSpan:
		mode = core.MPSC
	case SPSCCold:
		rings = goRings
	}
	for range s.Place { // small rings before shift where the others lie
		ring, err := core.NewRing(core.RingSlotsMin, core.SPSC)
		if err != nil {
			g.Close()
			return nil, err
		}
		g.spare = append(g.spare, ring)
	}
	for range rings + 1 { // one more for lines
		ring, err := core.NewRing(s.Slots, mode)
		if err != nil {
			g.Close()
			return nil, err
		}
		g.rings = append(g.rings, ring)
	}
	span, err := g.rings[rings].Reserve(int(s.Slots))
	if err != nil {
		g.Close()
		return nil, err
	}
	g.lines = span.Slots
	for kind := range core.Kinds {
		context.On(uint8(kind), handlers[kind])
	}
	random := rand.New(rand.NewPCG(88172645463325252, 1))
	for i := range g.kinds {
		g.kinds[i] = uint8(random.Uint32())
	}
	return g, nil
}

// Close frees the workload.
func (g *golang) Close() {
	for _, ring := range append(g.rings, g.spare...) {
		ring.Free()
	}
	g.context.Free()
}

// Run does operations once more.
func (g *golang) Run(operations int) (Timing, error) {
	start, begin := time.Now(), ticks.Now()
	var drained uint64
	var err error
	switch which := g.setup.Which; {
	case which == Line:
		g.line(operations)
	case which < SPSC:
		g.limit(operations)
	case which == SPSCDrain:
		drained, err = g.drains(operations)
	case which == Cross:
		err = g.cross(operations)
	default:
		err = g.through(operations)
	}
	t := Timing{Ticks: ticks.Now() - begin, NS: uint64(time.Since(start))}
	if drained != 0 { // the same share of both clocks
		t.NS = uint64(float64(t.NS) * float64(drained) / float64(t.Ticks))
		t.Ticks = drained
	}
	return t, err
}

// fill is ba_case_fill for a run of slots. A function of its own has its variables
// in registers; inlined, they would lie in memory.
//
//go:noinline
func fill(slots []core.Signal, sequence uint64) {
	for i := range slots {
		s := &slots[i]
		s.Kind, s.Flags, s.Size = goKind, 0, 8
		s.Source, s.Destination = 1, 2
		s.Sequence = sequence + uint64(i)
		s.Payload[0] = sequence + uint64(i)
	}
}

func (g *golang) draw() uint8 {
	g.drawn = (g.drawn + 1) % goKinds
	return g.kinds[g.drawn]
}

// send puts up to batch signals into a ring, in the way of the workload.
func (g *golang) send(ring *core.Ring, sequence uint64, batch int) (int, error) {
	switch g.setup.Which {
	case SPSCCopy:
		return batch, copyIn(ring, sequence, batch)
	case MPSC:
		return batch, oneByOne(ring, sequence, batch)
	}
	span, err := ring.Reserve(batch)
	if err != nil {
		return 0, err
	}
	fill(span.Slots, sequence)
	switch g.setup.Which {
	case SPSCRandom:
		for i := range span.Slots {
			span.Slots[i].Kind = g.draw()
		}
	case SPSCTickEach:
		for i := range span.Slots {
			span.Slots[i].Timestamp = ticks.Now()
		}
	}
	return len(span.Slots), ring.Commit(span, len(span.Slots))
}

func copyIn(ring *core.Ring, sequence uint64, batch int) error {
	var signals [1]core.Signal
	for i := range uint64(batch) {
		fill(signals[:], sequence+i)
		if err := ring.Push(&signals[0]); err != nil {
			return err
		}
	}
	return nil
}

func oneByOne(ring *core.Ring, sequence uint64, batch int) error {
	for i := range uint64(batch) {
		span, err := ring.Reserve(1)
		if err != nil {
			return err
		}
		fill(span.Slots, sequence+i)
		if err := ring.Commit(span, 1); err != nil {
			return err
		}
	}
	return nil
}

// through sends and drains by turns on one core.
func (g *golang) through(operations int) error {
	for done := 0; done < operations; {
		ring := g.rings[g.next]
		sent, err := g.send(ring, uint64(done), int(g.setup.Batch))
		if err != nil {
			return err
		}
		for left := sent; left > 0; {
			n, err := g.context.Drain(ring, left)
			if err != nil {
				return err
			}
			left -= n
		}
		done += sent
		if g.setup.Which == SPSCCold {
			g.next = (g.next + goStride) % goRings
		}
	}
	return nil
}

// drains is through with the drains alone timed; it returns their ticks.
func (g *golang) drains(operations int) (took uint64, err error) {
	ring, batch := g.rings[0], int(g.setup.Batch)
	for done := 0; done < operations; {
		sent, err := g.send(ring, uint64(done), batch)
		if err != nil {
			return 0, err
		}
		begin := ticks.Now()
		if _, err := g.context.Drain(ring, batch); err != nil {
			return 0, err
		}
		took += ticks.Now() - begin
		done += sent
	}
	return took, nil
}

// cross sends from a goroutine of its own.
func (g *golang) cross(operations int) error {
	ring, batch := g.rings[0], int(g.setup.Batch)
	go func() {
		for done, spins := 0, 0; done < operations; {
			sent, err := g.send(ring, uint64(done), min(batch, operations-done))
			if err != nil { // full
				waitFor(&spins)
			}
			done += sent
		}
	}()
	for done, spins := 0, 0; done < operations; {
		n, err := g.context.Drain(ring, batch)
		if err != nil { // empty
			waitFor(&spins)
		}
		done += n
	}
	return nil
}

// line hands a word over and back.
func (g *golang) line(operations int) {
	g.word.Store(0)
	turns := func(mine uint64) {
		spins := 0
		for i := range uint64(operations) {
			for g.word.Load() != 2*i+mine {
				waitFor(&spins)
			}
			g.word.Store(2*i + mine + 1)
		}
	}
	var other sync.WaitGroup
	other.Go(func() { turns(1) })
	turns(0)
	other.Wait()
}

// waitFor spends one look that found nothing.
func waitFor(spins *int) {
	if *spins++; *spins%goSpins == 0 {
		runtime.Gosched()
	}
}
