package commands

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/bitactor/cf/commands/view"
	"github.com/bitactor/cf/fault"
)

// exitCode is one row of the published table: codes and kinds may be added,
// never changed.
type exitCode struct {
	Code int        `json:"code"`
	Kind fault.Kind `json:"kind"`
	Doc  string     `json:"doc"`
}

// exitCodes maps the kind of an error to cf's exit code. 2 is Go's own, for a
// panic.
var exitCodes = []exitCode{
	{0, "done", "done"},
	{1, fault.Failed, "failed, for a reason without a code of its own"},
	{2, "panic", "a fault in cf itself; please report it"},
	{3, fault.Refused, "findings, something not checked, or a refused change: nothing was changed"},
	{4, fault.Conflict, "you changed a file meanwhile, or have uncommitted edits: nothing was changed"},
	{10, fault.Unreachable, "no model server answered"},
	{11, fault.Locked, "another cf holds the lock"},
	{12, fault.ModelMissing, "the server lacks the model, or holds none"},
	{13, fault.Unusable, "the model's reply can't be used"},
	{20, fault.NoSandbox, "no isolation on this machine for the programs that checks run"},
	{64, fault.Usage, "the command line or a config file is wrong"},
	{130, fault.Interrupted, "interrupted (SIGINT)"},
	{143, fault.Terminated, "terminated (SIGTERM, SIGHUP)"},
}

// codeOf returns the exit code of err, 0 for nil.
func codeOf(err error) int {
	if err == nil {
		return 0
	}
	kind := kindOf(err)
	for _, e := range exitCodes {
		if e.Kind == kind {
			return e.Code
		}
	}
	return 1
}

// kindOf is fault.KindOf, with a bare cancellation seen as the interruption
// that it is.
func kindOf(err error) fault.Kind {
	var f *fault.Error
	if !errors.As(err, &f) && errors.Is(err, context.Canceled) {
		return fault.Interrupted
	}
	return fault.KindOf(err)
}

// Exit is the last event of every run.
type Exit struct {
	Code  int      `json:"code"`
	Kind  string   `json:"kind"`
	ID    string   `json:"id,omitempty"` // the fault's own code, such as "stream-cut"
	Error string   `json:"error,omitempty"`
	Hints []string `json:"hints,omitempty"`
}

// Type names the event.
func (Exit) Type() string { return "exit" }

// exitOf says how a run that returned err ends.
func exitOf(err error) Exit {
	if err == nil {
		return Exit{Kind: "done"}
	}
	return Exit{Code: codeOf(err), Kind: string(kindOf(err)), ID: fault.CodeOf(err), Error: oneLine(err.Error()), Hints: fault.HintsOf(err)}
}

// report prints the error and its hints for a person.
func (e Exit) report(w io.Writer) {
	if e.Error == "" {
		return
	}
	fmt.Fprintf(w, "cf: error: %s\n", view.Sanitize(e.Error))
	for _, hint := range e.Hints {
		fmt.Fprintf(w, "cf: hint: %s\n", view.Sanitize(oneLine(hint)))
	}
}

// oneLine keeps a multi-line error from a library in the form that scripts
// expect.
func oneLine(s string) string {
	return strings.Join(strings.FieldsFunc(s, func(r rune) bool { return r == '\n' || r == '\r' }), "; ")
}

// exitCodesText is the help topic.
func exitCodesText() string {
	var b strings.Builder
	b.WriteString("cf ends with one of these codes. With --json the last line on standard output is\n" +
		`{"type":"exit","code":N,"kind":...,"error":...,"hints":[...]}` + " with the same code.\n\n")
	for _, e := range exitCodes {
		fmt.Fprintf(&b, "  %3d  %-14s %s\n", e.Code, e.Kind, e.Doc)
	}
	return b.String()
}
