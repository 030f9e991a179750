package sandbox_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/bitactor/cf/process"
	"github.com/bitactor/cf/workspace/sandbox"
)

// The test binary plays the programs that run inside: partVariable names the
// part, sceneVariable tells an attack where things are.
const (
	partVariable  = "SANDBOX_PART"
	sceneVariable = "SANDBOX_SCENE"
)

func TestMain(m *testing.M) {
	part := os.Getenv(partVariable)
	if part == "" {
		os.Exit(m.Run())
	}
	if do, ok := parts[part]; ok {
		do()
		os.Exit(0)
	}
	var s scene
	if err := json.Unmarshal([]byte(os.Getenv(sceneVariable)), &s); err != nil {
		fmt.Println(err)
		os.Exit(2)
	}
	for _, a := range attacks {
		if a.name == part {
			if err := a.do(s); err != nil {
				fmt.Println("stopped:", err)
				os.Exit(1)
			}
			fmt.Println(through)
			os.Exit(0)
		}
	}
	fmt.Println("no such part:", part)
	os.Exit(2)
}

// through is what an attack prints that succeeded.
const through = "got through"

// attacks is the table of the red team.
var attacks = []attack{
	// Files of the host.
	{name: "write beside the tree", host: true, do: writes(in(outside, "pwned"))},
	{name: "overwrite a file beside the tree", host: true, do: writes(in(outside, "secret.txt"))},
	{name: "cut a file short", host: true, do: func(s scene) error { return os.Truncate(filepath.Join(s.Outside, "secret.txt"), 0) }},
	{name: "cut a file short that may be read", host: true, do: func(s scene) error {
		_, err := unix.Open(filepath.Join(s.Modules, "x"), unix.O_RDONLY|unix.O_TRUNC, 0)
		return err
	}},
	{name: "delete a file", host: true, do: func(s scene) error { return os.Remove(filepath.Join(s.Outside, "secret.txt")) }},
	{name: "rename a file", host: true, do: func(s scene) error {
		return os.Rename(filepath.Join(s.Outside, "secret.txt"), filepath.Join(s.Outside, "pwned"))
	}},
	{
		name: "change a file's mode", do: func(s scene) error { return os.Chmod(filepath.Join(s.Outside, "secret.txt"), 0o777) },
		weak: "Landlock has no right for modes",
	},
	{
		name: "change a file's time", do: func(s scene) error {
			return os.Chtimes(filepath.Join(s.Outside, "secret.txt"), time.Unix(1, 0), time.Unix(1, 0))
		}, weak: "Landlock has no right for times",
	},
	{name: "read a file beside the tree", do: reads(in(outside, "secret.txt"))},
	{name: "read a private key", do: reads(in(home, ".ssh/id_ed25519"))},
	{name: "read the shadow file", do: opens("/etc/shadow", os.O_RDONLY), root: true},
	{name: "list the home folder", do: lists(home, func(scene) string { return ".ssh" })},
	{name: "list the host's temporary files", do: lists(func(s scene) string { return filepath.Dir(s.Outside) }, func(s scene) string { return filepath.Base(s.Outside) })},
	{name: "read shared memory files", do: reads(func(s scene) string { return "/dev/shm/" + s.Canary })},
	{name: "follow a link out of the tree", host: true, do: writes(in(tree, "link/pwned"))},
	{name: "make a link out of the tree", host: true, do: newSymlink},
	{name: "take a hard link", do: hardLink},
	{name: "open by handle", do: byHandle, root: true, perhaps: true},
	// What later runs of tools act on.
	{name: "write a git hook", do: writes(in(tree, ".git/hooks/pwned")), weak: "the copy has neither folder, and is thrown away"},
	{name: "change git's configuration", do: writes(in(tree, ".git/config")), weak: "the copy has neither folder, and is thrown away"},
	{name: "make cf's configuration", do: writes(in(tree, ".cf/config.toml")), weak: "the copy has neither folder, and is thrown away"},
	{name: "write into a toolchain", host: true, do: writes(in(home, ".pyenv/shims/pwned"))},
	{name: "poison the module cache", host: true, do: writes(func(s scene) string { return filepath.Join(s.Modules, "pwned") })},
	{name: "poison the build cache", host: true, do: writes(in(home, ".cache/go-build/pwned"))},
	{name: "poison pip's cache", host: true, do: writes(in(home, ".cache/pip/pwned"))},
	{name: "poison cargo's registry", host: true, do: writes(in(home, ".cargo/registry/pwned"))},
	{name: "write a shell's start file", host: true, do: writes(in(home, ".bashrc"))},
	// Network and sockets.
	{name: "TCP", do: dials("tcp", func(s scene) string { return s.TCP })},
	{name: "UDP", do: dials("udp", func(s scene) string { return s.UDP })},
	{name: "DNS", do: lookup},
	{name: "abstract unix socket", do: dials("unix", func(s scene) string { return s.Abstract })},
	{name: "unix socket, as docker.sock or D-Bus", do: dials("unix", func(s scene) string { return s.Socket })},
	{name: "unix socket in the tree", do: dials("unix", func(s scene) string { return filepath.Join(s.Tree, "server.sock") })},
	{name: "raw socket", do: socket(unix.AF_INET, unix.SOCK_RAW, unix.IPPROTO_ICMP), root: true},
	{name: "packet socket", do: socket(unix.AF_PACKET, unix.SOCK_RAW, 0), root: true},
	{name: "socket to the hypervisor", do: socket(unix.AF_VSOCK, unix.SOCK_STREAM, 0), perhaps: true},
	{name: "socket into the kernel's crypto", do: socket(unix.AF_ALG, unix.SOCK_SEQPACKET, 0), perhaps: true},
	// Other processes.
	{name: "read another process's environment", do: anyProc("environ", "SECRET=")},
	{name: "read another process's arguments", do: anyProc("cmdline", "")},
	{name: "another process's root", do: reads(func(s scene) string { return fmt.Sprintf("/proc/%d/root%s/secret.txt", s.Victim, s.Outside) })},
	{name: "process 1's root", do: reads(func(s scene) string { return "/proc/1/root" + s.Outside + "/secret.txt" }), root: true, perhaps: true},
	{name: "write another process's memory", do: func(s scene) error { return opens(fmt.Sprintf("/proc/%d/mem", s.Victim), os.O_RDWR)(s) }, perhaps: true},
	{name: "kill a process", needs: 6, do: func(s scene) error { return unix.Kill(s.Victim, unix.SIGKILL) }},
	{name: "trace a process", do: attach, perhaps: true},
	{name: "read a process's memory", do: readMemory, perhaps: true},
	{name: "take a process's open file", do: stealFile, perhaps: true},
	{name: "slow a process down", do: func(s scene) error { return unix.Setpriority(unix.PRIO_PROCESS, s.Victim, 19) }, weak: "Landlock knows nothing of priorities"},
	{name: "shared memory of the host", do: sharedMemory, weak: "no ipc namespace"},
	{name: "survive the run", do: leaveDaemon},
	// What it was started with.
	{name: "open files of cf", do: leakedFile},
	{name: "variables of the user", do: leakedVariable},
	// The kernel.
	{name: "push input into a terminal", do: pushInput, root: true, perhaps: true},
	{name: "read memory of the machine", do: opens("/dev/mem", os.O_RDONLY), root: true, perhaps: true},
	{name: "read a disk", do: blockDevice, root: true, perhaps: true},
	{name: "loop devices", do: opens("/dev/loop-control", os.O_RDWR), root: true, perhaps: true},
	{name: "make a character device", do: device(unix.S_IFCHR, 1, 1), root: true, perhaps: true},
	{name: "make a block device", do: device(unix.S_IFBLK, 7, 0), root: true, perhaps: true},
	{name: "mount", do: mountOver, root: true, perhaps: true},
	{name: "unmount the overlay", do: unmount, root: true, perhaps: true},
	{name: "chroot", do: func(scene) error { return unix.Chroot("/") }, root: true},
	{name: "user namespace", do: namespace(unix.CLONE_NEWUSER), perhaps: true},
	{name: "network namespace", do: namespace(unix.CLONE_NEWNET), root: true, perhaps: true},
	{name: "join a namespace", do: joinNamespace, root: true, perhaps: true},
	{name: "write the core pattern", do: sameAgain("/proc/sys/kernel/core_pattern"), root: true, perhaps: true},
	{name: "write a setting of /proc/sys", do: sameAgain("/proc/sys/vm/swappiness"), root: true, perhaps: true},
	{name: "write a setting of /sys", do: opens("/sys/kernel/mm/transparent_hugepage/enabled", os.O_WRONLY), root: true, perhaps: true},
	{name: "a cgroup's release agent", do: releaseAgent, root: true, perhaps: true},
	{name: "keyrings", do: calls(unix.SYS_KEYCTL, unix.KEYCTL_GET_KEYRING_ID, keyUser, 1), perhaps: true},
	{name: "bpf", do: calls(unix.SYS_BPF, 0, 0, 0), root: true, perhaps: true},
	{name: "userfaultfd", do: calls(unix.SYS_USERFAULTFD, unix.O_CLOEXEC|1), perhaps: true},
	{name: "performance counters of the machine", do: perfOpen, root: true, perhaps: true},
	{name: "io_uring", do: ioUring, perhaps: true},
	{name: "the kernel's log", do: kernelLog, root: true, perhaps: true},
	{name: "set the clock", do: setClock, root: true, perhaps: true},
	{name: "set the host's name", do: setHostname, root: true, perhaps: true},
	{name: "raise its priority", do: func(scene) error { return unix.Setpriority(unix.PRIO_PROCESS, 0, -5) }, root: true, perhaps: true},
	{name: "raise its disk priority", do: calls(unix.SYS_IOPRIO_SET, 1, 0, 1<<13), root: true, perhaps: true},
	{name: "gain rights by a setuid program", do: gainByMode, root: true},
	{name: "dump core", do: dumpCore, perhaps: true},
}

