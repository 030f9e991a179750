//go:build !linux

package embedded

import "syscall"

// parentDeath is not offered here: the next supervisor ends what is left.
const parentDeath = syscall.Signal(0)
