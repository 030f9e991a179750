package workspace

import (
	"math"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// onFD calls f with the descriptor of dir, which stays open meanwhile.
func onFD(dir *os.File, f func(fd int) error) error {
	conn, err := dir.SyscallConn()
	if err != nil {
		return err
	}
	var inner error
	if err := conn.Control(func(fd uintptr) { inner = f(int(fd)) }); err != nil {
		return err
	}
	return inner
}

func renameExchange(dir *os.File, a, b string) error {
	return onFD(dir, func(fd int) error { return unix.Renameat2(fd, a, fd, b, unix.RENAME_EXCHANGE) })
}

func renameNew(dir *os.File, from, to string) error {
	return onFD(dir, func(fd int) error { return unix.Renameat2(fd, from, fd, to, unix.RENAME_NOREPLACE) })
}

// mounted tells whether name is where something is mounted: a bind mount is
// not seen by its device number. Kernels before 5.8 can't tell (statx(2)).
func mounted(dir *os.File, name string) bool {
	var x unix.Statx_t
	err := onFD(dir, func(fd int) error {
		return unix.Statx(fd, name, unix.AT_SYMLINK_NOFOLLOW|unix.AT_NO_AUTOMOUNT, unix.STATX_TYPE, &x)
	})
	return err == nil && x.Attributes&x.Attributes_mask&unix.STATX_ATTR_MOUNT_ROOT != 0
}

func roomOf(dir *os.File) (room, error) {
	var s unix.Statfs_t
	if err := onFD(dir, func(fd int) error { return unix.Fstatfs(fd, &s) }); err != nil {
		return room{free: -1}, err
	}
	r := room{free: -1, readOnly: s.Flags&unix.ST_RDONLY != 0}
	switch s.Type {
	case unix.PROC_SUPER_MAGIC, unix.SYSFS_MAGIC, unix.DEBUGFS_MAGIC, unix.TRACEFS_MAGIC, unix.CGROUP_SUPER_MAGIC, unix.CGROUP2_SUPER_MAGIC:
		r.pseudo = true
	}
	if s.Blocks > 0 && s.Bsize > 0 && s.Bavail < uint64(math.MaxInt64/s.Bsize) {
		r.free = int64(s.Bavail) * s.Bsize
	}
	return r, nil
}

// fileBytesLimit is the largest file that this process may write: beyond it
// the kernel sends SIGXFSZ, which would end cf.
func fileBytesLimit() int64 {
	var l syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &l); err != nil || l.Cur > math.MaxInt64 {
		return math.MaxInt64
	}
	return int64(l.Cur)
}
