package corebench

import (
	"fmt"
	"strings"

	"github.com/bitactor/cf/bench"
)

// summed are the rows of the summary: the cases that a claim is made of, and beside
// them those that are as far from it as they can be.
var summed = []string{
	noBatch, batch8, batch32, timed128, "SPSC, trace on, batch 32", "SPSC, copied in, batch 32", "SPSC, tick per signal, batch 32",
	"SPSC, random kinds, batch 32", "SPSC, cold rings, batch 32", mpscBy32, "SPSC, two cores, batch 1", cross64, goLoop,
}

// Summary returns the table of README.md: the rows that matter, the machine and the
// conditions, as Markdown.
func Summary(r *bench.Report) string {
	var b strings.Builder
	b.WriteString("| case | ticks | ns | slots | the machine's limit, ticks | reached |\n| --- | --- | --- | --- | --- | --- |\n")
	for _, name := range summed {
		for _, m := range r.Measures {
			if m.Case != name || m.Ticks.Runs == 0 {
				continue
			}
			limit, share := "-", "-"
			if m.LimitTicks > 0 {
				limit, share = number(m.LimitTicks), fmt.Sprintf("%.0f %%", 100*m.Share)
			}
			if name == cross64 { // held against another library's ring, which is no limit
				limit, share = "-", "-"
			}
			fmt.Fprintf(&b, "| %s | %s | %s | %d | %s | %s |\n", m.Case, number(m.Ticks.Median), number(m.NS.Median), m.Slots, limit, share)
		}
	}
	fmt.Fprintf(&b, "\n%s:\n\n", r.Time.Format("2006-01-02"))
	for _, line := range append(r.Where(), r.Conditions...) {
		fmt.Fprintf(&b, "- %s\n", line)
	}
	return b.String()
}
