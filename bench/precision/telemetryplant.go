package precision

import (
	"math/rand/v2"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/bitactor/cf/lazyregexp"
)

// mutation is one fault of telemetry: the files that have it, and those of which one
// must be named by a finding more.
type mutation struct {
	place string
	files map[string]string
	right []string
}

// telemetryKind is one sort of fault in telemetry, made with plain patterns as a person
// would make it with an editor, without any code of package telemetry.
type telemetryKind struct {
	name  string
	notes bool // a note tells of it
	// plant returns where the fault can be made; nothing where a place does not suit.
	plant func(*site, *rand.Rand) []mutation
}

var telemetryKinds = []telemetryKind{
	{"metric renamed in a rule or dashboard", false, renamedUse},
	{"metric renamed in the code", false, renamedMetric},
	{"metric added that nothing uses", true, addedMetric},
	{"rate() of a gauge", false, rateOfGauge},
	{"counter without rate()", false, counterAsValue},
	{"seconds under a name of milliseconds", false, wrongUnit},
	{"gauge named _total", false, totalGauge},
	{"unbounded label", false, unboundedLabel},
	{"runbook removed", false, runbookRemoved},
	{"runbook points nowhere", false, runbookGone},
	{"handler of an event that nobody emits", false, deafHandler},
	{"hot path without its measurement", false, unmeasured},
}

// replaced returns a text with another in the place of a part.
func replaced(text string, start, end int, now string) string { return text[:start] + now + text[end:] }

// one is a fault in one file, to be told there.
func one(file, text string) mutation {
	return mutation{place: file, files: map[string]string{file: text}, right: []string{file}}
}

// respelt gives a name another spelling, as one who remembers it wrongly does; "" where
// the site holds that already.
func respelt(s *site, name string, r *rand.Rand) string {
	words := strings.Split(name, "_")
	if len(words) < 3 {
		return ""
	}
	i := 1 + r.IntN(len(words)-2) // neither the first nor the last
	now := slices.Clone(words)
	switch w := words[i]; r.IntN(5) {
	case 0: // a word left out
		now = slices.Delete(now, i, i+1)
	case 1: // two words changed about
		j := i - 1 + 2*r.IntN(2)
		now[i], now[j] = now[j], now[i]
	case 2: // one or many
		if cut, ok := strings.CutSuffix(w, "s"); ok {
			now[i] = cut
		} else {
			now[i] = w + "s"
		}
	case 3: // a letter lost
		at := r.IntN(len(w))
		now[i] = w[:at] + w[at+1:]
	default: // another word
		now[i] = pick(r, "handled", "pending", "internal", "client", "latency", "inflight")
	}
	out := strings.Join(slices.DeleteFunc(now, func(w string) bool { return w == "" }), "_")
	if now[0] != words[0] || out == name || s.holds(out) {
		return ""
	}
	return out
}

func renamedUse(s *site, r *rand.Rand) (out []mutation) {
	for _, m := range s.metrics {
		spots := s.usesOf(m.name)
		if len(spots) == 0 {
			continue
		}
		at := spots[r.IntN(len(spots))]
		text := s.texts[at.file]
		if now := respelt(s, m.name, r); now != "" {
			end := strings.TrimPrefix(text[at.start:at.end], m.name)
			f := one(at.file, replaced(text, at.start, at.end, now+end))
			f.place += " " + m.name + " -> " + now
			out = append(out, f)
		}
	}
	return out
}

func renamedMetric(s *site, r *rand.Rand) (out []mutation) {
	for _, m := range s.metrics {
		spots := s.usesOf(m.name)
		text := s.texts[m.file]
		now := respelt(s, m.name, r)
		head := strings.TrimSuffix(m.name, text[m.start:m.end]) // that the name gets elsewhere
		if len(spots) == 0 || now == "" || !strings.HasPrefix(now, head) {
			continue
		}
		f := one(m.file, replaced(text, m.start, m.end, now[len(head):]))
		f.place += " " + m.name + " -> " + now
		f.right = nil
		for _, at := range spots {
			f.right = append(f.right, at.file)
		}
		out = append(out, f)
	}
	return out
}

