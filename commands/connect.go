package commands

import (
	"context"
	"path/filepath"

	"github.com/bitactor/cf/commands/config"
	"github.com/bitactor/cf/event"
	"github.com/bitactor/cf/fault"
	"github.com/bitactor/cf/llm"
	"github.com/bitactor/cf/llm/embedded"
	"github.com/bitactor/cf/llm/ollama"
	"github.com/bitactor/cf/llm/openai"
	"github.com/bitactor/cf/llm/otel"
	"github.com/bitactor/cf/llm/profile"
	"github.com/bitactor/cf/setup"
)

// Connect finds the model server and the model, starting the private server if
// set-up made one. It never installs or pulls. model is the --model flag, or "".
// The caller emits Backend.Event and calls Backend.Release when it is done.
func (a *App) Connect(ctx context.Context, model string) (*Backend, error) {
	c, err := a.Config()
	if err != nil {
		return nil, err
	}
	if model == "" {
		model = c.Model
	}
	b, server, err := a.connect(ctx, c, model)
	if err != nil && server.Source == setup.Private && lost(err) {
		// It ended between being found and being asked: there is another by now, or
		// one is started.
		b, server, err = a.connect(ctx, c, model)
	}
	if err != nil {
		return nil, err
	}
	for _, w := range server.Warnings {
		a.Events().Emit(event.Note{Level: "warn", Text: w})
	}
	return b, nil
}

// lost tells whether a server that answered a moment ago is gone.
func lost(err error) bool {
	return fault.KindOf(err) == fault.Unreachable || fault.CodeOf(err) == llm.CodeCut
}

// connect tries once. The server is set as soon as one was found.
func (a *App) connect(ctx context.Context, c *config.Config, model string) (*Backend, setup.Server, error) {
	server, err := a.locate(ctx, c, true)
	if err != nil {
		return nil, server, err
	}
	b := &Backend{Release: func() {}}
	if server.Source == setup.Private {
		b.Release = embedded.Hold(a.setupPaths().Server())
	}
	if err := a.prepare(ctx, c, b, server, model); err != nil {
		b.Release()
		return nil, server, err
	}
	return b, server, nil
}

// prepare chooses the model and asks the server all that a verb needs of it.
func (a *App) prepare(ctx context.Context, c *config.Config, b *Backend, server setup.Server, model string) error {
	p, err := a.open(c, server)
	if err != nil {
		return err
	}
	if p, err = a.traced(ctx, b, p); err != nil {
		return err
	}
	b.Provider = p
	a.Log().Info("model server", "url", server.URL, "source", server.Source, "version", server.Version)
	models, err := p.List(ctx)
	if err != nil {
		return err
	}
	chosen, why, err := setup.ChooseModel(models, model, setup.ModelMemory(ctx, a.Env.Environ, server.CPUOnly))
	if err != nil {
		return err
	}
	if b.Model, err = p.Show(ctx, chosen.Name); err != nil {
		return err
	}
	if b.Model.Remote != "" && !c.AllowRemoteHosts {
		return fault.New(fault.Usage, llm.CodeRemoteHost, "the model runs on %s, not on this machine", b.Model.Remote).On("choose model", b.Model.Name).
			Hint("what is read would leave this machine; to allow it: cf config set allow_remote_hosts true")
	}
	if b.Window, err = p.Window(ctx, chosen.Name); err != nil {
		return err
	}
	if b.Counter, err = p.Counter(ctx, chosen.Name); err != nil {
		return err
	}
	for _, text := range p.Guarantees() {
		a.Events().Emit(event.Note{Level: "info", Text: "this kind of server can't promise: " + text})
	}
	if b.Window.Spill {
		a.Events().Emit(event.Note{Level: "warn", Text: "the model does not fit the GPU: part of it runs on the CPU, slower"})
	}
	b.Event = event.Model{
		Name: b.Model.Name, Server: server.URL, Source: server.Source, Why: why,
		Context: b.Window.Context, GPUShare: b.Window.GPUShare,
	}
	return nil
}

