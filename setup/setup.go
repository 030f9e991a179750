// Package setup makes a machine ready for cf: it finds, fetches or builds an
// Ollama server, and finds or fetches a model that fits the memory.
//
// It plans first (NewPlan), asks once, then acts (Run). Only this package
// installs or downloads; Locate and ChooseModel, which every verb uses, do
// neither. It must never need root, never write outside Paths, and never run
// what it fetched before its checksum was compared.
//
// Invariants:
//  1. A dry run leaves the disk as it was and contacts nothing but a model
//     server on its configured or default address.
//  2. Offline means that neither this package nor a program it starts opens a
//     connection to another machine.
//  3. What is there already is used as it is: a second run changes nothing.
//  4. A cut download is kept and continued; any other half-made thing lies in a
//     folder called *.new, and is removed.
//  5. One set-up at a time works in a state folder (setup.lock).
//  6. Everything fetched is compared with a checksum: pinned here (pin.go), from
//     the release's own list over TLS, by the Go checksum database, or by apt's
//     signatures.
package setup

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"

	"github.com/bitactor/cf/event"
	"github.com/bitactor/cf/fault"
	"github.com/bitactor/cf/llm"
	"github.com/bitactor/cf/llm/embedded"
)

// Codes of the faults this package returns. Stable: the list may only grow.
const (
	CodeNoFolder  = "no-folder"         // no place for state, cache or data [Failed]
	CodeConsent   = "needs-yes"         // nobody can be asked, and --yes was not given [Usage]
	CodeDeclined  = "declined"          // the answer was no [Failed]
	CodeDownload  = "download-failed"   // [Failed]
	CodeChecksum  = "checksum-mismatch" // [Failed]
	CodeTool      = "tool-missing"      // a program or header that a build needs is missing [Failed]
	CodeBuild     = "build-failed"      // [Failed]
	CodeNoServer  = "no-server"         // no server, and none can be had [Unreachable]
	CodeNoModel   = "no-model"          // no model, and none can be had [ModelMissing]
	CodeLockFault = "setup-lock"        // the lock can't be used [Locked]
)

// Paths are the folders that set-up may write, all absolute; "" = there is none.
type Paths struct {
	State string // the private server's state, and the lock
	Cache string // archives, sources, built servers
	Data  string // models of the private server
}

// Server is the folder of the private server's state, "" if there is no place.
func (p Paths) Server() string {
	if p.State == "" {
		return ""
	}
	return filepath.Join(p.State, "server")
}

// Options says what to make ready.
type Options struct {
	Paths       Paths
	Environ     []string // the user's environment, for the programs that are started
	Host        string   // URL of the only server to use (config, flag or OLLAMA_HOST); "" = look for one
	Remote      bool     // Host may be another machine
	Start       bool     // the private server, if it is the one to use, is started now
	PrivateOnly bool     // no other server than the private one is looked for
	Model       string   // model that must be there; "" = choose
	Offline     bool
	Yes         bool
	Portable    bool // build for any CPU of this architecture, not for this one

	// Ask puts a yes-or-no question to a person; nil = nobody is there.
	Ask func(ctx context.Context, question string) (bool, error)
	// Provider connects to the server at a URL.
	Provider func(url string) (llm.Provider, error)
	// Serve is the argv of `cf serve-model`; Serve[0] is absolute.
	Serve  []string
	Events event.Sink
	// Sources is where things come from; its zero value is DefaultSources.
	Sources Sources
}

// Report is what set-up came to.
type Report struct {
	Server  Server    `json:"server"`
	Model   llm.Model `json:"model"`
	Why     string    `json:"why"` // why this model
	Changed bool      `json:"changed"`
}

// Run makes the machine ready. Errors: Usage with CodeConsent, Unreachable when
// no server can be had, ModelMissing when no model can be had, Interrupted.
func Run(ctx context.Context, o Options) (Report, error) {
	o.setDefaults()
	plan, facts, err := newPlan(ctx, o)
	if err != nil {
		return Report{}, err
	}
	plan.emit(o.Events)
	if plan.Ready {
		return facts.report(o)
	}
	if err := o.consent(ctx, plan); err != nil {
		return Report{}, err
	}
	unlock, err := o.lock(ctx)
	if err != nil {
		return Report{}, err
	}
	defer unlock()
	// Another set-up may have done the work while this one asked or waited.
	if facts, err = survey(ctx, o); err != nil {
		return Report{}, err
	}
	j := &job{o: o, facts: facts}
	if err := j.server(ctx); err != nil {
		return Report{}, err
	}
	model, why, err := j.model(ctx)
	if err != nil {
		return Report{}, err
	}
	if err := j.remember(model.Name); err != nil {
		return Report{}, err
	}
	server := j.facts.server
	server.Warnings = append(server.Warnings, j.facts.gpu.unused(server)...)
	return Report{Server: server, Model: model, Why: why, Changed: true}, nil
}

