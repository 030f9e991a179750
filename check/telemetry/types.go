package telemetry

import (
	"slices"
	"strings"

	"github.com/bitactor/cf/check"
)

// counterOnly are the functions that only make sense of what grows (Prometheus'
// documentation, "Query functions").
var counterOnly = []string{"rate", "irate", "increase", "resets"}

// counterSafe are the functions that say something true of a counter as it is: how much
// it grew, that it is there, when it was read. So do those of a range, over_time.
var counterSafe = []string{"rate", "irate", "increase", "resets", "changes", "delta", "idelta", "deriv", "absent", "count", "count_values", "group", "timestamp"}

// typed holds the functions around a metric against its type.
func (j *judge) typed(u use, answers []emission) {
	all := func(typ string) bool {
		return !slices.ContainsFunc(answers, func(e emission) bool { return e.typ != typ })
	}
	last := ""
	if len(u.functions) > 0 {
		last = u.functions[len(u.functions)-1]
	}
	switch {
	case slices.Contains(counterOnly, last) && all("gauge"):
		j.add(u.place, check.Error, codeRate, "%s() of %s, which is a gauge: use delta(), deriv() or the value itself", last, u.name)
	case slices.Contains(u.functions, "histogram_quantile") && strings.HasSuffix(u.name, "_bucket") && (all("counter") || all("gauge")):
		j.add(u.place, check.Error, codeBuckets, "histogram_quantile() of %s, which is no histogram's", u.name)
	case u.asValue && all("counter") && !slices.ContainsFunc(u.functions, growthOrPresence):
		j.add(u.place, check.Warning, codeCounter, "%s reads the value of the counter %s, which only says when the process began: use rate() or increase()", u.by, u.name)
	}
}

func growthOrPresence(function string) bool {
	return slices.Contains(counterSafe, function) || strings.HasSuffix(function, "_over_time")
}
