package wire

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"unicode/utf8"

	"github.com/bitactor/cf/fault"
	"github.com/bitactor/cf/llm"
)

// body wraps a response body: it holds the clocks and the caps, and hands on a
// stream in whole lines only, each one accepted by the protocol.
type body struct {
	caller, ctx context.Context
	x           *Exchange
	p           Protocol
	src         io.ReadCloser
	read        int64
	part        []byte // the line that is not whole yet
	out         []byte // bytes ready to be handed on
	err         error  // what follows out
	scratch     [16 << 10]byte
}

// Close ends the exchange and closes the connection unless the body is at its end.
func (b *body) Close() error {
	err := b.src.Close()
	b.x.stop()
	return err
}

// Read returns whole lines of a stream, or the bytes of any other body. Every
// error but io.EOF is recorded in the exchange, since a library may drop it.
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
		if b.read += int64(n); b.read > b.x.Bytes {
			b.fail(fault.New(fault.Unusable, llm.CodeTooManyBytes, "more than %d bytes came", b.x.Bytes))
			return
		}
		if b.x.Streams {
			b.split(b.scratch[:n])
		} else {
			b.x.moved()
			b.out = b.scratch[:n]
		}
	}
	if err == nil || b.err != nil {
		return
	}
	if f := b.x.interruption(b.caller, b.ctx); f != nil {
		b.fail(f)
		return
	}
	switch {
	case errors.Is(err, io.EOF) && !b.x.Streams:
		b.err = io.EOF
	case errors.Is(err, io.EOF) && len(b.part) > 0:
		b.fail(fault.New(fault.Unusable, llm.CodeCut, "the stream ends inside a line"))
	case errors.Is(err, io.EOF):
		b.fail(fault.New(fault.Unusable, llm.CodeCut, "the stream ends without its end mark"))
	default:
		b.fail(fault.New(fault.Unusable, llm.CodeCut, "the stream broke: %w", err))
	}
}

// fail records f; what was ready before it is still handed on.
func (b *body) fail(f *fault.Error) {
	if f.Op == "" {
		f.On(b.p.Name, b.x.URL)
	}
	b.err = b.x.fail(f)
}

// split appends data to the unfinished line and moves the whole lines to out.
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
		if int64(len(b.part)) > b.x.Line {
			b.part = nil
			b.fail(fault.New(fault.Unusable, llm.CodeLongLine, "a line is longer than %d bytes", b.x.Line))
			return
		}
		if i >= 0 {
			b.line(bytes.TrimSpace(b.part))
			b.part = b.part[:0]
		}
	}
}

// line judges one whole line and hands it on.
func (b *body) line(line []byte) {
	if len(line) == 0 {
		return
	}
	l := b.p.Line(line)
	switch {
	case l.Err != nil:
		b.fail(fault.New(fault.Unusable, llm.CodeBadStream, "%w", l.Err))
		return
	case l.Refusal != "":
		b.fail(b.p.messageFault(b.x.URL, http.StatusOK, l.Refusal))
		return
	}
	if l.Moved {
		b.x.moved()
	}
	if l.Out != nil {
		if !utf8.Valid(l.Out) {
			b.x.mu.Lock()
			b.x.opaque = true
			b.x.mu.Unlock()
			l.Out = hide(l.Out)
		}
		b.out = append(append(b.out, l.Out...), '\n')
	}
	if l.End {
		b.x.mu.Lock()
		b.x.ended = true
		b.x.mu.Unlock()
		b.err = io.EOF
	}
}

// hidden is the first of the 256 private-use runes that stand for a raw byte.
const hidden = 0x10FE00

// hide replaces every byte of line that is not UTF-8 by a private-use rune, so
// that it survives a library's JSON decoder, which would make it U+FFFD and so
// break a character that a server split across two lines.
func hide(line []byte) []byte {
	out := make([]byte, 0, len(line)+16)
	for len(line) > 0 {
		r, n := utf8.DecodeRune(line)
		if r == utf8.RuneError && n == 1 {
			out = utf8.AppendRune(out, hidden+rune(line[0]))
		} else {
			out = append(out, line[:n]...)
		}
		line = line[n:]
	}
	return out
}

// Reveal gives back the bytes of decoded text as the server sent them, which
// need not be UTF-8.
func (x *Exchange) Reveal(s string) string {
	x.mu.Lock()
	opaque := x.opaque
	x.mu.Unlock()
	if !opaque {
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
