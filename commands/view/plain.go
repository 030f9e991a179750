package view

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/bitactor/cf/event"
)

// PlainOptions says what Plain writes to. Nothing is asked of the terminal.
type PlainOptions struct {
	Stdout, Stderr       io.Writer
	StdoutTTY, StderrTTY bool // a person reads there
	ColorOut, ColorErr   bool
	Dumb                 bool // TERM=dumb: no line is rewritten
	Width                int  // columns of the terminal; 0 = unknown
	Now                  func() time.Time
}

// Plain renders events as plain text (view.go, invariant 2). Safe for
// concurrent use. Close ends it.
type Plain struct {
	mu        sync.Mutex
	o         PlainOptions
	text      Sanitizer // of the answer
	thought   Sanitizer
	wrap      wrapper
	open      bool   // standard output stands inside a line
	pondering bool   // standard error stands inside a thought
	read      bool   // a line of what was read came last
	under     string // id of the section whose heading stands there
	live      liveLine
	waiting   *heartbeat
}

// NewPlain returns a renderer.
func NewPlain(o PlainOptions) *Plain {
	if o.Now == nil {
		o.Now = time.Now
	}
	p := &Plain{o: o}
	if o.StdoutTTY {
		p.wrap.width = o.Width
	}
	p.live = liveLine{w: o.Stderr, now: o.Now, width: o.Width, rewrite: o.StderrTTY && !o.Dumb}
	return p
}

// Close ends open lines and the heartbeat. The renderer must not be used after.
func (p *Plain) Close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rest()
	p.endLine()
	p.live.clear()
}

// Emit renders e.
func (p *Plain) Emit(e event.Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rest()
	if _, ok := e.(event.Text); !ok {
		p.endLine()
	}
	if _, ok := e.(event.Read); !ok && p.read {
		p.read = false
		p.out("\n")
	}
	p.render(e)
}

func (p *Plain) render(e event.Event) {
	switch e := e.(type) {
	case event.Text:
		p.stream(e)
	case event.Section:
		p.section(e)
	case event.Note:
		p.note(e)
	case event.Step:
		p.step(e)
	case event.Progress:
		p.live.progress(e)
	case event.Read:
		p.read = true
		p.out(readLine(e))
	case event.Model:
		p.out(modelLine(e))
		p.await()
	case event.Prompt:
		p.out(p.bold(promptHead(e)) + "\n" + ended(Sanitize(e.Text)) + "\n")
	case event.Plan:
		p.out("\n" + planText(e, p.tableWidth()))
	case event.Call:
		p.err(p.dim(callLine(e)) + "\n")
	case event.Saved:
		p.err("saved " + oneLine(savedText(e)) + "\n")
	case Texter:
		p.out(ended(Sanitize(e.PlainText(p.tableWidth()))))
	}
}

// tableWidth is 0 where nobody's terminal is known.
func (p *Plain) tableWidth() int {
	if !p.o.StdoutTTY {
		return 0
	}
	return p.o.Width
}

// stream writes a piece of an answer as it comes. Thought is for a person who
// waits: dimmed, on a terminal only.
func (p *Plain) stream(e event.Text) {
	if e.Thinking {
		if p.o.StderrTTY && e.Text != "" {
			p.pondering = true
			clean := string(p.thought.Append(nil, e.Text))
			p.err(p.dim(clean))
		}
		return
	}
	p.endThought()
	piece := p.wrap.append(nil, p.text.Append(nil, e.Text))
	if len(piece) == 0 {
		return
	}
	p.out(string(piece))
	p.open = piece[len(piece)-1] != '\n'
}

// endLine brings both outputs to the start of a line.
func (p *Plain) endLine() {
	p.endThought()
	last := p.wrap.append(nil, p.text.Flush(nil))
	last = p.wrap.flush(last)
	width, fence := p.wrap.width, p.wrap.fence
	if len(last) > 0 {
		p.open = last[len(last)-1] != '\n'
	}
	if p.open {
		last = append(last, '\n')
		p.open = false
	}
	p.wrap = wrapper{width: width, fence: fence}
	if len(last) > 0 {
		p.out(string(last))
	}
}

func (p *Plain) endThought() {
	if p.pondering {
		p.pondering = false
		p.err(string(p.thought.Flush(nil)) + "\n")
	}
}

func (p *Plain) section(e event.Section) {
	p.wrap.fence = false
	why := oneLine(e.Why)
	switch e.State {
	case event.Begin:
		p.heading(e.Title, why)
		p.under = e.ID
		p.await()
	case event.Missing, event.Failing:
		if p.under != e.ID || e.ID == "" {
			p.heading(e.Title, "")
		}
		if !strings.HasPrefix(why, "not answered") {
			why = strings.TrimSuffix("not answered: "+why, ": ")
		}
		p.out(why + "\n")
		p.under = ""
	case event.Done:
		if why != "" {
			p.out("(" + why + ")\n")
		}
		p.under = ""
	}
}

// heading writes the title of a section; why says why it comes once more.
func (p *Plain) heading(title, why string) {
	text := p.bold("## " + oneLine(title))
	if why != "" {
		text += " (" + why + ")"
	}
	p.out("\n" + text + "\n\n")
}

func (p *Plain) note(e event.Note) {
	if e.Level == "warn" {
		p.err(paint(p.o.ColorErr, yellow, "cf: warning:") + " " + oneLine(e.Text) + "\n")
		return
	}
	p.err("cf: " + oneLine(e.Text) + "\n")
}

func (p *Plain) step(e event.Step) {
	if e.State == event.Begin {
		p.live.begin(e)
		if !p.live.rewrite {
			p.err(stepLine(e, p.o.ColorErr))
		}
		return
	}
	p.live.end()
	p.err(stepLine(e, p.o.ColorErr))
}

// await starts the heartbeat: a model may take minutes to load, and whoever
// waits must see that cf lives.
func (p *Plain) await() {
	if p.o.StderrTTY && !p.o.Dumb && p.waiting == nil {
		p.waiting = beat(p, p.o.Now())
	}
}

// rest ends the heartbeat.
func (p *Plain) rest() {
	if p.waiting != nil {
		close(p.waiting.stop)
		p.waiting = nil
		p.live.clear()
	}
}

func (p *Plain) out(s string) {
	p.live.clear()
	_, _ = io.WriteString(p.o.Stdout, s)
}

func (p *Plain) err(s string) {
	p.live.clear()
	_, _ = io.WriteString(p.o.Stderr, s)
}

func (p *Plain) bold(s string) string { return paint(p.o.ColorOut, bold, s) }
func (p *Plain) dim(s string) string  { return paint(p.o.ColorErr, dim, s) }

// The colours, as parameters of SGR (ECMA-48, 8.3.117).
const (
	bold   = "1"
	dim    = "2"
	red    = "31"
	green  = "32"
	yellow = "33"
)

func paint(on bool, sgr, s string) string {
	if !on || s == "" {
		return s
	}
	return "\x1b[" + sgr + "m" + s + "\x1b[0m"
}

func ended(s string) string {
	if s == "" || strings.HasSuffix(s, "\n") {
		return s
	}
	return s + "\n"
}

func promptHead(e event.Prompt) string {
	how := "about"
	if e.Exact {
		how = "exactly"
	}
	head := fmt.Sprintf("--- prompt %s: %s %d tokens", oneLine(e.Name), how, e.Tokens)
	if !e.Rendered {
		head += ", not rendered by the server's template"
	}
	return head + " ---"
}
