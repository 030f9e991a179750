package sandbox

import (
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// memoryDir returns this user's own folder in the system's file system in
// memory, made if missing, or "" where that is none or the folder is not his
// alone: /dev/shm is open to all, so another user may have put something there.
func memoryDir() string {
	const shared = "/dev/shm"
	var fs unix.Statfs_t
	if unix.Statfs(shared, &fs) != nil || fs.Type != unix.TMPFS_MAGIC {
		return ""
	}
	dir := shared + "/cf-" + strconv.Itoa(os.Getuid())
	_ = unix.Mkdir(dir, 0o700)
	var st unix.Stat_t
	if unix.Lstat(dir, &st) != nil || st.Mode != unix.S_IFDIR|0o700 || int(st.Uid) != os.Getuid() {
		return ""
	}
	return dir
}
