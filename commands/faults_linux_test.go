package commands

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/bitactor/cf/fault"
	"github.com/bitactor/cf/llm"
	"github.com/bitactor/cf/llm/llmtest"
)

// slowFaults end by a limit of minutes; the provider's own tests cover them
// with shorter limits.
var slowFaults = []string{llm.CodeFirstToken, llm.CodeIdle, llm.CodeTotal, llm.CodeBusy}

// TestEveryServerFaultHasItsExitCode runs cf ask against every fault of a model
// server that shows at once: the right code, valid JSON lines, no raw control
// character, and on an error no answer taken for one.
func TestEveryServerFaultHasItsExitCode(t *testing.T) {
	for _, f := range llmtest.Faults() {
		if f.Only == "openai" || slices.ContainsFunc(f.Want.Codes, func(c string) bool { return slices.Contains(slowFaults, c) }) {
			continue
		}
		t.Run(f.Name, func(t *testing.T) {
			t.Parallel()
			s := llmtest.NewFaultServer(t, f)
			env := testEnv(t, map[string]string{"CF_HOST": s.URL, "HOME": t.TempDir()})
			code, out, _ := try(env, quiet, "ask", "what is this?", "--json")
			var want []int
			for _, c := range f.Want.Codes {
				if c == "" {
					want = append(want, 0)
				} else {
					want = append(want, codeOf(fault.New(llmtest.KindOf(c), c, "x")))
				}
			}
			if f.All { // it may be found out before the model is asked
				want = append(want, 10, 12)
			}
			if n := s.Strays(); n > 0 {
				t.Errorf("%d requests went to another host", n)
			}
			switch { // what ask makes of two of them is its own affair
			case slices.Contains(f.Want.Codes, llm.CodeLoop) && strings.Contains(out, `"state":"done","why":"`):
				want = append(want, 0) // the text before the loop is kept, and said to be cut
			case f.Name == "many-in-one":
				want = append(want, 13) // it is longer than ask allows
			}
			if !slices.Contains(want, code) {
				t.Fatalf("exit code %d, want one of %v (%q)\n%s", code, want, f.Want.Codes, lastLine(out))
			}
			if err := checkLines([]byte(out), code); err != nil {
				t.Fatal(err)
			}
			var end Exit
			if err := json.Unmarshal([]byte(lastLine(out)), &end); err != nil || code != 0 && end.Error == "" {
				t.Errorf("%v: %s", err, lastLine(out))
			}
		})
	}
}

func lastLine(out string) string {
	lines := strings.Split(strings.TrimSpace(out), "\n")
	return lines[len(lines)-1]
}

// TestASignalStopsTheModel: the connection is closed, so that the server stops
// working too.
func TestASignalStopsTheModel(t *testing.T) {
	s := llmtest.NewFaultServer(t, llmtest.FaultNamed("stands-still"))
	cmd := asCF(t, []string{"PATH=/nowhere", "HOME=" + t.TempDir(), "CF_HOST=" + s.URL}, "ask", "what is this?")
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var errs bytes.Buffer
	cmd.Stderr = &errs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var out []byte
	for buffer := make([]byte, 512); !bytes.Contains(out, []byte("## ")); {
		n, err := stdout.Read(buffer)
		out = append(out, buffer[:n]...)
		if err != nil {
			t.Fatalf("%v after %q; stderr %q", err, out, errs.String())
		}
	}
	for s.Calls() == 0 {
		select {
		case <-t.Context().Done():
			t.Fatal("no call")
		default:
		}
	}
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	<-s.Closed()
	if code := exitCodeOf(t, cmd.Wait()); code != 130 || !strings.Contains(errs.String(), "cf: error: interrupted") {
		t.Errorf("exit code %d, stderr %q", code, errs.String())
	}
}
