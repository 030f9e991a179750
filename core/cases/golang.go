package cases

import (
	"time"

	"github.com/bitactor/cf/core"
	"github.com/bitactor/cf/core/ticks"
)

// goKind is the kind of every signal of the Go workload.
const goKind = 70

// Go fills and drains the memory of a ring in Go, dispatched through a context's
// table: the workload SPSC of C.
type Go struct {
	context *core.Context
	ring    *core.Ring
	batch   int
}

// OpenGo prepares the Go workload: the errors of core.NewContext and core.NewRing.
func OpenGo(batch, slots int) (*Go, error) {
	context, err := core.NewContext(core.Config{})
	if err != nil {
		return nil, err
	}
	ring, err := core.NewRing(uint32(slots), core.SPSC)
	if err != nil {
		context.Free()
		return nil, err
	}
	context.On(goKind, func(*core.Signal) {})
	return &Go{context, ring, batch}, nil
}

// Run does operations once more.
func (g *Go) Run(operations int) (Timing, error) {
	start, begin := time.Now(), ticks.Now()
	for done := 0; done < operations; {
		span, err := g.ring.Reserve(g.batch)
		if err != nil {
			return Timing{}, err
		}
		fill(span.Slots, uint64(done))
		if err := g.ring.Commit(span, len(span.Slots)); err != nil {
			return Timing{}, err
		}
		if _, err := g.context.Drain(g.ring, g.batch); err != nil {
			return Timing{}, err
		}
		done += len(span.Slots)
	}
	return Timing{Ticks: ticks.Now() - begin, NS: uint64(time.Since(start))}, nil
}

// fill is fill_batch of src/cases.c.
func fill(slots []core.Signal, sequence uint64) {
	for i := range slots {
		s := &slots[i]
		s.Kind, s.Flags, s.Size = goKind, 0, 8
		s.Source, s.Destination = 1, 2
		s.Sequence = sequence + uint64(i)
		s.Payload[0] = sequence + uint64(i)
	}
}

// Close frees the workload.
func (g *Go) Close() {
	g.ring.Free()
	g.context.Free()
}
