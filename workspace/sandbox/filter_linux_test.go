package sandbox

import (
	"encoding/binary"
	"testing"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// answer runs the filter as the kernel would. The test machine of package bpf
// reads its packet in network order, so that is how seccomp_data is written.
func answer(t *testing.T, r rules, arch, number uint32, args ...uint64) uint32 {
	t.Helper()
	raw, err := filter(r)
	if err != nil {
		t.Fatal(err)
	}
	code, whole := bpf.Disassemble(raw)
	if !whole {
		t.Fatal("the filter can't be read back")
	}
	vm, err := bpf.NewVM(code)
	if err != nil {
		t.Fatal(err)
	}
	data := make([]byte, 64)
	binary.BigEndian.PutUint32(data[offsetNumber:], number)
	binary.BigEndian.PutUint32(data[offsetArch:], arch)
	for i, a := range args {
		binary.BigEndian.PutUint32(data[offsetArgs+8*i:], uint32(a))
		binary.BigEndian.PutUint32(data[offsetArgs+8*i+4:], uint32(a>>32))
	}
	got, err := vm.Run(data)
	if err != nil {
		t.Fatal(err)
	}
	return uint32(got)
}

func TestFilter(t *testing.T) {
	if auditArch == 0 {
		t.Fatal("no filter for this processor")
	}
	eperm, enosys, family := answerErrno(unix.EPERM), answerErrno(unix.ENOSYS), answerErrno(unix.EAFNOSUPPORT)
	for _, number := range append(refused, refusedHere...) {
		if got := answer(t, rules{sockets: true, trace: true}, auditArch, number); got != eperm {
			t.Errorf("system call %d: %#x", number, got)
		}
	}
	for name, tt := range map[string]struct {
		number uint32
		args   []uint64
		want   uint32
	}{
		"read":                     {unix.SYS_READ, nil, answerAllow},
		"openat":                   {unix.SYS_OPENAT, nil, answerAllow},
		"clone a thread":           {unix.SYS_CLONE, []uint64{unix.CLONE_VM | unix.CLONE_THREAD | unix.CLONE_SIGHAND}, answerAllow},
		"clone a process":          {unix.SYS_CLONE, []uint64{uint64(unix.SIGCHLD)}, answerAllow},
		"clone a user namespace":   {unix.SYS_CLONE, []uint64{unix.CLONE_NEWUSER}, eperm},
		"one namespace of many":    {unix.SYS_CLONE, []uint64{unix.CLONE_VM | unix.CLONE_NEWNET}, eperm},
		"clone3":                   {unix.SYS_CLONE3, nil, enosys},
		"unshare files":            {unix.SYS_UNSHARE, []uint64{unix.CLONE_FILES}, answerAllow},
		"unshare time":             {unix.SYS_UNSHARE, []uint64{unix.CLONE_NEWTIME}, eperm},
		"push input":               {unix.SYS_IOCTL, []uint64{0, unix.TIOCSTI}, eperm},
		"push input, high bits":    {unix.SYS_IOCTL, []uint64{0, 1<<32 | unix.TIOCSTI}, eperm},
		"paste on the console":     {unix.SYS_IOCTL, []uint64{0, unix.TIOCLINUX}, eperm},
		"ask the window's size":    {unix.SYS_IOCTL, []uint64{0, unix.TIOCGWINSZ}, answerAllow},
		"inet socket":              {unix.SYS_SOCKET, []uint64{unix.AF_INET}, answerAllow},
		"unix socket":              {unix.SYS_SOCKET, []uint64{unix.AF_UNIX}, answerAllow},
		"vsock":                    {unix.SYS_SOCKET, []uint64{unix.AF_VSOCK}, family},
		"make a FIFO":              {unix.SYS_MKNODAT, []uint64{0, 0, unix.S_IFIFO | 0o600}, answerAllow},
		"make a file":              {unix.SYS_MKNODAT, []uint64{0, 0, 0o600}, answerAllow},
		"make a character device":  {unix.SYS_MKNODAT, []uint64{0, 0, unix.S_IFCHR | 0o600}, eperm},
		"make a block device":      {unix.SYS_MKNODAT, []uint64{0, 0, unix.S_IFBLK | 0o600}, eperm},
		"a call of tomorrow":       {lastKnown + 1, nil, enosys},
		"a call with the x32 mark": {1 << 30, nil, enosys},
	} {
		if got := answer(t, rules{sockets: true}, auditArch, tt.number, tt.args...); got != tt.want {
			t.Errorf("%s: %#x, want %#x", name, got, tt.want)
		}
	}
	if got := answer(t, rules{sockets: true}, auditArch^1, unix.SYS_READ); got != answerKill {
		t.Errorf("another processor's calls: %#x", got)
	}
	for trace, want := range map[bool]uint32{true: answerAllow, false: eperm} {
		if got := answer(t, rules{trace: trace}, auditArch, unix.SYS_PTRACE); got != want {
			t.Errorf("ptrace, allowed %v: %#x", trace, got)
		}
	}
	if got := answer(t, rules{}, auditArch, unix.SYS_SOCKET, unix.AF_UNIX); got != family {
		t.Errorf("a socket where none is allowed: %#x", got)
	}
	if got := answer(t, rules{}, auditArch, unix.SYS_SOCKETPAIR, unix.AF_UNIX); got != answerAllow {
		t.Errorf("a pair of sockets: %#x", got)
	}
	for name, tt := range map[string]struct {
		number uint32
		args   []uint64
		want   uint32
	}{
		"truncate":              {unix.SYS_TRUNCATE, nil, eperm},
		"ftruncate":             {unix.SYS_FTRUNCATE, nil, answerAllow},
		"cut what is read only": {unix.SYS_OPENAT, []uint64{0, 0, unix.O_RDONLY | unix.O_TRUNC | unix.O_CLOEXEC}, eperm},
		"cut what is written":   {unix.SYS_OPENAT, []uint64{0, 0, unix.O_WRONLY | unix.O_TRUNC | unix.O_CREAT}, answerAllow},
		"read":                  {unix.SYS_OPENAT, []uint64{0, 0, unix.O_RDONLY}, answerAllow},
		"openat2":               {unix.SYS_OPENAT2, nil, enosys},
	} {
		if got := answer(t, rules{noTruncate: true}, auditArch, tt.number, tt.args...); got != tt.want {
			t.Errorf("without truncation, %s: %#x, want %#x", name, got, tt.want)
		}
	}
}
