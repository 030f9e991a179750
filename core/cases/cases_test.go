package cases

import (
	"errors"
	"testing"

	"github.com/bitactor/cf/core"
)

// setups has every workload, with a batch that does not divide the operations.
func setups() []Setup {
	var list []Setup
	for which := uint32(Cycles); which < count; which++ {
		list = append(list, Setup{Which: which, Batch: 1, Slots: 64}, Setup{Which: which, Batch: 16, Slots: 64})
	}
	return append(list, Setup{Which: SPSC, Batch: 16, Slots: 64, Flags: core.Timed | core.Events, TraceRecords: 64})
}

func TestEveryWorkloadRuns(t *testing.T) {
	for _, s := range setups() {
		for language, open := range map[string]func(Setup) (Workload, error){"default": Open, "Go": OpenGo} {
			w, err := open(s)
			if errors.Is(err, ErrNotBuilt) && s.Which > Cross {
				continue
			}
			if err != nil {
				t.Fatalf("%s: %+v: %v", language, s, err)
			}
			for range 2 { // a second run goes on where the first ended
				timing, err := w.Run(1024)
				if err != nil || timing.Ticks == 0 || timing.NS == 0 {
					t.Errorf("%s: %+v: %+v, %v", language, s, timing, err)
				}
			}
			if g, ok := w.(*golang); ok && s.Which >= SPSC {
				if handled := g.context.Snapshot().Signals; handled != 2048 {
					t.Errorf("%s: %+v: %d signals handled, want 2048", language, s, handled)
				}
			}
			w.Close()
		}
	}
}

func TestNoWorkloadFits(t *testing.T) {
	for _, open := range []func(Setup) (Workload, error){Open, OpenGo} {
		if _, err := open(Setup{Which: SPSC, Batch: 1, Slots: 3}); !errors.Is(err, core.ErrInval) {
			t.Errorf("three slots: %v", err)
		}
	}
}
