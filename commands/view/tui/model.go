package tui

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"github.com/bitactor/cf/event"
)

const (
	tick       = 120 * time.Millisecond // of the spinner and the clock, while a turn runs
	noticeFor  = 4 * time.Second        // how long a notice is shown
	twiceBound = 2 * time.Second        // Ctrl-C again within it leaves
	wheelRows  = 3                      // rows a notch of the mouse wheel scrolls
)

// area is what the keys act on.
type area int

const (
	typing area = iota
	reading
	stepping
)

type (
	tickMsg       struct{}
	noticeOverMsg struct{ n int }
	darkMsg       bool // the terminal's background, as it answered
)

// model is the session on the screen. bubbletea calls it from one goroutine;
// only the turn itself runs beside it and talks through the queue.
type model struct {
	opt    Options
	queue  *queue
	theme  *theme
	glyphs *glyphs
	input  *input
	ahead  string // typed while a turn runs, asked when it is done
	out    writer // for what is no frame: the clipboard

	ctx    context.Context // of the session
	cancel context.CancelFunc
	turn   *turn // the current or last one; nil before the first
	turns  []*turn
	live   sync.WaitGroup // the running turn
	serial int

	width, height int
	area          area
	help          bool
	helpTop       int
	top           int  // first row of the document shown
	follow        bool // stay at the end
	kept          anchor
	keptTop       int // top when kept was the place
	fold          fold
	mouse         bool
	selected      *block // heading marked in reading
	frame         int    // of the spinner

	notice    string
	noticeFor time.Duration
	noticeN   int
	lastBreak time.Time // of the last Ctrl-C
	crash     *PanicError
	leaving   bool
	picked    []int // steps to be carried out
	crashed   chan struct{}
}

func newModel(ctx context.Context, opt Options, out writer) *model {
	t := newTheme(out, opt.Getenv, darkGuess(opt.Getenv))
	g := glyphsFor(opt.Getenv)
	m := &model{
		opt: opt, queue: newQueue(), theme: &t, glyphs: g, input: newInput(&t, g), out: out,
		width: opt.Width, height: opt.Height, follow: true, mouse: true, noticeFor: noticeFor, crashed: make(chan struct{}),
	}
	m.ctx, m.cancel = context.WithCancel(ctx)
	for _, e := range opt.Earlier {
		m.replay(e)
	}
	m.resize(m.width, m.height)
	return m
}

// replay shows a turn of before.
func (m *model) replay(e Turn) {
	now := m.opt.Now()
	t := newTurn(e.Question, nil, now)
	for _, ev := range e.Events {
		t.apply(queued{event: ev, pieces: 1}, now)
	}
	t.outcome, t.began, t.ended = finished, now, now
	m.turns, m.turn = append(m.turns, t), t
	m.input.history = append(m.input.history, e.Question)
	m.input.at = len(m.input.history)
}

// Init asks for the background, and runs the first task.
func (m *model) Init() tea.Cmd {
	m.askBackground()
	cmds := []tea.Cmd{m.queue.wait, m.watchCrash}
	if strings.TrimSpace(m.opt.First) != "" {
		m.input.history = append(m.input.history, m.opt.First)
		m.input.at = len(m.input.history)
		cmds = append(cmds, m.start(m.opt.First))
	}
	return tea.Batch(cmds...)
}

// start runs a turn beside the screen.
func (m *model) start(question string) tea.Cmd {
	var expected []Section
	if len(m.turns) == 0 {
		expected = m.opt.Sections
	}
	m.serial++
	t := newTurn(question, expected, m.opt.Now())
	m.turns, m.turn, m.follow = append(m.turns, t), t, true
	ctx, cancel := context.WithCancel(m.ctx)
	m.turn.cancel = cancel
	m.live.Add(1)
	go m.run(ctx, m.serial, question)
	return nextTick()
}

// run is the turn's own goroutine.
func (m *model) run(ctx context.Context, turn int, question string) {
	defer m.live.Done()
	defer func() {
		if v := recover(); v != nil {
			m.queue.end(turn, newPanicError(v))
		}
	}()
	m.queue.end(turn, m.opt.Conversation.Turn(ctx, question, m.queue.sink(turn)))
}

