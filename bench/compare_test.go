package bench

import (
	"bytes"
	"encoding/json"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

// TestMannWhitney compares with values of the textbook's formula worked by hand and,
// without a difference, with the share of wrong calls that alpha allows.
func TestMannWhitney(t *testing.T) {
	if greater, p := MannWhitney([]float64{1, 2, 3, 4, 5, 6}, []float64{7, 8, 9, 10, 11, 12}); greater != 1 || math.Abs(p-0.00508) > 0.0001 {
		t.Errorf("apart: %v, %v", greater, p)
	}
	if greater, p := MannWhitney([]float64{1, 2, 3, 4}, []float64{1, 2, 3, 4}); greater != 0.5 || p != 1 {
		t.Errorf("the same: %v, %v", greater, p)
	}
	if greater, p := MannWhitney([]float64{5, 5, 5}, []float64{5, 5, 5}); greater != 0.5 || p != 1 {
		t.Errorf("all tied: %v, %v", greater, p)
	}
	if greater, _ := MannWhitney([]float64{1, 1, 2}, []float64{1, 2, 2}); math.Abs(greater-6.0/9) > 1e-9 { // 3 wins and 6 ties of 9 pairs
		t.Errorf("with ties: %v", greater)
	}
}

// series draws runs of a command as they are: a floor, and a tail of disturbances.
func series(random *rand.Rand, n int, scale float64) []float64 {
	out := make([]float64, n)
	for i := range out {
		out[i] = scale * 10e6 * (1 + 0.01*random.NormFloat64() + 0.02*random.ExpFloat64())
	}
	return out
}

// TestCallsAreRightWayRound plants slowdowns: 1 % is called the wrong way round in at
// most 1 of 200 trials, 5 % is found, none is called in more than alpha of the trials.
func TestCallsAreRightWayRound(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	count := func(trials, runs int, scale float64) map[Call]int {
		got := map[Call]int{}
		for range trials {
			got[Compare("x", series(random, runs, 1), series(random, runs, scale)).Call]++
		}
		return got
	}
	if got := count(200, 60, 1.01); got[Faster] > 1 {
		t.Errorf("1 %% slower: %v", got)
	}
	if got := count(100, 60, 1.05); got[Slower] < 99 {
		t.Errorf("5 %% slower: %v", got)
	}
	if got := count(100, 60, 0.95); got[Faster] < 99 {
		t.Errorf("5 %% faster: %v", got)
	}
	if got := count(400, 40, 1); got[Faster]+got[Slower] > 10 {
		t.Errorf("the same: %v", got)
	}
}

func TestCompareOfFewRunsShowsNothing(t *testing.T) {
	if c := Compare("x", []float64{1, 1, 1}, []float64{9, 9, 9}); c.Call != Same || c.Regressed() {
		t.Errorf("%+v", c)
	}
}

func document() *Document {
	report := func(title string, scale float64) *Report {
		r := &Report{Title: title, Time: time.Unix(0, 0), Machine: Machine{CPU: "<cpu>"}}
		for _, name := range []string{"push & pop", "drain"} {
			samples := series(rand.New(rand.NewPCG(1, uint64(len(name)))), 30, scale)
			r.Measures = append(r.Measures, Measure{Case: name, NS: Estimated(samples), Samples: samples, Share: 0.5})
		}
		return r
	}
	d := &Document{Reports: []*Report{report("one", 1), report("two", 1e-4)}, Quick: true, Against: "last week", Balances: []Balance{{"sent", "10", "9", false}, {"sent", "10", "10", true}}}
	d.Changes = Against(d.Reports, []*Report{report("one", 0.8), report("three", 1)})
	for i := range 3 {
		p := d.PastOf()
		p.Time = time.Unix(int64(i), 0)
		p.Medians["drain"] *= float64(i + 1)
		d.History = append(d.History, p)
	}
	return d
}

func TestDocumentFormats(t *testing.T) {
	d := document()
	if len(d.Changes) != 2 || !d.Changes[0].Regressed() {
		t.Fatalf("%+v", d.Changes)
	}
	var markdown, page, text bytes.Buffer
	for _, err := range []error{d.Markdown(&markdown), d.HTML(&page), d.JSON(&text)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, want := range []string{"## Against last week", "| slower |", "| no | sent | 10 | 9 |", "not to be quoted"} {
		if !strings.Contains(markdown.String(), want) {
			t.Errorf("Markdown lacks %q", want)
		}
	}
	for _, want := range []string{"<svg", "<circle", "<polyline", "push &amp; pop", `class="slower"`, "prefers-color-scheme: dark", "(&#43;200.0 %)", "&lt;cpu&gt;"} {
		if !strings.Contains(page.String(), want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	for _, never := range []string{"http:", "https:", "<script", "NaN", "Inf", "ZgotmplZ"} {
		if strings.Contains(page.String(), never) {
			t.Errorf("the page holds %q", never)
		}
	}
	back, err := ReadDocument(text.Bytes())
	if err != nil || len(back.Reports) != 2 || len(back.Reports[0].Measures[0].Samples) != 30 {
		t.Errorf("JSON: %v", err)
	}
	text.Reset()
	_ = d.Reports[0].JSON(&text)
	if back, err := ReadDocument(text.Bytes()); err != nil || back.Title() != "one" {
		t.Errorf("of one report: %v", err)
	}
	for _, bad := range []string{"", "{}", `{"reports":[]}`, "[1]"} {
		if _, err := ReadDocument([]byte(bad)); err == nil {
			t.Errorf("%q is taken for a report", bad)
		}
	}
}

// FuzzReadDocument: what is read can be drawn.
func FuzzReadDocument(f *testing.F) {
	var b bytes.Buffer
	_ = json.NewEncoder(&b).Encode(document())
	f.Add(b.Bytes())
	f.Add([]byte(`{"title":"a","measures":[{"case":"x","ns":{"median":1e308,"low":0,"high":-1,"runs":3},"share":1e300,"samples":[1]}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		d, err := ReadDocument(text)
		if err != nil {
			return
		}
		for _, r := range d.Reports {
			if r == nil {
				return
			}
		}
		d.Changes = append(d.Changes, Against(d.Reports, d.Reports)...)
		if err := d.HTML(&bytes.Buffer{}); err != nil {
			t.Fatal(err)
		}
	})
}
