package sandbox_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/bitactor/cf/fault"
	"github.com/bitactor/cf/process"
	"github.com/bitactor/cf/workspace/sandbox"
)

const depthVariable = "SANDBOX_DEPTH"

func init() {
	for name, do := range map[string]func(){
		"spin": func() {
			for n := uint64(1); n != 0; n += 2 { // odd, so never 0
			}
		},
		"flood": func() {
			line := bytes.Repeat([]byte("flood "), 8<<10)
			for range 1 << 10 {
				if _, err := os.Stdout.Write(line); err != nil {
					os.Exit(3)
				}
			}
			fmt.Print("LAST")
		},
		"hog":   func() { hog(10 << 30) },
		"hogs":  hogs,
		"bomb":  bomb,
		"grow":  grow,
		"leave": leave,
		"wait":  func() { time.Sleep(time.Minute) },
		"memory files": func() {
			text := bytes.Repeat([]byte("x"), 1<<20)
			for i := range 128 {
				if err := os.WriteFile(fmt.Sprintf("/dev/shm/%d", i), text, 0o600); err != nil {
					fmt.Println("stopped at", i, "MiB:", err)
					return
				}
			}
		},
	} {
		parts[name] = do
	}
}

var kept [][]byte

// hog takes memory and touches it.
func hog(total int) {
	const step = 16 << 20
	for range total / step {
		b := make([]byte, step)
		for i := 0; i < len(b); i += 4096 {
			b[i] = 1
		}
		kept = append(kept, b)
	}
	time.Sleep(time.Minute)
}

// hogs takes memory in many processes, each of which stays small.
func hogs() {
	if os.Getenv(depthVariable) != "" {
		hog(64 << 20)
		return
	}
	for range 20 {
		cmd := spawns("hogs", nil)
		cmd.Env = append(cmd.Env, depthVariable+"=1")
		if err := cmd.Start(); err != nil {
			fmt.Println(err)
		}
	}
	time.Sleep(time.Minute)
}

// bomb starts two of itself, each of which does. It ends by itself at 1,023
// processes, so that a sandbox that lets it go harms no machine.
func bomb() {
	depth, _ := strconv.Atoi(os.Getenv(depthVariable))
	for range 2 {
		cmd := spawns("bomb", nil)
		cmd.Args = os.Args
		cmd.Env = append(cmd.Env, fmt.Sprintf("%s=%d", depthVariable, depth+1))
		if depth < 9 {
			_ = cmd.Start()
		}
	}
	time.Sleep(time.Minute)
}

// grow makes a file of 1 GiB, or as much of it as it may.
func grow() {
	f, err := os.Create("big")
	text := bytes.Repeat([]byte("x"), 1<<20)
	for range 1 << 10 {
		if err == nil {
			_, err = f.Write(text)
		}
	}
	fmt.Println(err)
	if err != nil {
		os.Exit(1)
	}
}

// leave ends at once and leaves a child that holds the output open.
func leave() {
	cmd := spawns("wait", nil)
	cmd.Args = os.Args
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if err := cmd.Start(); err != nil {
		os.Exit(3)
	}
	fmt.Print("left")
}

// viewOf is an empty tree that programs may write in, whatever the tier.
func viewOf(t *testing.T, b *sandbox.Box) sandbox.View {
	v := sandbox.View{Root: folder(t)}
	if b.Tier() != sandbox.Bubblewrap {
		v.Copy = folder(t)
	}
	return v
}

// excess is a program that wants too much of something.
type excess struct {
	part   string
	limits sandbox.Limits
	code   string        // of the fault that it must end with
	in     time.Duration // at most
}

// look checks what was kept of the output.
func (e excess) look(t *testing.T, r process.Result) {
	t.Helper()
	out := r.Stdout.String()
	switch e.part {
	case "grow":
		if !strings.Contains(out, "file too large") {
			t.Errorf("the file: %s", out)
		}
	case "leave":
		if out != "left" {
			t.Errorf("output %q", out)
		}
	case "flood":
		if !strings.HasPrefix(out, "flood ") || !strings.HasSuffix(out, "LAST") || r.Stdout.Dropped < 1<<20 || len(out) > 80<<10 {
			t.Errorf("%d bytes kept, %d dropped: %.20q ... %.20q", len(out), r.Stdout.Dropped, out, out[max(0, len(out)-20):])
		}
	}
}

