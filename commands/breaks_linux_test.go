package commands

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sync/errgroup"

	"github.com/bitactor/cf/llm/llmtest"
)

// breaking is a run of a verb that writes, over two files of JSON, against a server
// whose answers make it land: one for each file, and a bad one before the last.
type breaking struct {
	name    string
	args    []string
	calls   int               // chats until it lands
	bad     int               // the chat that is answered badly; after it there is something to keep
	before  map[string]string // the files
	answers []llmtest.Answer
	allowed []map[string]string // what the tree may hold afterwards, beside what was there; the last is the whole change
}

const (
	malformed = "```json\n[3,,]\n```"
	two       = "```json\n[2]\n```"
	three     = "```json\n[3]\n```"
)

var breakings = []breaking{
	{
		name: "implement", args: []string{"implement", "b.json", "--instructions", "count on"}, calls: 2, bad: 1,
		before:  map[string]string{"a.json": "[1]\n", "b.json": "[1]\n"},
		answers: []llmtest.Answer{{Text: malformed}, {Text: three}},
		allowed: []map[string]string{{"a.json": "[1]", "b.json": "[3]"}},
	},
	{
		name: "custom", args: []string{"custom", "count on", "a.json", "b.json"}, calls: 3, bad: 2,
		before: map[string]string{"a.json": "[1]\n", "b.json": "[1]\n"},
		answers: []llmtest.Answer{
			{When: "the whole file a.json", Text: two}, {When: "the whole file b.json", Text: malformed}, {When: "That does not pass", Text: three},
		},
		allowed: []map[string]string{{"a.json": "[2]", "b.json": "[3]"}},
	},
	{
		name: "fix", args: []string{"fix"}, calls: 3, bad: 2,
		before: map[string]string{"a.json": "[2,,\n", "b.json": "[3,,\n"},
		answers: []llmtest.Answer{
			{When: "the whole file a.json", Text: two}, {When: "the whole file b.json", Text: malformed}, {When: "That does not pass", Text: three},
		},
		allowed: []map[string]string{{"a.json": "[2]", "b.json": "[3,,"}, {"a.json": "[2]", "b.json": "[3]"}},
	},
}

// project makes the files and returns their folder and cf's variables.
func (b breaking) project(t *testing.T) (dir string, env []string) {
	t.Helper()
	dir, _, env = plantProject(t)
	err := os.Mkdir(filepath.Join(dir, ".cf"), 0o700)
	for name, text := range b.before {
		err = errors.Join(err, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644))
	}
	if err != nil {
		t.Fatal(err)
	}
	return dir, env
}

// state says what of the allowed the tree holds: 0 is what was there before.
func (b breaking) state(t *testing.T, dir string) int {
	t.Helper()
	holds := func(want map[string]string) bool {
		for name, text := range want {
			got, err := os.ReadFile(filepath.Join(dir, name))
			if err != nil || strings.TrimSpace(string(got)) != strings.TrimSpace(text) {
				return false
			}
		}
		return true
	}
	for i, want := range append([]map[string]string{b.before}, b.allowed...) {
		if holds(want) {
			return i
		}
	}
	t.Fatalf("the tree holds no state that was checked")
	return -1
}

// rejected returns what was kept under .cf/rejected.
func rejected(t *testing.T, dir string) string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, ".cf", "rejected", "*", "change.diff"))
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(text)
	}
	return all.String()
}

// judge looks at what a run left: the tree as it was or landed whole, the best
// candidate kept where one was made and did not land, no temporary file.
func (b breaking) judge(t *testing.T, dir string, at llmtest.Break, code int, out []byte) {
	t.Helper()
	if err := checkLines(out, code); err != nil {
		t.Errorf("%v in %s", err, out)
	}
	state := b.state(t, dir)
	if (code == 0) != (state == len(b.allowed)) {
		t.Errorf("exit code %d, and the tree is in state %d\n%s", code, state, out)
	}
	kept := rejected(t, dir)
	if code != 0 && at.Call > b.bad && !strings.Contains(kept, "+[3,,]") {
		t.Errorf("the best candidate was not kept, but %q\n%s", kept, out)
	}
	if b.name == "fix" && code != 0 && at.Call > 1 && state == 0 && !strings.Contains(kept, "+[2]") {
		t.Errorf("what was mended was not kept, but %q\n%s", kept, out)
	}
	if left, _ := os.ReadDir(filepath.Join(filepath.Dir(dir), "tmp")); len(left) > 0 {
		t.Errorf("left in the folder for temporary files: %v", left)
	}
	waitFor(t, "the last process to end", func() bool { return !runsIn(t, filepath.Dir(dir)) })
}