// parts are the programs that attacks start in turn.
var parts = map[string]func(){
	"nothing": func() {},
	"victim":  func() { time.Sleep(outlives) },
	"daemon":  func() { time.Sleep(outlives) },
	"crash":   func() { _ = unix.Kill(os.Getpid(), unix.SIGQUIT); time.Sleep(outlives) },
}

// A part that only has to be there outlives every run; a run that waits for one,
// because it holds the pipes, takes longer than heldMost. Both are far from what
// a run takes on a machine with much else to do.
const (
	outlives = 10 * time.Minute
	heldMost = time.Minute
)

// tally counts what the red team could show.
type tally struct {
	mu                      sync.Mutex
	shown, stopped, unshown int
}

func (s *tally) add(n *int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	*n++
}

func TestRedTeam(t *testing.T) {
	list := targets(t)
	var bare tally // shown and unshown; each target has stopped
	sums := make([]tally, len(list))
	t.Run("attacks", func(t *testing.T) {
		for _, a := range attacks {
			t.Run(a.name, func(t *testing.T) {
				t.Parallel()
				a.show(t, &bare)
				for i, on := range list {
					t.Run(on.name, func(t *testing.T) { a.test(t, on, &sums[i]) })
				}
			})
		}
	})
	for i, on := range list {
		t.Logf("%s as user %d: %d attacks get through without a sandbox, %d of all are stopped in it; %d can't be shown here",
			on.name, os.Getuid(), bare.shown, sums[i].stopped, bare.unshown)
	}
	if most := len(attacks) - 40; bare.unshown > most {
		t.Errorf("%d attacks could not be shown to work without the sandbox, of %d", bare.unshown, len(attacks))
	}
}

