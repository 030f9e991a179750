package commands

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/bitactor/cf/commands/config"
	"github.com/bitactor/cf/event"
	"github.com/bitactor/cf/fault"
	"github.com/bitactor/cf/llm"
	"github.com/bitactor/cf/llm/ollama"
	"github.com/bitactor/cf/setup"
)

// SetupDone is what `cf setup` came to.
type SetupDone struct{ setup.Report }

// Type names the event.
func (SetupDone) Type() string { return "setup" }

// PlainText renders the outcome.
func (s SetupDone) PlainText(int) string {
	where := s.Server.URL
	if where == "" {
		where = "the private server, which starts when needed"
	}
	return fmt.Sprintf("ready: %s on %s (%s)\n", s.Model.Name, where, s.Why)
}

// SetupPlan is what `cf setup` would do.
type SetupPlan struct{ setup.Plan }

// Type names the event.
func (SetupPlan) Type() string { return "setup-plan" }

// PlainText renders the plan as a list.
func (p SetupPlan) PlainText(int) string {
	var b strings.Builder
	for _, s := range p.Steps {
		if s.Done != "" {
			fmt.Fprintf(&b, "done       %s: %s\n", s.Title, s.Done)
			continue
		}
		fmt.Fprintf(&b, "would      %s\n           %s\n", s.Title, s.Why)
		if d := s.Detail(); d != "" {
			fmt.Fprintf(&b, "           %s\n", d)
		}
	}
	if p.Ready {
		b.WriteString("nothing is to be done\n")
	}
	return b.String()
}

func newSetupCmd(a *App) *cobra.Command {
	var dryRun, start, stop, portable bool
	cmd := &cobra.Command{
		Use:   "setup",
		Short: "Make this machine ready: an Ollama server and a model",
		Long: "Uses what is there: a running Ollama, or an installed one. Else it fetches the official\n" +
			"release, or builds Ollama from source where that can't be reached, and runs it as a private\n" +
			"server of yours on a loopback port, which ends when it is idle. Then it makes sure of a model\n" +
			"that fits the memory. It needs no root, asks before it downloads, checks every checksum, and\n" +
			"goes on where it was cut. When all is ready it does nothing.",
		Example:     "  cf setup --dry-run\n  cf setup --yes --model qwen3:8b\n  cf setup --offline\n  cf setup --stop",
		Args:        cobra.NoArgs,
		Annotations: map[string]string{annotEffect: effectWrite},
		RunE: func(cmd *cobra.Command, _ []string) error {
			if stop {
				return a.stopServer(cmd.Context(), dryRun)
			}
			o, err := a.setupOptions()
			if err != nil {
				return err
			}
			o.Portable, o.Start = portable, start
			if dryRun {
				plan, err := setup.NewPlan(cmd.Context(), o)
				if err != nil {
					return err
				}
				a.Events().Emit(SetupPlan{plan})
				return nil
			}
			report, err := setup.Run(cmd.Context(), o)
			if err != nil {
				return err
			}
			for _, w := range append(report.Server.Warnings, report.Server.Exposure()) {
				if w != "" {
					a.Events().Emit(event.Note{Level: "warn", Text: w})
				}
			}
			a.Events().Emit(SetupDone{report})
			return nil
		},
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.BoolVar(&dryRun, "dry-run", false, "say what would be done, from where and how big; change nothing")
	f.BoolVarP(&a.Yes, "yes", "y", false, "do not ask")
	configFlags(cmd, "model", "host", "offline")
	f.BoolVar(&portable, "portable", false, "if Ollama is built, build it for any CPU of this kind (slower)")
	f.BoolVar(&start, "start", false, "start the private server now, not when it is needed")
	f.BoolVar(&stop, "stop", false, "stop the private server and do nothing else")
	cmd.MarkFlagsMutuallyExclusive("stop", "start")
	cmd.MarkFlagsMutuallyExclusive("stop", "model")
	cmd.MarkFlagsMutuallyExclusive("stop", "portable")
	return cmd
}

// setupPaths are cf's folders as setup names them.
func (a *App) setupPaths() setup.Paths {
	return setup.Paths{State: a.Env.Paths.State, Cache: a.Env.Paths.Cache, Data: a.Env.Paths.Data}
}

func (a *App) setupOptions() (setup.Options, error) {
	c, err := a.Config()
	if err != nil {
		return setup.Options{}, err
	}
	if c.Provider != "ollama" {
		return setup.Options{}, fault.New(fault.Usage, "", "set-up is for Ollama; provider is %q", c.Provider).On("setup", "").
			Hint("run: cf config set provider ollama")
	}
	serve, err := a.serveArgs(c)
	if err != nil {
		return setup.Options{}, err
	}
	host, private := hostOf(c)
	o := setup.Options{
		Paths: a.setupPaths(), Environ: a.Env.Environ, Host: host, PrivateOnly: private, Remote: c.AllowRemoteHosts, Model: c.Model,
		Offline: c.Offline, Yes: a.Yes, Events: a.Events(), Serve: serve,
		Provider: func(url string) (llm.Provider, error) {
			// It answered when it was found: from here on it may take its time.
			return ollama.New(ollama.Options{URL: url, AllowRemote: c.AllowRemoteHosts, Events: a.Events(), Limits: ollama.Limits{Greet: 20 * time.Second}})
		},
	}
	if a.Env.StdinTTY && a.Env.StderrTTY && !a.JSON {
		o.Ask = a.askYes
	}
	return o, nil
}

// serveArgs is the argv of the supervisor that cf starts, by this program's own
// path: cf may not be on the PATH.
func (a *App) serveArgs(c *config.Config) ([]string, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fault.New(fault.Failed, "", "%w", err).On("find cf's own program", "")
	}
	return []string{self, "serve-model", "--idle-minutes", fmt.Sprint(c.IdleMinutes)}, nil
}

// askYes puts a question on the terminal. Anything but yes is no.
func (a *App) askYes(ctx context.Context, question string) (bool, error) {
	fmt.Fprintf(a.Env.Stderr, "cf: %s [y/N] ", question)
	answer := make(chan string, 1)
	go func() { // a read from a terminal can't be cancelled
		line, _ := bufio.NewReader(a.Env.Stdin).ReadString('\n')
		answer <- strings.ToLower(strings.TrimSpace(line))
	}()
	select {
	case <-ctx.Done():
		return false, context.Cause(ctx)
	case s := <-answer:
		return s == "y" || s == "yes", nil
	}
}

func (a *App) stopServer(ctx context.Context, dryRun bool) error {
	text := "no private server runs"
	if dryRun {
		if p := setup.StatePresent(a.setupPaths()); p.Running {
			text = "would stop the private server at " + p.State.URL
		}
	} else if ran, err := setup.Stop(ctx, a.setupPaths()); err != nil {
		return err
	} else if ran {
		text = "stopped the private server"
	}
	a.Events().Emit(event.Note{Level: "info", Text: text})
	return nil
}
