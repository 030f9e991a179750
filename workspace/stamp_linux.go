package workspace

import (
	"io/fs"
	"syscall"
)

// stamp returns what tells a file from another and from its earlier self.
func stamp(info fs.FileInfo) entry {
	e := entry{size: info.Size(), modified: info.ModTime().UnixNano()}
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		e.changed, e.inode = s.Ctim.Nano(), s.Ino
	}
	return e
}
