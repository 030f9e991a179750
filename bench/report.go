package bench

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"
)

// Report is a suite's run: rows under the conditions that hold for all of them.
type Report struct {
	Title      string    `json:"title"`
	Time       time.Time `json:"time"`
	Machine    Machine   `json:"machine"`
	Noise      Noise     `json:"noise"`
	Conditions []string  `json:"conditions"`
	Tables     []Table   `json:"tables"`
	Measures   []Measure `json:"measures"`
	Claims     []Claim   `json:"claims"`
	Latencies  []Latency `json:"latencies,omitempty"` // of single operations
}

// Table is a titled block of rows; every row has as many cells as there are
// columns.
type Table struct {
	Title   string     `json:"title"`
	Columns []string   `json:"columns"`
	Rows    [][]string `json:"rows"`
}

// Measure is a row of a table as numbers, for programs.
type Measure struct {
	Case       string   `json:"case"`
	Ticks      Estimate `json:"ticks"`
	NS         Estimate `json:"ns"`
	Disturbed  int      `json:"disturbed"` // runs left out
	Batch      int      `json:"batch,omitempty"`
	Slots      int      `json:"slots,omitempty"`
	Trace      bool     `json:"trace"`
	Limit      string   `json:"limit,omitempty"`       // the case or operation that it is held against
	LimitTicks float64  `json:"limit_ticks,omitempty"` // its median in the same run
	Share      float64  `json:"share,omitempty"`       // of the limit reached: 1 would be the limit itself
	// Samples are the runs themselves, ns per operation, in their order.
	Samples []float64 `json:"samples,omitempty"`
}

// Claim is a figure held against its goal.
type Claim struct {
	Figure     string `json:"figure"`
	Goal       string `json:"goal"`
	Measured   string `json:"measured"`
	Conditions string `json:"conditions"` // without which it may not be repeated
	Holds      bool   `json:"holds"`
}

// JSON writes the report as one indented object.
func (r *Report) JSON(w io.Writer) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	return encoder.Encode(r)
}

// Where returns the machine and its noise in one sentence each.
func (r *Report) Where() []string {
	m, n := r.Machine, r.Noise
	place := fmt.Sprintf("%s, %d cores, %s %s, kernel %s, %s", m.CPU, m.Cores, m.OS, m.Arch, m.Kernel, m.Go)
	if m.Guest {
		place += ", a virtual machine"
	}
	noise := fmt.Sprintf("a busy loop lost %.2f %% of its time to gaps, the longest %.0f us", 100*n.GapShare, n.GapMaxUS)
	if n.Available {
		noise = fmt.Sprintf("cores busy %.0f %%, stolen by the hypervisor %.2f %%, load %.2f; %s", 100*n.Busy, 100*n.Stolen, n.Load, noise)
	}
	return []string{place, noise}
}

// Markdown writes the report as a document.
func (r *Report) Markdown(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\n\n", r.Title)
	fmt.Fprintf(&b, "%s\n\n", r.Time.UTC().Format("2006-01-02 15:04 MST"))
	for _, line := range append(r.Where(), r.Conditions...) {
		fmt.Fprintf(&b, "- %s\n", line)
	}
	for _, t := range r.Tables {
		fmt.Fprintf(&b, "\n## %s\n\n| %s |\n|%s\n", t.Title, strings.Join(t.Columns, " | "), strings.Repeat(" --- |", len(t.Columns)))
		for _, row := range t.Rows {
			fmt.Fprintf(&b, "| %s |\n", strings.Join(row, " | "))
		}
	}
	if len(r.Claims) > 0 {
		b.WriteString("\n## Claims\n\n| holds | figure | goal | measured | conditions |\n| --- | --- | --- | --- | --- |\n")
	}
	for _, c := range r.Claims {
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", yesNo(c.Holds), c.Figure, c.Goal, c.Measured, c.Conditions)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}
