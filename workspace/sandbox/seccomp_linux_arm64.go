package sandbox

import "golang.org/x/sys/unix"

// See seccomp_linux_amd64.go.
const (
	auditArch uint32 = unix.AUDIT_ARCH_AARCH64
	lastKnown        = unix.SYS_LISTNS
)

var (
	refusedHere []uint32
	openCalls   = map[uint32]int{unix.SYS_OPENAT: 2}
	deviceCalls = map[uint32]int{unix.SYS_MKNODAT: 2}
)
