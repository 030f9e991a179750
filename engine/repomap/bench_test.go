//go:build cgo

package repomap_test

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/bitactor/cf/engine/repomap"
)

// benchFiles is the size of the tree that BenchmarkRender maps.
const benchFiles = 50_000

// BenchmarkRender maps a tree of 50,000 files of eight languages: for the first
// time; after one file was edited, with a map that knows the cache only; and the
// same once more, unchanged. "peak-MiB" is the largest resident set of the process.
func BenchmarkRender(b *testing.B) {
	dir, cache := b.TempDir(), filepath.Join(b.TempDir(), "map")
	writeTree(b, dir, benchFiles)
	time.Sleep(3 * time.Second) // a file counts as just written for 2 s, and is read again until then
	tree := open(b, dir)
	render := func(r repomap.Request) time.Duration {
		start := time.Now()
		got, err := repomap.Open(tree, cache).Render(b.Context(), r)
		if err != nil || got.Definitions == 0 || got.LeftOut > 0 {
			b.Fatal(got, err)
		}
		return time.Since(start)
	}
	request := repomap.Request{
		Path: "area0/part0/job_7.go", Source: "func RunJob7(j *Job7, items []string) (int, error) { return CheckJob12(RunJob50) }",
		Text: "make RunJob7 skip jobs that have no limit", Budget: 1500, Count: tokens,
	}
	edited := filepath.Join(dir, "area0", "part0", "job_8.go")
	var cold, edit, same []time.Duration
	for b.Loop() {
		if err := os.RemoveAll(cache); err != nil {
			b.Fatal(err)
		}
		cold = append(cold, render(request))
		for i := range 5 {
			text := "package p\n\nfunc Edited" + strconv.Itoa(i) + "(j *Job7) int { return CheckJob9(j.Name) }\n"
			if err := os.WriteFile(edited, []byte(text), 0o600); err != nil {
				b.Fatal(err)
			}
			edit = append(edit, render(request))
			same = append(same, render(request))
		}
	}
	b.ReportMetric(milliseconds(cold), "cold-ms")
	b.ReportMetric(milliseconds(edit), "edit-ms")
	b.ReportMetric(milliseconds(same), "same-ms")
	b.ReportMetric(peakMemory(b), "peak-MiB")
	if info, err := os.Stat(cache); err == nil {
		b.ReportMetric(float64(info.Size())/(1<<20), "cache-MiB")
	}
}

// milliseconds returns the median.
func milliseconds(list []time.Duration) float64 {
	slices.Sort(list)
	return float64(list[len(list)/2]) / float64(time.Millisecond)
}

// peakMemory returns the largest resident set of this process in MiB, 0 where the
// system does not tell.
func peakMemory(b *testing.B) float64 {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(status)) {
		if fields := strings.Fields(line); len(fields) == 3 && fields[0] == "VmHWM:" {
			kib, err := strconv.ParseFloat(fields[1], 64)
			if err != nil {
				b.Fatal(err)
			}
			return kib / 1024
		}
	}
	return 0
}
