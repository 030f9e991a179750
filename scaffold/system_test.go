package scaffold

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bitactor/cf/check/checktest"
)

// long tells whether the tests that take minutes run too: make test-scaffold.
func long() bool { return os.Getenv("CF_SCAFFOLD_LONG") != "" }

// own returns the catalogue that cf is built with.
func own(t *testing.T) *Catalogue {
	t.Helper()
	c, err := Own()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// guidePaths are what the user's guide has implemented at paths of blocks, in its
// order.
func guidePaths(t *testing.T, c *Catalogue) []string {
	t.Helper()
	text, err := os.ReadFile("../testdata/guide/commands.txt")
	if err != nil {
		t.Fatal(err)
	}
	var paths []string
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		if len(fields) > 2 && fields[1] == "implement" && strings.Contains(fields[2], "/") {
			if _, ok := c.Owner(fields[2]); ok {
				paths = append(paths, fields[2])
			}
		}
	}
	return paths
}

// project renders blocks into an empty folder.
func project(t *testing.T, c *Catalogue, profile string, blocks ...string) string {
	t.Helper()
	dir := t.TempDir()
	renderTo(t, c, dir, profile, blocks...)
	return dir
}

func renderTo(t *testing.T, c *Catalogue, dir, profile string, blocks ...string) {
	t.Helper()
	all, err := c.Closure(blocks...)
	if err != nil {
		t.Fatal(err)
	}
	files, err := c.Render(Input{Blocks: all, Profile: profile})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		full := filepath.Join(dir, f.Path)
		if err := errors.Join(os.MkdirAll(filepath.Dir(full), 0o755), os.WriteFile(full, f.Content, f.Mode)); err != nil {
			t.Fatal(err)
		}
	}
}

// mix runs Mix in a project with an empty HOME, as a machine has it that holds
// Erlang and Elixir alone.
func mix(t *testing.T, dir string, args ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "mix", args...)
	cmd.Dir = filepath.Join(dir, "bitactor_otp")
	cmd.Env = []string{"HOME=" + t.TempDir(), "PATH=" + os.Getenv("PATH"), "LANG=C.UTF-8", "MIX_ENV=test", "ERL_LIBS=" + os.Getenv("ERL_LIBS")}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("mix %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// TestWholeSystem: every block in an empty folder compiles without a warning, is
// formatted, and passes its tests, with nothing but Erlang and Elixir.
func TestWholeSystem(t *testing.T) {
	c := own(t)
	checktest.Need(t, "mix", "apt-get install elixir")
	dir := project(t, c, ProfileOTP, c.All(ProfileOTP)...)
	mix(t, dir, "compile", "--warnings-as-errors")
	mix(t, dir, "format", "--check-formatted")
	tests := []string{"test"}
	if long() {
		tests = append(tests, "--include", "slow")
	}
	mix(t, dir, tests...)
}

// TestTheGuidesOrderDoesNotCount: its paths, in its order and in twenty others, end
// in the same tree, which is what all these blocks are rendered to at once.
func TestTheGuidesOrderDoesNotCount(t *testing.T) {
	c := own(t)
	order := guidePaths(t, c)
	var blocks []string
	for _, p := range order {
		if b, _ := c.Owner(p); !slices.Contains(blocks, b.ID) {
			blocks = append(blocks, b.ID)
		}
	}
	at := newFolder(t, project(t, c, ProfileOTP, blocks...)).all()
	for seed := range uint64(21) {
		ids := slices.Clone(blocks)
		if seed > 0 {
			rand.New(rand.NewPCG(seed, 0)).Shuffle(len(ids), func(i, j int) { ids[i], ids[j] = ids[j], ids[i] })
		}
		f := newFolder(t, t.TempDir())
		for _, id := range ids {
			f.apply(c, id)
		}
		if diff := cmp.Diff(at, f.all()); diff != "" {
			t.Fatalf("%q ends in another tree:\n%s", ids, diff)
		}
	}
}

// TestEachStepOfTheGuideCompiles also keeps that a block names all that it needs.
func TestEachStepOfTheGuideCompiles(t *testing.T) {
	if !long() {
		t.Log("make test-scaffold compiles each step")
		return
	}
	c := own(t)
	checktest.Need(t, "mix", "apt-get install elixir")
	dir := t.TempDir()
	var blocks []string
	for _, p := range guidePaths(t, c) {
		b, _ := c.Owner(p)
		if slices.Contains(blocks, b.ID) {
			continue
		}
		blocks = append(blocks, b.ID)
		renderTo(t, c, dir, ProfileOTP, blocks...)
		if _, err := os.Stat(filepath.Join(dir, "bitactor_otp/mix.exs")); err == nil {
			mix(t, dir, "compile", "--warnings-as-errors")
		}
	}
}

// TestEachBlockAlone: with what it needs and nothing else it compiles, is formatted
// and passes its tests.
func TestEachBlockAlone(t *testing.T) {
	if !long() {
		t.Log("make test-scaffold builds each block alone")
		return
	}
	c := own(t)
	checktest.Need(t, "mix", "apt-get install elixir")
	for _, id := range c.All(ProfileOTP) {
		t.Run(id, func(t *testing.T) {
			dir := project(t, c, ProfileOTP, id)
			if _, err := os.Stat(filepath.Join(dir, "bitactor_otp/mix.exs")); err != nil {
				return // documents and manifests alone
			}
			mix(t, dir, "compile", "--warnings-as-errors")
			mix(t, dir, "format", "--check-formatted")
			mix(t, dir, "test")
		})
	}
}

// TestEveryBlockIsFound: what the guide asks for in words finds the blocks that it
// is about.
func TestEveryBlockIsFound(t *testing.T) {
	c := own(t)
	for request, want := range map[string][]string{
		"implement GenServer for BitActor with state management, message routing, and fault recovery":                                {"recovery", "server", "worker"},
		"create property-based tests using StreamData for BitActor invariants and edge cases":                                        {"property"},
		"implement distributed load testing with thousands of concurrent BitActors":                                                  {"load"},
		"integrate OpenTelemetry with Erlang/OTP for distributed tracing, metrics, and logging":                                      {"telemetry"},
		"implement real-time performance metrics with Prometheus/Grafana integration":                                                {"metrics", "monitoring"},
		"create production release configuration with clustering, security, and monitoring":                                          {"release"},
		"create CI/CD pipeline with automated testing, security scanning, and blue-green deployment":                                 {"ci", "kubernetes"},
		"create real-time analytics dashboard for BitActor performance with streaming data processing and machine learning insights": {"analytics"},
		"implement security hardening with authentication, authorization, encryption, and audit logging for production BitActor":     {"security"},
		"analyze BitActor performance bottlenecks and implement optimizations for memory usage, CPU efficiency, and network I/O":     {"memory", "performance"},
		"optimize memory management in BitActor with Erlang garbage collection tuning and C memory pools":                            {"memory"},
		"write a poem about the sea": nil,
	} {
		var got []string
		for _, h := range c.Asked(request) {
			got = append(got, h.ID)
		}
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("%q finds %q, want %q", request, got, want)
		}
	}
}
