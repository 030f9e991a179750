package sandbox

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/bitactor/cf/process"
)

// confineName is the name under which the init starts cf once more, to give up
// its rights and become the program (tier Landlock).
const confineName = "cf-sandbox-confine"

// confineFile is where that process says why it could not.
const confineFile = "confine.err"

// Landlock's access rights by what they are for, as of ABI 7
// (https://docs.kernel.org/userspace-api/landlock.html).
const (
	rightsRead = unix.LANDLOCK_ACCESS_FS_EXECUTE | unix.LANDLOCK_ACCESS_FS_READ_FILE | unix.LANDLOCK_ACCESS_FS_READ_DIR
	rightsFile = unix.LANDLOCK_ACCESS_FS_EXECUTE | unix.LANDLOCK_ACCESS_FS_READ_FILE | unix.LANDLOCK_ACCESS_FS_WRITE_FILE |
		unix.LANDLOCK_ACCESS_FS_TRUNCATE | unix.LANDLOCK_ACCESS_FS_IOCTL_DEV
	rightsWrite = rightsRead | unix.LANDLOCK_ACCESS_FS_WRITE_FILE | unix.LANDLOCK_ACCESS_FS_REMOVE_DIR |
		unix.LANDLOCK_ACCESS_FS_REMOVE_FILE | unix.LANDLOCK_ACCESS_FS_MAKE_DIR | unix.LANDLOCK_ACCESS_FS_MAKE_REG |
		unix.LANDLOCK_ACCESS_FS_MAKE_SOCK | unix.LANDLOCK_ACCESS_FS_MAKE_FIFO | unix.LANDLOCK_ACCESS_FS_MAKE_SYM |
		unix.LANDLOCK_ACCESS_FS_REFER | unix.LANDLOCK_ACCESS_FS_TRUNCATE
	rightsNever = unix.LANDLOCK_ACCESS_FS_MAKE_CHAR | unix.LANDLOCK_ACCESS_FS_MAKE_BLOCK | unix.LANDLOCK_ACCESS_FS_IOCTL_DEV
)

// abiLeast is the oldest Landlock that is used, that of Debian 12. Below
// abiTruncate (Linux 6.2) it does not keep files from being cut short, so the
// filter does (truncateTests).
const (
	abiLeast    = 2
	abiTruncate = 3
)

// landlockABI asks the kernel, 0 where it has no Landlock.
func landlockABI() int {
	abi, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	if errno != 0 {
		return 0
	}
	return int(abi)
}

// rulesetOf returns what a kernel of that ABI can restrict; all of it is.
func rulesetOf(abi int) unix.LandlockRulesetAttr {
	r := unix.LandlockRulesetAttr{Handled_access_fs: rightsWrite | rightsNever}
	if abi < abiTruncate {
		r.Handled_access_fs &^= unix.LANDLOCK_ACCESS_FS_TRUNCATE
	}
	if abi < 5 {
		r.Handled_access_fs &^= unix.LANDLOCK_ACCESS_FS_IOCTL_DEV
	}
	if abi >= 4 {
		r.Handled_access_net = unix.LANDLOCK_ACCESS_NET_BIND_TCP | unix.LANDLOCK_ACCESS_NET_CONNECT_TCP
	}
	if abi >= 6 {
		r.Scoped = unix.LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET | unix.LANDLOCK_SCOPE_SIGNAL
	}
	return r
}

// rulesetBytes is the size of struct landlock_ruleset_attr up to "scoped".
const rulesetBytes = 24

// devices are the files in /dev that a program may read and write.
var devices = []string{"/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"}

// seen are the parts of /proc and /dev that a program may read. /proc/self is
// the program's own alone: what other processes were started with stays hidden.
var seen = []string{
	"/proc/self", "/proc/cpuinfo", "/proc/meminfo", "/proc/stat", "/proc/version", "/proc/filesystems", "/proc/loadavg",
	"/proc/sys/kernel", "/proc/sys/vm", "/dev/random", "/dev/urandom",
}

// confined returns the command of the tiers without namespaces.
func (p *policy) confined() (process.Command, func(process.Result, error) (status, error), error) {
	plain := func(r process.Result, _ error) (status, error) { return status{Code: r.Code, Signal: r.Signal}, nil }
	if p.Tier == None {
		return process.Command{Path: p.Program, Args: p.Args, Env: p.Env, Dir: p.Dir}, plain, nil
	}
	s := scratch(p.Scratch)
	c := process.Command{Path: "/proc/self/exe", Argv0: confineName, Args: []string{s.at(policyFile)}, Env: p.Env, Dir: p.Dir}
	return c, func(r process.Result, err error) (status, error) {
		if why, readErr := os.ReadFile(s.at(confineFile)); readErr != nil || len(why) > 0 {
			return status{}, &setupError{CodeSetup, "give up rights", errors.New(string(why))}
		}
		return plain(r, err)
	}, nil
}