// runsIn tells whether a process works in a folder or was given it.
func runsIn(t *testing.T, dir string) bool {
	t.Helper()
	names, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		t.Fatal(err)
	}
	return slices.ContainsFunc(names, func(name string) bool {
		words, _ := os.ReadFile(name + "/cmdline") // gone meanwhile: not running
		cwd, _ := os.Readlink(name + "/cwd")
		return bytes.Contains(words, []byte(dir)) || strings.HasPrefix(cwd, dir)
	})
}

// run runs cf against a server that breaks off, with a signal once that is so if
// one is wanted, and returns its exit code and output.
func (b breaking) run(t *testing.T, dir string, env []string, at llmtest.Break, sig syscall.Signal, flags ...string) (int, []byte) {
	t.Helper()
	reached := make(chan struct{}, 64)
	at.Reached = func() { reached <- struct{}{} }
	f := llmtest.Breaks(at, b.answers...)
	f.Parameters = 7e9 // large enough for a round of repair
	server := llmtest.NewFaultServer(t, f)
	cmd := asCF(t, append(env, "OLLAMA_HOST="+server.URL), append(slices.Clone(b.args), append(flags, "--json", "--no-memory")...)...)
	cmd.Dir = dir
	stdout, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	var out bytes.Buffer
	go func() {
		defer close(ended)
		_, _ = out.ReadFrom(bufio.NewReader(stdout)) // ends when cf is gone
	}()
	if sig != 0 {
		select {
		case <-reached:
			err = cmd.Process.Signal(sig)
		case <-ended:
			err = fmt.Errorf("the break was not reached: %s", out.String())
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	<-ended
	return exitCodeOf(t, cmd.Wait()), out.Bytes()
}

// breaks returns points at which a server can break off in a verb's calls.
func (b breaking) breaks(hows ...llmtest.How) []llmtest.Break {
	return b.breaksAfter([]int{llmtest.BeforeHeader, 0, 1, 99}, hows...)
}

func (b breaking) breaksAfter(pieces []int, hows ...llmtest.How) []llmtest.Break {
	var all []llmtest.Break
	for call := 1; call <= b.calls; call++ {
		for _, after := range pieces {
			for _, how := range hows {
				all = append(all, llmtest.Break{Call: call, After: after, How: how})
			}
		}
	}
	return all
}

// waitsAtOnce is how many runs of cf that wait for a server go on at one time: they
// use next to no processor time.
const waitsAtOnce = 12

// waiting is a subtest of which most time is spent waiting.
type waiting struct {
	name string
	test func(t *testing.T)
}

// runWaiting runs the subtests, waitsAtOnce at a time, whatever -parallel says.
func runWaiting(t *testing.T, all []waiting) {
	t.Helper()
	var group errgroup.Group
	group.SetLimit(waitsAtOnce)
	for _, w := range all {
		group.Go(func() error {
			t.Run(w.name, w.test)
			return nil
		})
	}
	_ = group.Wait() // t knows which failed
}

// TestAServerThatBreaksOff cuts the connection before and after the header, after
// the first piece of an answer and before its end mark, of each call, in four ways,
// once, each time, and for good; and inside the status line, each line of an answer
// and its end mark.
func TestAServerThatBreaksOff(t *testing.T) {
	var all []waiting
	for _, b := range breakings {
		between := b.breaks(llmtest.Ends, llmtest.Closes, llmtest.Resets, llmtest.Errors)
		inside := b.breaksAfter([]int{llmtest.BeforeHeader, 0, 1, 2, 3}, llmtest.Tears)
		for _, at := range append(between, inside...) {
			for _, then := range []llmtest.Then{llmtest.Recovers, llmtest.Again, llmtest.Gone} {
				at := at // of this test alone: they run at one time
				at.Then = then
				all = append(all, waiting{fmt.Sprintf("%s call %d after %d %s %s", b.name, at.Call, at.After, at.How, at.Then), func(t *testing.T) {
					dir, env := b.project(t)
					code, out := b.run(t, dir, env, at, 0)
					b.judge(t, dir, at, code, out)
					if want := b.codes(at); !slices.Contains(want, code) {
						t.Errorf("exit code %d, want one of %v\n%s", code, want, out)
					}
				}})
			}
		}
	}
	runWaiting(t, all)
}

// codes are the exit codes that a break may lead to.
func (b breaking) codes(at llmtest.Break) []int {
	switch {
	case at.How == llmtest.Errors && b.name == "fix":
		return []int{1, 3}
	case at.How == llmtest.Errors: // it is no sign of a server that died
		return []int{1}
	case at.Then == llmtest.Recovers: // it is asked once more
		return []int{0}
	case at.Then == llmtest.Gone:
		return []int{10, 13}
	case b.name == "fix" || at.Call == b.bad+1: // findings, or a candidate, are left
		return []int{3}
	}
	return []int{13}
}

// TestASignalInEveryAnswer interrupts cf while it waits at each of these points,
// and in an answer that goes on.
func TestASignalInEveryAnswer(t *testing.T) {
	for _, b := range breakings {
		for _, at := range b.breaks(llmtest.Hangs) {
			for sig, want := range map[syscall.Signal]int{syscall.SIGINT: 130, syscall.SIGTERM: 143} {
				t.Run(fmt.Sprintf("%s call %d after %d %s", b.name, at.Call, at.After, sig), func(t *testing.T) {
					t.Parallel()
					dir, env := b.project(t)
					code, out := b.run(t, dir, env, at, sig)
					b.judge(t, dir, at, code, out)
					if code != want || b.state(t, dir) != 0 {
						t.Errorf("exit code %d, want %d; state %d\n%s", code, want, b.state(t, dir), out)
					}
				})
			}
		}
	}
}

// TestABudgetThatEnds: the time is up while the server says nothing.
func TestABudgetThatEnds(t *testing.T) {
	var all []waiting
	for _, b := range breakings {
		for _, at := range b.breaks(llmtest.Hangs) {
			all = append(all, waiting{fmt.Sprintf("%s call %d after %d", b.name, at.Call, at.After), func(t *testing.T) {
				dir, env := b.project(t)
				code, out := b.run(t, dir, env, at, 0, "--budget", "3s")
				b.judge(t, dir, at, code, out)
				if code != 3 {
					t.Errorf("exit code %d, want 3\n%s", code, out)
				}
			}})
		}
	}
	runWaiting(t, all)
}

// TestASignalDuringTheChecks: the candidate that is being checked is kept, and the
// program that checks it ends.
func TestASignalDuringTheChecks(t *testing.T) {
	for _, b := range breakings {
		t.Run(b.name, func(t *testing.T) {
			dir, env := b.project(t)
			nap := fmt.Sprintf("71.%d%d", os.Getpid(), b.calls)
			server := llmtest.NewFaultServer(t, llmtest.Answers(b.answers...))
			test := filepath.Join(dir, "nap.sh") // it holds up every file but those that stand there now
			text := "#!/bin/sh\ngrep -q '^.[23]..*' a.json b.json && grep -qv ,, a.json && exec sleep " + nap + "\nexit 0\n"
			if err := os.WriteFile(test, []byte(text), 0o755); err != nil {
				t.Fatal(err)
			}
			cmd := asCF(t, append(env, "OLLAMA_HOST="+server.URL), append(slices.Clone(b.args), "--json", "--no-memory", "--test", "sh nap.sh")...)
			cmd.Dir = dir
			var out bytes.Buffer
			cmd.Stdout = &out
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			waitFor(t, "the check to run", func() bool { return running(t, nap) })
			if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
				t.Fatal(err)
			}
			if code := exitCodeOf(t, cmd.Wait()); code != 130 {
				t.Errorf("exit code %d\n%s", code, out.String())
			}
			waitFor(t, "the check to end", func() bool { return !running(t, nap) })
			b.judge(t, dir, llmtest.Break{}, 130, out.Bytes())
			if b.state(t, dir) != 0 || rejected(t, dir) == "" {
				t.Errorf("state %d, kept %q\n%s", b.state(t, dir), rejected(t, dir), out.String())
			}
		})
	}
}
