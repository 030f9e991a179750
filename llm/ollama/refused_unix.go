//go:build !windows

package ollama

import "syscall"

// connectionRefused is what dialling a closed port returns.
const connectionRefused = syscall.ECONNREFUSED
