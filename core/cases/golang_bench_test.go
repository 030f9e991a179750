package cases

import (
	"fmt"
	"testing"
)

// BenchmarkGoFillDrain is the Go workload under go test's own clock.
func BenchmarkGoFillDrain(b *testing.B) {
	for _, batch := range []int{1, 8, 64} {
		b.Run(fmt.Sprintf("batch=%d", batch), func(b *testing.B) {
			g, err := OpenGo(Setup{Which: SPSC, Batch: uint32(batch), Slots: 64})
			if err != nil {
				b.Fatal(err)
			}
			defer g.Close()
			b.ReportAllocs()
			const signals = 8192
			for b.Loop() {
				if _, err := g.Run(signals); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*signals), "ns/signal")
		})
	}
}
