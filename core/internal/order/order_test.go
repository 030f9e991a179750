package order

import (
	"sync/atomic"
	"testing"
)

// BenchmarkStore is what the assembly is held against (docs/decisions/0008-release-stores.md).
func BenchmarkStore(b *testing.B) {
	var word atomic.Uint32
	b.Run("Release32", func(b *testing.B) {
		for i := uint32(0); b.Loop(); i++ {
			Release32(&word, i)
		}
	})
	b.Run("atomic", func(b *testing.B) {
		for i := uint32(0); b.Loop(); i++ {
			word.Store(i)
		}
	})
}

func TestStores(t *testing.T) {
	var small atomic.Uint32
	var large atomic.Uint64
	Release32(&small, 1<<31+5)
	Release64(&large, 1<<63+7)
	AddOwned64(&large, 1<<40)
	if small.Load() != 1<<31+5 || large.Load() != 1<<63+1<<40+7 {
		t.Errorf("%#x, %#x", small.Load(), large.Load())
	}
}
