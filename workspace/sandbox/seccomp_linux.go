package sandbox

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// Places in struct seccomp_data (linux/seccomp.h). The filter reads the low
// half of an argument, which is all that the kernel uses of those it tests;
// both architectures known here are little-endian.
const (
	offsetNumber = 0
	offsetArch   = 4
	offsetArgs   = 16
)

func lowOf(arg int) bpf.Instruction {
	return bpf.LoadAbsolute{Off: uint32(offsetArgs + 8*arg), Size: 4}
}

// What a filter answers.
const (
	answerAllow = unix.SECCOMP_RET_ALLOW
	answerKill  = unix.SECCOMP_RET_KILL_PROCESS
)

func answerErrno(e unix.Errno) uint32 { return unix.SECCOMP_RET_ERRNO | uint32(e) }

// refused are system calls that no build, test or linter needs and that reach
// for the kernel's rarely used corners, for other processes or for the whole
// machine. Most fail without privileges anyway: this keeps a hole in one of them
// from counting.
var refused = []uint32{
	unix.SYS_MOUNT, unix.SYS_UMOUNT2, unix.SYS_PIVOT_ROOT, unix.SYS_CHROOT, unix.SYS_MOVE_MOUNT, unix.SYS_OPEN_TREE,
	unix.SYS_OPEN_TREE_ATTR, unix.SYS_FSOPEN, unix.SYS_FSCONFIG, unix.SYS_FSMOUNT, unix.SYS_FSPICK, unix.SYS_MOUNT_SETATTR,
	unix.SYS_STATMOUNT, unix.SYS_LISTMOUNT, unix.SYS_LISTNS, unix.SYS_SETNS,
	unix.SYS_PROCESS_VM_READV, unix.SYS_PROCESS_VM_WRITEV, unix.SYS_PROCESS_MADVISE, unix.SYS_PIDFD_GETFD, unix.SYS_KCMP,
	unix.SYS_KEYCTL, unix.SYS_ADD_KEY, unix.SYS_REQUEST_KEY,
	unix.SYS_BPF, unix.SYS_PERF_EVENT_OPEN, unix.SYS_USERFAULTFD,
	unix.SYS_IO_URING_SETUP, unix.SYS_IO_URING_ENTER, unix.SYS_IO_URING_REGISTER,
	unix.SYS_FANOTIFY_INIT, unix.SYS_FANOTIFY_MARK, unix.SYS_NAME_TO_HANDLE_AT, unix.SYS_OPEN_BY_HANDLE_AT,
	unix.SYS_INIT_MODULE, unix.SYS_FINIT_MODULE, unix.SYS_DELETE_MODULE, unix.SYS_KEXEC_LOAD, unix.SYS_KEXEC_FILE_LOAD,
	unix.SYS_REBOOT, unix.SYS_SWAPON, unix.SYS_SWAPOFF, unix.SYS_SYSLOG, unix.SYS_ACCT, unix.SYS_QUOTACTL, unix.SYS_QUOTACTL_FD,
	unix.SYS_SETTIMEOFDAY, unix.SYS_CLOCK_SETTIME, unix.SYS_CLOCK_ADJTIME, unix.SYS_ADJTIMEX,
	unix.SYS_SETHOSTNAME, unix.SYS_SETDOMAINNAME, unix.SYS_VHANGUP, unix.SYS_NFSSERVCTL,
	unix.SYS_MOVE_PAGES, unix.SYS_MIGRATE_PAGES, unix.SYS_MEMFD_SECRET,
}

// namespaces are the flags of clone and unshare that make a namespace.
// CLONE_NEWTIME is unshare's alone: to clone that bit is part of a signal.
const namespaces = unix.CLONE_NEWNS | unix.CLONE_NEWCGROUP | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC | unix.CLONE_NEWUSER |
	unix.CLONE_NEWPID | unix.CLONE_NEWNET

// families are the kinds of socket that a program may open where it has a
// network namespace of its own. vsock is not among them: it is not kept apart
// by such a namespace and reaches the host of a virtual machine.
var families = []uint32{unix.AF_UNIX, unix.AF_INET, unix.AF_INET6, unix.AF_NETLINK}

// rules are what differs between filters.
type rules struct {
	sockets    bool // socket(2) is allowed, for some families
	trace      bool // ptrace(2) is allowed
	noTruncate bool // files may be cut short only through a file that is open for writing
}

