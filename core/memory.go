package core

import "unsafe"

// memory is a zeroed piece of memory aligned to a cache line.
type memory struct {
	at    unsafe.Pointer
	bytes uintptr
	keep  []byte         // Go memory: what at points into
	free  unsafe.Pointer // C memory: what to give to C.free
}

// goMemory allocates in Go; the collector frees it.
func goMemory(bytes uintptr) memory {
	keep := make([]byte, bytes+LineBytes-1)
	skip := -uintptr(unsafe.Pointer(&keep[0])) & (LineBytes - 1)
	return memory{at: unsafe.Pointer(&keep[skip]), bytes: bytes, keep: keep}
}

// within returns the memory from offset on; it is freed with the whole.
func (m memory) within(offset uintptr) memory {
	return memory{at: unsafe.Add(m.at, offset), bytes: m.bytes - offset, keep: m.keep}
}
