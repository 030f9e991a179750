package core

import (
	"sync/atomic"
	"unsafe"

	"github.com/bitactor/cf/core/internal/order"
)

// ringHeader is struct ba_ring without its slots; ring.h says who writes what.
type ringHeader struct {
	magic, mode, slots, mask uint32
	closed                   atomic.Uint32
	start                    uint32
	_                        [104]byte

	tail  atomic.Uint32
	_     uint32
	claim atomic.Uint64
	_     [112]byte

	limit     uint32
	producing atomic.Uint32
	overflow  atomic.Uint64
	freeTo    atomic.Uint64
	_         [104]byte

	head  atomic.Uint32
	_     uint32
	taken atomic.Uint64
	_     [112]byte

	tailSeen  uint32
	turnSeen  uint32
	consuming atomic.Uint32
	depthMax  atomic.Uint32
	_         [112]byte
}

// Ring is a bounded ring of signals, SPSC or MPSC. Use: reserve, fill the slots of
// the span, commit; peek, read the slots, release. A span never crosses the end
// of the ring, so near it a span is shorter than what is free or waiting.
type Ring struct {
	h      *ringHeader
	slots  unsafe.Pointer // of the first slot
	n      uint32
	mask   uint32
	mode   Mode
	memory memory
}

// Span is a run of adjacent slots of a ring.
type Span struct {
	Slots []Signal
	First uint32 // the position of Slots[0]
}

// NewRing returns a ring of slots signals, a power of two from RingSlotsMin to
// RingSlotsMax: ErrInval, ErrNomem. Free gives its memory back.
func NewRing(slots uint32, mode Mode) (*Ring, error) { return newRingAt(slots, mode, 0) }

// newRingAt is NewRing with counters that begin at start, for tests of the wrap.
func newRingAt(slots uint32, mode Mode, start uint32) (*Ring, error) {
	bytes := ringBytes(slots)
	if bytes == 0 {
		return nil, ErrInval
	}
	m, err := allocate(bytes)
	if err != nil {
		return nil, err
	}
	r, err := initRing(m, slots, mode, start)
	if err != nil {
		m.release()
		return nil, err
	}
	return r, nil
}

// Free gives the ring's memory back. Both sides must have stopped.
func (r *Ring) Free() { r.memory.release() }

// ringBytes is ba_ring_bytes.
func ringBytes(slots uint32) uintptr {
	if slots < RingSlotsMin || slots > RingSlotsMax || slots&(slots-1) != 0 {
		return 0
	}
	return sizeRing + uintptr(slots)*SignalBytes
}

// initRing is ba_ring_init.
func initRing(m memory, slots uint32, mode Mode, start uint32) (*Ring, error) {
	if m.at == nil {
		return nil, ErrNull
	}
	if uintptr(m.at)%LineBytes != 0 {
		return nil, ErrAlign
	}
	need := ringBytes(slots)
	if need == 0 || mode != SPSC && mode != MPSC {
		return nil, ErrInval
	}
	if m.bytes < need {
		return nil, ErrRange
	}
	clear(unsafe.Slice((*byte)(m.at), need))
	h := (*ringHeader)(m.at)
	r := &Ring{h: h, slots: unsafe.Add(m.at, sizeRing), n: slots, mask: slots - 1, mode: mode, memory: m}
	h.slots, h.mask, h.start = slots, slots-1, start
	if mode == SPSC {
		h.tail.Store(start)
		h.head.Store(start)
		h.limit = start + slots
		h.tailSeen = start
	} else {
		h.claim.Store(uint64(start))
		h.taken.Store(uint64(start))
		h.freeTo.Store(uint64(start) + uint64(slots))
		h.turnSeen = start
		for i := range slots {
			atomic.StoreUint32(&r.slot(start+i).turn, start+i+1-slots)
		}
	}
	h.mode = uint32(mode)
	h.magic = ringMagic
	return r, nil
}

func (r *Ring) slot(position uint32) *Signal {
	return (*Signal)(unsafe.Add(r.slots, uintptr(position&r.mask)*SignalBytes))
}

// span returns the slots of up to count positions from first.
func (r *Ring) span(first, count uint32) Span {
	count = min(count, r.n-first&r.mask)
	return Span{Slots: unsafe.Slice(r.slot(first), count), First: first}
}

// Slots returns the ring's capacity.
func (r *Ring) Slots() int { return int(r.n) }

// Mode returns who may use the ring.
func (r *Ring) Mode() Mode { return r.mode }

// Close refuses further reservations (ErrClosed); what is committed can still be
// drained, after which the consumer gets ErrClosed. Any goroutine; closing twice is
// harmless. On an SPSC ring that another than the producer closes, a reservation
// already begun may still land.
func (r *Ring) Close() {
	r.h.claim.Or(claimClosed)
	r.h.closed.Store(1)
}

