package quiet_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
)

// startBound is far above the few milliseconds a start takes and far below the
// five seconds that bubbletea's question may wait.
const startBound = 2 * time.Second

func TestLinkingBubbleteaStaysSilentOnATerminal(t *testing.T) {
	out, took := runOnTerminal(t, "hushed", nil)
	if bytes.IndexByte(out, 0x1b) >= 0 {
		t.Errorf("an escape sequence reached the terminal: %q", out)
	}
	if got := strings.TrimSpace(string(out)); got != "linked true" {
		t.Errorf("output %q, want %q", got, "linked true")
	}
	if took > startBound {
		t.Errorf("start took %s, want at most %s", took, startBound)
	}
}

// TestWithoutQuietTheTerminalIsAsked proves that the test above can fail: the
// same program without the import writes the query. Once bubbletea stops asking,
// this fails, and package quiet can go.
func TestWithoutQuietTheTerminalIsAsked(t *testing.T) {
	out, _ := runOnTerminal(t, "loud", query)
	if !bytes.Contains(out, query) {
		t.Errorf("no background query in %q", out)
	}
}

// query asks a terminal for its background (XTerm control sequences, OSC 11).
var query = []byte("\x1b]11;?")

// runOnTerminal builds testdata/name, runs it on a terminal that answers
// nothing, and returns all that it wrote and how long it ran, 8 s at most. It
// ends the program early once it has written until, unless that is nil.
func runOnTerminal(t *testing.T, name string, until []byte) ([]byte, time.Duration) {
	t.Helper()
	bin := filepath.Join(t.TempDir(), name)
	if out, err := exec.Command("go", "build", "-o", bin, "./testdata/"+name).CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	cmd := exec.Command(bin)
	cmd.Env = append(os.Environ(), "TERM=xterm-256color", "COLORFGBG=", "CI=") // with CI set it never asks
	begin := time.Now()
	terminal, err := pty.Start(cmd)
	if err != nil {
		t.Fatal(err)
	}
	defer terminal.Close()
	stop := time.AfterFunc(8*time.Second, func() { _ = cmd.Process.Kill() })
	defer stop.Stop()

	var out []byte
	buf := make([]byte, 4096)
	for {
		n, err := terminal.Read(buf)
		out = append(out, buf[:n]...)
		if until != nil && bytes.Contains(out, until) {
			_ = cmd.Process.Kill()
			break
		}
		if errors.Is(err, io.EOF) || errors.Is(err, syscall.EIO) { // Linux says EIO once the last writer has gone
			break
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	_ = cmd.Wait()
	return out, time.Since(begin)
}
