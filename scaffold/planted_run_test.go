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
)

// failed is what ExUnit says of a run in which tests failed: a bug that only
// keeps the project from compiling would be no bug that a test caught.
var failed = regexp.MustCompile(`[1-9][0-9]* failures?`)

// TestPlantedBugsAreCaught puts each planted bug into the generated project and
// runs the tests that must find it: first those that run by default, then the
// slow ones too. It takes minutes: `go test -tags planted ./scaffold`; with -run
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
		cmd.Env = append(os.Environ(), append(environ, "MIX_ENV=test", "HOME="+dir)...)
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
		t.Run(b.File, func(t *testing.T) { b.plant(t, dir, files[b.File], environ, mix) })
	}
}

// plant puts the bug into the project in dir, runs the tests and takes it out again.
func (b plantedBug) plant(t *testing.T, dir string, f File, environ []string, mix func([]string, ...string) (string, error)) {
	full := filepath.Join(dir, filepath.FromSlash(b.File))
	planted := strings.Replace(string(f.Content), b.Replace, b.With, 1)
	if err := os.WriteFile(full, []byte(planted), f.Mode); err != nil {
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
	out, err := mix(environ, append([]string{"test"}, b.CaughtBy...)...)
	if err == nil {
		slow := []string{"test", "--include", "slow", "--include", "integration"}
		out, err = mix(environ, append(slow, b.CaughtBy...)...)
	}
	if err == nil || !failed.MatchString(out) {
		t.Errorf("not caught by %v: %q\n%s", b.CaughtBy, b.With, out)
	}
	if err := os.WriteFile(full, f.Content, f.Mode); err != nil {
		t.Fatal(err)
	}
}