func addedMetric(s *site, r *rand.Rand) (out []mutation) {
	for _, m := range s.metrics {
		if len(s.usesOf(m.name)) == 0 {
			continue
		}
		first, _, _ := strings.Cut(m.name, "_")
		rest := pick(r, "retries_total", "evictions_total", "wakeups_total", "stale_entries", "pending_merges", "cold_starts_total")
		typ := "gauge"
		if strings.HasSuffix(rest, "_total") {
			typ = "counter"
		}
		name, text := first+"_"+rest, s.texts[m.file]
		if s.holds(name) {
			continue
		}
		switch path.Ext(m.file) {
		case ".ex":
			text = replaced(text, m.from, m.from, `%{name: "`+name+`", type: :`+typ+`, help: "Seen.", labels: [], read: {__MODULE__, :seen, []}}, `)
		case ".go":
			kind := strings.ToUpper(typ[:1]) + typ[1:]
			text += "\nvar seenSince = prometheus.New" + kind + "(prometheus." + kind + "Opts{Name: \"" + name + "\", Help: \"Seen.\"})\n"
		default:
			continue
		}
		f := one(m.file, text)
		f.place += " " + name
		out = append(out, f)
	}
	return out
}

var selectorRest = lazyregexp.New(`^\{[^{}]*\}`)

func rateOfGauge(s *site, r *rand.Rand) (out []mutation) {
	for _, m := range s.metrics {
		if m.typ != "gauge" {
			continue
		}
		for _, at := range s.usesOf(m.name) {
			text := s.texts[at.file]
			end := at.end + len(selectorRest.FindString(text[at.end:]))
			if strings.HasPrefix(text[end:], "[") {
				continue
			}
			f := one(at.file, replaced(text, at.start, end, pick(r, "rate", "increase", "irate")+"("+text[at.start:end]+"[5m])"))
			f.place += " " + m.name
			out = append(out, f)
		}
	}
	return out
}

// counterAsValue takes the function off that makes a counter a rate.
func counterAsValue(s *site, _ *rand.Rand) (out []mutation) {
	for _, m := range s.metrics {
		if m.typ != "counter" || m.name == "" {
			continue
		}
		around := regexp.MustCompile(`\b(?:rate|increase|irate)\(\s*(` + m.name + `(?:\{[^{}]*\})?)\s*\[[^\]]*\]\s*\)`)
		for _, f := range s.uses {
			text := s.texts[f]
			for _, at := range around.FindAllStringSubmatchIndex(text, -1) {
				f := one(f, replaced(text, at[0], at[1], text[at[2]:at[3]]))
				f.place += " " + m.name
				out = append(out, f)
			}
		}
	}
	return out
}

// everywhere gives a metric another name wherever it is spelt, to be told where it is
// made or beside that.
func (s *site) everywhere(m metricAt, now string) (mutation, bool) {
	text := s.texts[m.file]
	head := strings.TrimSuffix(m.name, text[m.start:m.end])
	if m.name == "" || !strings.HasPrefix(now, head) || s.holds(now) {
		return mutation{}, false
	}
	f := mutation{place: m.file + " " + now, files: map[string]string{}}
	word := wordOf(m.name)
	for _, file := range s.files {
		if path.Dir(file) == path.Dir(m.file) && path.Ext(file) == path.Ext(m.file) {
			f.right = append(f.right, file)
		}
		text := s.texts[file]
		if file == m.file {
			text = replaced(text, m.start, m.end, now[len(head):])
		}
		if strings.Contains(text, m.name) {
			text = word.ReplaceAllStringFunc(text, func(found string) string { return strings.Replace(found, m.name, now, 1) })
		}
		if text != s.texts[file] {
			f.files[file] = text
		}
	}
	return f, true
}

func wrongUnit(s *site, r *rand.Rand) (out []mutation) {
	for _, m := range s.metrics {
		base, ok := strings.CutSuffix(m.name, "_seconds")
		if !ok {
			continue
		}
		if f, ok := s.everywhere(m, base+pick(r, "_ms", "_milliseconds")); ok {
			out = append(out, f)
		}
	}
	return out
}

func totalGauge(s *site, _ *rand.Rand) (out []mutation) {
	for _, m := range s.metrics {
		if m.typ != "gauge" || strings.HasSuffix(m.name, "_total") {
			continue
		}
		if f, ok := s.everywhere(m, m.name+"_total"); ok {
			out = append(out, f)
		}
	}
	return out
}

func unboundedLabel(s *site, r *rand.Rand) (out []mutation) {
	for _, m := range s.metrics {
		if m.labels == 0 {
			continue
		}
		label := pick(r, "actor_id", "pid", "user_id", "path", "request_id", "session_id", "url", "email", "trace_id")
		text := s.texts[m.file]
		now := `"` + label + `"`
		if path.Ext(m.file) == ".ex" {
			now = ":" + label
		}
		if !m.empty {
			now += ", "
		}
		f := one(m.file, replaced(text, m.labels, m.labels, now))
		f.place += " " + text[m.start:m.end] + " " + label
		out = append(out, f)
	}
	return out
}
