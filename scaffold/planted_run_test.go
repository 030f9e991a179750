//go:build planted

package scaffold

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/bitactor/cf/scaffold/planted"
)

// failed is what ExUnit says of a run in which tests failed: a bug that only
// keeps the project from compiling would be no bug that a test caught.
var failed = regexp.MustCompile(`[1-9][0-9]* failures?`)

// slowTags are those of the tests that do not run by default, by where they lie.
var slowTags = map[string]string{
	"../test/integration": "integration",
	"../test/performance": "load",
}

// commands are what a name of planted.Command runs, and what it says of a bug.
var commands = map[string]struct {
	args []string
	says string
}{
	"mix compile": {[]string{"compile", "--warnings-as-errors"}, "warning: "},
	"mix format":  {[]string{"format", "--check-formatted"}, "not formatted"},
}

// TestPlantedBugsAreCaught puts each planted bug that the project itself must find
// into it and runs the tests: first those that run by default, then the slow ones
// too. The other bugs are TestPlantedBugsAreFound's, of deploytest. It takes minutes: `go test -tags planted ./scaffold`; with -run
// TestPlantedBugsAreCaught/bitactor_otp/lib/bitactor/ring.ex those of one file.
func TestPlantedBugsAreCaught(t *testing.T) {
	bugs, files, _ := plantedBugs(t)
	dir := t.TempDir()
	for name, f := range files {
		full := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(full, f.Content, f.Mode); err != nil {
			t.Fatal(err)
		}
	}
	mix := func(environ []string, args ...string) (string, error) {
		cmd := exec.CommandContext(t.Context(), "mix", args...)
		cmd.Dir = filepath.Join(dir, "bitactor_otp")
		cmd.Env = append(os.Environ(), append(environ, "MIX_ENV=test", "HOME="+dir, "BITACTOR_LOAD_ROUNDS=1")...)
		// The nodes that tests start end with them, also where the run is cut short.
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
		cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
		cmd.WaitDelay = 10 * time.Second
		out, err := cmd.CombinedOutput()
		if cmd.Process != nil {
			_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		}
		return string(out), err
	}
	if out, err := mix(nil, "compile", "--warnings-as-errors"); err != nil {
		t.Fatalf("without any bug: %v\n%s", err, out)
	}
	ra := ""
	for _, b := range bugs {
		if len(b.Of(planted.Suite, planted.Command)) == 0 {
			continue
		}
		var environ []string
		if b.Needs == "ra" {
			if ra == "" {
				out, err := exec.CommandContext(t.Context(), "../tools/ra.sh").Output()
				if err != nil {
					t.Fatalf("tools/ra.sh: %v", err)
				}
				ra = "ERL_LIBS=" + strings.TrimSpace(string(out))
			}
			environ = []string{ra}
		}
		t.Run(b.File, func(t *testing.T) { plant(t, b, dir, files[b.File], environ, mix) })
	}
}

// plant puts the bug into the project in dir, runs what must find it and takes it
// out again.
func plant(t *testing.T, b planted.Bug, dir string, f File, environ []string, mix func([]string, ...string) (string, error)) {
	full := filepath.Join(dir, filepath.FromSlash(b.File))
	if err := os.WriteFile(full, []byte(b.Into(string(f.Content))), f.Mode); err != nil {
		t.Fatal(err)
	}
	// Mix looks at a file that is younger than its manifest, by the second: one that was
	// changed in the second of the compilation before would be passed over.
	manifests, _ := filepath.Glob(filepath.Join(dir, "bitactor_otp/_build/test/lib/bitactor/.mix/compile.*"))
	past := time.Now().Add(-time.Hour)
	for _, m := range manifests {
		if err := os.Chtimes(m, past, past); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range b.Of(planted.Command) {
		command := commands[name]
		if out, err := mix(environ, command.args...); err == nil || !strings.Contains(out, command.says) {
			t.Errorf("not found by %s: %q\n%s", name, b.With, out)
		}
	}
	if suites := b.Of(planted.Suite); len(suites) > 0 {
		out, err := mix(environ, append([]string{"test"}, suites...)...)
		if err == nil {
			out, err = mix(environ, append(slowly(suites), suites...)...)
		}
		if err == nil || !failed.MatchString(out) {
			t.Errorf("not caught by %v: %q\n%s", suites, b.With, out)
		}
	}
	if err := os.WriteFile(full, f.Content, f.Mode); err != nil {
		t.Fatal(err)
	}
}

// slowly returns the call of Mix that runs the slow tests of the suites too.
func slowly(suites []string) []string {
	args := []string{"test", "--include", "slow"}
	for _, name := range suites {
		for folder, tag := range slowTags {
			if strings.HasPrefix(name, folder) {
				args = append(args, "--include", tag)
			}
		}
	}
	return args
}
