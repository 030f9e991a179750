//go:build !linux

package commands

// landlockABI is 0: Landlock is Linux's.
func landlockABI() int { return 0 }

// diskFree is 0, unknown, on systems that cf is not built for yet.
func diskFree(string) int64 { return 0 }