func TestLimits(t *testing.T) {
	tests := []excess{
		{"spin", sandbox.Limits{Wall: time.Second}, process.CodeTimeout, 20 * time.Second},
		{"spin", sandbox.Limits{CPU: time.Second}, sandbox.CodeCPU, 90 * time.Second},
		{"wait", sandbox.Limits{Wall: 200 * time.Millisecond}, process.CodeTimeout, 20 * time.Second},
		{"hog", sandbox.Limits{MemoryBytes: 256 << 20}, sandbox.CodeMemory, 90 * time.Second},
		{"hogs", sandbox.Limits{MemoryBytes: 512 << 20}, sandbox.CodeMemory, 90 * time.Second},
		{"bomb", sandbox.Limits{Processes: 40}, sandbox.CodeProcesses, 90 * time.Second},
		{"grow", sandbox.Limits{FileBytes: 8 << 20}, process.CodeExit, 90 * time.Second},
		{"leave", sandbox.Limits{}, "", 10 * time.Second},
		{"flood", sandbox.Limits{OutputBytes: 64 << 10}, "", 90 * time.Second},
	}
	tiers(t, func(t *testing.T, b *sandbox.Box) {
		for _, tt := range tests {
			t.Run(tt.part+"/"+tt.code, func(t *testing.T) {
				token := fmt.Sprintf("token-%d-%d", os.Getpid(), time.Now().UnixNano())
				began := time.Now()
				r, err := b.Run(t.Context(), viewOf(t, b), sandbox.Command{
					Program: self(t), Args: []string{token}, Env: []string{partVariable + "=" + tt.part}, Limits: tt.limits,
				})
				took := time.Since(began)
				if fault.CodeOf(err) != tt.code {
					t.Errorf("%v (code %q), want %q; %s%s", err, fault.CodeOf(err), tt.code, r.Stdout, r.Stderr)
				}
				if took > tt.in {
					t.Errorf("it took %s", took)
				}
				if left := (&stage{scene: scene{Token: token}}).survivors(t); left > 0 {
					t.Errorf("%d processes are left", left)
				}
				tt.look(t, r)
			})
		}
	})
}

// Memory that belongs to no process is bounded as well.
func TestMemoryFiles(t *testing.T) {
	b := open(t)
	if b.Tier() != sandbox.Bubblewrap {
		t.Logf("no /dev/shm of its own in tier %s", b.Tier())
		return
	}
	r, err := b.Run(t.Context(), viewOf(t, b), sandbox.Command{Program: self(t), Env: []string{partVariable + "=memory files"}})
	if err != nil || !strings.Contains(r.Stdout.String(), "no space left") {
		t.Errorf("%v: %s", err, r.Stdout)
	}
}

func TestCancel(t *testing.T) {
	tiers(t, func(t *testing.T, b *sandbox.Box) {
		token := fmt.Sprintf("token-%d-%d", os.Getpid(), time.Now().UnixNano())
		ctx, cancel := context.WithCancel(t.Context())
		stop := time.AfterFunc(200*time.Millisecond, cancel)
		defer stop.Stop()
		began := time.Now()
		_, err := b.Run(ctx, viewOf(t, b), sandbox.Command{Program: self(t), Args: []string{token}, Env: []string{partVariable + "=wait"}})
		if fault.KindOf(err) != fault.Interrupted || time.Since(began) > 3*time.Second {
			t.Errorf("%v after %s", err, time.Since(began))
		}
		if left := (&stage{scene: scene{Token: token}}).survivors(t); left > 0 {
			t.Errorf("%d processes are left", left)
		}
	})
}

// What a run leaves on disk is nothing, whatever the program did to it.
func TestScratchIsRemoved(t *testing.T) {
	tiers(t, func(t *testing.T, b *sandbox.Box) {
		script := `mkdir -p d/e "$HOME/x" /tmp/y 2>/dev/null; touch d/e/f; chmod 0 d/e d; mkdir "$TMPDIR/z"; chmod 0 "$TMPDIR/z" "$HOME/x"; echo "$TMPDIR"`
		if _, err := b.Run(t.Context(), viewOf(t, b), sandbox.Command{Program: "sh", Args: []string{"-c", script}}); err != nil {
			t.Error(err)
		}
		cache, err := b.Cache("/x", "y")
		must(t, err)
		runs := filepath.Join(filepath.Dir(filepath.Dir(filepath.Dir(cache))), "run")
		left, err := os.ReadDir(runs)
		must(t, err)
		if len(left) > 0 {
			t.Errorf("left: %v", left)
		}
	})
}

// A cf that was killed leaves its scratch folders to the next.
func TestScratchOfTheDeadIsSwept(t *testing.T) {
	cache := folder(t)
	dead := filepath.Join(cache, "run", "999999999.boot-1.1")
	alien := filepath.Join(cache, "run", "not-ours")
	must(t, os.MkdirAll(filepath.Join(dead, "work", "work"), 0o700))
	must(t, os.MkdirAll(alien, 0o700))
	must(t, os.Chmod(filepath.Join(dead, "work", "work"), 0))
	_, err := sandbox.Open(t.Context(), sandbox.Options{Environ: os.Environ(), Cache: cache})
	must(t, err)
	if _, err := os.Stat(dead); err == nil {
		t.Error("the folder of a cf that is gone is still there")
	}
	if _, err := os.Stat(alien); err != nil {
		t.Error(err)
	}
}
