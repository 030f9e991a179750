package bench

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

// Document is what one run of several suites came to, with what it was held against.
type Document struct {
	Reports  []*Report `json:"reports"`
	Quick    bool      `json:"quick,omitempty"`
	Stopped  bool      `json:"stopped,omitempty"`  // before its end: what was measured until then
	Changes  []Change  `json:"changes,omitempty"`  // against an earlier run, or A against B
	Against  string    `json:"against,omitempty"`  // which, in words
	Balances []Balance `json:"balances,omitempty"` // of telemetry
	History  []Past    `json:"history,omitempty"`  // earlier runs on this machine, oldest first
}

// Balance is a sum that has to come out: what went in is what came out or is
// accounted for.
type Balance struct {
	What  string `json:"what"`
	Left  string `json:"left"` // the sums in words and numbers: "sent 1000"
	Right string `json:"right"`
	Holds bool   `json:"holds"`
}

// Past is an earlier run in short.
type Past struct {
	Time    time.Time          `json:"time"`
	CPU     string             `json:"cpu"`
	Quick   bool               `json:"quick,omitempty"`
	Medians map[string]float64 `json:"medians"` // ns by case
}

// PastOf returns the run in short.
func (d *Document) PastOf() Past {
	p := Past{Medians: map[string]float64{}, Quick: d.Quick}
	for _, r := range d.Reports {
		p.Time, p.CPU = r.Time, r.Machine.CPU
		for _, m := range r.Measures {
			if m.NS.Runs > 0 {
				p.Medians[m.Case] = m.NS.Median
			}
		}
	}
	return p
}

// ErrNoReport is returned for a text that holds no report of this package.
var ErrNoReport = errors.New("no report of cf benchmark")

// ReadDocument reads what JSON wrote, of a Document or of a single Report.
func ReadDocument(text []byte) (*Document, error) {
	var d Document
	if err := json.Unmarshal(text, &d); err == nil && len(d.Reports) > 0 {
		return &d, nil
	}
	var r Report
	if err := json.Unmarshal(text, &r); err != nil || r.Title == "" {
		return nil, ErrNoReport
	}
	return &Document{Reports: []*Report{&r}}, nil
}

// plain tells whether the document is no more than its one report.
func (d *Document) plain() bool {
	return len(d.Reports) == 1 && !d.Stopped && len(d.Changes)+len(d.Balances)+len(d.History) == 0
}

// JSON writes the document as one indented object; that of a single report alone is
// the report's.
func (d *Document) JSON(w io.Writer) error {
	if d.plain() {
		return d.Reports[0].JSON(w)
	}
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	return encoder.Encode(d)
}

// Markdown writes the document as text.
func (d *Document) Markdown(w io.Writer) error {
	for i, r := range d.Reports {
		if i > 0 {
			if _, err := io.WriteString(w, "\n"); err != nil {
				return err
			}
		}
		if err := r.Markdown(w); err != nil {
			return err
		}
	}
	var b strings.Builder
	if len(d.Changes) > 0 {
		fmt.Fprintf(&b, "\n## Against %s\n\n| case | before, ns | now, ns | ratio | 95 %% interval | p | call |\n| --- | --- | --- | --- | --- | --- | --- |\n", d.Against)
	}
	for _, c := range d.Changes {
		fmt.Fprintf(&b, "| %s | %.2f | %.2f | %.3f | %.3f to %.3f | %.4f | %s |\n", c.Case, c.Before, c.Now, c.Ratio, c.Low, c.High, c.P, c.Call)
	}
	if len(d.Balances) > 0 {
		b.WriteString("\n## Telemetry\n\n| holds | what | | |\n| --- | --- | --- | --- |\n")
	}
	for _, x := range d.Balances {
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", yesNo(x.Holds), x.What, x.Left, x.Right)
	}
	if d.Stopped {
		b.WriteString("\nStopped before its end: what was measured until then.\n")
	}
	if d.Quick {
		b.WriteString("\nA quick run: not to be quoted.\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}
