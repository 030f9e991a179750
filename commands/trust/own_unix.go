//go:build unix

package trust

import (
	"io/fs"
	"os"
	"syscall"
)

// own tells whether the file belongs to the user who runs cf, or to root.
func own(info fs.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && (int(stat.Uid) == os.Geteuid() || stat.Uid == 0)
}
