package commands

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"unicode/utf8"

	"github.com/bitactor/cf/event"
	"github.com/bitactor/cf/fault"
	"github.com/spf13/cobra"
)

// quiet delivers no signals.
func quiet(chan<- os.Signal) func() { return func() {} }

// ownVerbs are the verbs without the tests' own.
var ownVerbs = verbs

// withVerb adds a verb called "probe" for one test.
func withVerb(t *testing.T, do func(*App, context.Context) error) {
	t.Helper()
	t.Cleanup(func() { verbs = ownVerbs })
	verbs = append(ownVerbs[:len(ownVerbs):len(ownVerbs)], struct {
		group string
		make  func(*App) *cobra.Command
	}{"other", func(a *App) *cobra.Command {
		return &cobra.Command{Use: "probe", Short: "probe", RunE: func(cmd *cobra.Command, _ []string) error {
			return do(a, cmd.Context())
		}}
	}})
}

// try runs cf in env and returns code and outputs.
func try(env *Env, watch func(chan<- os.Signal) func(), args ...string) (code int, stdout, stderr string) {
	var out, errs bytes.Buffer
	env.Stdout, env.Stderr = &out, &errs
	code = run(args, env, watch)
	return code, out.String(), errs.String()
}

func TestErrorsBecomeExitCodes(t *testing.T) {
	tests := []struct {
		err  error
		want int
	}{
		{nil, 0},
		{errors.New("x"), 1},
		{fault.New(fault.Failed, "c", "x"), 1},
		{fault.New(fault.Refused, "c", "x"), 3},
		{fault.New(fault.Conflict, "c", "x"), 4},
		{fault.New(fault.Unreachable, "c", "x"), 10},
		{fault.New(fault.Locked, "c", "x"), 11},
		{fault.New(fault.ModelMissing, "c", "x"), 12},
		{fault.New(fault.Unusable, "c", "x"), 13},
		{fault.New(fault.NoSandbox, "c", "x"), 20},
		{fault.New(fault.Usage, "c", "x"), 64},
		{fault.New(fault.Interrupted, "c", "x"), 130},
		{fault.New(fault.Terminated, "c", "x"), 143},
		{fmt.Errorf("wrapped: %w", fault.New(fault.Locked, "c", "x")), 11},
		{fmt.Errorf("wrapped: %w", context.Canceled), 130},
		{fault.New("a-kind-of-tomorrow", "c", "x"), 1},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprint(tt.err), func(t *testing.T) {
			for _, args := range [][]string{{"probe"}, {"probe", "--json"}, {"--json", "probe"}} {
				withVerb(t, func(*App, context.Context) error { return tt.err })
				code, out, errs := try(testEnv(t, nil), quiet, args...)
				if code != tt.want {
					t.Errorf("%v: exit code %d, want %d", args, code, tt.want)
				}
				if len(args) == 1 {
					if tt.err != nil && !strings.HasPrefix(errs, "cf: error: ") {
						t.Errorf("stderr %q", errs)
					}
					continue
				}
				if err := checkLines([]byte(out), tt.want); err != nil {
					t.Errorf("%v: %v in %s", args, err, out)
				}
			}
		})
	}
}

func TestEveryKindHasItsCode(t *testing.T) {
	kinds := []fault.Kind{
		fault.Failed, fault.Refused, fault.Conflict, fault.Unreachable, fault.Locked, fault.ModelMissing,
		fault.Unusable, fault.NoSandbox, fault.Usage, fault.Interrupted, fault.Terminated,
	}
	seen := map[int]bool{}
	for _, e := range exitCodes {
		if seen[e.Code] {
			t.Errorf("code %d twice", e.Code)
		}
		seen[e.Code] = true
	}
	for _, k := range kinds {
		if code := codeOf(fault.New(k, "", "x")); code == 0 || k != fault.Failed && code == 1 {
			t.Errorf("kind %s has no code of its own", k)
		}
	}
}

func TestErrorTextIsMadeVisible(t *testing.T) {
	bad := fault.New(fault.Failed, "c", "a\x1b]0;x\a\nb\u202e").Hint("h\x9b\r")
	withVerb(t, func(*App, context.Context) error { return bad })
	_, _, errs := try(testEnv(t, nil), quiet, "probe")
	if want := "cf: error: a\\x1b]0;x\\x07; b\\u202e\ncf: hint: h\\x9b\n"; errs != want {
		t.Errorf("stderr\n%q, want\n%q", errs, want)
	}
	_, out, _ := try(testEnv(t, nil), quiet, "probe", "--json")
	if err := checkLines([]byte(out), 1); err != nil || strings.Contains(out, "\u202e") {
		t.Errorf("%v: %q", err, out)
	}
}

func TestAPanicIsReported(t *testing.T) {
	home := t.TempDir()
	withVerb(t, func(a *App, _ context.Context) error {
		a.Events().Emit(event.Text{Text: "half a li"})
		panic("boom\x1b[31m")
	})
	for _, vars := range []map[string]string{nil, {"HOME": home}} {
		code, out, errs := try(testEnv(t, vars), quiet, "probe", "--json")
		if code != 2 {
			t.Errorf("exit code %d", code)
		}
		if err := checkLines([]byte(out), 2); err != nil {
			t.Errorf("%v: %s", err, out)
		}
		if strings.Contains(errs, "\x1b") {
			t.Errorf("raw escape in %q", errs)
		}
	}
	files, _ := filepath.Glob(filepath.Join(home, ".local/state/cf/crash-*.txt"))
	if len(files) != 1 {
		t.Fatalf("reports: %v", files)
	}
	if info, err := os.Stat(files[0]); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
}