func nextTick() tea.Cmd { return tea.Tick(tick, func(time.Time) tea.Msg { return tickMsg{} }) }

// busy tells whether a turn runs.
func (m *model) busy() bool {
	return m.turn != nil && (m.turn.outcome == running || m.turn.outcome == cancelling)
}

// Update takes one message. A panic in it, as in View, ends the session with
// the terminal restored: Run returns it as an error.
func (m *model) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	var cmd tea.Cmd
	m.guard(func() { cmd = m.update(msg) })
	if m.crash != nil {
		return m, tea.Quit
	}
	return m, cmd
}

func (m *model) update(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		if msg.Width > 0 && msg.Height > 0 { // some terminals do not know their size and say 0
			m.resize(msg.Width, msg.Height)
		}
	case tea.KeyMsg:
		return m.key(msg)
	case tea.MouseMsg:
		m.wheel(msg)
	case eventsMsg:
		at := m.anchor()
		next := m.take()
		m.restore(at) // what was above may be void now
		return tea.Batch(m.queue.wait, next)
	case tickMsg:
		m.frame++
		if m.busy() {
			return nextTick()
		}
	case noticeOverMsg:
		if msg.n == m.noticeN {
			m.notice = ""
		}
	case tea.ResumeMsg:
		m.askBackground()
		if m.mouse { // bubbletea gives the screen back, not the mouse
			return tea.EnableMouseCellMotion
		}
	case darkMsg:
		t := newTheme(m.out, m.opt.Getenv, bool(msg))
		m.theme = &t
		m.input.restyle(&t)
	}
	return nil
}

// take applies what is pending of the running turn; a late event of a turn that
// is over is dropped. The question that waited for the end of the turn follows it.
func (m *model) take() (next tea.Cmd) {
	now := m.opt.Now()
	for _, q := range m.queue.drain() {
		if q.turn != m.serial || !m.busy() {
			continue
		}
		switch e := q.event.(type) {
		case event.Model:
			m.opt.Model = e
		case nil:
			next = m.endTurn(q.err)
		default:
			m.turn.apply(q, now)
		}
	}
	return next
}

// endTurn closes the running turn. A question that waited is asked now, unless
// the turn went wrong: then it is back in the input, to be thought over.
func (m *model) endTurn(err error) tea.Cmd {
	m.turn.cancel()
	var p *PanicError
	if errors.As(err, &p) {
		m.fail(p)
	}
	m.turn.finish(err, m.opt.Now())
	waiting := m.ahead
	m.ahead = ""
	switch {
	case waiting == "" || m.ctx.Err() != nil:
		return nil
	case m.turn.outcome == finished:
		return m.start(waiting)
	case m.input.empty():
		m.input.set(waiting)
		m.input.resize(m.textWidth())
	}
	return nil
}

// say shows a notice for a while.
func (m *model) say(s string) tea.Cmd {
	m.notice = s
	m.noticeN++
	n := m.noticeN
	return tea.Tick(m.noticeFor, func(time.Time) tea.Msg { return noticeOverMsg{n} })
}

// fail notes a panic, once, and lets the program end.
func (m *model) fail(p *PanicError) {
	if m.crash == nil {
		m.crash = p
		close(m.crashed)
	}
}

// guard runs f; a panic in it ends the session as one in Update does.
func (m *model) guard(f func()) {
	defer func() {
		if v := recover(); v != nil {
			m.fail(newPanicError(v))
		}
	}()
	f()
}

// watchCrash ends the program when View panics, which no message follows.
func (m *model) watchCrash() tea.Msg {
	select {
	case <-m.crashed:
		return tea.QuitMsg{}
	case <-m.queue.closed:
		return nil
	}
}

// stop ends what runs beside the screen and waits for it, 2 s at most: a turn
// that stores what it has must be able to.
func (m *model) stop() {
	m.cancel()
	m.queue.close()
	done := make(chan struct{})
	go func() { m.live.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(2 * time.Second):
	}
	if m.busy() && m.turn.outcome == running {
		m.turn.outcome = cancelling
	}
	m.take()
	if m.busy() { // it did not come back in time
		m.turn.finish(context.Canceled, m.opt.Now())
	}
}
