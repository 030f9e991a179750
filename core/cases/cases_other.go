//go:build !cgo || !linux

package cases

// InC tells whether Open runs workloads in C.
const InC = false

// Open prepares a workload; without C that is the one in Go.
func Open(s Setup) (Workload, error) { return OpenGo(s) }
