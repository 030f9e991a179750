package setup

import (
	"context"
	"errors"
	"path/filepath"
	"runtime"

	"github.com/bitactor/cf/fault"
	"github.com/bitactor/cf/llm/embedded"
	"github.com/bitactor/cf/process"
)

// server makes sure that a server answers: j.facts.server and j.facts.models
// are filled after it.
func (j *job) server(ctx context.Context) error {
	if j.facts.server.URL != "" {
		return nil
	}
	if !j.facts.made {
		in, err := j.program(ctx)
		if err != nil {
			return err
		}
		// A server of another program or version must not be adopted.
		if _, err := Stop(ctx, j.o.Paths); err != nil {
			return err
		}
		if err := embedded.WriteInstall(j.o.Paths.Server(), in); err != nil {
			return err
		}
		j.facts.install, j.facts.made = in, true
	}
	err := j.step(ctx, stepStart, func(ctx context.Context) (string, error) {
		s, err := embedded.Ensure(ctx, embedded.StartOptions{Dir: j.o.Paths.Server(), Command: j.o.Serve, Environ: j.o.Environ})
		if err != nil {
			return "", err
		}
		j.facts.server = finish(Server{URL: s.URL, Source: Private, Version: s.Version, CPUOnly: j.facts.install.CPUOnly})
		return "Ollama " + s.Version + " answers at " + s.URL, nil
	})
	if err != nil {
		return err
	}
	j.facts.models, err = listModels(ctx, j.o, j.facts.server.URL)
	return err
}

// program finds, fetches or builds the ollama program.
func (j *job) program(ctx context.Context) (embedded.Install, error) {
	if j.facts.installed != "" {
		// The user's own program keeps the user's own models.
		return embedded.Install{Binary: j.facts.installed, Source: "installed", Models: process.Getenv(j.o.Environ, "OLLAMA_MODELS")}, nil
	}
	in := embedded.Install{Version: ollamaVersion, Models: filepath.Join(j.o.Paths.Data, "models"), Home: filepath.Join(j.o.Paths.Data, "ollama")}
	for _, dir := range []string{in.Models, in.Home} {
		if err := makeDir(dir); err != nil {
			return in, err
		}
	}
	ready, done := builtBinary(j.o, j.facts)
	if !done && !j.o.Offline && j.facts.archive != "" {
		err := j.step(ctx, stepArchive, func(ctx context.Context) (detail string, err error) {
			in.Binary, err = j.fetchArchive(ctx)
			return in.Binary, err
		})
		if err == nil {
			in.Source = "archive"
			return in, nil
		}
		if ctx.Err() != nil || fault.CodeOf(err) == CodeChecksum {
			return in, err // what was tampered with is not worked around in silence
		}
		j.o.note("info", "the release can't be had here; building Ollama instead")
	}
	if !done {
		var err error
		if ready, err = j.buildOllama(ctx); err != nil {
			return in, j.noProgram(err)
		}
	}
	in.Binary, in.Source, in.CPUOnly, in.Portable = ready, built, runtime.GOOS != "darwin", j.o.Portable
	in.CPU = cpuID(ctx, j.o.Environ)
	return in, nil
}

// noProgram makes the last way's failure that of the whole search.
func (j *job) noProgram(err error) error {
	var f *fault.Error
	if !errors.As(err, &f) || f.Kind != fault.Failed {
		return err
	}
	if j.o.Offline {
		f.Hint("set-up may not go online: run it once without --offline")
	}
	return &fault.Error{Kind: fault.Unreachable, Code: CodeNoServer, Op: "setup", Err: f}
}

// Present is what of the private server exists, for a status: it starts and
// changes nothing.
type Present struct {
	Install embedded.Install `json:"install"`
	Made    bool             `json:"made"`    // set-up has made one, and its program is there
	State   embedded.State   `json:"state"`   // of the running supervisor
	Running bool             `json:"running"` // a supervisor runs
}

// StatePresent tells what of the private server exists.
func StatePresent(p Paths) Present {
	var s Present
	s.Install, s.Made = embedded.ReadInstall(p.Server())
	s.State, s.Running = embedded.Read(p.Server())
	return s
}
