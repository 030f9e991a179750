package commands

import "golang.org/x/sys/unix"

// landlockABI returns the kernel's Landlock version, 0 without it
// (https://docs.kernel.org/userspace-api/landlock.html).
func landlockABI() int {
	abi, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	if errno != 0 {
		return 0
	}
	return int(abi)
}

// diskFree returns what an unprivileged user may still write, in bytes.
func diskFree(dir string) int64 {
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		return 0
	}
	return int64(s.Bavail) * s.Frsize
}
