package calibrate

import (
	"github.com/bitactor/cf/engine"
	"github.com/bitactor/cf/llm/profile"
)

// Profile is what of a model's profile rules how the engine asks it; nil where
// nothing is known.
func Profile(p profile.Profile) *engine.Profile {
	out := engine.Profile{PrefillRate: p.PrefillRate, DecodeRate: p.DecodeRate}
	if part, ok := p.Calibration.Part(Speed); ok {
		if out.PrefillRate == 0 && out.DecodeRate == 0 { // those of daily use say more
			out.PrefillRate, out.DecodeRate = part.Figures[prefill], part.Figures[decode]
		}
	}
	if part, ok := p.Calibration.Part(Edit); ok {
		out.Edit = engine.Edit(part.Choice)
	}
	if part, ok := p.Calibration.Part(Layout); ok {
		out.Layout = engine.Layout(part.Choice)
	}
	if part, ok := p.Calibration.Part(Temperature); ok {
		out.Temperature = part.Value
	}
	if part, ok := p.Calibration.Part(Context); ok {
		out.Context = int(part.Value)
	}
	if part, ok := p.Calibration.Part(Think); ok {
		out.Think = part.Choice == thinking
	}
	if out == (engine.Profile{}) {
		return nil
	}
	return &out
}

// Reasoning is the layout that was measured for ultrathink; "" where it was not.
func Reasoning(p profile.Profile) profile.Layout {
	part, _ := p.Calibration.Part(Sections)
	return profile.Layout(part.Choice)
}
