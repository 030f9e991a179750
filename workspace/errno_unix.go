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

// metaOf turns what os tells of a file into a meta, without its mount.
func metaOf(info os.FileInfo) meta {
	m := meta{mode: info.Mode(), size: info.Size(), links: 1}
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		// The fields' types differ between systems.
		m.links, m.dev, m.ino = uint64(stat.Nlink), uint64(stat.Dev), stat.Ino
		m.own = owner{Known: true, UID: int(stat.Uid), GID: int(stat.Gid)}
	}
	return m
}

// fullErrors are what a write meets where there is no room for it.
var fullErrors = []error{syscall.ENOSPC, syscall.EDQUOT, syscall.EFBIG}

// readOnlyError is what a read-only file system answers.
var readOnlyError error = syscall.EROFS