// traced wraps p in spans and metrics if OTEL_EXPORTER_OTLP_* asks for them;
// b.Release then sends what is left.
func (a *App) traced(ctx context.Context, b *Backend, p llm.Provider) (llm.Provider, error) {
	shutdown, on, err := otel.Start(ctx, a.Env.Getenv)
	if err != nil || !on {
		return p, err
	}
	release := b.Release
	b.Release = func() {
		release()
		if err := shutdown(context.WithoutCancel(ctx)); err != nil {
			a.Events().Emit(event.Note{Level: "warn", Text: "telemetry was not sent: " + err.Error()})
		}
	}
	return otel.Wrap(p, nil, nil)
}

// hostOf returns the URL of the only server to use, "" if one is looked for, and
// whether that may only be the private one.
func hostOf(c *config.Config) (url string, private bool) {
	if c.Host == config.PrivateHost {
		return "", true
	}
	return c.Host, false
}

// locate finds the model server; start allows the private one to be started.
func (a *App) locate(ctx context.Context, c *config.Config, start bool) (setup.Server, error) {
	host, private := hostOf(c)
	o := setup.LocateOptions{
		Paths: a.setupPaths(), Environ: a.Env.Environ, Host: host, PrivateOnly: private,
		Provider: c.Provider, AllowRemote: c.AllowRemoteHosts, Events: a.Events(),
	}
	if start {
		argv, err := a.serveArgs(c)
		if err != nil {
			return setup.Server{}, err
		}
		o.Serve = argv
	}
	if host == "" && c.Provider == "openai" {
		return setup.Server{}, fault.New(fault.Usage, "no-host", "the provider openai needs a host").
			Hint("cf config set host http://127.0.0.1:8080/v1")
	}
	if host != "" { // refuses a host that may not be used before anything is sent to it
		if _, err := a.open(c, setup.Server{URL: host}); err != nil {
			return setup.Server{}, err
		}
	}
	return setup.Locate(ctx, o)
}

// open returns the provider for the server. It connects to nothing.
func (a *App) open(c *config.Config, server setup.Server) (llm.Provider, error) {
	if c.Provider == "openai" {
		return openai.New(openai.Options{URL: server.URL, APIKey: a.apiKey(c), AllowRemote: c.AllowRemoteHosts, Events: a.Events(), Context: c.ContextMax})
	}
	return ollama.New(ollama.Options{
		URL: server.URL, Version: server.Version, AllowRemote: c.AllowRemoteHosts, Events: a.Events(), ContextMax: c.ContextMax,
		Memory: func(ctx context.Context) ollama.Memory {
			return setup.Memory(ctx, a.Env.Environ, server.CPUOnly)
		},
		CacheDir: a.cacheDir("vocabularies"), Profiles: profile.Open(a.cacheDir("profiles")),
	})
}

func (a *App) apiKey(c *config.Config) string {
	if c.APIKeyEnv == "" {
		return ""
	}
	return a.Env.Getenv(c.APIKeyEnv)
}

// cacheDir is "" where there is no place for a cache, and in a dry run, which
// leaves the disk as it was.
func (a *App) cacheDir(name string) string {
	dry, _ := a.flag("dry-run")
	if a.Env.Paths.Cache == "" || dry == "true" {
		return ""
	}
	return filepath.Join(a.Env.Paths.Cache, name)
}

// private says where the private server stands, from its files alone.
func (a *App) private() PrivateStatus {
	dir := a.setupPaths().Server()
	if dir == "" {
		return PrivateStatus{State: "none", Why: "there is no place for it: HOME is unset"}
	}
	install, ok := embedded.ReadInstall(dir)
	if !ok {
		return PrivateStatus{State: "none", Why: "cf setup makes one if no other server is found"}
	}
	p := PrivateStatus{State: "asleep", Version: install.Version, Model: install.Model}
	if install.CPUOnly {
		p.Why = "built for the CPU only"
		if gpu := setup.FindGPU(a.Env.Environ); gpu.Name != "" {
			p.Why += ": the GPU (" + gpu.Name + ") is not used"
		}
	}
	if state, running := embedded.Read(dir); running {
		p.State, p.URL = string(state.Status), state.URL
		if state.Reason != "" {
			p.Why = state.Reason
		}
	}
	return p
}