func TestTheFirstSignalCancels(t *testing.T) {
	for sig, want := range map[os.Signal]int{os.Interrupt: 130, syscall.SIGTERM: 143, syscall.SIGHUP: 143} {
		for _, args := range [][]string{{"probe"}, {"probe", "--json"}} {
			started := make(chan struct{})
			cleaned := false
			withVerb(t, func(_ *App, ctx context.Context) error {
				close(started)
				<-ctx.Done()
				cleaned = true
				return fmt.Errorf("some request: %w", ctx.Err())
			})
			watch := func(c chan<- os.Signal) func() {
				go func() { <-started; c <- sig }()
				return func() {}
			}
			code, out, _ := try(testEnv(t, nil), watch, args...)
			if code != want || !cleaned {
				t.Errorf("%v: exit code %d, want %d; cleaned up: %v", sig, code, want, cleaned)
			}
			if len(args) == 2 {
				if err := checkLines([]byte(out), want); err != nil {
					t.Error(err)
				}
			}
		}
	}
}

type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) {
	return 0, &os.PathError{Op: "write", Path: "|1", Err: syscall.EPIPE}
}

func TestABrokenPipeEndsQuietly(t *testing.T) {
	withVerb(t, func(a *App, ctx context.Context) error {
		a.Events().Emit(event.Text{Text: "line\n"})
		<-ctx.Done() // the model must not go on for nobody
		return ctx.Err()
	})
	env := testEnv(t, nil)
	var errs bytes.Buffer
	env.Stdout, env.Stderr = brokenPipe{}, &errs
	if code := run([]string{"probe"}, env, quiet); code != 1 || errs.Len() > 0 {
		t.Errorf("exit code %d, stderr %q", code, errs.String())
	}
}

// TestMisuseTouchesNothing runs wrong command lines with an Env that fails the
// test when anything is asked of it.
func TestMisuseTouchesNothing(t *testing.T) {
	lines := [][]string{
		{"nope"},
		{"statsu"},
		{"--nope"},
		{"status", "--nope"},
		{"status", "extra"},
		{"config", "nope"},
		{"config", "get"},
		{"config", "get", "a", "b"},
		{"config", "set", "model"},
		{"help", "nope"},
		{"completion"},
		{"completion", "tcsh"},
		{"man"},
		{"validate", "--test", "x", "--no-tests"},
		{"apply"},
		{"apply", "a.diff", "b.diff"},
		{"undo", "a", "b"},
		{"undo", "--list", "--prune"},
		{"trust", "x"},
		{"version", "x"},
		{"version", "--", "-x"},
		{""},
		{"\x00"},
		{"\xff\x1b"},
		{strings.Repeat("x", 5000)},
		{"config", "get", "\x1b[2J"},
	}
	for _, args := range lines {
		env := testEnv(t, nil)
		env.Getenv = func(name string) string { t.Errorf("%q asked for variable %s", args, name); return "" }
		env.Stdin = failingReader{t}
		code, out, errs := try(env, quiet, args...)
		if code != 64 || out != "" {
			t.Errorf("%q: exit code %d, stdout %q", args, code, out)
		}
		if !strings.HasPrefix(errs, "cf: error: ") || !strings.Contains(errs, "cf: hint: usage: cf") {
			t.Errorf("%q: stderr %q", args, errs)
		}
		if strings.ContainsAny(errs, "\x1b\x00") || !utf8.ValidString(errs) {
			t.Errorf("%q: raw bytes in %q", args, errs)
		}
		code, out, _ = try(env, quiet, append([]string{"--json"}, args...)...)
		if err := checkLines([]byte(out), 64); code != 64 || err != nil {
			t.Errorf("%q --json: exit code %d, %v in %s", args, code, err, out)
		}
	}
}

type failingReader struct{ t *testing.T }

func (f failingReader) Read([]byte) (int, error) {
	f.t.Error("standard input was read")
	return 0, io.EOF
}

// TestEnvironments runs the verbs that need no server in unkind surroundings.
func TestEnvironments(t *testing.T) {
	closed := filepath.Join(t.TempDir(), "closed")
	if err := os.Mkdir(closed, 0o500); err != nil {
		t.Fatal(err)
	}
	for name, vars := range map[string]map[string]string{
		"no home": {}, "closed home": {"HOME": closed}, "relative": {"HOME": "here", "XDG_STATE_HOME": "x"},
		"dumb": {"TERM": "dumb", "HOME": t.TempDir()}, "no color": {"NO_COLOR": "1"}, "no clicolor": {"CLICOLOR": "0"},
	} {
		for _, width := range []int{0, 1, 2, 80} {
			for _, tty := range []bool{false, true} {
				for _, args := range [][]string{{"--help"}, {"--version"}, {"version"}, {"config", "list"}, {"status", "--network"}} {
					env := testEnv(t, vars)
					env.Width, env.StdoutTTY, env.StderrTTY = width, tty, tty
					code, out, errs := try(env, quiet, args...)
					if code != 0 || out == "" || errs != "" {
						t.Errorf("%s, width %d, %v: exit code %d, stderr %q", name, width, args, code, errs)
					}
					if strings.Contains(out, "\x1b") {
						t.Errorf("%s, %v: escape sequence in %q", name, args, out)
					}
				}
			}
		}
	}
}
