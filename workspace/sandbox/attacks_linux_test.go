package sandbox_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// scene is what an attack is told: where things of the host lie that it must
// not reach. All of them belong to the test.
type scene struct {
	Tree, Outside, Home, Modules string // folders; secret.txt in Outside holds Canary
	Canary                       string // a text that must not be read
	Victim                       int    // pid of a process of the host
	TCP, UDP, Abstract, Socket   string // where the host listens
	Pty                          string // a terminal of the host
	Mounted                      string // a mount of the host, "" without root
	Shm                          int    // key of a shared memory segment of the host
	Token                        string // in the arguments of a process that must not survive
}

// attack is a program of the red team. It returns nil when it got through.
type attack struct {
	name string
	do   func(s scene) error
	root bool // only root gets through without a sandbox
	host bool // it counts only if a file of the host's changed: what is written inside is thrown away
	// some kernels and containers refuse it without a sandbox, too
	perhaps bool
	// weak says why the tier without namespaces does not stop it
	weak string
	// needs is the ABI of Landlock that stops it there
	needs int
}

var errNoCanary = errors.New("the canary was not there")

// reads tells whether a file holds the canary.
func reads(path func(s scene) string) func(s scene) error {
	return func(s scene) error {
		text, err := os.ReadFile(path(s))
		if err == nil && !strings.Contains(string(text), s.Canary) {
			return errNoCanary
		}
		return err
	}
}

// writes puts a file at a path. The test looks whether it is on the host.
func writes(path func(s scene) string) func(s scene) error {
	return func(s scene) error {
		name := path(s)
		_ = os.MkdirAll(filepath.Dir(name), 0o755)
		return os.WriteFile(name, []byte("pwned"), 0o755)
	}
}

// opens opens something that no program may open at all.
func opens(path string, flags int) func(scene) error {
	return func(scene) error {
		f, err := os.OpenFile(path, flags|unix.O_NONBLOCK, 0)
		if err == nil {
			f.Close()
		}
		return err
	}
}

// calls makes a system call that must be refused.
func calls(number uintptr, args ...uintptr) func(scene) error {
	return func(scene) error {
		var a [6]uintptr
		copy(a[:], args)
		if _, _, errno := unix.Syscall6(number, a[0], a[1], a[2], a[3], a[4], a[5]); errno != 0 {
			return errno
		}
		return nil
	}
}

func in(folder func(scene) string, name string) func(scene) string {
	return func(s scene) string { return filepath.Join(folder(s), name) }
}

func outside(s scene) string { return s.Outside }
func tree(s scene) string    { return "." }
func home(s scene) string    { return s.Home }

// dials connects and wants an answer of the host.
func dials(network string, address func(s scene) string) func(s scene) error {
	return func(s scene) error {
		c, err := net.DialTimeout(network, address(s), time.Second)
		if err != nil {
			return err
		}
		defer c.Close()
		if err := c.SetDeadline(time.Now().Add(time.Second)); err != nil {
			return err
		}
		if _, err := c.Write([]byte("ping")); err != nil {
			return err
		}
		_, err = c.Read(make([]byte, 4))
		return err
	}
}

// lists finds a name of the host's in a folder.
func lists(folder func(s scene) string, name func(s scene) string) func(s scene) error {
	return func(s scene) error {
		entries, err := os.ReadDir(folder(s))
		for _, e := range entries {
			if e.Name() == name(s) {
				return nil
			}
		}
		return errors.Join(errNoCanary, err)
	}
}

// anyProc looks into one file of every process for the victim's canary.
func anyProc(file, before string) func(s scene) error {
	return func(s scene) error {
		names, err := filepath.Glob("/proc/[0-9]*/" + file)
		for _, name := range names {
			if name == fmt.Sprintf("/proc/%d/%s", os.Getpid(), file) {
				continue
			}
			if text, err := os.ReadFile(name); err == nil && bytes.Contains(text, []byte(before+s.Canary)) {
				return nil
			}
		}
		return errors.Join(errNoCanary, err)
	}
}

