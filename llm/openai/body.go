package openai

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"unicode/utf8"

	"github.com/bitactor/cf/fault"
	"github.com/bitactor/cf/llm"
)

// body wraps a response body: it holds the clocks and the caps, and hands on a
// stream in whole, decodable events only.
type body struct {
	caller, ctx context.Context
	x           *exchange
	src         io.ReadCloser
	read        int64
	part        []byte // the line that is not whole yet
	out         []byte // events ready to be handed on
	err         error  // what follows out
	scratch     [16 << 10]byte
}

// Close ends the exchange and closes the connection unless the body is at its end.
func (b *body) Close() error {
	err := b.src.Close()
	b.x.stop()
	return err
}

// Read returns whole events of a stream, or the bytes of any other body. Every
// error but io.EOF is recorded in the exchange.
func (b *body) Read(p []byte) (int, error) {
	for len(b.out) == 0 {
		if b.err != nil {
			return 0, b.err
		}
		b.fill()
	}
	n := copy(p, b.out)
	b.out = b.out[n:]
	return n, nil
}

func (b *body) fill() {
	n, err := b.src.Read(b.scratch[:])
	if n > 0 {
		if !b.x.sse {
			b.x.moved()
		}
		if b.read += int64(n); b.read > b.x.bytes {
			b.fail(fault.New(fault.Unusable, llm.CodeTooManyBytes, "more than %d bytes came", b.x.bytes))
			return
		}
		if b.x.sse {
			b.split(b.scratch[:n])
		} else {
			b.out = b.scratch[:n]
		}
	}
	if err == nil || b.err != nil {
		return
	}
	if f := interruption(b.caller, b.ctx, b.x.url); f != nil {
		b.fail(f)
		return
	}
	switch {
	case errors.Is(err, io.EOF) && !b.x.sse:
		b.err = io.EOF
	case errors.Is(err, io.EOF) && len(b.part) > 0:
		b.fail(fault.New(fault.Unusable, llm.CodeCut, "the stream ends inside a line"))
	case errors.Is(err, io.EOF):
		b.fail(fault.New(fault.Unusable, llm.CodeCut, "the stream ends without [DONE]"))
	default:
		b.fail(fault.New(fault.Unusable, llm.CodeCut, "the stream broke: %w", err))
	}
}

// fail records f; what was ready before it is still handed on.
func (b *body) fail(f *fault.Error) {
	b.err = b.x.fail(f.On("openai", b.x.url))
}

// split appends data to the unfinished line and moves the whole events to out.
func (b *body) split(data []byte) {
	for len(data) > 0 && b.err == nil {
		i := bytes.IndexByte(data, '\n')
		if i < 0 {
			b.part = append(b.part, data...)
			data = nil
		} else {
			b.part = append(b.part, data[:i]...)
			data = data[i+1:]
		}
		if int64(len(b.part)) > b.x.line {
			b.part = nil
			b.fail(fault.New(fault.Unusable, llm.CodeLongLine, "a line is longer than %d bytes", b.x.line))
			return
		}
		if i >= 0 {
			b.line(bytes.TrimSpace(b.part))
			b.part = b.part[:0]
		}
	}
}

// bom may come before the first event
// (https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream).
var bom = []byte("\ufeff")

// line checks one whole line and hands it on where it is an event. Event names,
// ids, comments and blank lines carry nothing in this protocol. An event split
// over several data lines, which the format allows, is one no server of this
// protocol sends: its parts fail as JSON.
func (b *body) line(line []byte) {
	line = bytes.TrimPrefix(line, bom)
	data, ok := bytes.CutPrefix(line, []byte("data:"))
	if !ok {
		b.other(line)
		return
	}
	data = bytes.TrimSpace(data)
	if string(data) == "[DONE]" {
		b.x.mu.Lock()
		b.x.ended = true
		b.x.mu.Unlock()
		b.out = append(b.out, "data: [DONE]\n"...)
		b.err = io.EOF // whatever follows the mark is nobody's business
		return
	}
	b.x.moved()
	var mark struct {
		Error json.RawMessage `json:"error"`
	}
	if err := json.Unmarshal(data, &mark); err != nil {
		b.fail(fault.New(fault.Unusable, llm.CodeBadStream, "an event is not a JSON object: %.80q", data))
		return
	}
	if len(mark.Error) > 0 && string(mark.Error) != "null" {
		b.fail(messageFault(b.x.url, http.StatusOK, refusalText(data)))
		return
	}
	b.out = append(append(append(b.out, "data: "...), hide(data)...), '\n')
}

// other looks at a line that is no data. Ollama's and vLLM's errors may come as
// a bare JSON object.
func (b *body) other(line []byte) {
	if len(line) == 0 || line[0] == ':' {
		return
	}
	for _, field := range []string{"event:", "id:", "retry:"} {
		if bytes.HasPrefix(line, []byte(field)) {
			return
		}
	}
	if text := refusalText(line); text != "" {
		b.fail(messageFault(b.x.url, http.StatusOK, text))
		return
	}
	b.fail(fault.New(fault.Unusable, llm.CodeBadStream, "a line is no event: %.80q", line))
}

// hidden is the first of the 256 private-use runes that stand for a raw byte.
const hidden = 0x10FE00

// hide replaces every byte of an event that is not UTF-8 by a private-use rune,
// so that it survives the JSON decoder, which would make it U+FFFD and so break
// a character that a server split across two events.
func hide(event []byte) []byte {
	if utf8.Valid(event) {
		return event
	}
	out := make([]byte, 0, len(event)+16)
	for len(event) > 0 {
		r, n := utf8.DecodeRune(event)
		if r == utf8.RuneError && n == 1 {
			out = utf8.AppendRune(out, hidden+rune(event[0]))
		} else {
			out = append(out, event[:n]...)
		}
		event = event[n:]
	}
	return out
}

// reveal undoes hide on decoded text.
func reveal(s string) string {
	plain := true
	for _, r := range s {
		plain = plain && r < hidden
	}
	if plain {
		return s
	}
	out := make([]byte, 0, len(s))
	for _, r := range s {
		if r >= hidden && r < hidden+256 {
			out = append(out, byte(r-hidden))
		} else {
			out = utf8.AppendRune(out, r)
		}
	}
	return string(out)
}
