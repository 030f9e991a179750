//go:build !cgo || race

package core

// InC tells whether rings and contexts lie in C memory.
const InC = false

func allocate(bytes uintptr) (memory, error) { return goMemory(bytes), nil }

func (m *memory) release() { *m = memory{} }