// target is a sandbox that must hold.
type target struct {
	name  string
	path  []string // folders before the user's PATH
	abi   int      // of Landlock, 0 for the kernel's own
	cache string   // cf's, where what this machine can do is remembered
}

// targets returns the tiers that this machine has: with Landlock as the kernel
// has it and as the oldest kernel in use has it.
func targets(t *testing.T) []target {
	list := []target{{name: "as this machine has it", cache: folder(t)}}
	dir, cache := bwrapThatFails(t), folder(t)
	weaker, err := sandbox.Open(t.Context(), sandbox.Options{Environ: []string{"PATH=" + dir}, Cache: cache})
	if err != nil {
		t.Logf("no tier without namespaces here: %v", err)
		return list
	}
	return append(list, target{name: string(weaker.Tier()), path: []string{dir}, cache: cache},
		target{name: string(weaker.Tier()) + " as in Linux 6.1", path: []string{dir}, abi: 2, cache: cache})
}

// show shows that the attack gets through without a sandbox.
func (a attack) show(t *testing.T, sum *tally) {
	s := newStage(t)
	if s.run(t, a, s.bare) {
		sum.add(&sum.shown)
		return
	}
	sum.add(&sum.unshown)
	if !a.perhaps && (!a.root || os.Getuid() == 0) {
		t.Errorf("it does not get through without a sandbox, so this test shows nothing: %s", s.said)
	}
	t.Logf("not shown to user %d of this machine: %s", os.Getuid(), s.said)
}

