package view

import (
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/bitactor/cf/event"
)

// page is standard output as a document: it knows how it ends so far, so that
// blocks stand exactly one empty line apart.
type page struct {
	w    io.Writer
	last string // kind of the last block, "" before the first
	ends int    // line feeds at the end, counted up to 2
}

func (g *page) write(s string) {
	if s == "" {
		return
	}
	_, _ = io.WriteString(g.w, s)
	n := len(s) - len(strings.TrimRight(s, "\n"))
	if n == len(s) {
		n += g.ends
	}
	g.ends = min(n, 2)
}

// begin starts a block of a kind on standard output, an empty line after the one
// before. Items of one list and tables stand together.
func (p *Plain) begin(kind string) {
	g := &p.page
	together := kind == g.last && (kind == "context" || kind == "table" || kind == "finding")
	if g.last != "" && !together {
		p.out(strings.Repeat("\n", 2-g.ends))
	}
	g.last = kind
}

// context writes one line of what the answer rests on.
func (p *Plain) context(item [2]string) {
	first := p.page.last != "context"
	p.begin("context")
	if p.o.StdoutTTY {
		p.out(fmt.Sprintf("%-8s  ", item[0]) + hang(item[1], 10, p.o.Width) + "\n")
		return
	}
	if first {
		p.out("## Context\n\n")
	}
	p.out("- " + item[0] + ": " + item[1] + "\n")
}

func (p *Plain) section(e event.Section) {
	if e.Title != "" {
		p.titles[e.ID] = e.Title
	}
	why := oneLine(e.Why)
	switch e.State {
	case event.Begin:
		p.open(e.ID, why)
	case event.Done:
		p.close(e.ID, "Cut", why)
	case event.Missing:
		p.headed(e.ID)
		why = strings.TrimSuffix("Not answered: "+Unanswered(why), ": ")
		if p.drafts[e.ID] {
			why += ". The text above is withdrawn"
		}
		p.remark(why)
		p.close(e.ID, "", "")
	default:
		p.headed(e.ID)
		p.close(e.ID, capital(string(e.State)), orElse(why, "for an unknown reason"))
	}
}

// open begins a section, perhaps once more: then what it said so far is void.
func (p *Plain) open(id, why string) {
	again := p.drafts[id]
	apart := p.under != id
	p.headed(id)
	switch {
	case again && apart:
		p.remark(strings.TrimSuffix("This replaces what stands above under the same heading: "+why, ": "))
	case again:
		p.remark("Withdrawn (" + orElse(why, "asked again") + "). The answer is what follows")
	case why != "":
		p.remark(capital(why))
	}
	delete(p.drafts, id)
}

// close ends a section; a reason is shown after its kind.
func (p *Plain) close(id, kind, why string) {
	if why != "" {
		if p.under != id {
			kind = p.titleOf(id) + ", " + strings.ToLower(kind)
		}
		p.remark(kind + ": " + why)
	}
	delete(p.drafts, id)
	if p.under == id {
		p.under = ""
	}
}

// headed writes the heading of a section unless it is the last one that stands
// there.
func (p *Plain) headed(id string) {
	if p.under == id && id != "" {
		return
	}
	p.heading(p.titleOf(id))
	p.under = id
}

func (p *Plain) titleOf(id string) string { return oneLine(orElse(p.titles[id], id)) }

func (p *Plain) heading(title string) {
	p.begin("heading")
	p.out(p.bold("## "+title) + "\n")
}

// remark is cf's own word about an answer: a quote, so that it can't be taken
// for the model's.
func (p *Plain) remark(text string) {
	p.begin("remark")
	text = hang("> "+oneLine(text)+".", 2, p.tableWidth())
	p.out(paint(p.o.ColorOut, yellow, text) + "\n")
}

// stream writes a piece of an answer as it comes. Thought is for a person who
// waits: dimmed, on a terminal only.
func (p *Plain) stream(e event.Text) {
	if e.Text == "" {
		return
	}
	if e.Thinking {
		if p.o.StderrTTY {
			p.endText()
			p.pondering = true
			p.err(p.dim(string(p.thought.Append(nil, e.Text))))
		}
		return
	}
	p.endThought()
	if e.Section != "" && e.Section != p.under && p.titles[e.Section] != "" {
		p.endText()
		p.heading(p.titleOf(e.Section) + " (continued)")
		p.under = e.Section
	}
	p.streaming = true
	if e.Section != "" {
		p.drafts[e.Section] = true
	}
	p.add(string(p.text.Append(nil, e.Text)))
}

// add writes clean text of an answer, without the white space around it.
func (p *Plain) add(s string) {
	if !p.begun {
		if s = strings.TrimLeft(s, " \t\n"); s == "" {
			return
		}
		p.begin("text")
		p.begun = true
	}
	body := strings.TrimRight(s, "\n")
	if body != "" {
		body = strings.Repeat("\n", p.newlines) + body
		p.newlines = 0
		p.out(string(p.wrap.append(nil, []byte(body))))
	}
	p.newlines += len(s) - len(strings.TrimRight(s, "\n"))
}

// endText brings both outputs to the start of a line. A block of code that the
// model left open is closed: what follows is no code.
func (p *Plain) endText() {
	p.endThought()
	if !p.streaming {
		return
	}
	p.add(string(p.text.Flush(nil)))
	p.out(string(p.wrap.flush(nil)))
	if p.begun {
		if p.page.ends == 0 {
			p.out("\n")
		}
		if p.wrap.unclosed() {
			p.out("```\n")
		}
	}
	p.streaming, p.begun, p.newlines = false, false, 0
	p.wrap = wrapper{width: p.wrap.width}
}

func (p *Plain) endThought() {
	if p.pondering {
		p.pondering = false
		p.err(p.dim(string(p.thought.Flush(nil))) + "\n")
	}
}

// Unanswered returns the reason why a section was not answered, without words
// that say that it was not.
func Unanswered(why string) string {
	return strings.TrimPrefix(strings.TrimPrefix(why, "not answered"), ": ")
}

func capital(s string) string {
	r, n := utf8.DecodeRuneInString(s)
	return string(unicode.ToUpper(r)) + s[n:]
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

func ended(s string) string {
	if s == "" || strings.HasSuffix(s, "\n") {
		return s
	}
	return s + "\n"
}
