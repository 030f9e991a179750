package view

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/bitactor/cf/event"
	"github.com/mattn/go-runewidth"
)

// sparse is the shortest time between two lines of progress in a pipe.
const sparse = 5 * time.Second

// liveLine is the line of progress at the end of standard error: rewritten in
// place on a terminal, and in a pipe written at most once each 5 s.
type liveLine struct {
	w       io.Writer
	now     func() time.Time
	width   int
	rewrite bool
	title   string // of the step under way
	id      string
	shown   int // columns that stand there now
	last    time.Time
}

func (l *liveLine) begin(e event.Step) {
	l.id, l.title, l.last = e.ID, oneLine(e.Title), l.now()
	if l.rewrite {
		l.show(l.title + " ...")
	}
}

func (l *liveLine) end() {
	l.clear()
	l.id, l.title = "", ""
}

func (l *liveLine) progress(e event.Progress) {
	text := progressText(e)
	switch {
	case e.ID == l.id && l.title != "":
		text = l.title + ": " + text
	case e.ID != "":
		text = oneLine(e.ID) + ": " + text
	}
	if l.rewrite {
		l.show(text)
		return
	}
	if now := l.now(); now.Sub(l.last) >= sparse {
		l.last = now
		fmt.Fprintln(l.w, text)
	}
}

// show rewrites the line, one column short of the width: a full line would
// wrap and could not be taken back.
func (l *liveLine) show(text string) {
	if !l.rewrite {
		return
	}
	limit := 79
	if l.width > 0 {
		limit = l.width - 1
	}
	if limit < 1 {
		return
	}
	text = fit(text, limit)
	n := runewidth.StringWidth(text)
	pad := strings.Repeat(" ", max(0, l.shown-n))
	fmt.Fprint(l.w, "\r"+text+pad)
	l.shown = max(n, 1)
}

func (l *liveLine) clear() {
	if l.shown > 0 {
		fmt.Fprint(l.w, "\r"+strings.Repeat(" ", l.shown)+"\r")
		l.shown = 0
	}
}

// heartbeat shows on the live line that cf waits for the model.
type heartbeat struct{ stop chan struct{} }

// beat starts a heartbeat of p, whose lock the caller holds.
func beat(p *Plain, since time.Time) *heartbeat {
	h := &heartbeat{make(chan struct{})}
	go func() {
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for {
			select {
			case <-h.stop:
				return
			case <-tick.C:
			}
			p.mu.Lock()
			if p.waiting == h {
				p.live.show(fmt.Sprintf("waiting for the model, %d s", int(p.o.Now().Sub(since).Seconds())))
			}
			p.mu.Unlock()
		}
	}()
	return h
}
