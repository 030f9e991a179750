//go:build unix

package tui

import (
	"os"

	"golang.org/x/sys/unix"
)

// suspendable tells whether a shell waits that can take the terminal and bring
// this program back. The kernel drops SIGTSTP for an orphaned process group
// (POSIX.1-2017, 3.264), and bubbletea would wait for a SIGCONT for ever. A group
// is not orphaned if our parent is in another group of the same session.
func suspendable() bool {
	parent := os.Getppid()
	session, err := unix.Getsid(parent)
	if err != nil {
		return false
	}
	own, err := unix.Getsid(0)
	if err != nil || own != session {
		return false
	}
	group, err := unix.Getpgid(parent)
	return err == nil && group != unix.Getpgrp()
}
