package bench

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/bits"
	"slices"
)

// subBits says how finely a Histogram tells values apart: by 1 in 2^subBits, so to
// better than 1 %.
const subBits = 7

// Histogram counts values of any size to a relative precision that is the same
// everywhere, in memory that does not grow with their number: each power of two is cut
// into equal parts, as in HdrHistogram (https://hdrhistogram.org, "HDR Histogram: A
// High Dynamic Range Histogram"). Values are whole nanoseconds. The zero value is empty
// and ready; it is not safe for concurrent use, but histograms can be merged.
type Histogram struct {
	counts []uint64 // by slot
	total  uint64
	max    uint64
}

// slot returns where a value is counted: values below 2^subBits each in a slot of
// their own.
func slot(v uint64) int {
	shift := max(bits.Len64(v)-subBits-1, 0)
	return shift<<subBits + int(v>>shift)
}

// slotMax is the greatest value of a slot.
func slotMax(i int) uint64 {
	if i < 1<<(subBits+1) {
		return uint64(i)
	}
	shift := i>>subBits - 1
	return uint64(i&(1<<subBits-1)+1<<subBits+1)<<shift - 1
}

// Add counts a value.
func (h *Histogram) Add(v uint64) { h.add(v, 1) }

func (h *Histogram) add(v, n uint64) {
	i := slot(v)
	if i >= len(h.counts) {
		h.counts = append(h.counts, make([]uint64, i+1-len(h.counts))...)
	}
	h.counts[i] += n
	h.total += n
	h.max = max(h.max, v)
}

// Merge adds what another one counted.
func (h *Histogram) Merge(o *Histogram) {
	if len(o.counts) > len(h.counts) {
		h.counts = append(h.counts, make([]uint64, len(o.counts)-len(h.counts))...)
	}
	for i, n := range o.counts {
		h.counts[i] += n
	}
	h.total += o.total
	h.max = max(h.max, o.max)
}

// Count is how many values there are.
func (h *Histogram) Count() uint64 { return h.total }

// Quantile returns the value that the given share (0 to 1) of the values does not
// exceed, by nearest rank; at most 1 % above it, never above the greatest. Of none it
// is 0.
func (h *Histogram) Quantile(share float64) uint64 {
	rank := min(max(uint64(share*float64(h.total)+0.999999), 1), h.total)
	var seen uint64
	for i, n := range h.counts {
		if seen += n; seen >= rank && n > 0 {
			return min(slotMax(i), h.max)
		}
	}
	return 0
}

// MarshalJSON writes the slots that are not empty, as pairs of a value and a count.
func (h *Histogram) MarshalJSON() ([]byte, error) {
	pairs := [][2]uint64{}
	for i, n := range h.counts {
		if n > 0 {
			pairs = append(pairs, [2]uint64{min(slotMax(i), h.max), n})
		}
	}
	return json.Marshal(pairs)
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (h *Histogram) UnmarshalJSON(text []byte) error {
	var pairs [][2]uint64
	if err := json.Unmarshal(text, &pairs); err != nil {
		return err
	}
	*h = Histogram{}
	for _, p := range pairs {
		if p[1] > 1<<53 || h.total > 1<<53 {
			return errors.New("a histogram of more values than can be counted")
		}
		if p[1] > 0 {
			h.add(p[0], p[1])
		}
	}
	return nil
}

// Latency is the distribution of a case's single operations.
type Latency struct {
	Case string     `json:"case"`
	How  string     `json:"how"` // "open loop, 200 a second for 5 s"
	NS   *Histogram `json:"ns"`  // nanoseconds
}

// Row is the latency as cells of a table: case, how, count, p50, p99, p99.9, largest.
func (l Latency) Row() []string {
	row := []string{l.Case, l.How, fmt.Sprint(l.NS.Count())}
	for _, share := range latencyShares {
		row = append(row, nanoseconds(float64(l.NS.Quantile(share))))
	}
	return row
}

// latencyShares are the quantiles of Row; latencyColumns are the headings.
var latencyShares = []float64{0.5, 0.99, 0.999, 1}

// LatencyTable lays latencies out in one table.
func LatencyTable(title string, list []Latency) Table {
	t := Table{Title: title, Columns: slices.Clone(latencyColumns)}
	for _, l := range list {
		t.Rows = append(t.Rows, l.Row())
	}
	return t
}

var latencyColumns = []string{"case", "how", "operations", "p50", "p99", "p99.9", "largest"}