// test tells whether the attack is stopped in the sandbox.
func (a attack) test(t *testing.T, on target, sum *tally) {
	s := newStage(t)
	box, err := sandbox.Open(t.Context(), sandbox.Options{Environ: process.Setenv(os.Environ(), s.environ(on.path...)...), Cache: on.cache})
	must(t, err)
	if on.abi != 0 {
		box.TestOnlyABI(on.abi)
	}
	got := s.run(t, a, func(ctx context.Context, vars []string) (process.Result, error) {
		view := sandbox.View{Root: s.Tree}
		if box.Tier() != sandbox.Bubblewrap {
			view.Copy = s.copy(t)
		}
		return box.Run(ctx, view, sandbox.Command{Program: self(t), Env: vars, ReadOnly: []string{s.Modules}})
	})
	switch weak := box.Tier() == sandbox.Landlock && a.weak != ""; {
	case weak, on.abi != 0 && on.abi < a.needs:
		t.Logf("weaker tier: %s (Landlock ABI %d)", a.weak, a.needs)
	case got:
		t.Errorf("it got through: %s", s.said)
	default:
		sum.add(&sum.stopped)
	}
}

// stage is a scene with the host's side of it.
type stage struct {
	scene
	before map[string]string // what the host's folders held
	heard  chan struct{}     // closed when the DNS server was asked
	said   string
}

func self(t testing.TB) string {
	t.Helper()
	path, err := os.Executable()
	must(t, err)
	return path
}

func newStage(t *testing.T) *stage {
	s := &stage{heard: make(chan struct{}, 16)}
	top, err := os.MkdirTemp("", "s") // t.TempDir's names are longer than a socket's path may be
	must(t, err)
	t.Cleanup(func() { os.RemoveAll(top) })
	s.Canary = fmt.Sprintf("canary-%016x", rand.Uint64())
	s.Token = fmt.Sprintf("token-%016x", rand.Uint64())
	s.Tree, s.Outside, s.Home, s.Modules = filepath.Join(top, "tree"), filepath.Join(top, "outside"), filepath.Join(top, "home"), filepath.Join(top, "modules")
	for name, text := range map[string]string{
		"tree/a.txt": "a", "tree/.git/config": "[core]\n", "tree/.git/hooks/sample": "x", "outside/secret.txt": s.Canary, "outside/mnt/x": "x",
		"home/.ssh/id_ed25519": s.Canary, "home/.pyenv/shims/python3": "x", "home/.cache/go-build/x": "x", "home/.cache/pip/x": "x",
		"home/.cargo/registry/x": "x", "modules/x": "x",
	} {
		must(t, os.MkdirAll(filepath.Dir(filepath.Join(top, name)), 0o755))
		must(t, os.WriteFile(filepath.Join(top, name), []byte(text), 0o600))
	}
	must(t, os.Symlink(s.Outside, filepath.Join(s.Tree, "link")))
	s.listen(t)
	s.victim(t)
	s.memory(t)
	if os.Getuid() == 0 {
		s.root(t)
	}
	s.before = s.hostState()
	return s
}

