package telemetry

import (
	"fmt"
	"maps"
	"slices"

	"github.com/bitactor/cf/check"
)

// lostIn is a file and what kind of names it uses.
type lostIn struct {
	file string
	kind kind
}

// lost is what a file uses that nothing here emits, beside what is emitted.
type lost struct {
	names, found map[string]bool
	told         []check.Diagnostic
}

// Names of metrics or events that are lost say something of the readers here where there
// are lostLeast of them, and lostShare times as many as are found.
const (
	lostLeast = 5
	lostShare = 4
)

func (j *judge) ofFile(u use) *lost {
	key := lostIn{u.file, u.kind}
	if j.lost == nil {
		j.lost = map[lostIn]*lost{}
	}
	if j.lost[key] == nil {
		j.lost[key] = &lost{names: map[string]bool{}, found: map[string]bool{}}
	}
	return j.lost[key]
}

// settle tells of what is used and never emitted. Where that is nearly all that a file
// uses, it is more likely that the tree emits it in a way that no reader here knows than
// that all of a file is wrong: then it could not be checked, which a gap says.
func (j *judge) settle() {
	for key, l := range j.lost {
		if key.kind != metric && key.kind != event || len(l.names) < lostLeast || len(l.names) < lostShare*len(l.found) {
			j.found = append(j.found, l.told...)
			continue
		}
		j.facts.gaps = append(j.facts.gaps, check.Gap{
			File: key.file, What: "telemetry",
			Why: fmt.Sprintf("of the names that are used here and look like this project's own, nothing that is known emits %d, %s one of them, and something emits %d",
				len(l.names), slices.Min(slices.Collect(maps.Keys(l.names))), len(l.found)),
		})
	}
}
