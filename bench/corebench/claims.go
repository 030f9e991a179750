package corebench

import (
	"fmt"

	"github.com/bitactor/cf/bench"
	"github.com/bitactor/cf/core/cases"
)

// claimed holds figures against goals. A case that was not measured makes no claim.
type claimed struct {
	by   map[string]bench.Result
	list []bench.Claim
}

// claims are the figures that the core is held to.
func claims(by map[string]bench.Result, allocations float64) []bench.Claim {
	const oneCore = "amortised per signal, one core, SPSC, in place, ring in the first cache, one kind, empty handler, %s"
	c := &claimed{by: by}
	c.atMost(noBatch, fmt.Sprintf(oneCore, "not batched, not timed"), 7.5)
	c.atMost(batch8, fmt.Sprintf(oneCore, "batch 8, not timed"), 6)
	c.atMost(batch32, fmt.Sprintf(oneCore, "batch 32, not timed"), 6.7)
	c.atMost(timed128, fmt.Sprintf(oneCore, "timed per batch of 128"), 8)
	c.mpsc()
	c.ratio("Go draining C memory", goDrain, cDrain, 1.1,
		"batch 64, only the drains timed, both with two tick reads a batch; filling included: see the rows of batch 64")
	c.cross()
	c.list = append(c.list, bench.Claim{
		Figure: "allocations per signal", Goal: "0", Measured: fmt.Sprintf("%g", allocations), Holds: allocations == 0,
		Conditions: "filled and drained in Go; that C allocates nothing after its init is a test",
	})
	return c.list
}

func (c *claimed) atMost(name, conditions string, goal float64) {
	r, ok := c.by[name]
	if !ok {
		return
	}
	got := r.Ticks.Median
	c.list = append(c.list, bench.Claim{
		Figure: name, Goal: fmt.Sprintf("at most %g ticks", goal), Measured: number(got) + " ticks", Conditions: conditions, Holds: got <= goal,
	})
}

func (c *claimed) ratio(figure, name, against string, goal float64, conditions string) {
	r, ok := c.by[name]
	a, also := c.by[against]
	if ok && also {
		c.times(figure, r.Ticks.Median, a.Ticks.Median, goal, conditions)
	}
}

func (c *claimed) times(figure string, got, against, goal float64, conditions string) {
	c.list = append(c.list, bench.Claim{
		Figure: figure, Goal: fmt.Sprintf("at most %gx", goal), Measured: fmt.Sprintf("%.2fx (%s of %s ticks)", got/against, number(got), number(against)),
		Conditions: conditions, Holds: got/against <= goal,
	})
}

// mpsc is held against the sum of its two parts, each measured alone. In one loop the
// two overlap, and no ring takes part: that is a limit, in the table.
func (c *claimed) mpsc() {
	m, ok := c.by[mpscBy32]
	s, also := c.by[swap]
	t, too := c.by[tableCall]
	l, four := c.by[limitMPSC]
	if ok && also && too && four {
		c.times("MPSC", m.Ticks.Median, s.Ticks.Median+t.Ticks.Median, 1.1,
			fmt.Sprintf("one core, one claim a signal, drained by 32, against a compare-and-swap plus a table call, each measured alone; overlapping in one loop without a ring the two take %s ticks", number(l.Ticks.Median)))
	}
}

// cross is held against the better of the two other libraries, where they are built in.
func (c *claimed) cross() {
	ck, hasCK := c.by[peerCK]
	dpdk, hasDPDK := c.by[peerDPDK]
	if !hasCK || !hasDPDK || !cases.InC {
		return
	}
	better, name := peerDPDK, "DPDK's ring"
	if ck.Ticks.Median < dpdk.Ticks.Median {
		better, name = peerCK, "ck_ring"
	}
	c.ratio("SPSC between two cores", cross64, better, 1.15, "batch 64, 512 slots, against the better of ck_ring and DPDK's ring: "+name)
}
