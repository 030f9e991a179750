package view

import (
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
	Calls                bool // a ledger line for each model call, not only their sum
	Width                int  // columns of the terminal; 0 = unknown
	Now                  func() time.Time
}

// Plain renders events as plain text (view.go, invariant 2). Safe for
// concurrent use. Close ends it.
//
// Standard output is a Markdown document: on a terminal it is wrapped and what
// was read stands in columns, elsewhere it is a list under a heading. Lines for
// standard error that come while an answer streams are held until it pauses, so
// that they never land inside it where both outputs go to one place.
type Plain struct {
	mu        sync.Mutex
	o         PlainOptions
	page      page
	text      Sanitizer // of the answer
	thought   Sanitizer
	wrap      wrapper
	streaming bool   // text came since the last endText
	begun     bool   // some of it was not white space
	newlines  int    // at its end, not written: the page decides about gaps
	aside     bool   // standard error was written to last, on a shared terminal
	pondering bool   // standard error stands inside a thought
	under     string // id of the section whose heading stands there
	titles    map[string]string
	drafts    map[string]bool // sections that hold text and are neither done nor missing
	held      []string        // lines for standard error
	ledger    ledger
	live      liveLine
	waiting   *heartbeat
}

// NewPlain returns a renderer.
func NewPlain(o PlainOptions) *Plain {
	if o.Now == nil {
		o.Now = time.Now
	}
	p := &Plain{o: o, page: page{w: o.Stdout}, titles: map[string]string{}, drafts: map[string]bool{}}
	if o.StdoutTTY {
		p.wrap.width = o.Width
	}
	p.live = liveLine{w: o.Stderr, now: o.Now, width: o.Width, rewrite: o.StderrTTY && !o.Dumb}
	return p
}

// Close ends open lines and the heartbeat, and says what the model calls cost
// together. The renderer must not be used after.
func (p *Plain) Close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rest()
	p.endText()
	p.release()
	if line := p.ledger.sum(p.o.Now()); line != "" {
		p.err(p.line(dim, "cf: "+line))
	}
	p.live.clear()
}

// Emit renders e.
func (p *Plain) Emit(e event.Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rest()
	switch e := e.(type) {
	case event.Text:
		p.stream(e)
	case event.Call:
		p.ledger.add(e, p.o.Now())
		if p.o.Calls {
			p.say(p.line(dim, "cf: "+callLine(e)))
		}
	case event.Note:
		p.say(p.noteLine(e))
	case event.Recovered:
		p.say(p.line(yellow, "cf: "+recoveredText(e)))
	case event.Estimate:
		p.say(p.line(dim, "cf: "+oneLine(estimateText(e))))
	case event.Saved:
		p.say(p.line("", "cf: saved "+oneLine(savedText(e))))
	case event.Progress:
		if !p.streaming {
			p.live.progress(e)
		}
	default:
		p.endText()
		p.block(e)
		p.release()
		if s, ok := e.(event.Section); ok && s.State == event.Begin {
			p.ledger.begin(p.o.Now())
			p.await()
		}
	}
}

// block renders what begins a line of its own.
func (p *Plain) block(e event.Event) {
	switch e := e.(type) {
	case event.Section:
		p.section(e)
	case event.Step:
		p.step(e)
	case event.Read:
		p.ledger.begin(p.o.Now())
		p.context(readItem(e, !p.o.StdoutTTY))
	case event.Model:
		p.ledger.begin(p.o.Now())
		p.context(modelItem(e, !p.o.StdoutTTY))
	case event.Prompt:
		p.begin("prompt")
		p.out(p.bold(promptHead(e)) + "\n" + ended(Sanitize(e.Text)))
	case event.Diagnostic:
		p.finding(diagnosticText(e, p.o.ColorOut))
	case event.Test:
		p.finding(testText(e, p.o.ColorOut))
	case event.Gap:
		p.finding(gapText(e, p.o.ColorOut))
	case event.Mismatch:
		p.finding(mismatchText(e, p.o.ColorOut))
	case event.Diff:
		p.finding(diffText(e, p.o.ColorOut))
	case event.Checks:
		p.begin("checks")
		p.out(checksTable(e, p.o.ColorOut, p.tableWidth()))
	case event.Changes:
		p.begin("changes")
		p.out(changesTable(e, p.tableWidth()))
	case event.Verdict:
		if text := verdictText(e, p.o.ColorOut); text != "" {
			p.begin("verdict")
			p.out(text)
		}
	case event.Landed:
		p.begin("landed")
		p.out(landedText(e))
	case event.Undone:
		p.begin("landed")
		p.out(undoneText(e))
	case event.Plan:
		p.begin("plan")
		if p.o.StdoutTTY {
			p.out(planTable(e, p.o.Width))
		} else {
			p.out(planList(e))
		}
	case Texter:
		p.begin("table")
		p.out(ended(Sanitize(e.PlainText(p.tableWidth()))))
	}
}

// finding writes one of a list of findings.
func (p *Plain) finding(text string) {
	p.begin("finding")
	p.out(text)
}

// tableWidth is 0 where nobody's terminal is known.
func (p *Plain) tableWidth() int {
	if !p.o.StdoutTTY {
		return 0
	}
	return p.o.Width
}

// say writes a line to standard error, once the answer has come to a pause.
func (p *Plain) say(line string) {
	p.held = append(p.held, line)
	if !p.streaming {
		p.release()
	}
}

// release writes the lines that were held.
func (p *Plain) release() {
	p.endThought()
	for _, line := range p.held {
		p.err(line)
	}
	p.held = nil
}

func (p *Plain) noteLine(e event.Note) string {
	const warning = "cf: warning:"
	if e.Level != "warn" {
		return p.line("", "cf: "+oneLine(e.Text))
	}
	rest := strings.TrimPrefix(p.line("", warning+" "+oneLine(e.Text)), warning)
	return paint(p.o.ColorErr, yellow, warning) + rest
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
	p.page.write(s)
	p.aside = p.aside && s == ""
}

// err writes to standard error. Where both outputs are one terminal, an empty
// line parts it from the document.
func (p *Plain) err(s string) {
	p.live.clear()
	if p.o.StdoutTTY && p.o.StderrTTY {
		if !p.aside && p.page.ends == 1 {
			p.page.write("\n")
		}
		p.aside, p.page.ends = true, min(p.page.ends, 1)
	}
	_, _ = io.WriteString(p.o.Stderr, s)
}

// line is a line of cf's own for standard error, broken between words on a
// terminal; sgr is its colour.
func (p *Plain) line(sgr, text string) string {
	if p.o.StderrTTY {
		text = hang(text, 4, p.o.Width)
	}
	return paint(p.o.ColorErr && sgr != "", sgr, text) + "\n"
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
