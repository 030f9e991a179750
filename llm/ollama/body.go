package ollama

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/bitactor/cf/fault"
	"github.com/bitactor/cf/llm"
)

// body wraps a response body: it holds the clocks and the caps, and hands on a
// stream in whole, decodable lines only.
type body struct {
	caller, ctx context.Context
	x           *exchange
	src         io.ReadCloser
	read        int64
	part        []byte // the line that is not whole yet
	out         []byte // lines ready to be handed on
	err         error  // what follows out
	scratch     [16 << 10]byte
}

func newBody(caller, ctx context.Context, x *exchange, src io.ReadCloser) *body {
	return &body{caller: caller, ctx: ctx, x: x, src: src}
}

// Close ends the exchange and closes the connection unless the body is at its end.
func (b *body) Close() error {
	err := b.src.Close()
	b.x.stop()
	return err
}

// Read returns whole lines of a stream, or the bytes of any other body. Every
// error but io.EOF is recorded in the exchange, since the api client drops it.
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
		b.x.moved()
		if b.read += int64(n); b.read > b.x.bytes {
			b.fail(fault.New(fault.Unusable, llm.CodeTooManyBytes, "more than %d bytes came", b.x.bytes))
			return
		}
		if !b.x.lines {
			b.out = b.scratch[:n]
		} else {
			b.split(b.scratch[:n])
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
	case errors.Is(err, io.EOF) && !b.x.lines:
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
	b.err = b.x.fail(f.On("ollama", b.x.url))
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

// line checks one whole line and hands it on.
func (b *body) line(line []byte) {
	if len(line) == 0 {
		return
	}
	if line[0] != '{' || !json.Valid(line) {
		b.fail(fault.New(fault.Unusable, llm.CodeBadStream, "a line is not a JSON object: %.80q", line))
		return
	}
	var mark struct {
		Error  *string `json:"error"`
		Done   bool    `json:"done"`
		Status string  `json:"status"`
	}
	if err := json.Unmarshal(line, &mark); err != nil {
		b.fail(fault.New(fault.Unusable, llm.CodeBadStream, "a line has fields of the wrong type: %w", err))
		return
	}
	if mark.Error != nil {
		b.fail(messageFault(b.x.url, http.StatusOK, *mark.Error, nil))
		return
	}
	if !utf8.Valid(line) {
		b.x.mu.Lock()
		b.x.opaque = true
		b.x.mu.Unlock()
		line = hide(line)
	}
	b.out = append(append(b.out, line...), '\n')
	if mark.Done || mark.Status == "success" {
		b.x.mu.Lock()
		b.x.ended = true
		b.x.mu.Unlock()
		b.err = io.EOF // whatever follows the end mark is nobody's business
	}
}

// hidden is the first of the 256 private-use runes that stand for a raw byte.
const hidden = 0x10FE00

// hide replaces every byte of line that is not UTF-8 by a private-use rune, so
// that it survives the api client's JSON decoder, which would make it U+FFFD
// and so break a character that a server split across two lines.
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

// reveal undoes hide on decoded text.
func reveal(s string) string {
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

// retryAfter reads a Retry-After header (RFC 9110, section 10.2.3); 0 if there
// is none that can be read.
func retryAfter(header string) time.Duration {
	const longest = 366 * 24 * time.Hour
	if seconds, err := strconv.ParseUint(header, 10, 31); err == nil {
		return min(time.Duration(seconds)*time.Second, longest)
	}
	if at, err := http.ParseTime(header); err == nil {
		return min(max(time.Until(at), 0), longest)
	}
	return 0
}