// listen makes the servers of the host, each of which answers.
func (s *stage) listen(t *testing.T) {
	s.Abstract, s.Socket = "@"+s.Canary, filepath.Join(s.Outside, "s")
	serve := func(network, address string) net.Listener {
		l, err := net.Listen(network, address)
		must(t, err)
		t.Cleanup(func() { l.Close() })
		go func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				_, _ = c.Read(make([]byte, 4))
				_, _ = c.Write([]byte("pong"))
				c.Close()
			}
		}()
		return l
	}
	s.TCP = serve("tcp", "127.0.0.1:0").Addr().String()
	serve("unix", s.Abstract)
	serve("unix", s.Socket)
	serve("unix", filepath.Join(s.Tree, "server.sock"))
	udp, err := net.ListenPacket("udp", "127.0.0.1:0")
	must(t, err)
	t.Cleanup(func() { udp.Close() })
	go func() {
		buf := make([]byte, 1500)
		for {
			n, from, err := udp.ReadFrom(buf)
			if err != nil {
				return
			}
			if bytes.Contains(buf[:n], []byte("example")) {
				s.heard <- struct{}{}
			}
			_, _ = udp.WriteTo([]byte("pong"), from)
		}
	}()
	s.UDP = udp.LocalAddr().String()
}

// victim starts a process of the host whose environment and arguments hold the
// canary.
func (s *stage) victim(t *testing.T) {
	cmd := exec.Command(self(t), s.Canary)
	cmd.Env = []string{partVariable + "=victim", "SECRET=" + s.Canary}
	must(t, cmd.Start())
	s.Victim = cmd.Process.Pid
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
}

// memory makes the shared memory of the host.
func (s *stage) memory(t *testing.T) {
	name := filepath.Join("/dev/shm", s.Canary)
	must(t, os.WriteFile(name, []byte(s.Canary), 0o600))
	t.Cleanup(func() { os.Remove(name) })
	s.Shm = int(rand.Int32())
	id, err := unix.SysvShmGet(s.Shm, 4096, unix.IPC_CREAT|0o600)
	must(t, err)
	b, err := unix.SysvShmAttach(id, 0, 0)
	must(t, err)
	copy(b, s.Canary)
	must(t, unix.SysvShmDetach(b))
	t.Cleanup(func() { _, _ = unix.SysvShmCtl(id, unix.IPC_RMID, nil) })
}

// root makes what only root can.
func (s *stage) root(t *testing.T) {
	text, err := os.ReadFile("/usr/bin/id")
	must(t, err)
	suid := filepath.Join(s.Tree, "setuid-id")
	must(t, os.WriteFile(suid, text, 0o755))
	must(t, os.Chown(suid, 65534, 65534))
	must(t, os.Chmod(suid, 0o755|os.ModeSetuid))
	dir := filepath.Join(s.Outside, "mounted")
	must(t, os.Mkdir(dir, 0o755))
	if unix.Mount("tmpfs", dir, "tmpfs", 0, "size=4k") == nil {
		s.Mounted = dir
		t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
	}
	if m, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0); err == nil {
		t.Cleanup(func() { m.Close() })
		if n, err := unix.IoctlGetInt(int(m.Fd()), unix.TIOCGPTN); err == nil && unix.IoctlSetPointerInt(int(m.Fd()), unix.TIOCSPTLCK, 0) == nil {
			s.Pty = "/dev/pts/" + strconv.Itoa(n)
		}
	}
}

