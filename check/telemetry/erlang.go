package telemetry

import (
	"context"
	"strings"

	"github.com/bitactor/cf/lazyregexp"
	"github.com/bitactor/cf/syntax"
)

var (
	erlangCall  = lazyregexp.New(`\btelemetry:(execute|span|attach|attach_many)\s*\(`)
	erlangMacro = lazyregexp.New(`(?m)^-define\(\s*(\w+)\s*,\s*(\[[^\]]*\])\s*\)`)
	erlangAtom  = lazyregexp.New(`^(?:[a-z][a-zA-Z0-9_@]*|'[^']+')$`)
	erlangVar   = lazyregexp.New(`^[A-Z_]\w*$`)
)

// erlang reads one file.
type erlang struct {
	*input
	macros map[string]string
}

func readErlang(ctx context.Context, in *input) error {
	file, err := syntax.Parse(ctx, syntax.ByName("erlang"), in.data)
	if err != nil {
		return err
	}
	text := masked(in.data, file)
	e := &erlang{in, map[string]string{}}
	for _, m := range erlangMacro.FindAllStringSubmatch(string(in.data), -1) {
		e.macros["?"+m[1]] = m[2]
	}
	for _, m := range erlangCall.FindAllStringSubmatchIndex(text, -1) {
		body, ok := bracketed(string(in.data), m[1]-1)
		if !ok {
			continue
		}
		e.call(m[0], text[m[2]:m[3]], arguments(body))
	}
	return nil
}

// masked returns the source with comments and strings blanked out, byte for byte.
func masked(data []byte, file *syntax.File) string {
	text := []byte(string(data))
	for _, r := range file.Regions() {
		for i := r.Range.Start; i < r.Range.End; i++ {
			if text[i] != '\n' {
				text[i] = ' '
			}
		}
	}
	return string(text)
}

func (e *erlang) call(at int, function string, args []string) {
	if len(args) < 2 {
		return
	}
	switch function {
	case "execute", "span":
		name, known := e.event(args[0])
		if !known {
			if erlangVar.MatchString(args[0]) && e.argument(at, args[0]) {
				return
			}
			name = "**"
		}
		ends := []string{""}
		if function == "span" {
			ends = []string{"", ".start", ".stop", ".exception"}
		}
		for _, end := range ends {
			e.emit(emission{kind: event, name: name + end, place: e.at(at), open: true, test: e.test})
		}
	case "attach":
		e.attach(at, args[1:2])
	case "attach_many":
		e.attach(at, arguments(inner(e.value(args[1]))))
	}
}

// argument tells whether a variable stands in the head of the function around at:
// then it is a wrapper, whose callers name the event.
func (e *erlang) argument(at int, variable string) bool {
	before := string(e.data[:at])
	if i := strings.LastIndex(before, ".\n"); i >= 0 {
		before = before[i:]
	}
	head, _, _ := strings.Cut(before, "->")
	return strings.Contains(head, variable)
}

func (e *erlang) value(text string) string {
	if v, ok := e.macros[strings.TrimSpace(text)]; ok {
		return v
	}
	return strings.TrimSpace(text)
}

func (e *erlang) event(text string) (string, bool) {
	text = e.value(text)
	if !strings.HasPrefix(text, "[") || !strings.HasSuffix(text, "]") {
		return "", false
	}
	list, _, open := strings.Cut(inner(text), "|")
	var parts []string
	known := false
	for _, item := range arguments(list) {
		if erlangAtom.MatchString(item) {
			parts, known = append(parts, strings.Trim(item, "'")), true
		} else {
			parts = append(parts, "*")
		}
	}
	if open {
		parts = append(parts, "**")
	}
	return strings.Join(parts, "."), known
}

func (e *erlang) attach(at int, events []string) {
	for _, text := range events {
		if name, known := e.event(text); known && !strings.Contains(name, "*") {
			e.use(use{kind: event, name: name, place: e.at(at), by: "handler", optional: e.test})
		}
	}
}
