package core

import (
	"sync/atomic"
	"unsafe"
)

// poolHeader is struct ba_pool without its states and blocks.
type poolHeader struct {
	magic, blocks, blockBytes, blocksOffset uint32
	_                                       [112]byte

	free      uint32
	_         uint32
	taken     atomic.Uint64
	exhausted atomic.Uint64
	inUseMax  atomic.Uint64
	_         [32]byte

	returned atomic.Uint32
	_        uint32
	given    atomic.Uint64
	_        [48]byte
}

type poolState struct{ generation, next atomic.Uint32 }

// Pool hands out fixed blocks for payloads over 24 bytes. A block is named by a
// handle, which fits a signal. One owner takes; any goroutine gives back and looks
// up.
type Pool struct {
	h      *poolHeader
	states []poolState
	memory memory
}

// blocksOffset returns where block 0 lies.
func blocksOffset(blocks uint32) uintptr {
	return sizePool + (uintptr(blocks)*sizePoolState+LineBytes-1)/LineBytes*LineBytes
}

// poolBytes is ba_pool_bytes.
func poolBytes(blocks, blockBytes uint32) uintptr {
	if blocks == 0 || blocks > PoolBlocksMax || blockBytes == 0 || blockBytes > PoolBlockBytesMax || blockBytes%LineBytes != 0 {
		return 0
	}
	bytes := blocksOffset(blocks) + uintptr(blocks)*uintptr(blockBytes)
	if bytes > 1<<32-1 {
		return 0
	}
	return bytes
}

// NewPool returns a pool of blocks (1 to PoolBlocksMax) of blockBytes (a multiple
// of 64 to PoolBlockBytesMax; 4 GB in all): ErrInval, ErrNomem.
func NewPool(blocks, blockBytes uint32) (*Pool, error) {
	bytes := poolBytes(blocks, blockBytes)
	if bytes == 0 {
		return nil, ErrInval
	}
	m, err := allocate(bytes)
	if err != nil {
		return nil, err
	}
	return initPool(m, blocks, blockBytes), nil
}

// initPool is ba_pool_init of memory that is large enough and aligned.
func initPool(m memory, blocks, blockBytes uint32) *Pool {
	clear(unsafe.Slice((*byte)(m.at), blocksOffset(blocks)))
	h := (*poolHeader)(m.at)
	p := &Pool{h: h, memory: m, states: unsafe.Slice((*poolState)(unsafe.Add(m.at, sizePool)), blocks)}
	h.blocks, h.blockBytes, h.blocksOffset = blocks, blockBytes, uint32(blocksOffset(blocks))
	for i := range p.states {
		p.states[i].next.Store(uint32(i) + 1)
	}
	p.states[blocks-1].next.Store(noBlock)
	h.returned.Store(noBlock)
	h.magic = poolMagic
	return p
}

// Free gives the memory of NewPool back.
func (p *Pool) Free() { p.memory.release() }

func (p *Pool) block(index uint32) []byte {
	at := unsafe.Add(p.memory.at, uintptr(p.h.blocksOffset)+uintptr(index)*uintptr(p.h.blockBytes))
	return unsafe.Slice((*byte)(at), p.h.blockBytes)
}

// Take gives the owner a block and its handle; its bytes are what they were:
// ErrFull.
func (p *Pool) Take() (handle uint64, block []byte, err error) {
	h := p.h
	if h.free == noBlock {
		h.free = h.returned.Swap(noBlock)
	}
	index := h.free
	if index == noBlock {
		h.exhausted.Add(1)
		return 0, nil, ErrFull
	}
	state := &p.states[index]
	h.free = state.next.Load()
	generation := state.generation.Add(1)
	inUse := h.taken.Add(1) - h.given.Load()
	if inUse > h.inUseMax.Load() {
		h.inUseMax.Store(inUse)
	}
	return uint64(generation)<<32 | uint64(index), p.block(index), nil
}

// Give takes a block back, from any goroutine: ErrRange (no such block), ErrStale
// (given back before, or never taken).
func (p *Pool) Give(handle uint64) error {
	index, generation := uint32(handle), uint32(handle>>32)
	if index >= p.h.blocks {
		return ErrRange
	}
	state := &p.states[index]
	if generation%2 == 0 || !state.generation.CompareAndSwap(generation, generation+1) {
		return ErrStale
	}
	p.h.given.Add(1)
	for {
		first := p.h.returned.Load()
		state.next.Store(first)
		if p.h.returned.CompareAndSwap(first, index) {
			return nil
		}
	}
}

// Block finds the block of a handle: ErrRange, ErrStale.
func (p *Pool) Block(handle uint64) ([]byte, error) {
	index, generation := uint32(handle), uint32(handle>>32)
	if index >= p.h.blocks {
		return nil, ErrRange
	}
	if generation%2 == 0 || p.states[index].generation.Load() != generation {
		return nil, ErrStale
	}
	return p.block(index), nil
}

// PoolStats counts what a pool did.
type PoolStats struct{ Taken, Given, Exhausted, InUseMax uint64 }

// Stats may be called from any goroutine.
func (p *Pool) Stats() PoolStats {
	return PoolStats{p.h.taken.Load(), p.h.given.Load(), p.h.exhausted.Load(), p.h.inUseMax.Load()}
}
