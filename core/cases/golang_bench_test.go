package cases

import "testing"

// BenchmarkGoFillDrain is the Go workload under go test's own clock.
func BenchmarkGoFillDrain(b *testing.B) {
	g, err := OpenGo(64, 64)
	if err != nil {
		b.Fatal(err)
	}
	defer g.Close()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := g.Run(64); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*64), "ns/signal")
}
