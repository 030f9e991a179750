//go:build cgo

package syntax

/*
#include <stddef.h>
#include <stdlib.h>

// From tree_sitter/api.h; the C library comes with the binding.
void ts_set_allocator(void *(*new_malloc)(size_t), void *(*new_calloc)(size_t, size_t),
	void *(*new_realloc)(void *, size_t), void (*new_free)(void *));

static void use_libc(void) { ts_set_allocator(malloc, calloc, realloc, free); }
*/
import "C"

import "unsafe"

// The binding lets every allocation of the C library pass through Go, which
// doubles the time of a parse; its Go functions only call malloc and free, so
// the memory is the same. The binding has been initialised before this package,
// and nothing has been allocated yet.
func init() { C.use_libc() }

// newFlag returns a word of zero that C code may keep; freeFlag gives it back.
func newFlag() *uintptr { return (*uintptr)(C.calloc(1, C.size_t(unsafe.Sizeof(uintptr(0))))) }

func freeFlag(flag *uintptr) { C.free(unsafe.Pointer(flag)) }
