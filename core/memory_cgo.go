//go:build cgo && !race

package core

// #include <stdlib.h>
import "C"

import "unsafe"

// InC tells whether rings and contexts lie in C memory.
const InC = true

func allocate(bytes uintptr) (memory, error) {
	raw := C.calloc(1, C.size_t(bytes+LineBytes-1))
	if raw == nil {
		return memory{}, ErrNomem
	}
	skip := -uintptr(raw) & (LineBytes - 1)
	return memory{at: unsafe.Add(raw, skip), bytes: bytes, free: raw}, nil
}

func (m *memory) release() {
	C.free(m.free)
	*m = memory{}
}
