package profile

import "slices"

// CalibrationVersion is that of what is measured and how: what another version
// measured counts as unknown.
const CalibrationVersion = 1

// Calibration is what cf calibrate measured of a model, part by part.
type Calibration struct {
	Version int    `json:"version"`
	Parts   []Part `json:"parts"` // those that were finished, in the order in which they were
}

// Part is one thing that was measured.
type Part struct {
	Name    string             `json:"name"`             // stable, such as "edit"
	Choice  string             `json:"choice,omitempty"` // what follows from it: one of the scores' names; "" where nothing does
	Value   float64            `json:"value,omitempty"`  // a figure that follows from it: tokens, a share, a temperature
	Scores  []Score            `json:"scores,omitempty"`
	Figures map[string]float64 `json:"figures,omitempty"` // what was measured in units, by stable names
	Seconds float64            `json:"seconds"`           // it took
}

// Score is how one way of asking did.
type Score struct {
	Name string `json:"name"`
	Good int    `json:"good"`
	Of   int    `json:"of"`
}

// Share is Good of Of, from 0 to 1.
func (s Score) Share() float64 {
	if s.Of == 0 {
		return 0
	}
	return float64(s.Good) / float64(s.Of)
}

// Part returns a part that this version measured.
func (c *Calibration) Part(name string) (Part, bool) {
	if c == nil || c.Version != CalibrationVersion {
		return Part{}, false
	}
	i := slices.IndexFunc(c.Parts, func(p Part) bool { return p.Name == name })
	if i < 0 {
		return Part{}, false
	}
	return c.Parts[i], true
}

// With returns the calibration with one part more, in place of an older one of
// its name. Parts of another version are dropped.
func (c *Calibration) With(p Part) *Calibration {
	next := &Calibration{Version: CalibrationVersion}
	if c != nil && c.Version == CalibrationVersion {
		for _, old := range c.Parts {
			if old.Name != p.Name {
				next.Parts = append(next.Parts, old)
			}
		}
	}
	next.Parts = append(next.Parts, p)
	return next
}

// partsMax bounds what is read of a file: no version measures as much.
const partsMax = 64

func (c *Calibration) sane() bool {
	if c == nil {
		return true
	}
	if len(c.Parts) > partsMax {
		return false
	}
	sound := func(f float64) bool { return f >= 0 && f < 1e9 } // no NaN either
	for _, p := range c.Parts {
		if !sound(p.Value) || !sound(p.Seconds) {
			return false
		}
		for _, f := range p.Figures {
			if !sound(f) {
				return false
			}
		}
		for _, s := range p.Scores {
			if s.Good < 0 || s.Good > s.Of || s.Of > 1000 {
				return false
			}
		}
	}
	return true
}
