package telemetry

import (
	"slices"
	"strings"
)

// slip is how a used name differs from an emitted one.
type slip struct {
	near  string // as it's emitted
	name  string // as it's used, without what a histogram adds
	word  string // the first word of the used name that is not in the other; "" for none
	until int    // the word that a piece with the difference begins at, at the latest
	// other tells that the difference is a whole word behind the first: where that names
	// the program, the next names a part of it, and a dependency may be another part
	other bool
}

// respelt returns how a used metric is an emitted one with a letter or two changed, or
// with a word left out, added, changed, or put elsewhere. All others of at least three
// words are the same.
func (o ownNames) respelt(u use) (slip, bool) {
	if u.kind != metric {
		near := o.nearest(u)
		return slip{near: near}, near != ""
	}
	for _, name := range append([]string{u.name}, bases(u.name)...) {
		as := u
		as.name = name
		words := strings.Split(name, "_")
		near := o.nearest(as)
		if near == "" {
			for _, n := range o.candidates(words) {
				if (near == "" || n < near) && sameButOne(words, strings.Split(n, "_")) {
					near = n
				}
			}
		}
		if near != "" {
			s := slipOf(near, name)
			s.other = s.other && o.nearest(as) == ""
			return s, true
		}
	}
	return slip{}, false
}

// candidates are the emitted metrics, and those of which only the beginning isn't known
// and whose next word is the used one's.
func (o ownNames) candidates(words []string) (out []string) {
	for n := range o.exact[metric] {
		out = append(out, n)
	}
	for _, p := range o.patterns[metric] {
		rest, ok := strings.CutPrefix(p.name, "*_")
		if ok && len(words) > 1 && o.prefixes[words[0]] && strings.HasPrefix(rest, words[1]+"_") && !strings.Contains(rest, "*") && !p.test {
			out = append(out, words[0]+"_"+rest)
		}
	}
	return out
}

// slipOf finds where two names differ.
func slipOf(near, name string) slip {
	words, others := strings.Split(name, "_"), strings.Split(near, "_")
	s := slip{near: near, name: name, until: len(words) - 2, other: len(words) < 2 || len(others) < 2 || words[1] != others[1]}
	for i, w := range words {
		if !slices.Contains(others, w) {
			s.word, s.until = w, i
			return s
		}
	}
	for i := range min(len(words), len(others)) {
		if words[i] == others[i] {
			continue
		}
		switch {
		case len(words) == len(others): // changed about: what begins between them differs too
			s.until = min(i+1, s.until)
		case i > 1: // left out: a piece has to hold both sides of the gap
			s.until = min(i-1, s.until)
		}
		break
	}
	return s
}

// sameButOne tells whether two lists of words, which begin and end alike, are the same
// but for one word, or for two that have changed places, be it at the end.
func sameButOne(a, b []string) bool {
	if len(a) < 4 || len(b) < 4 || abs(len(a)-len(b)) > 1 || a[0] != b[0] {
		return false
	}
	alike := a[len(a)-1] == b[len(b)-1]
	head := 0
	for head < min(len(a), len(b)) && a[head] == b[head] {
		head++
	}
	a, b = a[head:], b[head:]
	for len(a) > 0 && len(b) > 0 && a[len(a)-1] == b[len(b)-1] {
		a, b = a[:len(a)-1], b[:len(b)-1]
	}
	return alike && len(a)+len(b) <= 2 || len(a) == 2 && len(b) == 2 && a[0] == b[1] && a[1] == b[0]
}

// pieces returns the beginnings and ends of a metric's name that hold what differs from
// an emitted one, as they stand where code puts the name together.
func (s slip) pieces() (out []string) {
	for _, name := range append([]string{s.name}, bases(s.name)...) {
		words := strings.Split(name, "_")
		last := min(s.until, len(words)-1)
		if s.word != "" && last > 0 {
			head := strings.Join(words[:last+1], "_")
			for _, end := range []string{`_"`, "_'", "%s", "_%s", "#{", "_#{", "{", "_{"} {
				out = append(out, head+end)
			}
		}
		for at := 1; at <= last; at++ {
			out = append(out, beginning(strings.Join(words[at:], "_"))...)
		}
	}
	return out
}

// beginning returns a piece of a name as it stands at the beginning of a text, or behind
// what is put in.
func beginning(piece string) (out []string) {
	for _, before := range []string{`"`, `"_`, "'", "'_", "`", "`_", "%s_", "}_", "}"} {
		out = append(out, before+piece)
	}
	return out
}

// apart returns the word that differs, alone and with all before it, as code has it where
// it puts the name together of whole words, and the pieces that must stand beside it:
// what follows in the name.
func (s slip) apart() (word, rest []string) {
	words := strings.Split(s.name, "_")
	if s.word == "" || s.until == 0 {
		return nil, nil
	}
	head := strings.Join(words[:s.until+1], "_")
	word = []string{`"` + s.word + `"`, "'" + s.word + "'", `"` + head + `"`, "'" + head + "'"}
	switch rest = words[s.until+1:]; {
	case s.other || len(rest) == 0:
		return word, nil
	case len(rest) == 1: // many texts begin with one word
		return word, []string{`"` + rest[0] + `"`, `"_` + rest[0] + `"`, "'" + rest[0] + "'", "'_" + rest[0] + "'"}
	}
	return word, beginning(strings.Join(rest, "_"))
}
