package process

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/bitactor/cf/fault"
)

// The test binary plays the programs that the tests start: PROCESS_ROLE names
// the part.
func TestMain(m *testing.M) {
	if role := os.Getenv("PROCESS_ROLE"); role != "" {
		play(role)
		return
	}
	goleak.VerifyTestMain(m)
}

func play(role string) {
	switch role {
	case "echo":
		fmt.Println("out", strings.Join(os.Args[1:], ","))
		fmt.Fprintln(os.Stderr, "err")
	case "env":
		fmt.Print(strings.Join(os.Environ(), "\n"))
	case "flood":
		w := bufio.NewWriter(os.Stdout)
		fmt.Fprint(w, "FIRST")
		for range 8 << 10 {
			fmt.Fprint(w, strings.Repeat("x", 1<<10))
		}
		fmt.Fprint(w, "LAST")
		w.Flush()
	case "exit":
		fmt.Fprintln(os.Stderr, "first\nthe reason\n ")
		os.Exit(7)
	case "hang":
		fmt.Println("ready")
		time.Sleep(time.Hour) // select{} would be a deadlock to the runtime
	case "polite": // ends with success when asked to
		c := make(chan os.Signal, 1)
		signal.Notify(c, syscall.SIGTERM)
		fmt.Println("ready")
		<-c
	case "deaf": // has to be killed
		signal.Ignore(syscall.SIGTERM)
		fmt.Println("ready")
		time.Sleep(time.Hour)
	case "parent", "orphaner", "escaper": // starts a child that keeps the pipe
		child := exec.Command(os.Args[0])
		child.Env = []string{"PROCESS_ROLE=deaf"}
		child.Stderr = os.Stderr
		out, _ := child.StdoutPipe()
		child.SysProcAttr = &syscall.SysProcAttr{Setsid: role == "escaper"}
		if err := child.Start(); err != nil {
			panic(err)
		}
		_, _ = bufio.NewReader(out).ReadString('\n')
		fmt.Println(child.Process.Pid)
		if role == "parent" {
			time.Sleep(time.Hour)
		}
	}
}

func self(t *testing.T, role string) Command {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return Command{Path: exe, Env: []string{"PROCESS_ROLE=" + role}}
}

func TestRunKeepsOutput(t *testing.T) {
	c := self(t, "echo")
	c.Args = []string{"a b", "*"}
	r, err := Run(t.Context(), c)
	if err != nil || r.Stdout.String() != "out a b,*\n" || r.Stderr.String() != "err\n" {
		t.Fatalf("got %q, %q, %v", r.Stdout, r.Stderr, err)
	}
}

func TestRunGivesOnlyTheEnvironmentWritten(t *testing.T) {
	t.Setenv("CANARY", "leaked")
	r, err := Run(t.Context(), self(t, "env"))
	if err != nil || r.Stdout.String() != "PROCESS_ROLE=env" {
		t.Fatalf("got %q, %v", r.Stdout, err)
	}
	r, err = Run(t.Context(), Command{Path: "/usr/bin/env"})
	if err != nil || r.Stdout.String() != "" {
		t.Fatalf("nil environment: got %q, %v", r.Stdout, err)
	}
}

func TestRunBoundsAFlood(t *testing.T) {
	c := self(t, "flood")
	c.OutputMax = 1 << 10
	r, err := Run(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	kept := len(r.Stdout.Head) + len(r.Stdout.Tail)
	if kept != 1<<10 || int64(kept)+r.Stdout.Dropped != 8<<20+9 {
		t.Fatalf("kept %d, dropped %d", kept, r.Stdout.Dropped)
	}
	text := r.Stdout.String()
	if !strings.HasPrefix(text, "FIRSTx") || !strings.HasSuffix(text, "xLAST") || !strings.Contains(text, "bytes left out") {
		t.Fatalf("got %q", text)
	}
}

func TestRunReportsExitStatus(t *testing.T) {
	r, err := Run(t.Context(), self(t, "exit"))
	if r.Code != 7 || fault.CodeOf(err) != CodeExit || r.Describe() != "the reason" {
		t.Fatalf("got %d, %v, %q", r.Code, err, r.Describe())
	}
}

// ready starts role and returns it after its first line of output.
func ready(ctx context.Context, t *testing.T, role string, grace time.Duration) (*Process, string) {
	t.Helper()
	lines := make(chan string, 1)
	c := self(t, role)
	c.Grace = grace
	c.WaitDelay = 100 * time.Millisecond
	c.Stdout = func(l string) { lines <- l }
	p, err := Start(ctx, c)
	if err != nil {
		t.Fatal(err)
	}
	return p, <-lines
}

func TestCancelEndsTheProgram(t *testing.T) {
	for _, test := range []struct {
		role  string
		grace time.Duration
		want  syscall.Signal
	}{
		{"hang", time.Minute, syscall.SIGTERM},
		{"polite", time.Minute, 0},
		{"deaf", 20 * time.Millisecond, syscall.SIGKILL},
	} {
		t.Run(test.role, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			p, _ := ready(ctx, t, test.role, test.grace)
			cancel()
			r, err := p.Wait()
			if r.Signal != test.want || fault.KindOf(err) != fault.Interrupted {
				t.Fatalf("got signal %v, %v", r.Signal, err)
			}
		})
	}
}