// Depth returns the signals committed or reserved and not yet released: exact for
// a side that holds still. Any goroutine.
func (r *Ring) Depth() int {
	var taken, filled uint32 // the consumer's index first, so the difference is never negative
	if r.mode == SPSC {
		taken = r.h.head.Load()
		filled = r.h.tail.Load()
	} else {
		taken = uint32(r.h.taken.Load())
		filled = uint32(r.h.claim.Load())
	}
	return int(min(filled-taken, r.n))
}

// Overflow returns how many reservations were refused with ErrFull. Any goroutine.
func (r *Ring) Overflow() uint64 { return r.h.overflow.Load() }

// DepthMax returns the most signals that the consumer found waiting. Any goroutine.
func (r *Ring) DepthMax() int { return int(r.h.depthMax.Load()) }

// Reserve gives a producer up to want adjacent slots to fill, at least one:
// ErrInval (want is not positive), ErrFull (counted), ErrClosed. On an MPSC ring
// all of them must be committed.
func (r *Ring) Reserve(want int) (Span, error) {
	if r.mode == MPSC {
		return r.reserveMPSC(want)
	}
	if want <= 0 {
		return Span{}, ErrInval
	}
	h := r.h
	if h.closed.Load() != 0 {
		return Span{}, ErrClosed
	}
	tail := h.tail.Load()
	count := uint32(min(want, RingSlotsMax))
	if room := h.limit - tail; room < count {
		h.limit = h.head.Load() + r.n
		room = h.limit - tail
		if room == 0 {
			h.overflow.Add(1)
			return Span{}, ErrFull
		}
		count = min(count, room)
	}
	return r.span(tail, count), nil
}

// Commit publishes the first count slots of a span. On an SPSC ring the span is
// the last reservation; on an MPSC ring all its slots must be committed, in one or
// more calls in any order. ErrRange: more than was reserved.
func (r *Ring) Commit(span Span, count int) error {
	if count < 0 || count > len(span.Slots) {
		return ErrRange
	}
	if r.mode == MPSC {
		return r.commitMPSC(span.First, uint32(count))
	}
	return r.commitSPSC(uint32(count))
}

func (r *Ring) commitSPSC(count uint32) error {
	tail := r.h.tail.Load()
	if count > r.h.limit-tail {
		return ErrRange
	}
	order.Release32(&r.h.tail, tail+count)
	return nil
}

// Peek shows the consumer up to want adjacent signals, at least one: ErrInval (want
// is not positive), ErrEmpty, ErrClosed (empty, and closed).
func (r *Ring) Peek(want int) (Span, error) {
	if r.mode == MPSC {
		return r.peekMPSC(want)
	}
	if want <= 0 {
		return Span{}, ErrInval
	}
	head := r.h.head.Load()
	count := uint32(min(want, RingSlotsMax))
	if r.h.tailSeen-head < count {
		var err error
		if count, err = r.lookSPSC(head, count); err != nil {
			return Span{}, err
		}
	}
	return r.span(head, count), nil
}

// lookSPSC is what a consumer at head does when it has not seen as many signals as it
// wants: it looks at tail and returns how many of them wait.
func (r *Ring) lookSPSC(head, want uint32) (uint32, error) {
	h := r.h
	closed := h.closed.Load() // before tail: what was committed before the close is then seen
	h.tailSeen = h.tail.Load()
	waiting := h.tailSeen - head
	if waiting == 0 {
		if closed != 0 {
			return 0, ErrClosed
		}
		return 0, ErrEmpty
	}
	if waiting > h.depthMax.Load() {
		h.depthMax.Store(waiting)
	}
	return min(want, waiting), nil
}

// Release hands the first count slots of the last peek back to the producers;
// they may not be read after it. ErrRange: more than can have been peeked.
func (r *Ring) Release(count int) error {
	if count < 0 {
		return ErrRange
	}
	if r.mode == MPSC {
		return r.releaseMPSC(uint32(count))
	}
	head := r.h.head.Load()
	if uint32(count) > r.h.tailSeen-head {
		return ErrRange
	}
	order.Release32(&r.h.head, head+uint32(count))
	return nil
}

// Push copies one signal in: the errors of Reserve.
func (r *Ring) Push(signal *Signal) error {
	span, err := r.Reserve(1)
	if err != nil {
		return err
	}
	span.Slots[0].Set(signal)
	return r.Commit(span, 1)
}

// Pop copies one signal out: the errors of Peek.
func (r *Ring) Pop(out *Signal) error {
	span, err := r.Peek(1)
	if err != nil {
		return err
	}
	out.Set(&span.Slots[0])
	out.turn = 0
	return r.Release(1)
}
