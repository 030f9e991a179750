//go:build cgo

package syntax

/*
#include <stddef.h>
#include <stdlib.h>

#ifdef __APPLE__
#include <malloc/malloc.h>
#define usable_size malloc_size
#else
#include <malloc.h>
#define usable_size malloc_usable_size
#endif

// From tree_sitter/api.h; the C library comes with the binding.
void ts_set_allocator(void *(*new_malloc)(size_t), void *(*new_calloc)(size_t, size_t),
	void *(*new_realloc)(void *, size_t), void (*new_free)(void *));

// What the C library has allocated on this thread since watch_memory, less what
// it has freed. More than most: the word at stop is set, and the parse ends. An
// allocation that fails would end the process.
static _Thread_local struct {
	ptrdiff_t used, most;
	size_t *stop;
} watched;

static void *count(void *p) {
	if (p && watched.stop && (watched.used += (ptrdiff_t)usable_size(p)) > watched.most)
		__atomic_store_n(watched.stop, 1, __ATOMIC_RELAXED);
	return p;
}

static void uncount(void *p) {
	if (p && watched.stop)
		watched.used -= (ptrdiff_t)usable_size(p);
}

static void *counted_malloc(size_t n) { return count(malloc(n)); }
static void *counted_calloc(size_t n, size_t size) { return count(calloc(n, size)); }
static void *counted_realloc(void *p, size_t n) {
	uncount(p);
	return count(realloc(p, n));
}
static void counted_free(void *p) {
	uncount(p);
	free(p);
}

static void use_counted(void) { ts_set_allocator(counted_malloc, counted_calloc, counted_realloc, counted_free); }

// The C library's malloc keeps what was freed, once for each thread: without this
// every thread that ever parsed a large source would hold its tree's memory.
static void give_back(void) {
#ifdef __GLIBC__
	malloc_trim(0);
#endif
}

static void watch_memory(size_t *stop, size_t most) {
	watched.used = 0;
	watched.most = (ptrdiff_t)most;
	watched.stop = stop;
}
*/
import "C"

import (
	"runtime"
	"unsafe"
)

// The binding lets every allocation of the C library pass through Go, which
// doubles the time of a parse, and none is bounded. Its Go functions only call
// malloc and free, so memory of one may be freed by the other. The binding has
// been initialised before this package, and nothing has been allocated yet.
func init() { C.use_counted() }

// watched runs a parse; stop is set when the C library holds more than most
// bytes for it.
func watched(stop *uintptr, most int64, parse func()) {
	runtime.LockOSThread()
	C.watch_memory((*C.size_t)(unsafe.Pointer(stop)), C.size_t(most))
	defer func() {
		C.watch_memory(nil, 0)
		runtime.UnlockOSThread()
	}()
	parse()
}

// largeBytes is the size of a source after whose parse memory is given back to the
// system: below, that would cost more than it brings.
const largeBytes = 256 << 10

func giveBackMemory(sourceBytes int) {
	if sourceBytes >= largeBytes {
		C.give_back()
	}
}

// newFlag returns a word of zero that C code may keep; freeFlag gives it back.
func newFlag() *uintptr { return (*uintptr)(C.calloc(1, C.size_t(unsafe.Sizeof(uintptr(0))))) }

func freeFlag(flag *uintptr) { C.free(unsafe.Pointer(flag)) }
