//go:build cgo

// Package replay calls the C library one operation at a time, for the tests that
// hold the Go implementation equal to it. It compiles its own copy of the
// sources, with every function static, so it must never be imported by anything
// but tests. The build sees a change of the included sources by their checksum,
// which go generate ./core writes.
package replay

// #cgo CFLAGS: -std=c11 -O2 -I${SRCDIR}/../../include
// #define BA_API static __attribute__((unused))
// #include "../../context.c"
// #include "../../dispatch.c"
// #include "../../pool.c"
// #include "../../ring.c"
// #include "../../telemetry.c"
// #include "../../trace.c"
//
// static int ring_reserve(struct ba_ring *r, uint32_t want, struct ba_span *s) {
//     return r->mode == BA_MPSC ? ba_mpsc_reserve(r, want, s) : ba_spsc_reserve(r, want, s);
// }
// static int ring_peek(struct ba_ring *r, uint32_t want, struct ba_span *s) {
//     return r->mode == BA_MPSC ? ba_mpsc_peek(r, want, s) : ba_spsc_peek(r, want, s);
// }
//
// /* one operation on a ring; the span goes out as (first, count) */
// static int ring_operation(void *at, int op, uint32_t n, uint32_t first, uint32_t *span_first, uint32_t *span_count) {
//     struct ba_ring *r = at;
//     struct ba_span s = {0, 0, 0};
//     int code = BA_EINVAL;
//     switch (op) {
//     case 0: code = ring_reserve(r, n, &s); break;
//     case 1: code = r->mode == BA_MPSC ? ba_mpsc_commit(r, first, n) : ba_spsc_commit(r, n); break;
//     case 2: code = ring_peek(r, n, &s); break;
//     case 3: code = r->mode == BA_MPSC ? ba_mpsc_release(r, n) : ba_spsc_release(r, n); break;
//     case 4: code = ba_ring_close(r); break;
//     case 5: code = ba_ring_depth(r, &s.count); break;
//     }
//     *span_first = s.first;
//     *span_count = s.count;
//     return code;
// }
// static int ring_init(void *at, size_t bytes, uint32_t slots, uint32_t mode, uint32_t start) {
//     struct ba_ring *r;
//     return ba_ring_init(at, bytes, slots, mode, start, &r);
// }
//
// static uint64_t handled_sum;
// static void add_up(void *state, const struct ba_signal *signal) {
//     (void)state;
//     handled_sum = handled_sum * 31 + signal->sequence;
// }
// static uint64_t sum(void) { return handled_sum; }
// static struct ba_context *context_new(const struct ba_config *config) {
//     handled_sum = 0;
//     struct ba_context *context = NULL;
//     return ba_init(config, NULL, &context) == BA_OK ? context : NULL;
// }
// static void handle_kind(struct ba_context *context, uint32_t kind) { (void)ba_on(context, kind, add_up, NULL); }
// static int pool_init(void *at, size_t bytes, uint32_t blocks, uint32_t block_bytes) {
//     struct ba_pool *p;
//     return ba_pool_init(at, bytes, blocks, block_bytes, &p);
// }
// static int pool_take(void *at, uint64_t *handle) {
//     void *block;
//     return ba_pool_take(at, handle, &block);
// }
// static int pool_give(void *at, uint64_t handle) { return ba_pool_give(at, handle); }
// static int trace_init(void *at, size_t bytes, uint32_t records) {
//     struct ba_trace *t;
//     return ba_trace_init(at, bytes, records, &t);
// }
import "C"

import "unsafe"

// The operations of RingOperation.
const (
	Reserve = iota
	Commit
	Peek
	Release
	Close
	Depth
)

// RingInit is ba_ring_init.
func RingInit(at unsafe.Pointer, bytes uintptr, slots, mode, start uint32) int {
	return int(C.ring_init(at, C.size_t(bytes), C.uint32_t(slots), C.uint32_t(mode), C.uint32_t(start)))
}

// RingOperation does one operation and returns its code and its span.
func RingOperation(at unsafe.Pointer, op int, n, first uint32) (code int, spanFirst, spanCount uint32) {
	var f, c C.uint32_t
	code = int(C.ring_operation(at, C.int(op), C.uint32_t(n), C.uint32_t(first), &f, &c))
	return code, uint32(f), uint32(c)
}

