//go:build cgo

package syntax

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"
)

// BenchmarkParse reads a thousand lines of each language: the sound samples, one
// behind the other.
func BenchmarkParse(b *testing.B) {
	for _, l := range Languages() {
		var text strings.Builder
		for path, src := range samples(b, l) {
			if strings.Contains(path, "sound") {
				text.WriteString(src)
			}
		}
		one := text.String()
		src := []byte(strings.Repeat(one, 1+1000/strings.Count(one, "\n")))
		klines := float64(bytes.Count(src, []byte("\n"))) / 1000
		if _, err := Parse(context.Background(), l, src); err != nil { // the query is made once a process
			b.Fatal(err)
		}
		b.Run("language="+l.Name(), func(b *testing.B) {
			for b.Loop() {
				if _, err := Parse(context.Background(), l, src); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed())/float64(time.Millisecond)/float64(b.N)/klines, "ms/kline")
		})
	}
}

// BenchmarkParseMemory reports the largest resident set of the process after Go
// sources of MaxBytes and one that is refused for the memory it would take.
func BenchmarkParseMemory(b *testing.B) {
	function := "func F(x int) int {\n\t// It adds.\n\tif x > 1000 {\n\t\treturn x + add(x, 2)\n\t}\n\treturn 0\n}\n\n"
	large := []byte("package p\n\n" + strings.Repeat(function, (MaxBytes-16)/len(function)))
	refused := bytes.Repeat([]byte("(((("), MaxBytes/4)
	for b.Loop() {
		if _, err := Parse(context.Background(), ByName("go"), large); err != nil {
			b.Fatal(err)
		}
		if _, err := Parse(context.Background(), ByName("go"), refused); err == nil {
			b.Fatal("read a source without end")
		}
	}
	b.ReportMetric(float64(peakMemory(b))/(1<<20), "peak-MiB")
}
