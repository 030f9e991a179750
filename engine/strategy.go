package engine

// strategy is how a request is spent on a model.
type strategy struct {
	samples int // fresh answers at the most; the first that passes ends it
	spare   int // more of them in place of replies that held no code
	rounds  int // of repair, once no sample passed
}

// sampleParameters is the size up to which fresh samples beat repair: a round of
// test feedback is worth nothing to a model of 0.5 billion parameters and 3 points
// to one of 1.5 billion, and repair without early stopping costs it more than that
// (aider's edit leaderboard; arXiv 2604.21950).
const sampleParameters = 2e9

func (e *Engine) strategy(level Level) strategy {
	s := strategyOf(level, e.Model.Parameters)
	if e.Samples > 0 {
		s.samples, s.spare = e.Samples, 0
	}
	if !e.uses(PartSamples) {
		s.samples, s.spare = 1, 0
	}
	if !e.uses(PartRepair) {
		s.rounds = 0
	}
	return s
}

// strategyOf returns the strategy of a level for a model. A small model's rounds
// of repair go into samples instead.
func strategyOf(level Level, parameters int64) strategy {
	s := strategy{1, 1, 1}
	switch level {
	case High:
		s = strategy{4, 2, 2}
	case Hyper:
		s = strategy{12, 4, 4}
	}
	if parameters > 0 && parameters <= sampleParameters {
		s.samples, s.rounds = s.samples+s.rounds, 0
	}
	return s
}

// temperature returns that of sample n: the model's likeliest answer first, then
// answers that differ, the later ones more.
func (e *Engine) temperature(n int) float64 {
	usual := 0.8
	if e.Profile != nil && e.Profile.Temperature > 0 {
		usual = e.Profile.Temperature
	}
	switch {
	case n == 0:
		return 0
	case n < 6:
		return usual
	}
	return usual + 0.2
}