// environ is the user's environment in this scene, with folders before those of
// PATH.
func (s *stage) environ(before ...string) []string {
	path := []string{filepath.Join(s.Home, ".pyenv/shims"), os.Getenv("PATH")}
	return []string{"HOME=" + s.Home, "SECRET_TOKEN=" + s.Canary, "PATH=" + strings.Join(append(before, path...), ":")}
}

// bare runs the attack with no sandbox, as a careless tool would.
func (s *stage) bare(ctx context.Context, vars []string) (process.Result, error) {
	path, err := os.Executable()
	if err != nil {
		return process.Result{}, err
	}
	return process.Run(ctx, process.Command{Path: path, Dir: s.Tree, Env: process.Setenv(os.Environ(), append(s.environ(), vars...)...)})
}

// run runs the attack by start and tells whether it got through: by its own
// word, or by what changed on the host.
func (s *stage) run(t *testing.T, a attack, start func(context.Context, []string) (process.Result, error)) bool {
	t.Helper()
	text, err := json.Marshal(s.scene)
	must(t, err)
	// A file of cf's that it inherited, or forgot to mark: nothing closes it.
	fd, err := syscall.Open(filepath.Join(s.Outside, "secret.txt"), syscall.O_RDONLY, 0)
	must(t, err)
	defer syscall.Close(fd)
	ctx, cancel := context.WithTimeout(t.Context(), 2*heldMost)
	defer cancel()
	began := time.Now()
	r, err := start(ctx, []string{partVariable + "=" + a.name, sceneVariable + "=" + string(text)})
	s.said = fmt.Sprintf("%v %s %s", err, r.Stdout, r.Stderr)
	if took := time.Since(began); took > heldMost {
		t.Errorf("it held cf for %s", took)
	}
	if !strings.Contains(s.said, through) && !strings.Contains(s.said, "stopped:") {
		t.Fatalf("the attack did not run: %s", s.said)
	}
	switch {
	case a.name == "survive the run":
		return s.survivors(t) > 0
	case a.name == "DNS":
		return len(s.heard) > 0
	case a.host:
		return s.changed()
	}
	return strings.Contains(s.said, through)
}

// survivors counts and ends processes that carry the scene's token.
func (s *stage) survivors(t *testing.T) int {
	t.Helper()
	names, err := filepath.Glob("/proc/[0-9]*/cmdline")
	must(t, err)
	found := 0
	for _, name := range names {
		if text, err := os.ReadFile(name); err == nil && bytes.Contains(text, []byte(s.Token)) {
			found++
			pid, err := strconv.Atoi(strings.Split(name, "/")[2])
			must(t, err)
			_ = unix.Kill(pid, unix.SIGKILL)
		}
	}
	return found
}

// changed tells whether a file of the host's differs from before.
func (s *stage) changed() bool {
	now := s.hostState()
	for name, state := range s.before {
		if now[name] != state {
			s.said += "; changed: " + name
			return true
		}
	}
	for name := range now {
		if _, known := s.before[name]; !known {
			s.said += "; made: " + name
			return true
		}
	}
	return false
}

// hostState is every file of the scene with its mode, time and content.
func (s *stage) hostState() map[string]string {
	state := map[string]string{}
	for _, dir := range []string{s.Tree, s.Outside, s.Home, s.Modules} {
		_ = filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return nil
			}
			info, err := d.Info()
			if err != nil {
				return nil
			}
			text, _ := os.ReadFile(path)
			if d.Type() != 0 {
				text = nil
			}
			state[path] = fmt.Sprint(info.Mode(), info.ModTime().UnixNano(), string(text))
			return nil
		})
	}
	return state
}

// copy makes what the tiers without overlays run in.
func (s *stage) copy(t *testing.T) string {
	t.Helper()
	to := filepath.Join(folder(t), "copy")
	out, err := exec.Command("cp", "-a", s.Tree, to).CombinedOutput()
	if err != nil {
		t.Fatal(err, string(out))
	}
	return to
}
