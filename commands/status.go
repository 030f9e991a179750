package commands

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/bitactor/cf/fault"
	"github.com/bitactor/cf/llm"
	"github.com/bitactor/cf/setup"
	"github.com/spf13/cobra"
)

// serverLimit bounds everything that is asked of the model server.
const serverLimit = 1800 * time.Millisecond

// showMost is how many models are described; the rest are listed by name.
const showMost = 64

// Status is the state of everything that cf needs.
type Status struct {
	Project Project       `json:"project"`
	Server  ServerStatus  `json:"server"`
	Models  []ModelStatus `json:"models"`
	Private PrivateStatus `json:"private"`
	Tools   []Tool        `json:"tools"`
	Machine Machine       `json:"machine"`
	Ready   bool          `json:"ready"` // the main job can run
	Why     string        `json:"why,omitempty"`
}

// Type names the event.
func (Status) Type() string { return "status" }

// ServerStatus says which model server would be used.
type ServerStatus struct {
	Provider   string   `json:"provider"`
	URL        string   `json:"url,omitempty"`
	Source     string   `json:"source,omitempty"`
	Version    string   `json:"version,omitempty"`
	Warnings   []string `json:"warnings,omitempty"`
	Guarantees []string `json:"not_guaranteed,omitempty"`
	Error      string   `json:"error,omitempty"`
	Hints      []string `json:"hints,omitempty"`
}

// ModelStatus is a model on the server.
type ModelStatus struct {
	llm.Model
	Loaded bool   `json:"loaded"`
	Used   bool   `json:"used"` // would be used now
	Why    string `json:"why,omitempty"`
	// Calibrated says what cf calibrate found, in a few words.
	Calibrated string `json:"calibrated,omitempty"`
}

// PrivateStatus says where cf's own server stands.
type PrivateStatus struct {
	State   string `json:"state"` // "none", "asleep", "starting", "ready", "failed"
	URL     string `json:"url,omitempty"`
	Version string `json:"version,omitempty"`
	Model   string `json:"model,omitempty"`
	Why     string `json:"why,omitempty"`
}

func newStatusCmd(a *App) *cobra.Command {
	var showNetwork bool
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Say what is on this machine and what cf would use",
		Long: "One table: the project, the model server and its models, programs, sandbox, machine.\n" +
			"Ends with 0 if a model can be asked, 10 without a server, 12 without a model.",
		Example:     "  cf status\n  cf status --json\n  cf status --network",
		Args:        cobra.NoArgs,
		Annotations: map[string]string{annotEffect: effectRead},
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := a.Config()
			if err != nil {
				return err
			}
			if showNetwork {
				a.Events().Emit(network(c, a.Env.Getenv))
				return nil
			}
			status, err := a.status(cmd.Context())
			if cmd.Context().Err() != nil {
				return cmd.Context().Err()
			}
			a.Events().Emit(status)
			return err
		},
	}
	cmd.Flags().BoolVar(&showNetwork, "network", false, "list every host that cf may contact, when and why")
	configFlags(cmd, "host", "provider", "model")
	return cmd
}

// status asks everything at once. The error says why the main job can't run.
func (a *App) status(ctx context.Context) (Status, error) {
	var s Status
	var down error
	s.Project = a.Project()
	var wg sync.WaitGroup
	wg.Go(func() { s.Tools = a.tools(ctx) })
	wg.Go(func() { s.Machine = a.machine(ctx) })
	s.Private = a.private()
	down = a.serverStatus(ctx, &s)
	wg.Wait()
	if ctx.Err() != nil {
		return s, ctx.Err()
	}
	if down == nil {
		s.Ready = true
		return s, nil
	}
	if s.Private.State == "asleep" && s.Private.Model != "" && s.Server.Source != setup.Configured {
		s.Ready, s.Why = true, "the private server starts when it is needed"
		return s, nil
	}
	s.Why = oneLine(down.Error())
	var f *fault.Error
	if errors.As(down, &f) && len(fault.HintsOf(down)) == 0 {
		f.Hint(s.Server.Hints...)
	}
	return s, down
}

// serverStatus fills in the server and its models. Its error is Unreachable or
// ModelMissing; in the latter case the server itself is up.
func (a *App) serverStatus(ctx context.Context, s *Status) error {
	ctx, cancel := context.WithTimeout(ctx, serverLimit)
	defer cancel()
	err := a.askServer(ctx, s)
	if err == nil || kindOf(err) == fault.ModelMissing {
		return err
	}
	hints := fault.HintsOf(err)
	switch {
	case ctx.Err() != nil: // our own limit: status ends on time
		err = fault.New(fault.Unreachable, llm.CodeConnect, "no answer within %s", serverLimit).On("status", s.Server.URL)
		hints = []string{"cf setup makes this machine ready"}
	default:
		err = fault.New(fault.Unreachable, fault.CodeOf(err), "%s", oneLine(err.Error()))
	}
	s.Server.Error, s.Server.Hints = oneLine(err.Error()), hints
	return err
}

func (a *App) askServer(ctx context.Context, s *Status) error {
	c, err := a.Config()
	if err != nil {
		return err
	}
	url, _ := hostOf(c)
	s.Server = ServerStatus{Provider: c.Provider, URL: url}
	if url != "" {
		s.Server.Source = setup.Configured
	}
	server, err := a.locate(ctx, c, false)
	if err != nil {
		return err
	}
	s.Server.URL, s.Server.Source, s.Server.Version, s.Server.Warnings = server.URL, server.Source, server.Version, server.Warnings
	if text := server.Exposure(); text != "" {
		s.Server.Warnings = append(s.Server.Warnings, text)
	}
	provider, err := a.open(c, server)
	if err != nil {
		return err
	}
	s.Server.Guarantees = provider.Guarantees()
	models, err := describeAll(ctx, provider)
	if err != nil {
		return err
	}
	for _, m := range models {
		s.Models = append(s.Models, ModelStatus{Model: m, Calibrated: a.calibrated(m.Digest)})
	}
	if running, err := provider.Running(ctx); err == nil {
		for i := range s.Models {
			for _, r := range running {
				s.Models[i].Loaded = s.Models[i].Loaded || r.Name == s.Models[i].Name
			}
		}
	}
	chosen, why, err := setup.ChooseModel(models, c.Model, setup.ModelMemory(ctx, a.Env.Environ, server.CPUOnly))
	if err != nil {
		return err
	}
	for i := range s.Models {
		if s.Models[i].Name == chosen.Name {
			s.Models[i].Used, s.Models[i].Why = true, why
		}
	}
	return nil
}

// describeAll lists the models with everything known about each. A model that
// can't be described stays in the list by name.
func describeAll(ctx context.Context, p llm.Provider) ([]llm.Model, error) {
	models, err := p.List(ctx)
	if err != nil {
		return nil, err
	}
	slots := make(chan struct{}, 8)
	var wg sync.WaitGroup
	for i := range models[:min(len(models), showMost)] {
		wg.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			if m, err := p.Show(ctx, models[i].Name); err == nil {
				models[i] = m
			}
		})
	}
	wg.Wait()
	return models, nil
}

// modelNames returns what a running server holds, for completion.
func (a *App) modelNames(ctx context.Context) ([]string, error) {
	c, err := a.Config()
	if err != nil {
		return nil, err
	}
	server, err := a.locate(ctx, c, false)
	if err != nil {
		return nil, err
	}
	p, err := a.open(c, server)
	if err != nil {
		return nil, err
	}
	models, err := p.List(ctx)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, m := range models {
		names = append(names, strings.ReplaceAll(m.Name, "\t", " "))
	}
	return names, nil
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