// socket opens a socket of a family, type and protocol.
func socket(family, kind, protocol int) func(scene) error {
	return func(scene) error {
		fd, err := unix.Socket(family, kind, protocol)
		if err == nil {
			_ = unix.Close(fd)
		}
		return err
	}
}

// spawns starts this program again in a part of the test.
func spawns(part string, attr *syscall.SysProcAttr) *exec.Cmd {
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), partVariable+"="+part)
	cmd.SysProcAttr = attr
	return cmd
}

func lookup(s scene) error {
	r := net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp", s.UDP)
	}}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_, err := r.LookupHost(ctx, s.Canary+".example.com")
	return err // the host's server hears the question, which is what counts
}

func hardLink(s scene) error {
	if err := os.Link(filepath.Join(s.Outside, "secret.txt"), "stolen"); err != nil {
		return err
	}
	return reads(in(tree, "stolen"))(s)
}

func newSymlink(s scene) error {
	if err := os.Symlink(s.Outside, "out"); err != nil {
		return err
	}
	return writes(in(tree, "out/pwned"))(s)
}

// leakedFile looks for a file of the host's among those it was started with.
func leakedFile(s scene) error {
	for fd := 3; fd < 64; fd++ {
		buf := make([]byte, 256)
		if n, err := unix.Pread(fd, buf, 0); err == nil && bytes.Contains(buf[:n], []byte(s.Canary)) {
			return nil
		}
	}
	return errNoCanary
}

func leakedVariable(s scene) error {
	for _, e := range os.Environ() {
		if strings.Contains(e, s.Canary) && !strings.HasPrefix(e, sceneVariable+"=") {
			return nil
		}
	}
	return errNoCanary
}

func attach(s scene) error {
	if err := unix.PtraceAttach(s.Victim); err != nil {
		return err
	}
	_, _ = unix.Wait4(s.Victim, nil, 0, nil)
	return unix.PtraceDetach(s.Victim)
}

func readMemory(s scene) error {
	var b [1]byte
	local := unix.Iovec{Base: &b[0], Len: 1}
	_, err := unix.ProcessVMReadv(s.Victim, []unix.Iovec{local}, []unix.RemoteIovec{{Base: 8, Len: 1}}, 0)
	if errors.Is(err, unix.EFAULT) { // it looked, there was nothing at that address
		return nil
	}
	return err
}

func stealFile(s scene) error {
	fd, err := unix.PidfdOpen(s.Victim, 0)
	if err != nil {
		return err
	}
	_, err = unix.PidfdGetfd(fd, 0, 0)
	return err
}

func pushInput(s scene) error {
	f, err := os.OpenFile(s.Pty, os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	b := byte('x')
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, f.Fd(), unix.TIOCSTI, uintptr(unsafe.Pointer(&b)))
	if errno != 0 {
		return errno
	}
	return nil
}

func device(mode uint32, major, minor uint32) func(scene) error {
	return func(scene) error { return unix.Mknod("device", mode|0o600, int(unix.Mkdev(major, minor))) }
}

func mountOver(s scene) error {
	dir := filepath.Join(s.Outside, "mnt")
	if _, err := os.Stat(dir); err != nil {
		dir = "."
	}
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=4k"); err != nil {
		return err
	}
	return unix.Unmount(dir, unix.MNT_DETACH)
}

func unmount(s scene) error {
	err := unix.Unmount(s.Tree, unix.MNT_DETACH) // inside this is the overlay
	if err != nil && s.Mounted != "" {
		err = unix.Unmount(s.Mounted, unix.MNT_DETACH)
	}
	return err
}

func namespace(flags uintptr) func(scene) error {
	return func(scene) error {
		return spawns("nothing", &syscall.SysProcAttr{Cloneflags: flags}).Run()
	}
}