func TestDeadlineIsATimeout(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := Run(ctx, self(t, "hang")); fault.CodeOf(err) != CodeTimeout {
		t.Fatalf("got %v", err)
	}
	if _, err := Start(ctx, self(t, "hang")); fault.CodeOf(err) != CodeTimeout {
		t.Fatalf("started after the deadline: %v", err)
	}
}

// mustDie fails if the process pid does not go away. There is no handle on a
// grandchild to wait for, so this is one of the few polls.
func mustDie(t *testing.T, pid string) {
	t.Helper()
	var n int
	if _, err := fmt.Sscan(pid, &n); err != nil {
		t.Fatalf("no pid: %q", pid)
	}
	deadline := time.Now().Add(5 * time.Second)
	for {
		if _, err := StartTime(n); err != nil {
			return
		}
		if time.Now().After(deadline) {
			_ = syscall.Kill(n, syscall.SIGKILL)
			t.Fatalf("process %d is still there", n)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func TestCancelKillsGrandchildren(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	p, pid := ready(ctx, t, "parent", 20*time.Millisecond)
	cancel()
	_, _ = p.Wait()
	mustDie(t, pid)
}

func TestOrphanHoldingThePipeIsKilled(t *testing.T) {
	p, pid := ready(t.Context(), t, "orphaner", time.Minute)
	r, err := p.Wait()
	if err != nil || r.Code != 0 {
		t.Fatalf("got %d, %v", r.Code, err)
	}
	mustDie(t, pid)
}

func TestEscapedProcessCannotHoldWait(t *testing.T) {
	p, pid := ready(t.Context(), t, "escaper", time.Minute)
	select {
	case <-p.Done():
	case <-time.After(10 * time.Second):
		t.Error("Wait is held by the pipe")
	}
	var n int
	if _, err := fmt.Sscan(pid, &n); err == nil {
		_ = syscall.Kill(n, syscall.SIGKILL)
	}
	<-p.Done()
	mustDie(t, pid)
}

func TestParentDeathDoesNotFireWhileCfLives(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	lines := make(chan string, 1)
	c := self(t, "hang")
	c.ParentDeath = syscall.SIGKILL
	c.Stdout = func(l string) { lines <- l }
	p, err := Start(ctx, c)
	if err != nil {
		t.Fatal(err)
	}
	<-lines
	select {
	case <-p.Done():
		t.Error("killed although its parent lives")
	case <-time.After(50 * time.Millisecond):
	}
	cancel()
	if r, _ := p.Wait(); r.Signal != syscall.SIGTERM {
		t.Errorf("signal %v", r.Signal)
	}
}

func TestStartRefusesRelativePaths(t *testing.T) {
	for _, c := range []Command{{Path: "ls"}, {Path: "./ls"}, {Path: ""}, {Path: "/bin/ls", Dir: "."}} {
		if _, err := Start(t.Context(), c); !errors.Is(err, exec.ErrDot) {
			t.Errorf("%+v: got %v", c, err)
		}
	}
	if _, err := Start(t.Context(), Command{Path: "/nonexistent/program"}); fault.CodeOf(err) != CodeStart {
		t.Errorf("got %v", err)
	}
}

func TestLook(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	for name, mode := range map[string]os.FileMode{"bin/git": 0o755, "here/git": 0o755, "here/only": 0o755, "git": 0o755, "text/git": 0o644} {
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, nil, mode); err != nil {
			t.Fatal(err)
		}
	}
	abs := func(p string) string { return filepath.Join(dir, p) }
	for _, test := range []struct {
		name, path, want string
		err              error
	}{
		{"git", abs("bin"), abs("bin/git"), nil},
		{"git", "here:" + abs("bin"), abs("bin/git"), nil},
		{"git", abs("text") + ":" + abs("bin"), abs("bin/git"), nil},
		{"git", "", "", exec.ErrNotFound},
		{"git", ":", "", exec.ErrDot},
		{"git", ".", "", exec.ErrDot},
		{"only", "here", "", exec.ErrDot},
		{"./git", abs("bin"), "", exec.ErrDot},
		{"here/git", abs("bin"), "", exec.ErrDot},
		{"", abs("bin"), "", exec.ErrDot},
		{abs("bin/git"), "", abs("bin/git"), nil},
		{abs("text/git"), "", "", exec.ErrNotFound},
		{abs("bin"), "", "", exec.ErrNotFound},
	} {
		got, err := Look(test.name, []string{"PATH=/first", "PATH=" + test.path})
		if got != test.want || !errors.Is(err, test.err) || (test.err == nil) != (err == nil) {
			t.Errorf("Look(%q) in %q = %q, %v", test.name, test.path, got, err)
		}
	}
}

func TestDetachHasItsOwnSession(t *testing.T) {
	log := filepath.Join(t.TempDir(), "log")
	p, err := Detach(self(t, "echo"), log)
	if err != nil {
		t.Fatal(err)
	}
	<-p.Done()
	b, err := os.ReadFile(log)
	if err != nil || string(b) != "out \nerr\n" {
		t.Fatalf("log %q, %v", b, err)
	}
	if info, _ := os.Stat(log); info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v", info.Mode())
	}
	p, err = Detach(self(t, "hang"), log)
	if err != nil {
		t.Fatal(err)
	}
	start, err := StartTime(p.Pid())
	if err != nil || !Alive(p.Pid(), start) || Alive(p.Pid(), start+"0") {
		t.Errorf("start time %q, %v", start, err)
	}
	if Terminate(p.Pid(), start+"0") {
		t.Error("signalled a process with another start time")
	}
	if !KillGroup(p.Pid(), start) {
		t.Error("not killed")
	}
	<-p.Done()
	if Alive(p.Pid(), start) {
		t.Error("alive after its end")
	}
}

func TestLinesAreStreamedAndBounded(t *testing.T) {
	var lines []string
	c := newCapture(0, func(l string) { lines = append(lines, l) }, nil)
	for _, s := range []string{"a\r\nb", "c\n\n", strings.Repeat("x", lineMax+1), "\nlast"} {
		_, _ = io.WriteString(c, s)
	}
	c.close()
	want := []string{"a", "bc", "", strings.Repeat("x", lineMax), "x", "last"}
	if fmt.Sprint(lines) != fmt.Sprint(want) {
		t.Fatalf("got %.80q", lines)
	}
}

func FuzzCaptureKeep(f *testing.F) {
	f.Add("hello world", 4, 3)
	f.Add("", 1, 1)
	f.Fuzz(func(t *testing.T, text string, most, piece int) {
		most, piece = 1+abs(most)%64, 1+abs(piece)%32
		c := newCapture(most, nil, nil)
		for rest := text; rest != ""; {
			n := min(piece, len(rest))
			_, _ = io.WriteString(c, rest[:n])
			rest = rest[n:]
		}
		o := c.close()
		if !strings.HasPrefix(text, string(o.Head)) || !strings.HasSuffix(text, string(o.Tail)) {
			t.Fatalf("head %q, tail %q of %q", o.Head, o.Tail, text)
		}
		if int64(len(o.Head)+len(o.Tail))+o.Dropped != int64(len(text)) || len(o.Head)+len(o.Tail) > max(most, 2) {
			t.Fatalf("%d + %d + %d of %d", len(o.Head), len(o.Tail), o.Dropped, len(text))
		}
	})
}

func abs(n int) int {
	if n < 0 {
		return -(n + 1)
	}
	return n
}
