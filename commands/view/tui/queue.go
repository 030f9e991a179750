package tui

import (
	"sync"

	tea "github.com/charmbracelet/bubbletea"

	"github.com/bitactor/cf/event"
)

// queue carries events from a turn to the screen. Emitting never waits for the
// screen: pieces of text that pile up are joined, so that a fast model costs
// one redraw a frame. Safe for concurrent use.
type queue struct {
	mu      sync.Mutex
	pending []queued
	wake    chan struct{} // holds one token while something is pending
	closed  chan struct{}
}

// queued is an event of turn number turn; pieces counts the texts joined in it.
// The last one of a turn has no event but ended: it comes through the queue too,
// so that nothing of the turn comes after it.
type queued struct {
	turn   int
	event  event.Event
	pieces int
	ended  bool
	err    error // of a turn that ended
}

// eventsMsg says that something is pending. Only the screen's own goroutine
// drains, so that no event is on its way when the session ends.
type eventsMsg struct{}

func newQueue() *queue {
	return &queue{wake: make(chan struct{}, 1), closed: make(chan struct{})}
}

// sink returns the sink of one turn.
func (q *queue) sink(turn int) event.Sink {
	return event.Func(func(e event.Event) { q.put(queued{turn: turn, event: e, pieces: 1}) })
}

// end tells that a turn has ended.
func (q *queue) end(turn int, err error) { q.put(queued{turn: turn, ended: true, err: err}) }

func (q *queue) put(e queued) {
	q.mu.Lock()
	if !q.join(e.turn, e.event) {
		q.pending = append(q.pending, e)
	}
	q.mu.Unlock()
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// join adds a piece of text to the last pending event if both belong together.
func (q *queue) join(turn int, e event.Event) bool {
	next, ok := e.(event.Text)
	if !ok || len(q.pending) == 0 {
		return false
	}
	last := &q.pending[len(q.pending)-1]
	text, ok := last.event.(event.Text)
	if !ok || last.turn != turn || text.Section != next.Section || text.Thinking != next.Thinking || len(text.Text) > 32<<10 {
		return false
	}
	text.Text += next.Text
	last.event = text
	last.pieces++
	return true
}

// drain takes all that is pending.
func (q *queue) drain() []queued {
	q.mu.Lock()
	defer q.mu.Unlock()
	p := q.pending
	q.pending = nil
	return p
}

// wait is a command that ends when something is pending, or with nothing when the
// session is over.
func (q *queue) wait() tea.Msg {
	select {
	case <-q.wake:
		return eventsMsg{}
	case <-q.closed:
		return nil
	}
}

// close ends wait for good.
func (q *queue) close() { close(q.closed) }
