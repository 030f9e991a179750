package ollama

import (
	"context"
	"runtime"

	"golang.org/x/sys/unix"
)

// SystemMemory returns the memory of this machine (sysctl hw.memsize). Apple
// silicon gives its GPU about two thirds of it
// (https://developer.apple.com/documentation/metal/mtldevice/recommendedmaxworkingsetsize).
func SystemMemory(context.Context) Memory {
	total, err := unix.SysctlUint64("hw.memsize")
	if err != nil {
		return Memory{}
	}
	m := Memory{Main: int64(total)}
	if runtime.GOARCH == "arm64" {
		m.GPU, m.Unified = m.Main*2/3, true
	}
	return m
}
