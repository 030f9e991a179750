package profile

import (
	"math"
	"os"
	"strings"
	"testing"
)

func TestCalibration(t *testing.T) {
	var none *Calibration
	if _, ok := none.Part("edit"); ok {
		t.Error("a part of nothing")
	}
	one := none.With(Part{Name: "edit", Choice: "file"}).With(Part{Name: "json"})
	two := one.With(Part{Name: "edit", Choice: "symbol"})
	if p, ok := two.Part("edit"); !ok || p.Choice != "symbol" || len(two.Parts) != 2 {
		t.Errorf("%+v", two)
	}
	if p, _ := one.Part("edit"); p.Choice != "file" {
		t.Error("With changed what it was given")
	}
	two.Version++
	if _, ok := two.Part("edit"); ok {
		t.Error("what another version measured counts")
	}
	if three := two.With(Part{Name: "think"}); len(three.Parts) != 1 {
		t.Errorf("parts of another version are kept: %+v", three)
	}
}

func TestCalibrationIsKept(t *testing.T) {
	dir := t.TempDir()
	found := (&Calibration{}).With(Part{Name: "speed", Figures: map[string]float64{"decode": 16}, Scores: []Score{{"a", 1, 2}}})
	if err := Open(dir).Update("d", func(p *Profile) { p.Calibration = found }); err != nil {
		t.Fatal(err)
	}
	p := Open(dir).Get("d")
	if part, ok := p.Calibration.Part("speed"); !ok || part.Figures["decode"] != 16 || part.Scores[0].Share() != 0.5 {
		t.Errorf("%+v", p.Calibration)
	}
	for name, broken := range map[string]*Calibration{
		"not a number":  {Parts: []Part{{Value: math.NaN()}}},
		"below nothing": {Parts: []Part{{Figures: map[string]float64{"x": -1}}}},
		"more than all": {Parts: []Part{{Scores: []Score{{"a", 3, 2}}}}},
		"too many":      {Parts: make([]Part, partsMax+1)},
	} {
		if broken.sane() {
			t.Errorf("%s is called sane", name)
		}
	}
	text, err := os.ReadFile(Open(dir).path("d"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(Open(dir).path("d"), []byte(strings.Replace(string(text), "16", "-16", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	if p := Open(dir).Get("d"); p.Calibration != nil {
		t.Errorf("a figure that can't have been measured is used: %+v", p.Calibration)
	}
}
