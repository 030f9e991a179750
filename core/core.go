//go:build cgo

package core

// #cgo CFLAGS: -std=c11 -O2 -Wall -Wextra -I${SRCDIR}/include
// #include "bitactor.h"
import "C"

import "unsafe"

// Version is that of the linked C library: major, minor.
func Version() (major, minor int) { return C.BA_VERSION_MAJOR, C.BA_VERSION_MINOR }

// CName returns the C library's name of an error code, "?" if it has none.
func CName(e Error) string { return C.GoString(C.ba_error_name(C.int(e))) }

// CRing returns a ring as C code takes it, struct ba_ring *. Its memory is C's
// where InC is true; elsewhere the pointer is good for the duration of one call.
func (r *Ring) CRing() unsafe.Pointer { return unsafe.Pointer(r.h) }