func (o *Options) setDefaults() {
	if o.Events == nil {
		o.Events = event.Discard
	}
	o.Sources = DefaultSources(o.Sources)
}

// consent asks once, for the whole plan.
func (o Options) consent(ctx context.Context, p Plan) error {
	switch {
	case o.Yes || !p.Asks:
		return nil
	case o.Ask == nil:
		return fault.New(fault.Usage, CodeConsent, "set-up would download or build, and nobody can be asked").On("setup", "").
			Hint("run: cf setup --yes", "see what it would do: cf setup --dry-run")
	}
	yes, err := o.Ask(ctx, p.Question())
	if err != nil {
		return err
	}
	if !yes {
		return fault.New(fault.Failed, CodeDeclined, "not wanted; nothing was changed").On("setup", "").
			Hint("see what it would do: cf setup --dry-run", "or install Ollama yourself, then run: cf setup")
	}
	return nil
}

// lock lets one set-up work at a time; the others wait.
func (o Options) lock(ctx context.Context) (unlock func(), err error) {
	for _, dir := range []string{o.Paths.State, o.Paths.Cache, o.Paths.Data} {
		if err := makeDir(dir); err != nil {
			return nil, err
		}
	}
	l := flock.New(filepath.Join(o.Paths.State, "setup.lock"), flock.SetPermissions(0o600))
	got, err := l.TryLock()
	if err == nil && !got {
		o.note("info", "another cf setup is at work; waiting for it")
		got, err = l.TryLockContext(ctx, 200*time.Millisecond)
	}
	switch {
	case ctx.Err() != nil:
		return nil, interrupted(ctx, "setup")
	case err != nil || !got:
		return nil, fault.New(fault.Locked, CodeLockFault, "%w", err).On("setup", l.Path())
	}
	return func() { _ = l.Close() }, nil
}

func makeDir(dir string) error {
	var err error
	if dir == "" {
		err = fault.New(fault.Failed, CodeNoFolder, "no folder for cf's own files").On("setup", "")
	} else if e := os.MkdirAll(dir, 0o700); e != nil {
		err = fault.New(fault.Failed, CodeNoFolder, "%w", e).On("setup", "")
	}
	if err == nil {
		return nil
	}
	var f *fault.Error
	errors.As(err, &f)
	return f.Hint(hintFolders)
}

const hintFolders = "set HOME, or XDG_STATE_HOME, XDG_CACHE_HOME and XDG_DATA_HOME, to folders you can write"

func (o Options) note(level, format string, args ...any) {
	o.Events.Emit(event.Note{Level: level, Text: fmt.Sprintf(format, args...)})
}

func interrupted(ctx context.Context, op string) error {
	return fault.New(fault.Interrupted, llm.CodeCanceled, "%w", context.Cause(ctx)).On(op, "")
}

// Stop ends the private server and reports whether one ran.
func Stop(ctx context.Context, p Paths) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	return embedded.Stop(ctx, p.Server())
}

// job is a set-up at work.
type job struct {
	o     Options
	facts facts
}

// step runs f as one reported step; f returns the outcome in words.
func (j *job) step(ctx context.Context, s PlanStep, f func(context.Context) (string, error)) error {
	e := event.Step{ID: s.ID, Title: s.Title, Why: s.Why, State: event.Begin}
	j.o.Events.Emit(e)
	detail, err := f(ctx)
	if err != nil && ctx.Err() != nil {
		err = interrupted(ctx, s.Title)
	}
	e.State, e.Detail = event.Done, detail
	if err != nil {
		e.State, e.Detail = event.Failing, err.Error()
	}
	j.o.Events.Emit(e)
	return err
}

// remember notes the chosen model beside the private server, so that the next
// run need not start it to see that nothing is to be done.
func (j *job) remember(model string) error {
	if j.facts.server.Source != Private {
		return nil
	}
	in, ok := embedded.ReadInstall(j.o.Paths.Server())
	if !ok || in.Model == model {
		return nil
	}
	in.Model = model
	return embedded.WriteInstall(j.o.Paths.Server(), in)
}
