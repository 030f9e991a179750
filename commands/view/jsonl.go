package view

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"sync"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/bitactor/cf/event"
)

// JSONL renders events as JSON lines: one object a line, "type" first. Safe
// for concurrent use.
type JSONL struct {
	mu  sync.Mutex
	out io.Writer
}

// NewJSONL returns a renderer that writes to out.
func NewJSONL(out io.Writer) *JSONL { return &JSONL{out: out} }

// Emit writes e as one line. An error of the writer is the writer's to report.
func (j *JSONL) Emit(e event.Event) {
	line := Line(e)
	j.mu.Lock()
	defer j.mu.Unlock()
	_, _ = j.out.Write(line)
}

// Line returns e as one line of JSON with its line feed. An event that can't
// be encoded becomes a note that says so: a stream never has a hole.
func Line(e event.Event) []byte {
	body, err := marshal(e)
	if err == nil && (len(body) < 2 || body[0] != '{') {
		err = fmt.Errorf("%T is not an object", e)
	}
	if err != nil {
		body, _ = marshal(event.Note{Level: "warn", Text: fmt.Sprintf("event %s can't be encoded: %s", e.Type(), err)})
		e = event.Note{}
	}
	head, _ := marshal(e.Type())
	line := append([]byte(`{"type":`), head...)
	if string(body) != "{}" {
		line = append(line, ',')
	}
	line = append(line, body[1:]...)
	return append(EscapeJSON(line), '\n')
}

func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// EscapeJSON returns JSON text in which every hidden character (see Hidden)
// stands as \uXXXX, so that printing the text harms no terminal and a parser
// still reads the same strings. Such characters occur only inside strings.
func EscapeJSON(text []byte) []byte {
	clean := true
	for _, c := range text {
		if c >= 0x7f {
			clean = false
			break
		}
	}
	if clean {
		return text
	}
	out := make([]byte, 0, len(text)+16)
	for len(text) > 0 {
		r, size := utf8.DecodeRune(text)
		switch {
		case r < utf8.RuneSelf && r != 0x7f, !Hidden(r):
			out = append(out, text[:size]...)
		case r > 0xffff:
			hi, lo := utf16.EncodeRune(r)
			out = fmt.Appendf(out, `\u%04x\u%04x`, hi, lo)
		default:
			out = fmt.Appendf(out, `\u%04x`, r)
		}
		text = text[size:]
	}
	return out
}
