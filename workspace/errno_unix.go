//go:build unix

package workspace

import (
	"os"
	"syscall"
)

// errNotDir is what a path through a file gives: as absent as a missing file.
var errNotDir error = syscall.ENOTDIR

// ours tells whether the file belongs to the user who runs cf, or to root.
func ours(info os.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && (int(stat.Uid) == os.Geteuid() || stat.Uid == 0)
}
