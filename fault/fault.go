// Package fault holds the one error type that crosses package borders in cf.
//
// Any package that can fail in a way the user must be told about returns a
// *Error: its Kind decides the exit code (commands/exit.go holds that table),
// its Code names the exact fault for scripts, its Hints say what to do next.
// The package imports nothing of ours, so that every layer may use it.
//
// Invariants:
//  1. Kinds and codes are a published interface: they may be added, never
//     renamed or given another meaning.
//  2. Error() is one line in lower case without a final period; it names the
//     subject (URL, path, model) and the reason.
package fault

import (
	"errors"
	"fmt"
	"strings"
)

// Kind classifies an error by what the caller can do about it.
type Kind string

// The kinds. Their exit codes stand in commands/exit.go and in docs/reference.
const (
	Failed       Kind = "failed"        // anything without a better name
	Refused      Kind = "refused"       // the checks said no
	Conflict     Kind = "conflict"      // the user changed a file meanwhile
	Unreachable  Kind = "unreachable"   // no model server answered
	Locked       Kind = "locked"        // another cf holds the lock
	ModelMissing Kind = "model-missing" // the server lacks the model
	Unusable     Kind = "unusable"      // the model's reply can't be used
	NoSandbox    Kind = "no-sandbox"    // no isolation on this machine
	Usage        Kind = "usage"         // the command line or a config file is wrong
	Interrupted  Kind = "interrupted"   // SIGINT
	Terminated   Kind = "terminated"    // SIGTERM
)

// Error is a fault with everything its reader needs.
type Error struct {
	Kind  Kind     // decides the exit code
	Code  string   // stable id of the exact fault, such as "stream-cut"; may be empty
	Op    string   // what was being done, such as "chat"
	Who   string   // what it was done to: a URL, a path, a model; may be empty
	Err   error    // the reason; may be nil
	Hints []string // one line each: what would mend it
}

// Error returns "op: who: reason" with the empty parts left out.
func (e *Error) Error() string {
	var parts []string
	for _, p := range []string{e.Op, e.Who} {
		if p != "" {
			parts = append(parts, p)
		}
	}
	if e.Err != nil {
		parts = append(parts, e.Err.Error())
	} else if e.Code != "" {
		parts = append(parts, e.Code)
	}
	if len(parts) == 0 {
		return string(e.Kind)
	}
	return strings.Join(parts, ": ")
}

// Unwrap returns the reason, for errors.Is and errors.As.
func (e *Error) Unwrap() error { return e.Err }

// New returns an error of kind k with code, whose reason is the formatted text
// (%w wraps, as in fmt.Errorf).
func New(k Kind, code, format string, args ...any) *Error {
	return &Error{Kind: k, Code: code, Err: fmt.Errorf(format, args...)}
}

// On sets the operation and its subject and returns e.
func (e *Error) On(op, who string) *Error {
	e.Op, e.Who = op, who
	return e
}

// Hint adds lines that say what would mend the fault and returns e.
func (e *Error) Hint(lines ...string) *Error {
	e.Hints = append(e.Hints, lines...)
	return e
}

// KindOf returns the kind of the first *Error in err's chain, or Failed.
func KindOf(err error) Kind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return Failed
}

// CodeOf returns the code of the first *Error in err's chain, or "".
func CodeOf(err error) string {
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}

// HintsOf returns the hints of every *Error in err's chain, outermost first.
func HintsOf(err error) []string {
	var hints []string
	for err != nil {
		var e *Error
		if !errors.As(err, &e) {
			break
		}
		hints = append(hints, e.Hints...)
		err = e.Err
	}
	return hints
}