// filter assembles the program.
func filter(r rules) ([]bpf.RawInstruction, error) {
	if auditArch == 0 {
		return nil, errors.New("no system call filter for this processor")
	}
	eperm := answerErrno(unix.EPERM)
	code := []bpf.Instruction{
		bpf.LoadAbsolute{Off: offsetArch, Size: 4},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: auditArch, SkipTrue: 1},
		bpf.RetConstant{Val: answerKill},
		bpf.LoadAbsolute{Off: offsetNumber, Size: 4},
		// A newer call than those that were looked at; on amd64 also the x32
		// calls, whose numbers carry bit 30. Programs fall back on ENOSYS.
		bpf.JumpIf{Cond: bpf.JumpGreaterThan, Val: lastKnown, SkipFalse: 1},
		bpf.RetConstant{Val: answerErrno(unix.ENOSYS)},
	}
	deny := func(number, answer uint32) {
		code = append(code, bpf.JumpIf{Cond: bpf.JumpEqual, Val: number, SkipFalse: 1}, bpf.RetConstant{Val: answer})
	}
	for _, number := range append(refused, refusedHere...) {
		deny(number, eperm)
	}
	if !r.trace {
		deny(unix.SYS_PTRACE, eperm)
	}
	// The flags of clone3 lie in memory, where no filter can look: with ENOSYS
	// the C library uses clone.
	deny(unix.SYS_CLONE3, answerErrno(unix.ENOSYS))
	when := func(number uint32, test ...bpf.Instruction) {
		code = append(code, bpf.JumpIf{Cond: bpf.JumpEqual, Val: number, SkipFalse: uint8(len(test))})
		code = append(code, test...)
	}
	if r.noTruncate {
		deny(unix.SYS_TRUNCATE, eperm)
		deny(unix.SYS_OPENAT2, answerErrno(unix.ENOSYS)) // its flags lie in memory
		for number, flags := range openCalls {
			// O_RDONLY is 0, so that O_TRUNC alone cuts a file that may only be read.
			when(number, lowOf(flags), bpf.ALUOpConstant{Op: bpf.ALUOpAnd, Val: unix.O_TRUNC | unix.O_ACCMODE},
				bpf.JumpIf{Cond: bpf.JumpEqual, Val: unix.O_TRUNC, SkipTrue: 1},
				bpf.RetConstant{Val: answerAllow}, bpf.RetConstant{Val: eperm})
		}
	}
	bits := func(number uint32, arg int, mask uint32) {
		when(number, lowOf(arg), bpf.JumpIf{Cond: bpf.JumpBitsSet, Val: mask, SkipFalse: 1},
			bpf.RetConstant{Val: eperm}, bpf.RetConstant{Val: answerAllow})
	}
	bits(unix.SYS_CLONE, 0, namespaces)
	bits(unix.SYS_UNSHARE, 0, namespaces|unix.CLONE_NEWTIME)
	when(unix.SYS_IOCTL, lowOf(1), bpf.JumpIf{Cond: bpf.JumpEqual, Val: unix.TIOCSTI, SkipTrue: 2},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: unix.TIOCLINUX, SkipTrue: 1},
		bpf.RetConstant{Val: answerAllow}, bpf.RetConstant{Val: eperm})
	when(unix.SYS_SOCKET, socketTest(r.sockets)...)
	for number, mode := range deviceCalls {
		when(number, lowOf(mode), bpf.ALUOpConstant{Op: bpf.ALUOpAnd, Val: unix.S_IFMT},
			bpf.JumpIf{Cond: bpf.JumpEqual, Val: unix.S_IFCHR, SkipTrue: 2}, bpf.JumpIf{Cond: bpf.JumpEqual, Val: unix.S_IFBLK, SkipTrue: 1},
			bpf.RetConstant{Val: answerAllow}, bpf.RetConstant{Val: eperm})
	}
	return bpf.Assemble(append(code, bpf.RetConstant{Val: answerAllow}))
}

// socketTest answers socket(2) by its family.
func socketTest(allowed bool) []bpf.Instruction {
	no := bpf.RetConstant{Val: answerErrno(unix.EAFNOSUPPORT)}
	if !allowed {
		return []bpf.Instruction{no}
	}
	test := []bpf.Instruction{lowOf(0)}
	for i, family := range families {
		test = append(test, bpf.JumpIf{Cond: bpf.JumpEqual, Val: family, SkipTrue: uint8(len(families) - i)})
	}
	return append(test, no, bpf.RetConstant{Val: answerAllow})
}

// filterFile writes the filter as bwrap reads it, an array of struct
// sock_filter (linux/filter.h).
func (p *policy) filterFile() (*os.File, error) {
	code, err := filter(rules{sockets: true, trace: p.Trace})
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	for _, i := range code {
		if err := binary.Write(&b, binary.NativeEndian, unix.SockFilter{Code: i.Op, Jt: i.Jt, Jf: i.Jf, K: i.K}); err != nil {
			return nil, err
		}
	}
	return scratch(p.Scratch).file("seccomp.bpf", b.Bytes())
}