func joinNamespace(scene) error {
	fd, err := unix.Open("/proc/self/ns/uts", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	return unix.Setns(fd, unix.CLONE_NEWUTS)
}

// sameAgain writes a setting of the system's as it is.
func sameAgain(path string) func(scene) error {
	return func(scene) error {
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(path, bytes.TrimSpace(text), 0)
	}
}

func dumpCore(scene) error {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_CORE, &limit); err != nil {
		return err
	}
	limit.Cur = limit.Max
	if err := unix.Setrlimit(unix.RLIMIT_CORE, &limit); err != nil {
		return err
	}
	cmd := spawns("crash", nil)
	cmd.Dir, cmd.Env = os.TempDir(), append(cmd.Env, "GOTRACEBACK=crash") // else Go catches the signal
	err := cmd.Run()
	if ws, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); ok && ws.CoreDump() {
		return nil
	}
	return fmt.Errorf("no core: %w", err)
}

func gainByMode(scene) error {
	out, err := exec.Command("./setuid-id", "-u").Output()
	if err == nil && strings.TrimSpace(string(out)) != itoaUser() {
		return nil
	}
	return fmt.Errorf("the user stays %s: %w", strings.TrimSpace(string(out)), err)
}

func itoaUser() string { return fmt.Sprint(os.Getuid()) }

func leaveDaemon(s scene) error {
	cmd := spawns("daemon", &syscall.SysProcAttr{Setsid: true})
	cmd.Args = append(cmd.Args, s.Token)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr // it holds the pipes, too
	return cmd.Start()
}

func blockDevice(scene) error {
	names, err := filepath.Glob("/dev/[svx]d[a-z]")
	for _, name := range names {
		if opens(name, os.O_RDONLY)(scene{}) == nil {
			return nil
		}
	}
	return errors.Join(errNoCanary, err)
}

func sharedMemory(s scene) error {
	id, err := unix.SysvShmGet(s.Shm, 0, 0)
	if err != nil {
		return err
	}
	b, err := unix.SysvShmAttach(id, 0, unix.SHM_RDONLY)
	if err != nil {
		return err
	}
	if !bytes.Contains(b, []byte(s.Canary)) {
		return errNoCanary
	}
	return nil
}

func byHandle(s scene) error {
	h, _, err := unix.NameToHandleAt(unix.AT_FDCWD, s.Outside, 0)
	if err != nil {
		return err
	}
	at, err := unix.Open(s.Outside, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	_, err = unix.OpenByHandleAt(at, h, unix.O_RDONLY)
	return err
}

func setClock(scene) error {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_REALTIME, &now); err != nil {
		return err
	}
	return unix.ClockSettime(unix.CLOCK_REALTIME, &now)
}

func setHostname(scene) error {
	name, err := os.Hostname()
	if err != nil {
		return err
	}
	return unix.Sethostname([]byte(name))
}

func releaseAgent(scene) error {
	names, err := filepath.Glob("/sys/fs/cgroup/*/release_agent")
	for _, name := range names {
		if opens(name, os.O_WRONLY)(scene{}) == nil {
			return nil
		}
	}
	return errors.Join(errNoCanary, err)
}

func kernelLog(scene) error {
	_, err := unix.Klogctl(unix.SYSLOG_ACTION_SIZE_BUFFER, nil)
	return err
}

// keyUser is KEY_SPEC_USER_KEYRING, -4 (linux/keyctl.h).
const keyUser = ^uintptr(3)

func perfOpen(scene) error {
	attr := unix.PerfEventAttr{Type: unix.PERF_TYPE_SOFTWARE, Config: unix.PERF_COUNT_SW_CPU_CLOCK}
	attr.Size = uint32(unsafe.Sizeof(attr))
	fd, err := unix.PerfEventOpen(&attr, -1, 0, -1, unix.PERF_FLAG_FD_CLOEXEC)
	if err == nil {
		_ = unix.Close(fd)
	}
	return err
}

func ioUring(scene) error {
	var params [120]byte // struct io_uring_params (linux/io_uring.h)
	fd, _, errno := unix.Syscall(unix.SYS_IO_URING_SETUP, 4, uintptr(unsafe.Pointer(&params)), 0)
	if errno != 0 {
		return errno
	}
	return unix.Close(int(fd))
}
