package commands

import (
	"bufio"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/creack/pty"

	"github.com/bitactor/cf/llm/llmtest"
)

// TestWorkGoesOnAfterASignal ends cf custom while the model answers the second
// step, with a signal that can be heeded and one that can't: the tree is as it was,
// and --continue asks for the second step alone.
func TestWorkGoesOnAfterASignal(t *testing.T) {
	for sig, want := range map[syscall.Signal]int{syscall.SIGINT: 130, syscall.SIGKILL: -1} {
		t.Run(sig.String(), func(t *testing.T) {
			dir, _, env := plantProject(t)
			if err := errors.Join(os.Mkdir(filepath.Join(dir, ".cf"), 0o700), os.WriteFile(filepath.Join(dir, "b.json"), []byte("[1]\n"), 0o644)); err != nil {
				t.Fatal(err)
			}
			before := treeText(t, dir)
			first := llmtest.Answer{When: "the whole file a.json", Text: "```json\n[2]\n```"}
			hung := llmtest.NewFaultServer(t, llmtest.Answers(first, llmtest.Answer{When: "the whole file b.json", Text: llmtest.Hang}))
			cmd := asCF(t, append(env, "OLLAMA_HOST="+hung.URL), "custom", "count them", "a.json", "b.json")
			cmd.Dir = dir
			stderr, err := cmd.StderrPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			lines := bufio.NewScanner(stderr)
			for lines.Scan() && !strings.Contains(lines.Text(), "step 2 of 2") {
			}
			if err := cmd.Process.Signal(sig); err != nil {
				t.Fatal(err)
			}
			for lines.Scan() {
			}
			if _ = cmd.Wait(); cmd.ProcessState.ExitCode() != want {
				t.Errorf("exit code %d, want %d", cmd.ProcessState.ExitCode(), want)
			}
			if now := treeText(t, dir); now != before {
				t.Fatalf("the tree changed:\n%s", now)
			}
			second := llmtest.NewFaultServer(t, llmtest.Answers(llmtest.Answer{When: "the whole file b.json", Text: "```json\n[3]\n```"}))
			cmd = asCF(t, append(env, "OLLAMA_HOST="+second.URL), "custom", "--continue")
			cmd.Dir = dir
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			for name, want := range map[string]string{"a.json": "[2]", "b.json": "[3]"} {
				if got, err := os.ReadFile(filepath.Join(dir, name)); err != nil || strings.TrimSpace(string(got)) != want {
					t.Errorf("%s holds %q, want %q", name, got, want)
				}
			}
			if second.Calls() != 1 {
				t.Errorf("%d calls, want 1", second.Calls())
			}
		})
	}
}

// TestAPlanIsAskedAbout: on a terminal the steps of a session are carried out only
// after a yes.
func TestAPlanIsAskedAbout(t *testing.T) {
	for answer, want := range map[string]string{"n\n": "[1]\n", "y\n": "[2]\n"} {
		server := llmtest.NewFaultServer(t, llmtest.Answers(
			llmtest.Answer{When: "List the files to write", Text: `{"files":[{"path":"a.json","action":"change","why":"it has to count"}]}`},
			llmtest.Answer{When: "the whole file a.json", Text: "```json\n[2]\n```"},
			llmtest.Answer{Text: "The count belongs beside the limit, where both files can read it."}))
		dir, _, env := plantProject(t)
		env = append(env, "OLLAMA_HOST="+server.URL, "TERM=dumb")
		if err := os.Mkdir(filepath.Join(dir, ".cf"), 0o700); err != nil {
			t.Fatal(err)
		}
		think := asCF(t, env, "ultrathink", "count them")
		think.Dir = dir
		if out, err := think.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		cmd := asCF(t, env, "ultrathink", "--continue", "--apply")
		cmd.Dir = dir
		terminal, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 24, Cols: 200})
		if err != nil {
			t.Fatal(err)
		}
		defer terminal.Close()
		var seen strings.Builder
		buf := make([]byte, 4096)
		for !strings.Contains(seen.String(), "[y/N]") {
			n, err := terminal.Read(buf)
			seen.Write(buf[:n])
			if err != nil {
				t.Fatalf("%v; %q", err, seen.String())
			}
		}
		_, err = io.WriteString(terminal, answer)
		rest, _ := io.ReadAll(terminal) // ends with EIO when cf is gone
		seen.Write(rest)
		if code := exitCodeOf(t, errors.Join(err, cmd.Wait())); code != 0 {
			t.Errorf("exit code %d: %s", code, seen.String())
		}
		if !strings.Contains(seen.String(), "carry out 1 step as one change? [y/N]") {
			t.Errorf("the question is %q", seen.String())
		}
		if got, err := os.ReadFile(filepath.Join(dir, "a.json")); err != nil || string(got) != want {
			t.Errorf("after %q the file holds %q, want %q", answer, got, want)
		}
	}
}
