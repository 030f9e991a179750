package core

import (
	"sync/atomic"
	"unsafe"

	"github.com/bitactor/cf/core/internal/order"
)

// roomMPSC is ba_mpsc_room: what reserveMPSC does when freeTo leaves no room for all
// it wants. A claim that is read before taken may be older, and taken older than what
// the claim was made with: then more than a ring, or less than nothing, seems free.
func (r *Ring) roomMPSC(claim uint64, want uint32) (uint64, uint32, error) {
	h := r.h
	for {
		if claim >= claimClosed {
			return claim, 0, ErrClosed
		}
		freeTo := h.taken.Load() + uint64(r.n)
		if freeTo > claim {
			// two that do this at once may leave the lower: it is looked up again
			h.freeTo.Store(freeTo)
			return claim, uint32(min(freeTo-claim, uint64(want))), nil
		}
		again := h.claim.Load()
		if again == claim {
			h.overflow.Add(1)
			return claim, 0, ErrFull
		}
		claim = again // what was read for a stale position says nothing
	}
}

// reserveMPSC is ba_mpsc_reserve.
func (r *Ring) reserveMPSC(want int) (Span, error) {
	if want <= 0 {
		return Span{}, ErrInval
	}
	h := r.h
	for {
		claim := h.claim.Load()
		count := uint32(min(want, RingSlotsMax))
		if claim+uint64(count) > h.freeTo.Load() {
			var err error
			if claim, count, err = r.roomMPSC(claim, count); err != nil {
				return Span{}, err
			}
		}
		span := r.span(uint32(claim), count)
		if h.claim.CompareAndSwap(claim, claim+uint64(len(span.Slots))) {
			return span, nil
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
		if atomic.LoadUint32(&r.slot(i).turn) != i+1-r.n || claimed-i-1 >= r.n { // uncommitted: a lap behind
			return ErrRange
		}
	}
	for i := first; i != first+count; i++ {
		order.Release32((*atomic.Uint32)(unsafe.Pointer(&r.slot(i).turn)), i+1)
	}
	return nil
}

// noneWaiting tells why a consumer at taken finds nothing: the closed flag and the
// position are one word, so closed and all taken is final. claim was read before the
// turns.
func noneWaiting(taken, claim uint64) error {
	if claim == claimClosed|taken {
		return ErrClosed
	}
	return ErrEmpty
}

func (r *Ring) noteDepth(taken, claim uint64) {
	if depth := uint32(claim - taken); depth > r.h.depthMax.Load() {
		r.h.depthMax.Store(depth)
	}
}

// peekMPSC is ba_mpsc_peek.
func (r *Ring) peekMPSC(want int) (Span, error) {
	if want <= 0 {
		return Span{}, ErrInval
	}
	h := r.h
	taken := h.taken.Load()
	first, count := uint32(taken), uint32(min(want, RingSlotsMax))
	if waiting := h.turnSeen - first; waiting < count {
		claim := h.claim.Load()
		for waiting < count && atomic.LoadUint32(&r.slot(first+waiting).turn) == first+waiting+1 {
			waiting++
		}
		h.turnSeen = first + waiting
		if waiting == 0 {
			return Span{}, noneWaiting(taken, claim)
		}
		r.noteDepth(taken, claim)
		count = min(count, waiting)
	}
	return r.span(first, count), nil
}

// releaseMPSC is ba_mpsc_release.
func (r *Ring) releaseMPSC(count uint32) error {
	taken := r.h.taken.Load()
	if count > r.h.turnSeen-uint32(taken) {
		return ErrRange
	}
	order.Release64(&r.h.taken, taken+uint64(count))
	return nil
}

// tookMPSC is ba_mpsc_took: peek and release in one, for a consumer that has looked
// at the turns itself.
func (r *Ring) tookMPSC(taken, claim uint64, count uint32) error {
	if count == 0 {
		return noneWaiting(taken, claim)
	}
	r.noteDepth(taken, claim)
	if r.h.turnSeen-uint32(taken) < count {
		r.h.turnSeen = uint32(taken) + count
	}
	order.Release64(&r.h.taken, taken+uint64(count))
	return nil
}
