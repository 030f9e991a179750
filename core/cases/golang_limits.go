package cases

import (
	"runtime"

	"github.com/bitactor/cf/core/ticks"
)

// limit does what the machine allows without a ring, as src/limits.c does.
// KeepAlive keeps what a loop computes, and so the loop.
func (g *golang) limit(operations int) {
	switch g.setup.Which {
	case Cycles:
		a, b := uint64(operations), uint64(1)
		for i := 0; i < operations; i += 16 {
			a, b = additions(a, b)
		}
		runtime.KeepAlive(a)
	case Ticks:
		var sum uint64
		for range operations {
			sum += ticks.Now()
		}
		runtime.KeepAlive(sum)
	case Call, CallRandom:
		g.calls(operations)
	case Cmpxchg, CmpxchgCall:
		g.swaps(operations)
	case FillCall, FillCallRandom:
		g.fills(operations)
	}
}

// additions does sixteen additions, each of which needs the result of the one before.
func additions(a, b uint64) (uint64, uint64) {
	a += b
	b += a
	a += b
	b += a
	a += b
	b += a
	a += b
	b += a
	a += b
	b += a
	a += b
	b += a
	a += b
	b += a
	a += b
	b += a
	return a, b
}

func (g *golang) calls(operations int) {
	signal := &g.lines[0]
	signal.Kind = goKind
	for range operations {
		if g.setup.Which == CallRandom {
			signal.Kind = g.draw()
		}
		handlers[signal.Kind](signal)
	}
}

func (g *golang) swaps(operations int) {
	signal := &g.lines[0]
	signal.Kind = goKind
	for range operations {
		for expected := g.word.Load(); !g.word.CompareAndSwap(expected, expected+1); expected = g.word.Load() {
		}
		if g.setup.Which == CmpxchgCall {
			handlers[signal.Kind](signal)
		}
	}
}

func (g *golang) fills(operations int) {
	batch := int(g.setup.Batch)
	for done := 0; done < operations; done += batch {
		slots := g.lines[done%len(g.lines):][:batch]
		fill(slots, uint64(done))
		for i := range slots {
			if g.setup.Which == FillCallRandom {
				slots[i].Kind = g.draw()
			}
		}
		for i := range slots {
			handlers[slots[i].Kind](&slots[i])
		}
	}
}
