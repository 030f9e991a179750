package telemetry

import (
	"bytes"
	"slices"
	"strings"
)

// standing returns the answers that stand for a used name. A name that its file puts
// together from a literal and a part that is in a list beside it stands for the parts of
// that list: at least two names that are used have such a part.
func (j *judge) standing(u use, answers []emission) []emission {
	return slices.DeleteFunc(answers, func(e emission) bool {
		return e.composed && !j.spelled(e, u.name) && j.listed(e)
	})
}

// spelled tells whether the part of a name that a composed one leaves open is a literal
// or an atom of its file.
func (j *judge) spelled(e emission, used string) bool {
	head, end, one := strings.Cut(e.name, "*")
	if !one || strings.Contains(end, "*") {
		end = "" // more than one part: the first of them is looked for
	}
	text, err := j.tree.stage.Read(e.file)
	if err != nil {
		return true // it was there when it was read
	}
	names := []string{used}
	for _, more := range metricEnds {
		if base, ok := strings.CutSuffix(used, more); ok {
			names = append(names, base)
		}
	}
	for _, n := range names {
		part := strings.TrimSuffix(strings.TrimPrefix(n, head), end)
		if part != "" && (bytes.Contains(text, []byte(`"`+part+`"`)) || atomIn(text, part)) {
			return true
		}
	}
	return false
}

// atomIn tells whether a text has an atom of a name.
func atomIn(text []byte, name string) bool {
	for rest := text; ; {
		at := bytes.Index(rest, []byte(":"+name))
		if at < 0 {
			return false
		}
		rest = rest[at+1+len(name):]
		if len(rest) == 0 || !isWord(string(rest[:1])) {
			return true
		}
	}
}

// listed tells whether several of the used names have their part of a composed one as a
// literal.
func (j *judge) listed(e emission) bool {
	key := e.file + " " + e.name
	known, there := j.parts[key]
	if there {
		return known
	}
	names := map[string]bool{}
	for _, u := range j.facts.used {
		if u.kind == e.kind && fits(e.kind, e.name, u.name) && j.spelled(e, u.name) {
			names[u.name] = true
		}
	}
	if j.parts == nil {
		j.parts = map[string]bool{}
	}
	j.parts[key] = len(names) > 1
	return j.parts[key]
}
