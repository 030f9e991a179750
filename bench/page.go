package bench

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
)

// The page and its style, which goes into it: it loads nothing.
var (
	//go:embed report.html.tmpl
	page string
	//go:embed report.css
	style string
)

// HTML writes the report as a page that loads nothing.
func (r *Report) HTML(w io.Writer) error { return (&Document{Reports: []*Report{r}}).HTML(w) }

// HTML writes the document as a page that loads nothing. The page is parsed here, not
// when the program starts.
func (d *Document) HTML(w io.Writer) error {
	t, err := template.New("report").Funcs(template.FuncMap{
		"style": func() template.CSS { return template.CSS(style) },
		"yesNo": yesNo, "brief": brief, "class": class, "ns": nanoseconds, "chips": chips,
		"spread": spread, "ratios": ratios, "reached": reached, "cards": cards, "curves": curves, "past": past,
	}).Parse(page)
	if err != nil {
		return err
	}
	return t.Execute(w, d)
}

// brief tells whether a cell of a table stays on one line.
func brief(cell string) bool { return len(cell) <= 22 }

// Title is that of the page.
func (d *Document) Title() string {
	if len(d.Reports) == 1 {
		return d.Reports[0].Title
	}
	return "Benchmarks"
}

// When says when and where the first report was measured.
func (d *Document) When() string {
	if len(d.Reports) == 0 {
		return ""
	}
	r := d.Reports[0]
	text := r.Time.UTC().Format("2006-01-02 15:04 MST")
	if r.Machine.CPU != "" {
		text += fmt.Sprintf(", %s, %d cores", r.Machine.CPU, r.Machine.Cores)
	}
	return text
}

// chip is a verdict in a few words.
type chip struct{ Class, Text string }

// noiseMuch is the share of a busy loop's time lost to gaps from which on the machine
// had other work to do.
const noiseMuch = 0.05

// chips are the verdicts at the top of the page.
func chips(d *Document) []chip {
	var out []chip
	if d.Stopped {
		out = append(out, chip{"warn", "stopped before its end"})
	}
	if d.Quick {
		out = append(out, chip{"warn", "a quick run: not to be quoted"})
	}
	noise, held, claims := 0.0, 0, 0
	for _, r := range d.Reports {
		noise = max(noise, r.Noise.GapShare)
		for _, c := range r.Claims {
			if claims++; c.Holds {
				held++
			}
		}
	}
	if noise > noiseMuch {
		out = append(out, chip{"warn", fmt.Sprintf("a busy machine: %.0f %% of a busy loop lost", 100*noise)})
	}
	verdict := func(good bool, text string) {
		class := "bad"
		if good {
			class = "good"
		}
		out = append(out, chip{class, text})
	}
	if claims > 0 {
		verdict(held == claims, fmt.Sprintf("%d of %d goals met", held, claims))
	}
	if len(d.Changes) > 0 {
		calls := map[Call]int{}
		for _, c := range d.Changes {
			calls[c.Call]++
		}
		verdict(calls[Slower] == 0, fmt.Sprintf("%d slower, %d faster, %d without a difference", calls[Slower], calls[Faster], calls[Same]))
	}
	if len(d.Balances) > 0 {
		holds := 0
		for _, x := range d.Balances {
			if x.Holds {
				holds++
			}
		}
		verdict(holds == len(d.Balances), fmt.Sprintf("telemetry: %d of %d sums come out", holds, len(d.Balances)))
	}
	return out
}
