package telemetry

import (
	"bytes"
	"context"
	"regexp"
	"strconv"
	"strings"

	"github.com/bitactor/cf/check"
	"github.com/bitactor/cf/lazyregexp"
	"github.com/bitactor/cf/syntax"
)

// The telemetry ring of the C core (core/include/bitactor/telemetry.h): an event has a
// type, a constant of the application's that is at least BA_EVENT_USER, and readers
// compare it. Those below are the core's own.
const userEvents = 16

const cQuery = `
(initializer_pair designator: (field_designator (field_identifier) @field) value: (_) @written)
(assignment_expression left: (field_expression field: (field_identifier) @field) right: (_) @written)
(binary_expression left: (field_expression field: (field_identifier) @field) right: (identifier) @read)
(switch_statement condition: (parenthesized_expression (field_expression field: (field_identifier) @field)) body: (compound_statement (case_statement value: (identifier) @read)))
(enumerator name: (identifier) @name value: (_) @value)
`

// ringType is a constant that stands for a type of events.
type ringType struct {
	name string
	place
	number int // of a literal, -1 where it is not known
}

// ring is what C says of the core's telemetry ring.
type ring struct {
	written, read []ringType
	numbers       map[string]int // of the constants that are given as literals
}

func (r *ring) join(o *ring) {
	r.written = append(r.written, o.written...)
	r.read = append(r.read, o.read...)
	for name, n := range o.numbers {
		if r.numbers == nil {
			r.numbers = map[string]int{}
		}
		r.numbers[name] = n
	}
}

// readC reads a file of C that has to do with the ring.
func readC(ctx context.Context, in *input) error {
	matches, err := syntax.Query(ctx, syntax.ByName("c"), in.data, cQuery)
	if err != nil {
		return err
	}
	writes := bytes.Contains(in.data, []byte("ba_event")) || bytes.Contains(in.data, []byte("ba_telemetry_write"))
	reads := bytes.Contains(in.data, []byte("ba_telemetry_read"))
	for _, m := range matches {
		by := map[string]string{}
		for _, c := range m {
			by[c.Name] = string(in.data[c.Range.Start:c.Range.End])
		}
		at := in.at(m[len(m)-1].Range.Start)
		switch {
		case by["name"] != "":
			if n, err := strconv.ParseInt(strings.TrimRight(by["value"], "uU"), 0, 32); err == nil {
				in.ring.join(&ring{numbers: map[string]int{by["name"]: int(n)}})
			}
		case by["field"] != "type":
		case by["read"] != "" && reads:
			in.ring.read = append(in.ring.read, ringType{by["read"], at, -1})
		case by["written"] != "" && writes && !in.test:
			in.writes(by["written"], at)
		}
	}
	return nil
}

// writes notes what is written into the type of an event.
func (in *input) writes(value string, at place) {
	n, err := strconv.ParseInt(strings.TrimRight(value, "uU"), 0, 32)
	switch {
	case err == nil:
		in.ring.written = append(in.ring.written, ringType{value, at, int(n)})
	case strings.HasPrefix(value, "BA_EVENT_") && isWord(value): // the core's own, or the first of the application's
	case isWord(value) && strings.ToUpper(value) == value:
		in.ring.written = append(in.ring.written, ringType{value, at, -1})
		in.emit(emission{kind: event, name: value, place: at, open: true})
	}
}

// ring judges the types of events that C reads and writes.
func (j *judge) ring(ctx context.Context) error {
	written := map[string]bool{}
	for _, w := range j.facts.ring.written {
		written[w.name] = true
		n := w.number
		if given, known := j.facts.ring.numbers[w.name]; known {
			n = given
		}
		if n >= 0 && n < userEvents {
			j.add(w.place, check.Error, codeReserved, "events of the type %s are written, which is %d: those below BA_EVENT_USER (%d) are the core's own", w.name, n, userEvents)
		}
	}
	read := map[string]bool{}
	for _, r := range j.facts.ring.read {
		read[r.name] = true
		if strings.HasPrefix(r.name, "BA_EVENT_") || written[r.name] || isTest(r.file) {
			continue
		}
		mentioned, err := j.tree.mentioned(ctx, r.name)
		if err != nil {
			return err
		}
		if !mentioned {
			j.add(r.place, check.Error, codeEvent, "nothing here writes events of the type %s to the ring, which this reader expects", r.name)
		}
	}
	if len(read) == 0 {
		return nil // who reads the ring is not here
	}
	for _, w := range j.facts.ring.written {
		if w.number < 0 && !read[w.name] {
			read[w.name] = true
			j.add(w.place, check.Note, codeUnused, "no reader of the ring here asks for events of the type %s", w.name)
		}
	}
	return nil
}

var (
	compared = lazyregexp.New(`(?:[!=]=|\bcase|#\s*define)\s*$`)
	comparer = lazyregexp.New(`^\s*(?:[!=]=)`)
	listed   = lazyregexp.New(`^\s*(?:=[^=]|,|\}|$|/[/*])`)
	comment  = lazyregexp.New(`//|/\*|^\s*\*`)
)

// mentioned tells whether code, other than tests, uses a constant beside declaring and
// comparing it: a function may be given it to write.
func (t *tree) mentioned(ctx context.Context, name string) (bool, error) {
	word := regexp.MustCompile(`\b` + regexp.QuoteMeta(name) + `\b`)
	for _, file := range t.code {
		if err := ctx.Err(); err != nil {
			return false, err
		}
		if isTest(file) || vendored(file) {
			continue
		}
		text, err := t.stage.Read(file)
		if err != nil || !bytes.Contains(text, []byte(name)) {
			continue // no text: nothing is mentioned there
		}
		for line := range strings.Lines(string(text)) {
			for _, at := range word.FindAllStringIndex(line, -1) {
				before, after := line[:at[0]], strings.TrimRight(line[at[1]:], "\r\n")
				declared := strings.TrimSpace(before) == "" && listed.MatchString(after) || strings.Contains(before, "enum")
				if !declared && !compared.MatchString(before) && !comparer.MatchString(after) && !comment.MatchString(before) {
					return true, nil
				}
			}
		}
	}
	return false, nil
}
