// Package view renders cf's one stream of events: as plain text, as JSON lines
// and, in view/tui, as a terminal interface.
//
// The package never decides what happened, only how it looks, and never asks
// the terminal anything.
//
// Invariants:
//  1. Text of an event is untrusted: on every path its control characters are
//     made visible (Sanitizer), escape sequences come from this package alone,
//     and only where a terminal was said to be.
//  2. Standard output carries the answer: what was read, the model, prompts,
//     sections, plans and tables. Standard error carries how it goes: notes,
//     steps, progress, the ledger, what was saved.
//  3. Every event renders, whatever the width: 0 and 1 are legal.
package view

import "github.com/bitactor/cf/event"

// Texter is an event that brings its own plain text, such as a verb's table.
// The text goes to standard output, made visible like any other; width is that
// of the terminal in columns, 0 where there is none.
type Texter interface {
	event.Event
	PlainText(width int) string
}
