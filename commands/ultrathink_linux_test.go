package commands

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/bitactor/cf/llm/llmtest"
)

// TestInterruptMidAnswer: Ctrl-C while the model writes ends with 130, quickly,
// and keeps nothing of a turn without an answer.
func TestInterruptMidAnswer(t *testing.T) {
	for _, args := range [][]string{{"ultrathink", "design a queue"}, {"ultrathink", "design a queue", "--json"}, {"ask", "what is this?"}} {
		server := llmtest.NewFaultServer(t, llmtest.FaultNamed("stands-still"))
		cmd := asCF(t, []string{"HOME=" + t.TempDir(), "OLLAMA_HOST=" + server.URL, "PATH=" + os.Getenv("PATH")}, args...)
		out, took := interrupted(t, cmd, until("supervisor"))
		if took > 2*time.Second {
			t.Errorf("%v: ended after %s", args, took)
		}
		if args[len(args)-1] == "--json" && checkLines(out, 130) != nil {
			t.Errorf("%v", checkLines(out, 130))
		}
		if left, err := os.ReadDir(filepath.Join(cmd.Dir, ".cf")); err == nil {
			t.Errorf("%v left %v", args, left)
		}
	}
}

// interrupted starts cmd, sends it SIGINT once ready has returned what it read of its
// output, and returns all that it wrote and how long it took to end, which must be with
// 130.
func interrupted(t *testing.T, cmd *exec.Cmd, ready func(io.Reader) (string, error)) (written []byte, took time.Duration) {
	t.Helper()
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	before, err := ready(out)
	if err != nil {
		t.Fatalf("%v: %v: %s%s", cmd.Args, err, before, stderr.String())
	}
	begin := time.Now()
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	rest, _ := io.ReadAll(out)
	if code := exitCodeOf(t, cmd.Wait()); code != 130 {
		t.Errorf("%v: exit code %d\n%s", cmd.Args, code, stderr.String())
	}
	return append([]byte(before), rest...), time.Since(begin)
}

// until reads until text is there.
func until(text string) func(io.Reader) (string, error) {
	return func(r io.Reader) (string, error) { return readUntil(r, text) }
}

// readUntil reads r until what was read holds text.
func readUntil(r io.Reader, text string) (string, error) {
	var all strings.Builder
	piece := make([]byte, 512)
	for !strings.Contains(all.String(), text) {
		n, err := r.Read(piece)
		all.Write(piece[:n])
		if err != nil {
			return all.String(), err
		}
	}
	return all.String(), nil
}
