package core

import (
	"sync/atomic"
	"unsafe"

	"github.com/bitactor/cf/core/internal/order"
	"github.com/bitactor/cf/core/ticks"
)

// Flags of a Config.
const (
	Timed  = 1 // two tick reads a batch
	Events = 2 // an event a batch into the telemetry ring; implies Timed
)

const contextMagic = 0x43544142

// Config says what a context has.
type Config struct {
	InboxSlots     uint32 // a power of two, or 0: no inbox
	InboxMode      Mode
	TraceRecords   uint32 // a power of two, or 0: no trace
	PoolBlocks     uint32 // 0: no pool
	PoolBlockBytes uint32 // a multiple of 64
	SampleEvery    uint32 // time one handler in so many, 0: none
	Flags          uint32 // Timed, Events
	Start          uint32 // where the inbox's counters begin
}

// DefaultConfig is ba_config_default.
func DefaultConfig() Config {
	return Config{
		InboxSlots: 256, InboxMode: MPSC, TraceRecords: 256, PoolBlocks: 64, PoolBlockBytes: 128,
		SampleEvery: 1024, Flags: Timed | Events,
	}
}

// Handler handles one signal in place; the pointer is dead when it returns.
type Handler func(*Signal)

// entry is struct ba_entry; handler and state are C's.
type entry struct {
	handler, state uintptr
	count          atomic.Uint64
	_              uint64
}

// contextMemory is struct ba_context; allocated and allocator are C's.
type contextMemory struct {
	magic, bytes, flags, sampleEvery                     uint32
	inboxOffset, traceOffset, poolOffset, sampleLeft     uint32
	allocated, alloc, free, self                         uintptr
	batches, ticks, timed, samples, sampleTicks, ignored atomic.Uint64 // ignored: unhandled in C
	observed, _                                          uint64
	table                                                [Kinds]entry
	telemetry                                            telemetryMemory
}

// Context is a dispatch table with an inbox, accounting, telemetry, a trace and a
// pool, in one piece of memory of at most ContextBytesMax bytes laid out as C's.
// Handlers are Go functions, kept outside of it.
type Context struct {
	m         *contextMemory
	inbox     *Ring
	trace     *Trace
	pool      *Pool
	telemetry *Telemetry
	handlers  [Kinds]Handler
	memory    memory
}

// contextParts returns where each part begins (0 = none) and the bytes of all, or
// 0 when a field is out of range.
func contextParts(c Config) (offsets [3]uintptr, bytes uintptr) {
	wanted := [3]uint32{c.InboxSlots, c.TraceRecords, c.PoolBlocks}
	sizes := [3]uintptr{ringBytes(c.InboxSlots), traceBytes(c.TraceRecords), poolBytes(c.PoolBlocks, c.PoolBlockBytes)}
	bytes = sizeContext
	for i := range wanted {
		if wanted[i] == 0 {
			continue
		}
		if sizes[i] == 0 {
			return offsets, 0
		}
		offsets[i] = bytes
		bytes += sizes[i]
	}
	if c.InboxSlots != 0 && c.InboxMode != SPSC && c.InboxMode != MPSC || c.Flags&^(Timed|Events) != 0 {
		return offsets, 0
	}
	return offsets, bytes
}

// NewContext returns a context: ErrInval (a field of c), ErrToolarge, ErrNomem.
// Nothing allocates after it.
func NewContext(c Config) (*Context, error) {
	offsets, bytes := contextParts(c)
	switch {
	case bytes == 0:
		return nil, ErrInval
	case bytes > ContextBytesMax:
		return nil, ErrToolarge
	}
	m, err := allocate(bytes)
	if err != nil {
		return nil, err
	}
	x := &Context{m: (*contextMemory)(m.at), memory: m}
	x.m.bytes, x.m.flags = uint32(bytes), c.Flags
	x.m.sampleEvery, x.m.sampleLeft = c.SampleEvery, c.SampleEvery
	x.m.inboxOffset, x.m.traceOffset, x.m.poolOffset = uint32(offsets[0]), uint32(offsets[1]), uint32(offsets[2])
	if c.Flags|c.SampleEvery|c.TraceRecords != 0 {
		x.m.observed = 1
	}
	x.telemetry = &Telemetry{m: &x.m.telemetry}
	if offsets[0] != 0 {
		if x.inbox, err = initRing(m.within(offsets[0]), c.InboxSlots, c.InboxMode, c.Start); err != nil {
			m.release()
			return nil, err
		}
	}
	if offsets[1] != 0 {
		x.trace = initTrace(m.within(offsets[1]), c.TraceRecords)
	}
	if offsets[2] != 0 {
		x.pool = initPool(m.within(offsets[2]), c.PoolBlocks, c.PoolBlockBytes)
	}
	for kind := range x.handlers {
		x.handlers[kind] = x.unhandled
	}
	x.m.magic = contextMagic
	return x, nil
}

