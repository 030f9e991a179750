package core

import (
	"errors"
	"math"
	"runtime"
	"sync"
	"testing"
)

func mustRing(t testing.TB, slots uint32, mode Mode, start uint32) *Ring {
	t.Helper()
	r, err := newRingAt(slots, mode, start)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Free)
	return r
}

func TestMisuseGivesAnError(t *testing.T) {
	spsc, mpsc := mustRing(t, 4, SPSC, 0), mustRing(t, 4, MPSC, 0)
	pool, err := NewPool(1, 64)
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Free()
	handle, _, err := pool.Take()
	if err != nil {
		t.Fatal(err)
	}
	newRing := func(slots uint32, mode Mode) error { _, err := NewRing(slots, mode); return err }
	newPool := func(blocks, bytes uint32) error { _, err := NewPool(blocks, bytes); return err }
	newContext := func(c Config) error { _, err := NewContext(c); return err }
	reserve := func(r *Ring, n int) error { _, err := r.Reserve(n); return err }
	peek := func(r *Ring, n int) error { _, err := r.Peek(n); return err }
	for _, c := range []struct {
		name string
		do   func() error
		want error
	}{
		{"capacity 0", func() error { return newRing(0, SPSC) }, ErrInval},
		{"capacity 1", func() error { return newRing(1, SPSC) }, ErrInval},
		{"capacity 3", func() error { return newRing(3, MPSC) }, ErrInval},
		{"capacity too large", func() error { return newRing(RingSlotsMax*2, SPSC) }, ErrInval},
		{"no mode", func() error { return newRing(4, 0) }, ErrInval},
		{"not aligned", func() error { _, err := initRing(goMemory(4096).within(8), 4, SPSC, 0); return err }, ErrAlign},
		{"too little memory", func() error { _, err := initRing(goMemory(512), 4, SPSC, 0); return err }, ErrRange},
		{"no memory", func() error { _, err := initRing(memory{}, 4, SPSC, 0); return err }, ErrNull},
		{"reserve 0", func() error { return reserve(spsc, 0) }, ErrInval},
		{"reserve -1", func() error { return reserve(mpsc, -1) }, ErrInval},
		{"peek 0", func() error { return peek(spsc, 0) }, ErrInval},
		{"peek -1", func() error { return peek(mpsc, -1) }, ErrInval},
		{"peek of nothing", func() error { return peek(spsc, 1) }, ErrEmpty},
		{"commit of nothing", func() error { return spsc.Commit(Span{}, 1) }, ErrRange},
		{"commit of -1", func() error { return mpsc.Commit(Span{}, -1) }, ErrRange},
		{"release of nothing", func() error { return spsc.Release(1) }, ErrRange},
		{"release of -1", func() error { return mpsc.Release(-1) }, ErrRange},
		{"double give", func() error { return errors.Join(pool.Give(handle), pool.Give(handle)) }, ErrStale},
		{"give of no block", func() error { return pool.Give(77) }, ErrRange},
		{"block of a stale handle", func() error { _, err := pool.Block(handle); return err }, ErrStale},
		{"block of no handle", func() error { _, err := pool.Block(77); return err }, ErrRange},
		{"pool of 0", func() error { return newPool(0, 64) }, ErrInval},
		{"blocks of 65", func() error { return newPool(1, 65) }, ErrInval},
		{"pool over 4 GB", func() error { return newPool(PoolBlocksMax, 4096) }, ErrInval},
		{"trace of 3", func() error { _, err := NewTrace(3); return err }, ErrInval},
		{"context over 128 KB", func() error { return newContext(Config{InboxSlots: 2048, InboxMode: SPSC}) }, ErrToolarge},
		{"context with unknown flags", func() error { return newContext(Config{Flags: 4}) }, ErrInval},
		{"context with a bad inbox", func() error { return newContext(Config{InboxSlots: 5, InboxMode: SPSC}) }, ErrInval},
		{"context with no mode", func() error { return newContext(Config{InboxSlots: 4}) }, ErrInval},
		{"push after close", func() error { spsc.Close(); spsc.Close(); return spsc.Push(&Signal{}) }, ErrClosed},
		{"pop after close", func() error { return spsc.Pop(&Signal{}) }, ErrClosed},
		{"reserve after close", func() error { mpsc.Close(); return reserve(mpsc, 1) }, ErrClosed},
		{"peek after close", func() error { return peek(mpsc, 1) }, ErrClosed},
	} {
		if err := c.do(); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
	if got := Error(5).Error(); got != "core: unknown error" {
		t.Errorf("Error(5) = %q", got)
	}
	if got := ErrFull.Error(); got != "core: no free slot, block or byte" {
		t.Errorf("ErrFull = %q", got)
	}
}

// TestThreadsKeepOrder is what the race detector watches.
func TestThreadsKeepOrder(t *testing.T) {
	const each = 20_000
	for _, c := range []struct {
		mode      Mode
		slots     uint32
		producers int
	}{{SPSC, 2, 1}, {SPSC, 64, 1}, {MPSC, 2, 3}, {MPSC, 64, 4}} {
		r := mustRing(t, c.slots, c.mode, math.MaxUint32-8)
		var group sync.WaitGroup
		for source := range c.producers {
			group.Go(func() { produce(t, r, uint64(source), each) })
		}
		done := make(chan []uint64)
		go func() { done <- consume(t, r, c.producers) }()
		group.Wait()
		r.Close()
		for source, n := range <-done {
			if n != each {
				t.Errorf("mode %d, slots %d: %d signals of source %d, want %d", c.mode, c.slots, n, source, each)
			}
		}
	}
}

func produce(t *testing.T, r *Ring, source uint64, n uint64) {
	for sent := uint64(0); sent < n; {
		span, err := r.Reserve(int(min(1+sent%5, n-sent)))
		if err == ErrFull {
			runtime.Gosched()
			continue
		}
		for i := range span.Slots {
			s := &span.Slots[i]
			s.Kind, s.Source, s.Sequence = KindData, source, sent
			s.Payload[0] = ^sent
			sent++
		}
		if err := r.Commit(span, len(span.Slots)); err != nil {
			t.Error(err)
			return
		}
	}
}

// consume returns how many signals of each source came, in order.
func consume(t *testing.T, r *Ring, producers int) []uint64 {
	next := make([]uint64, producers)
	for {
		span, err := r.Peek(16)
		switch err {
		case ErrClosed:
			return next
		case ErrEmpty:
			runtime.Gosched()
			continue
		}
		for i := range span.Slots {
			s := &span.Slots[i]
			if s.Sequence != next[s.Source] || s.Payload[0] != ^s.Sequence {
				t.Errorf("source %d: sequence %d, want %d", s.Source, s.Sequence, next[s.Source])
				return next
			}
			next[s.Source]++
		}
		if err := r.Release(len(span.Slots)); err != nil {
			t.Error(err)
			return next
		}
	}
}

func TestTelemetryIsReadWhileWritten(t *testing.T) {
	telemetry, err := NewTelemetry()
	if err != nil {
		t.Fatal(err)
	}
	defer telemetry.Free()
	const events = 50_000
	var group sync.WaitGroup
	group.Go(func() {
		for i := range uint64(events) {
			telemetry.Write(Event{Timestamp: i, Value: ^i, Count: uint32(i)})
		}
	})
	var cursor, read, lost uint64
	for cursor < events {
		before := cursor
		e, err := telemetry.Read(&cursor)
		switch err {
		case nil:
			read++
			if e.Timestamp != before || e.Value != ^e.Timestamp || e.Count != uint32(e.Timestamp) {
				t.Fatalf("event %d is torn: %+v", before, e)
			}
		case ErrLost:
			lost += cursor - before
		default:
			runtime.Gosched()
		}
	}
	group.Wait()
	if read+lost != events {
		t.Errorf("%d read and %d lost of %d", read, lost, events)
	}
}

func TestBlocksCrossGoroutines(t *testing.T) {
	pool, err := NewPool(8, 64)
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Free()
	r := mustRing(t, 4, SPSC, 0)
	var group sync.WaitGroup
	group.Go(func() {
		var s Signal
		for {
			switch err := r.Pop(&s); err {
			case ErrEmpty:
				runtime.Gosched()
			case ErrClosed:
				return
			default:
				block, err := pool.Block(s.Payload[0])
				if err != nil || block[0] != byte(s.Sequence) || pool.Give(s.Payload[0]) != nil {
					t.Errorf("block %d: %v", s.Sequence, err)
				}
			}
		}
	})
	for sent := uint64(0); sent < 20_000; {
		handle, block, err := pool.Take()
		if err != nil {
			runtime.Gosched()
			continue
		}
		block[0] = byte(sent)
		for r.Push(&Signal{Kind: KindBlock, Flags: FlagHandle, Sequence: sent, Payload: [3]uint64{handle}}) != nil {
			runtime.Gosched()
		}
		sent++
	}
	r.Close()
	group.Wait()
	if s := pool.Stats(); s.Taken != 20_000 || s.Given != s.Taken || s.InUseMax > 8 {
		t.Errorf("stats %+v", s)
	}
}

func TestNothingAllocates(t *testing.T) {
	x, err := NewContext(DefaultConfig())
	if err != nil {
		t.Fatal(err)
	}
	defer x.Free()
	var sum uint64
	x.On(70, func(s *Signal) { sum += s.Sequence })
	spsc := mustRing(t, 64, SPSC, 0)
	state := make([]byte, 64)
	allocs := testing.AllocsPerRun(100, func() {
		for _, r := range []*Ring{x.Inbox(), spsc} {
			span, err := r.Reserve(8)
			if err != nil {
				t.Fatal(err)
			}
			for i := range span.Slots {
				span.Slots[i].Kind = 70
			}
			if err := r.Commit(span, len(span.Slots)); err != nil {
				t.Fatal(err)
			}
			handle, _, _ := x.Pool().Take()
			if err := errors.Join(x.Trace().Change(state, 3, state[:40]), x.Trace().Back(state), x.Pool().Give(handle)); err != nil {
				t.Fatal(err)
			}
			for err == nil {
				_, err = x.Drain(r, 32)
			}
		}
		_ = x.Snapshot()
	})
	if allocs != 0 {
		t.Errorf("%v allocations per run", allocs)
	}
}

func TestContextCounts(t *testing.T) {
	x, err := NewContext(Config{InboxSlots: 8, InboxMode: MPSC, SampleEvery: 2, Flags: Events, TraceRecords: 8})
	if err != nil {
		t.Fatal(err)
	}
	defer x.Free()
	x.On(1, func(*Signal) {})
	x.On(2, func(*Signal) {})
	x.On(2, nil)
	for i := range 5 {
		if err := x.Inbox().Push(&Signal{Kind: 1 + uint8(i/4)}); err != nil {
			t.Fatal(err)
		}
	}
	if n, err := x.Drain(x.Inbox(), 100); n != 5 || err != nil {
		t.Fatal(n, err)
	}
	x.Inbox().Close()
	s := x.Snapshot()
	if s.Signals != 5 || s.Unhandled != 1 || s.Batches != 1 || s.Samples != 2 || s.Events != 3 || s.Timed != 5 ||
		s.TraceRecords != 5 || s.InboxDepth != 0 || s.InboxDepthMax != 5 || !s.InboxClosed || x.Count(1) != 4 {
		t.Errorf("%+v", s)
	}
}