// TelemetryWrite is ba_telemetry_write of the fields of an event.
func TelemetryWrite(at unsafe.Pointer, timestamp, value uint64, kind uint8, eventType uint8, code uint16, count uint32) int {
	event := C.struct_ba_event{
		timestamp: C.uint64_t(timestamp), value: C.uint64_t(value), kind: C.uint8_t(kind),
		code: C.uint16_t(code), count: C.uint32_t(count),
	}
	*(*uint8)(unsafe.Add(unsafe.Pointer(&event), 16)) = eventType // the field is called type
	return int(C.ba_telemetry_write((*C.struct_ba_telemetry)(at), &event))
}

// PoolInit is ba_pool_init.
func PoolInit(at unsafe.Pointer, bytes uintptr, blocks, blockBytes uint32) int {
	return int(C.pool_init(at, C.size_t(bytes), C.uint32_t(blocks), C.uint32_t(blockBytes)))
}

// PoolTake is ba_pool_take.
func PoolTake(at unsafe.Pointer) (code int, handle uint64) {
	var h C.uint64_t
	code = int(C.pool_take(at, &h))
	return code, uint64(h)
}

// PoolGive is ba_pool_give.
func PoolGive(at unsafe.Pointer, handle uint64) int { return int(C.pool_give(at, C.uint64_t(handle))) }

// TraceInit is ba_trace_init.
func TraceInit(at unsafe.Pointer, bytes uintptr, records uint32) int {
	return int(C.trace_init(at, C.size_t(bytes), C.uint32_t(records)))
}

// TraceSignal is ba_trace_signal.
func TraceSignal(at, signal unsafe.Pointer) int {
	return int(C.ba_trace_signal((*C.struct_ba_trace)(at), (*C.struct_ba_signal)(signal)))
}

// TraceChange is ba_trace_change.
func TraceChange(at unsafe.Pointer, state []byte, offset uint32, value []byte) int {
	return int(C.ba_trace_change((*C.struct_ba_trace)(at), unsafe.Pointer(&state[0]), C.size_t(len(state)),
		C.uint32_t(offset), unsafe.Pointer(&value[0]), C.uint32_t(len(value))))
}

// TraceBack is ba_trace_back.
func TraceBack(at unsafe.Pointer, state []byte) int {
	return int(C.ba_trace_back((*C.struct_ba_trace)(at), unsafe.Pointer(&state[0]), C.size_t(len(state))))
}

// TraceForward is ba_trace_forward.
func TraceForward(at unsafe.Pointer, state []byte) int {
	return int(C.ba_trace_forward((*C.struct_ba_trace)(at), unsafe.Pointer(&state[0]), C.size_t(len(state))))
}

// Context is a context of C with a handler that folds the sequences it sees.
type Context struct{ c *C.struct_ba_context }

// NewContext is ba_init; the zero Context when it fails.
func NewContext(inboxSlots, inboxMode, traceRecords, poolBlocks, poolBlockBytes, sampleEvery, flags, start uint32) Context {
	config := C.struct_ba_config{
		inbox_slots: C.uint32_t(inboxSlots), inbox_mode: C.uint32_t(inboxMode),
		trace_records: C.uint32_t(traceRecords), pool_blocks: C.uint32_t(poolBlocks),
		pool_block_bytes: C.uint32_t(poolBlockBytes), sample_every: C.uint32_t(sampleEvery),
		flags: C.uint32_t(flags), start: C.uint32_t(start),
	}
	return Context{C.context_new(&config)}
}

// OK tells whether the context exists.
func (c Context) OK() bool { return c.c != nil }

// Handle folds the sequences of a kind into Sum.
func (c Context) Handle(kind uint32) { C.handle_kind(c.c, C.uint32_t(kind)) }

// Memory returns the context's bytes.
func (c Context) Memory() []byte { return unsafe.Slice((*byte)(unsafe.Pointer(c.c)), c.c.bytes) }

// Inbox returns the context's ring.
func (c Context) Inbox() unsafe.Pointer { return unsafe.Pointer(C.ba_inbox(c.c)) }

// Drain is ba_drain of the inbox.
func (c Context) Drain(most uint32) (code int, handled uint32) {
	var n C.uint32_t
	code = int(C.ba_drain(c.c, C.ba_inbox(c.c), C.uint32_t(most), &n))
	return code, uint32(n)
}

// Sum is what the handler folded since NewContext.
func (c Context) Sum() uint64 { return uint64(C.sum()) }

// Free is ba_free.
func (c Context) Free() { C.ba_free(c.c) }