func (x *Context) unhandled(*Signal) { order.AddOwned64(&x.m.ignored, 1) }

// Free gives the context's memory back, its parts' with it.
func (x *Context) Free() {
	x.m.magic = 0
	x.memory.release()
}

// Inbox returns the context's ring, or nil.
func (x *Context) Inbox() *Ring { return x.inbox }

// Trace returns the context's trace, or nil.
func (x *Context) Trace() *Trace { return x.trace }

// Pool returns the context's pool, or nil.
func (x *Context) Pool() *Pool { return x.pool }

// Telemetry returns the context's event ring.
func (x *Context) Telemetry() *Telemetry { return x.telemetry }

// On sets the handler of a kind; nil takes it away, and such signals are counted
// as unhandled. Called by a handler, it may hold from the next batch only.
func (x *Context) On(kind uint8, handler Handler) {
	if handler == nil {
		handler = x.unhandled
	}
	x.handlers[kind] = handler
}

// Drain handles up to most waiting signals of a ring as one batch and returns how
// many; a batch ends at the ring's end. Errors: those of Ring.Peek.
func (x *Context) Drain(r *Ring, most int) (int, error) {
	if x.m.observed != 0 || r.mode == MPSC || most <= 0 {
		return x.drainOther(r, most)
	}
	// The common way, in one function: a batch costs as much as the calls around it.
	h := r.h
	head := h.head.Load()
	count := uint32(min(most, RingSlotsMax))
	if h.tailSeen-head < count {
		var err error
		if count, err = r.lookSPSC(head, count); err != nil {
			return 0, err
		}
	}
	count = min(count, r.n-head&r.mask)
	x.run(unsafe.Slice(r.slot(head), count))
	order.AddOwned64(&x.m.batches, 1)
	order.Release32(&h.head, head+count)
	return int(count), nil
}

// drainOther is Drain of an MPSC ring, with what the configuration asks for, or of
// nothing.
func (x *Context) drainOther(r *Ring, most int) (int, error) {
	if r.mode == MPSC && x.m.observed == 0 {
		return x.drainMPSC(r, most)
	}
	span, err := r.Peek(most)
	if err != nil {
		return 0, err
	}
	x.observe(span.Slots)
	order.AddOwned64(&x.m.batches, 1)
	return len(span.Slots), r.Release(len(span.Slots))
}

// drainMPSC handles the slots from taken on as far as they are committed. To look at
// the turns first would go over the lines twice.
func (x *Context) drainMPSC(r *Ring, most int) (int, error) {
	if most <= 0 {
		return 0, ErrInval
	}
	taken := r.h.taken.Load()
	claim := r.h.claim.Load() // before the turns, as in peekMPSC
	span := r.span(uint32(taken), uint32(min(most, RingSlotsMax)))
	count := x.runCommitted(span)
	if err := r.tookMPSC(taken, claim, uint32(count)); err != nil {
		return 0, err
	}
	order.AddOwned64(&x.m.batches, 1)
	return count, nil
}

// runCommitted is run for the slots of a span as far as they are committed; it
// returns how many those were.
func (x *Context) runCommitted(span Span) int {
	done, slots := 0, span.Slots
	committed := func() bool {
		return done < len(slots) && atomic.LoadUint32(&slots[done].turn) == span.First+uint32(done)+1
	}
	for committed() {
		begin, kind := done, slots[done].Kind
		for {
			x.handlers[kind](&slots[done])
			done++
			if !committed() || slots[done].Kind != kind {
				break
			}
		}
		count := &x.m.table[kind].count
		order.AddOwned64(count, uint64(done-begin))
	}
	return done
}

