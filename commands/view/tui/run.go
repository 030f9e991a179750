// Package tui is the interactive session of cf ultrathink on a terminal:
// sections fill as they stream, follow-up questions are typed below them, the
// steps of a plan can be picked. It is a full-screen program on the alternate
// screen; on leaving, the terminal is as it was and the answer stands in the
// scrollback as plain text.
//
// The package must never write to the terminal before Run, start a process,
// touch the disk or know of models: it shows the events of a Conversation.
//
// Invariants:
//  1. No byte of untrusted text reaches the terminal but through view.Sanitizer.
//  2. Whatever ends a session, a panic included, restores the terminal and
//     prints what came so far.
//  3. A frame costs the rows it shows: layout is kept, and text that streams in
//     re-wraps its last row only.
//  4. Emitting an event never waits for the screen.
package tui

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"time"

	tea "github.com/charmbracelet/bubbletea"
	"golang.org/x/term"

	_ "github.com/bitactor/cf/commands/view/quiet" // bubbletea would ask the terminal before main
	"github.com/bitactor/cf/event"
	"github.com/bitactor/cf/fault"
)

// Conversation answers questions; the first turn of a session and follow-ups
// alike. Turn reports to sink, and returns soon after ctx is cancelled. Turns
// never overlap.
type Conversation interface {
	Turn(ctx context.Context, text string, sink event.Sink) error
}

// Section is a section that the first turn is expected to fill.
type Section struct {
	ID    string // as in event.Section
	Title string
	Short string // for narrow screens
}

// Sections are those of cf ultrathink, in their order.
var Sections = []Section{
	{"reasoning", "Reasoning", "Reasoning"},
	{"plan", "Implementation Plan", "Plan"},
	{"strategy", "Code Strategy", "Code"},
	{"value", "Business Value", "Value"},
	{"telemetry", "Telemetry Points", "Telemetry"},
	{"validation", "Validation", "Validation"},
	{stepsID, "Steps", "Steps"},
}

// Turn is a turn of an earlier session, shown as it was.
type Turn struct {
	Question string
	Events   []event.Event
}

// Options is what a session needs. Conversation, In and Out must be set.
type Options struct {
	In            io.Reader // the terminal; an *os.File is put into raw mode
	Out           io.Writer // the terminal; an *os.File tells its size
	Getenv        func(string) string
	Conversation  Conversation
	First         string // the first task, run at once; "" waits for the user to type one
	Title         string // "" shows the first task
	Model         event.Model
	Session       string           // id of the session that is continued; "" for a new one
	Earlier       []Turn           // turns of the session that is continued
	Sections      []Section        // expected of the first turn; nil: Sections
	Width, Height int              // in columns and rows, where Out does not tell; 0: 80 by 24
	Now           func() time.Time // nil: time.Now
}

// Result is what a session left.
type Result struct {
	Transcript string // what was printed on leaving
	Turns      int    // asked in this session
	Session    string // id; "" if nothing was saved
	Picked     []int  // steps of the last plan that the user left to have carried out
	Last       error  // of the last turn; nil if it was answered
}

// PanicError is a panic that ended the session, with the terminal restored.
type PanicError struct {
	Value any
	Stack []byte
}

// Error names the panic's value.
func (e *PanicError) Error() string { return fmt.Sprintf("panic: %v", e.Value) }

func newPanicError(v any) *PanicError { return &PanicError{Value: v, Stack: debug.Stack()} }

// Usable tells whether a session can be held: people at both ends, and a
// terminal that can place its cursor. Otherwise the caller shows plain text.
func Usable(getenv func(string) string, stdinTTY, stdoutTTY bool) bool {
	kind := getenv("TERM")
	return stdinTTY && stdoutTTY && kind != "" && kind != "dumb"
}

// Run holds a session until the user leaves or ctx ends, then restores the
// terminal and prints the transcript to Out.
//
// It returns nil when the user left, the cause of ctx when that ended it, and a
// *fault.Error of kind Failed: code "panic" (a *PanicError is in its chain) or
// "terminal" when the terminal failed. The Result is filled in every case. What
// a turn returned is shown to the user and in Result.Last, not returned.
func Run(ctx context.Context, opt Options) (Result, error) {
	opt = opt.withDefaults()
	if f, ok := opt.Out.(*os.File); ok {
		if w, h, err := term.GetSize(int(f.Fd())); err == nil && w > 0 && h > 0 {
			opt.Width, opt.Height = w, h
		}
	}
	in, out, tell := wrapTerminal(opt.In, opt.Out)
	m := newModel(ctx, opt, out)
	p := tea.NewProgram(m, tea.WithInput(in), tea.WithOutput(out), tea.WithAltScreen(),
		tea.WithMouseCellMotion(), tea.WithoutSignalHandler())
	tell.set(func(dark bool) { go p.Send(darkMsg(dark)) })
	unhook := context.AfterFunc(ctx, p.Quit)
	_, err := p.Run()
	unhook()
	m.guard(m.stop)

	r := Result{Turns: len(m.turns) - len(opt.Earlier), Session: m.session(), Picked: m.picked}
	m.guard(func() { r.Transcript = m.transcript() })
	if m.turn != nil {
		r.Last = m.turn.err
	}
	_, printErr := io.WriteString(out, r.Transcript)
	switch {
	case m.crash != nil:
		return r, fault.New(fault.Failed, "panic", "%w", m.crash).On("session", "").Hint("this is a bug in cf: the answer so far is printed above")
	case ctx.Err() != nil && !m.leaving:
		return r, context.Cause(ctx)
	case errors.Join(err, printErr) != nil:
		return r, fault.New(fault.Failed, "terminal", "%w", errors.Join(err, printErr)).On("session", "").Hint("cf ultrathink --no-tui needs no terminal")
	}
	return r, nil
}

func (o Options) withDefaults() Options {
	if o.Getenv == nil {
		o.Getenv = func(string) string { return "" }
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Sections == nil {
		o.Sections = Sections
	}
	if o.Width <= 0 || o.Height <= 0 {
		o.Width, o.Height = 80, 24
	}
	return o
}

// teller passes the terminal's answer on to a program that is made later.
type teller struct{ f func(dark bool) }

func (t *teller) set(f func(bool)) { t.f = f }

// wrapTerminal puts the answer filter before the input and a lock before the
// output.
func wrapTerminal(in io.Reader, out io.Writer) (io.Reader, writer, *teller) {
	t := &teller{}
	filter := &answerFilter{Reader: in, tell: func(dark bool) { t.f(dark) }}
	var r io.Reader = filter
	if f, ok := in.(*os.File); ok {
		r = &filterFile{File: f, filter: filter}
	}
	if f, ok := out.(*os.File); ok {
		return r, &lockedFile{File: f}, t
	}
	return r, &lockedWriter{Writer: out}, t
}