// confineMain gives up rights and becomes the program; it returns only when
// that fails.
func confineMain(file string) int {
	p, err := readPolicy(file)
	if err != nil {
		return initFailed
	}
	runtime.LockOSThread() // both restrictions bind this thread, and execve ends all others
	// Opened before the restrictions, and closed by execve.
	told, err := os.OpenFile(scratch(p.Scratch).at(confineFile), os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return initFailed
	}
	if err = p.restrict(); err == nil {
		err = unix.Exec(p.Program, append([]string{p.Program}, p.Args...), p.Env)
	}
	fmt.Fprint(told, err)
	return initFailed
}

// restrict binds this thread by Landlock and the system call filter.
func (p *policy) restrict() error {
	attr := rulesetOf(p.ABI)
	fd, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, uintptr(unsafe.Pointer(&attr)), rulesetBytes, 0)
	if errno != 0 {
		return fmt.Errorf("make a Landlock ruleset: %w", errno)
	}
	s := scratch(p.Scratch)
	rules := []struct {
		rights uint64
		paths  []string
	}{
		{rightsRead, seen},
		{rightsFile &^ unix.LANDLOCK_ACCESS_FS_EXECUTE, devices},
		{rightsWrite, []string{s.at("tmp"), s.at("home")}},
		{rightsRead, []string{p.View.Root}},
	}
	if p.View.Copy != "" { // the user's own tree is never written
		rules[3].rights, rules[3].paths = rightsWrite, []string{p.View.Copy}
	}
	for _, m := range p.Mounts {
		rights := uint64(rightsRead)
		if m.Write {
			rights = rightsWrite
		}
		rules = append(rules, struct {
			rights uint64
			paths  []string
		}{rights, []string{m.Source}})
	}
	for _, rel := range p.View.Folders {
		rules[0].paths = append(rules[0].paths, filepath.Join(p.View.Root, rel))
	}
	for _, r := range rules {
		for _, path := range r.paths {
			if err := allow(int(fd), path, r.rights&attr.Handled_access_fs); err != nil {
				return err
			}
		}
	}
	if err := dropCapabilities(); err != nil {
		return fmt.Errorf("give up capabilities: %w", err)
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("give up new privileges: %w", err)
	}
	if _, _, errno := unix.Syscall(unix.SYS_LANDLOCK_RESTRICT_SELF, fd, 0, 0); errno != 0 {
		return fmt.Errorf("restrict by Landlock: %w", errno)
	}
	return p.loadFilter()
}

// allow adds a path, if it is there, to a ruleset.
func allow(ruleset int, path string, rights uint64) error {
	fd, err := unix.Open(path, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil //nolint:nilerr // what is not there, or may not be opened, is not shown
	}
	defer func() { _ = unix.Close(fd) }()
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFDIR {
		rights &= rightsFile // the kernel refuses rights of folders on a file
	}
	rule := unix.LandlockPathBeneathAttr{Allowed_access: rights, Parent_fd: int32(fd)}
	_, _, errno := unix.Syscall6(unix.SYS_LANDLOCK_ADD_RULE, uintptr(ruleset), unix.LANDLOCK_RULE_PATH_BENEATH, uintptr(unsafe.Pointer(&rule)), 0, 0, 0)
	if errno != 0 {
		return fmt.Errorf("allow %s by Landlock: %w", path, errno)
	}
	return nil
}

// loadFilter binds this thread by the system call filter. Without a network
// namespace no socket is safe: Landlock knows TCP alone, and a socket file of
// the host, such as a container engine's, is as good as the host.
func (p *policy) loadFilter() error {
	code, err := filter(rules{trace: p.Trace, noTruncate: p.ABI < abiTruncate})
	if err != nil {
		return err
	}
	program := make([]unix.SockFilter, len(code))
	for i, c := range code {
		program[i] = unix.SockFilter{Code: c.Op, Jt: c.Jt, Jf: c.Jf, K: c.K}
	}
	fprog := unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]}
	if err := unix.Prctl(unix.PR_SET_SECCOMP, unix.SECCOMP_MODE_FILTER, uintptr(unsafe.Pointer(&fprog)), 0, 0); err != nil {
		return fmt.Errorf("load the system call filter: %w", err)
	}
	return nil
}

// dropCapabilities gives up what root can do beyond its own files. With an empty
// bounding set execve gives nothing back (capabilities(7)).
func dropCapabilities() error {
	for c := 0; c <= unix.CAP_LAST_CAP; c++ {
		err := unix.Prctl(unix.PR_CAPBSET_DROP, uintptr(c), 0, 0, 0)
		if errors.Is(err, unix.EPERM) { // an ordinary user has none to give up
			break
		}
		if err != nil && !errors.Is(err, unix.EINVAL) { // a capability that this kernel lacks
			return err
		}
	}
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var none [2]unix.CapUserData
	return unix.Capset(&header, &none[0])
}