// run calls the handlers and adds up the kinds, a run of one kind at once. Go keeps
// no register across a call, so the loop lives on as few variables as it can.
func (x *Context) run(signals []Signal) {
	for len(signals) > 0 {
		at := unsafe.Pointer(unsafe.SliceData(signals))
		kind := (*Signal)(at).Kind
		handler := x.handlers[kind]
		left := len(signals)
		for {
			handler((*Signal)(at))
			left--
			if left == 0 {
				break
			}
			at = unsafe.Add(at, SignalBytes)
			if (*Signal)(at).Kind != kind {
				break
			}
		}
		done := len(signals) - left
		count := &x.m.table[kind].count
		order.AddOwned64(count, uint64(done))
		signals = signals[done:]
	}
}

// handle records each signal before its handler runs, if there is a trace. A size
// over 24 is a producer's mistake; it is recorded as 24.
func (x *Context) handle(signals []Signal) {
	if x.trace == nil {
		x.run(signals)
		return
	}
	for i := range signals {
		recorded := &signals[i]
		if recorded.Size > PayloadBytes {
			var limited Signal
			limited.Set(recorded)
			limited.Size = PayloadBytes
			recorded = &limited
		}
		_ = x.trace.Signal(recorded) // fails for a size over 24 only
		x.run(signals[i : i+1])
	}
}

// sample times the handler of one signal alone.
func (x *Context) sample(signals []Signal) {
	e := Event{Type: EventSample, Kind: signals[0].Kind, Count: 1, Timestamp: ticks.Now()}
	x.handle(signals[:1])
	e.Value = ticks.Now() - e.Timestamp
	order.AddOwned64(&x.m.samples, 1)
	order.AddOwned64(&x.m.sampleTicks, e.Value)
	x.telemetry.Write(e)
}

// observe handles a batch with what the configuration asks for.
func (x *Context) observe(signals []Signal) {
	batch := signals
	var begin uint64
	if x.m.flags != 0 {
		begin = ticks.Now()
	}
	if x.m.sampleEvery != 0 {
		for uint32(len(signals)) >= x.m.sampleLeft {
			before := x.m.sampleLeft - 1
			x.handle(signals[:before])
			x.sample(signals[before:])
			signals = signals[before+1:]
			x.m.sampleLeft = x.m.sampleEvery
		}
		x.m.sampleLeft -= uint32(len(signals))
	}
	x.handle(signals)
	if x.m.flags == 0 {
		return
	}
	took := ticks.Now() - begin
	order.AddOwned64(&x.m.ticks, took)
	order.AddOwned64(&x.m.timed, uint64(len(batch)))
	if x.m.flags&Events != 0 {
		x.telemetry.Write(Event{Timestamp: begin, Value: took, Type: EventBatch, Kind: batch[0].Kind, Count: uint32(len(batch))})
	}
}

// Snapshot is what a context has done; each number is exact at some moment of the
// call.
type Snapshot struct {
	Signals, Batches, Ticks, Timed, Samples, SampleTicks, Unhandled uint64
	Events, InboxOverflow, TraceRecords                             uint64
	Pool                                                            PoolStats
	InboxDepth, InboxDepthMax, InboxSlots                           int
	InboxClosed                                                     bool
}

// Snapshot may be called from any goroutine.
func (x *Context) Snapshot() Snapshot {
	s := Snapshot{
		Batches: x.m.batches.Load(), Ticks: x.m.ticks.Load(), Timed: x.m.timed.Load(), Samples: x.m.samples.Load(),
		SampleTicks: x.m.sampleTicks.Load(), Unhandled: x.m.ignored.Load(), Events: x.telemetry.Written(),
	}
	for kind := range x.m.table {
		s.Signals += x.m.table[kind].count.Load()
	}
	if x.inbox != nil {
		s.InboxDepth, s.InboxDepthMax, s.InboxSlots = x.inbox.Depth(), x.inbox.DepthMax(), x.inbox.Slots()
		s.InboxOverflow, s.InboxClosed = x.inbox.Overflow(), x.inbox.h.closed.Load() != 0
	}
	if x.trace != nil {
		s.TraceRecords = x.trace.End()
	}
	if x.pool != nil {
		s.Pool = x.pool.Stats()
	}
	return s
}

// Count returns how many signals of a kind were handled. Any goroutine.
func (x *Context) Count(kind uint8) uint64 { return x.m.table[kind].count.Load() }

// bytes returns the context's memory.
func (x *Context) bytes() []byte { return unsafe.Slice((*byte)(x.memory.at), x.memory.bytes) }
