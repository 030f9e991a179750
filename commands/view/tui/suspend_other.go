//go:build !unix

package tui

// suspendable tells that there is no job control.
func suspendable() bool { return false }
