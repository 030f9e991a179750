//go:build linux && !amd64 && !arm64

package sandbox

// There is no filter for this processor, and so no tier but None.
const (
	auditArch uint32 = 0
	lastKnown        = 0
)

var (
	refusedHere []uint32
	openCalls   = map[uint32]int{}
	deviceCalls = map[uint32]int{}
)
