package core

import (
	"sync/atomic"
	"unsafe"

	"github.com/bitactor/cf/core/internal/order"
)

// roomAt returns the free slots from position as far as taken tells. The consumer
// hands back turns first and taken last, so taken may be more than a ring behind
// what producers have claimed meanwhile: then none is free.
func (r *Ring) roomAt(position uint32) uint32 {
	used := position - r.h.taken.Load()
	if used < r.n {
		return r.n - used
	}
	return 0
}

// reserveMPSC is ba_mpsc_reserve.
func (r *Ring) reserveMPSC(want int) (Span, error) {
	if want <= 0 {
		return Span{}, ErrInval
	}
	h := r.h
	for {
		claim := h.claim.Load()
		if claim >= claimClosed {
			return Span{}, ErrClosed
		}
		first := uint32(claim)
		count := min(uint32(min(want, RingSlotsMax)), r.n-first&r.mask)
		// The consumer frees slots in order: when the last is free, all are. taken,
		// on a line that the consumer keeps writing, is read only otherwise.
		if last := first + count - 1; atomic.LoadUint32(&r.slot(last).turn) != last {
			room := r.roomAt(first)
			if h.claim.Load() != claim { // a stale position, so what was read for it says nothing
				continue
			}
			if room == 0 {
				h.overflow.Add(1)
				return Span{}, ErrFull
			}
			count = min(count, room)
		}
		if h.claim.CompareAndSwap(claim, claim+uint64(count)) {
			return r.span(first, count), nil
		}
	}
}

// commitMPSC is ba_mpsc_commit.
func (r *Ring) commitMPSC(first, count uint32) error {
	if count > r.n {
		return ErrRange
	}
	claimed := uint32(r.h.claim.Load())
	for i := first; i != first+count; i++ {
		if atomic.LoadUint32(&r.slot(i).turn) != i || claimed-i-1 >= r.n {
			return ErrRange
		}
	}
	for i := first; i != first+count; i++ {
		order.Release32((*atomic.Uint32)(unsafe.Pointer(&r.slot(i).turn)), i+1)
	}
	return nil
}

// peekMPSC is ba_mpsc_peek.
func (r *Ring) peekMPSC(want int) (Span, error) {
	if want <= 0 {
		return Span{}, ErrInval
	}
	h := r.h
	taken := h.taken.Load()
	count := uint32(min(want, RingSlotsMax))
	if waiting := h.turnSeen - taken; waiting < count {
		claim := h.claim.Load()
		for waiting < count && atomic.LoadUint32(&r.slot(taken+waiting).turn) == taken+waiting+1 {
			waiting++
		}
		h.turnSeen = taken + waiting
		if waiting == 0 { // the flag and the position are one word, so closed and all taken is final
			if claim >= claimClosed && uint32(claim) == taken {
				return Span{}, ErrClosed
			}
			return Span{}, ErrEmpty
		}
		if depth := uint32(claim) - taken; depth > h.depthMax.Load() {
			h.depthMax.Store(depth)
		}
		count = min(count, waiting)
	}
	return r.span(taken, count), nil
}

// releaseMPSC is ba_mpsc_release.
func (r *Ring) releaseMPSC(count uint32) error {
	taken := r.h.taken.Load()
	if count > r.h.turnSeen-taken {
		return ErrRange
	}
	for i := taken; i != taken+count; i++ {
		order.Release32((*atomic.Uint32)(unsafe.Pointer(&r.slot(i).turn)), i+r.n)
	}
	order.Release32(&r.h.taken, taken+count)
	return nil
}
