package sandbox

import "golang.org/x/sys/unix"

// auditArch names this processor's calls in seccomp_data.arch.
const auditArch uint32 = unix.AUDIT_ARCH_X86_64

// lastKnown is the newest system call that was looked at when the lists of this
// package were written (Linux 6.18).
const lastKnown = unix.SYS_LISTNS

// refusedHere are the refused calls that only this processor has.
var refusedHere = []uint32{unix.SYS_IOPL, unix.SYS_IOPERM, unix.SYS_MODIFY_LDT, unix.SYS_USELIB, unix.SYS_USTAT, unix.SYS_SYSFS, unix.SYS__SYSCTL}

// deviceCalls can make devices; the value says which argument is the mode.
var deviceCalls = map[uint32]int{unix.SYS_MKNOD: 1, unix.SYS_MKNODAT: 2}

// openCalls open files; the value says which argument is the flags.
var openCalls = map[uint32]int{unix.SYS_OPEN: 1, unix.SYS_OPENAT: 2}
