package commands

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/bitactor/cf/event"
)

// quietFor is how long work may take before its progress is shown, and how often
// a terminal's line is written anew; a pipe gets a line each sparseTicks of that.
const (
	quietFor    = time.Second
	sparseTicks = 15
)

// checkProgress shows the steps of checks to a person: nothing for the first
// second, then one line with what runs. With --json every step is passed on.
type checkProgress struct {
	sink  event.Sink
	all   bool // pass everything on
	tty   bool // a person watches standard error
	title string
	now   func() time.Time

	mu      sync.Mutex
	began   time.Time
	shown   bool
	running []string
	done    int64
	total   int64
	stop    chan struct{}
	stopped sync.WaitGroup
}

// progress starts one; end it with Close.
func (a *App) progress(title string) *checkProgress {
	p := &checkProgress{sink: a.Events(), all: a.JSON, tty: a.Env.StderrTTY, title: title, now: a.Env.Now, began: a.Env.Now(), stop: make(chan struct{})}
	if !p.all {
		p.stopped.Go(p.tick)
	}
	return p
}

// Emit takes the events of checks.
func (p *checkProgress) Emit(e event.Event) {
	if p.all {
		p.sink.Emit(e)
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	switch e := e.(type) {
	case event.Step:
		p.running = slices.DeleteFunc(p.running, func(title string) bool { return title == e.Title })
		if e.State == event.Begin {
			p.running = append(p.running, e.Title)
		}
	case event.Progress:
		p.done, p.total = e.Done, e.Total
	default:
		p.sink.Emit(e)
	}
}

// tick shows each second what runs.
func (p *checkProgress) tick() {
	ticker := time.NewTicker(quietFor)
	defer ticker.Stop()
	for n := 0; ; n++ {
		select {
		case <-p.stop:
			return
		case <-ticker.C:
		}
		if p.tty || n == 0 || n%sparseTicks == sparseTicks-1 {
			p.show()
		}
	}
}

func (p *checkProgress) show() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.shown {
		p.shown = true
		p.sink.Emit(event.Step{ID: "check", Title: p.title, State: event.Begin})
	}
	unit := fmt.Sprintf("of %d checks done", p.total)
	if p.total == 0 {
		unit = "checks done"
	}
	if len(p.running) > 0 {
		unit += fmt.Sprintf("; running: %s (%d s)", strings.Join(p.running, ", "), int(p.now().Sub(p.began).Seconds()))
	}
	p.sink.Emit(event.Progress{ID: "check", Unit: unit, Done: p.done})
}

// Close ends it.
func (p *checkProgress) Close() {
	if p.all {
		return
	}
	close(p.stop)
	p.stopped.Wait()
}
