package process

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"sync"
)

// lineMax bounds one streamed line in bytes; a longer one comes in pieces.
const lineMax = 64 << 10

// Output is what was kept of a stream: its head and its tail.
type Output struct {
	Head    []byte
	Tail    []byte
	Dropped int64 // bytes left out between the two
}

// String returns the text, with a line that says what was left out.
func (o Output) String() string {
	if o.Dropped == 0 {
		return string(o.Head) + string(o.Tail)
	}
	return fmt.Sprintf("%s\n... %d bytes left out ...\n%s", o.Head, o.Dropped, o.Tail)
}

// LastLine returns the last line that is not blank, trimmed.
func (o Output) LastLine() string {
	for _, b := range [][]byte{o.Tail, o.Head} {
		if s := strings.TrimSpace(string(b)); s != "" {
			return strings.TrimSpace(s[strings.LastIndexByte(s, '\n')+1:])
		}
	}
	return ""
}

// capture takes one stream: it keeps head and tail, or hands lines on, or
// copies. It never returns an error, so that a flood can't stop a program.
type capture struct {
	mu     sync.Mutex
	line   func(string)
	to     io.Writer
	half   int
	head   []byte
	tail   []byte // a ring of half bytes once full
	next   int    // where the ring is written next
	total  int64
	part   []byte // the unfinished line
	closed bool
}

func newCapture(most int, line func(string), to io.Writer) *capture {
	return &capture{line: line, to: to, half: max(most/2, 1)}
}

// Write takes p. Bytes that come after close are dropped: by then only an
// escaped process can write them.
func (c *capture) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.closed:
	case c.line != nil:
		c.split(p)
	case c.to != nil:
		// A full disk under a log must not end the program that logs.
		_, _ = c.to.Write(p)
	default:
		c.keep(p)
	}
	return len(p), nil
}

func (c *capture) keep(p []byte) {
	c.total += int64(len(p))
	n := min(len(p), c.half-len(c.head))
	c.head = append(c.head, p[:n]...)
	p = p[n:]
	if len(p) > c.half {
		p = p[len(p)-c.half:]
	}
	n = min(len(p), c.half-len(c.tail))
	c.tail = append(c.tail, p[:n]...)
	for p = p[n:]; len(p) > 0; p = p[n:] {
		n = copy(c.tail[c.next:], p)
		c.next = (c.next + n) % c.half
	}
}

func (c *capture) split(p []byte) {
	for len(p) > 0 {
		i := bytes.IndexByte(p, '\n')
		if i < 0 {
			i = len(p)
		}
		n := min(i, lineMax-len(c.part))
		c.part = append(c.part, p[:n]...)
		p = p[n:]
		if len(p) > 0 && p[0] == '\n' {
			p = p[1:]
			c.flush()
		} else if len(c.part) == lineMax {
			c.flush()
		}
	}
}

func (c *capture) flush() {
	line := string(bytes.TrimSuffix(c.part, []byte("\r")))
	c.part = c.part[:0]
	c.line(line)
}

// close ends the stream and returns what was kept.
func (c *capture) close() Output {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	if len(c.part) > 0 {
		c.flush()
	}
	tail := append(append([]byte{}, c.tail[c.next:]...), c.tail[:c.next]...)
	return Output{Head: c.head, Tail: tail, Dropped: c.total - int64(len(c.head)) - int64(len(tail))}
}
