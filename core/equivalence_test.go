//go:build cgo

package core

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"unsafe"

	"github.com/bitactor/cf/core/internal/replay"
)

// twin is a ring of Go and one of C that get the same operations. Each step
// compares the answers and then every byte of the two.
type twin struct {
	ring     *Ring
	goBytes  []byte
	cBytes   []byte
	at       unsafe.Pointer // of the C ring
	reserved Span           // the last reservation, MPSC: not yet committed
}

func newTwin(t testing.TB, slots uint32, mode Mode, start uint32) *twin {
	t.Helper()
	m := goMemory(ringBytes(slots))
	ring, err := initRing(m, slots, mode, start)
	if err != nil {
		t.Fatal(err)
	}
	c := goMemory(ringBytes(slots))
	if code := replay.RingInit(c.at, c.bytes, slots, uint32(mode), start); code != 0 {
		t.Fatalf("ba_ring_init: %d", code)
	}
	w := &twin{ring: ring, at: c.at}
	w.goBytes = unsafe.Slice((*byte)(m.at), m.bytes)
	w.cBytes = unsafe.Slice((*byte)(c.at), c.bytes)
	return w
}

// operation is one step: what to do, and how many.
type operation struct{ op, n int }

func (o operation) String() string {
	return [...]string{"reserve", "commit", "peek", "release", "close", "depth"}[o.op] + " " + strconv.Itoa(o.n)
}

func code(err error) int {
	var e Error
	if errors.As(err, &e) {
		return int(e)
	}
	return 0
}

// step does o on both rings. Filled slots get their position as sequence, so a
// state does not depend on how it was reached.
func (w *twin) step(o operation) error {
	var goCode int
	var goFirst, goCount uint32
	first := w.reserved.First
	switch o.op {
	case replay.Reserve, replay.Peek:
		do := w.ring.Reserve
		if o.op == replay.Peek {
			do = w.ring.Peek
		}
		span, err := do(o.n)
		goCode, goFirst, goCount = code(err), span.First, uint32(len(span.Slots))
		if o.op == replay.Reserve && err == nil {
			w.reserved = span
			for i := range span.Slots {
				span.Slots[i].Sequence = uint64(span.First) + uint64(i)
			}
		}
	case replay.Commit:
		if w.ring.mode == MPSC {
			goCode = code(w.ring.commitMPSC(first, uint32(o.n)))
			if goCode == 0 {
				w.reserved.First += uint32(o.n)
			}
		} else {
			goCode = code(w.ring.commitSPSC(uint32(o.n)))
		}
	case replay.Release:
		goCode = code(w.ring.Release(o.n))
	case replay.Close:
		w.ring.Close()
	case replay.Depth:
		goCount = uint32(w.ring.Depth())
	}
	cCode, cFirst, cCount := replay.RingOperation(w.at, o.op, uint32(o.n), first)
	if o.op == replay.Reserve && cCode == 0 {
		for i := range cCount {
			*(*uint64)(unsafe.Add(w.at, sizeRing+uintptr((cFirst+i)&w.ring.mask)*SignalBytes+offsetSignalSequence)) = uint64(cFirst) + uint64(i)
		}
	}
	if goCode != cCode || goFirst != cFirst || goCount != cCount {
		return fmt.Errorf("%v: Go answers (%d, %d, %d), C (%d, %d, %d)", o, goCode, goFirst, goCount, cCode, cFirst, cCount)
	}
	for i := range w.goBytes {
		if w.goBytes[i] != w.cBytes[i] {
			return fmt.Errorf("%v: byte %d is %#x in Go, %#x in C", o, i, w.goBytes[i], w.cBytes[i])
		}
	}
	return nil
}

// state is all that the next step depends on.
func (w *twin) state() string { return string(w.goBytes) + strconv.Itoa(int(w.reserved.First)) }

func (w *twin) restore(state []byte, first uint32) {
	copy(w.goBytes, state)
	copy(w.cBytes, state)
	w.reserved.First = first
}

func alphabet(slots int) []operation {
	list := []operation{{replay.Close, 0}, {replay.Depth, 0}, {replay.Reserve, 0}, {replay.Peek, 0}, {replay.Commit, 0}, {replay.Release, 0}}
	for n := 1; n <= slots+1; n++ {
		for op := replay.Reserve; op <= replay.Release; op++ {
			list = append(list, operation{op, n})
		}
	}
	return list
}

// TestRingsAgreeOnAllSequences goes through every sequence of operations up to
// length 10 on tiny rings, valid or not. Both implementations are functions of
// the ring's bytes, which are compared after each step; so two sequences that
// lead to equal bytes have the same futures, and each state is expanded once per
// remaining length. The count is of the sequences that are decided by that.
func TestRingsAgreeOnAllSequences(t *testing.T) {
	length := 10
	if !InC { // with cgo: a race build, which is slow and looks for something else
		length = 6
	}
	for _, mode := range []Mode{SPSC, MPSC} {
		for _, slots := range []uint32{2, 4} {
			t.Run(fmt.Sprintf("mode=%d/slots=%d", mode, slots), func(t *testing.T) {
				w := newTwin(t, slots, mode, math.MaxUint32-1)
				operations := alphabet(int(slots))
				type node struct {
					bytes []byte
					first uint32
					path  []operation
				}
				level := []node{{bytes: bytes.Clone(w.goBytes)}}
				seen := map[string]bool{}
				states, steps := 0, 0
				for depth := 1; depth <= length; depth++ {
					var next []node
					for _, n := range level {
						for _, o := range operations {
							w.restore(n.bytes, n.first)
							steps++
							if err := w.step(o); err != nil {
								t.Fatalf("after %v: %v", n.path, err)
							}
							if key := w.state(); !seen[key] {
								seen[key] = true
								states++
								path := append(n.path[:len(n.path):len(n.path)], o)
								next = append(next, node{bytes.Clone(w.goBytes), w.reserved.First, path})
							}
						}
					}
					level = next
				}
				t.Logf("%.3g sequences of %d operations; %d states, %d steps compared",
					math.Pow(float64(len(operations)), float64(length)), len(operations), states, steps)
			})
		}
	}
}

// TestRingsAgreeOnRandomSequences takes 10^7 steps when CORE_LONG is set.
func TestRingsAgreeOnRandomSequences(t *testing.T) {
	steps := 200_000
	if !InC {
		steps = 20_000
	}
	if os.Getenv("CORE_LONG") != "" {
		steps = 10_000_000
	}
	seed := rand.Uint64()
	random := rand.New(rand.NewPCG(seed, 1))
	for done := 0; done < steps; {
		slots := uint32(2) << random.IntN(4)
		mode := SPSC + Mode(random.IntN(2))
		w := newTwin(t, slots, mode, math.MaxUint32-random.Uint32N(40))
		for i := 0; i < 500; i++ {
			o := operation{random.IntN(4), random.IntN(int(slots) + 2)}
			if random.IntN(100) == 0 {
				o = operation{replay.Close + random.IntN(2), 0}
			}
			if err := w.step(o); err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
			done++
		}
	}
}

// FuzzRingOps lets the fuzzer choose the operations.
func FuzzRingOps(f *testing.F) {
	f.Add(uint8(0), []byte{0x02, 0x12, 0x22, 0x32, 0x40})
	f.Add(uint8(1), []byte{0x01, 0x02, 0x11, 0x12, 0x24, 0x34, 0x50, 0x40, 0x21})
	f.Fuzz(func(t *testing.T, kind uint8, operations []byte) {
		w := newTwin(t, 2<<(kind>>1&3), SPSC+Mode(kind&1), math.MaxUint32-uint32(kind))
		for _, b := range operations[:min(len(operations), 4096)] {
			if err := w.step(operation{int(b>>4) % 6, int(b & 15)}); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func TestTelemetryAgrees(t *testing.T) {
	m, c := goMemory(sizeTelemetry), goMemory(sizeTelemetry)
	telemetry := &Telemetry{m: (*telemetryMemory)(m.at)}
	for i := range uint64(5000) {
		e := Event{i * 7, ^i, uint8(i), uint8(i >> 3), uint16(i * 3), uint32(i * 11)}
		telemetry.Write(e)
		replay.TelemetryWrite(c.at, e.Timestamp, e.Value, e.Kind, e.Type, e.Code, e.Count)
	}
	if !bytes.Equal(unsafe.Slice((*byte)(m.at), m.bytes), unsafe.Slice((*byte)(c.at), c.bytes)) {
		t.Error("the bytes differ")
	}
}

func TestPoolsAgree(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	bytesOf := poolBytes(5, 64)
	m, c := goMemory(bytesOf), goMemory(bytesOf)
	p := initPool(m, 5, 64)
	if code := replay.PoolInit(c.at, c.bytes, 5, 64); code != 0 {
		t.Fatal(code)
	}
	handles := []uint64{0, 1 << 32, 9}
	for i := range 20000 {
		var goCode, cCode int
		if random.IntN(2) == 0 {
			handle, _, err := p.Take()
			cc, cHandle := replay.PoolTake(c.at)
			goCode, cCode = code(err), cc
			if handle != cHandle && err == nil {
				t.Fatalf("step %d: handle %#x in Go, %#x in C", i, handle, cHandle)
			}
			if err == nil {
				handles = append(handles, handle)
			}
		} else {
			handle := handles[len(handles)-1-random.IntN(min(len(handles), 8))]
			goCode, cCode = code(p.Give(handle)), replay.PoolGive(c.at, handle)
		}
		if goCode != cCode || !bytes.Equal(unsafe.Slice((*byte)(m.at), bytesOf), unsafe.Slice((*byte)(c.at), bytesOf)) {
			t.Fatalf("step %d: codes %d, %d, or the bytes differ", i, goCode, cCode)
		}
	}
}

func TestTracesAgree(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	bytesOf := traceBytes(8)
	m, c := goMemory(bytesOf), goMemory(bytesOf)
	trace := initTrace(m, 8)
	if code := replay.TraceInit(c.at, c.bytes, 8); code != 0 {
		t.Fatal(code)
	}
	goState, cState := make([]byte, 40), make([]byte, 40)
	for i := range 20000 {
		var goCode, cCode int
		switch random.IntN(5) {
		case 0:
			s := Signal{Kind: uint8(i), Flags: 3, Size: uint16(random.IntN(26)), Source: 5, Destination: 6, Sequence: uint64(i), Timestamp: 99}
			copy(s.Bytes()[:], "a payload of 24 bytes...")
			goCode, cCode = code(trace.Signal(&s)), replay.TraceSignal(c.at, unsafe.Pointer(&s))
		case 1:
			value := []byte("0123456789012345678901234567890123456789ab")[:1+random.IntN(42)]
			offset := random.Uint32N(42)
			goCode, cCode = code(trace.Change(goState, offset, value)), replay.TraceChange(c.at, cState, offset, value)
		case 2, 3:
			goCode, cCode = code(trace.Back(goState)), replay.TraceBack(c.at, cState)
		case 4:
			goCode, cCode = code(trace.Forward(goState)), replay.TraceForward(c.at, cState)
		}
		same := bytes.Equal(goState, cState) && bytes.Equal(unsafe.Slice((*byte)(m.at), bytesOf), unsafe.Slice((*byte)(c.at), bytesOf))
		if goCode != cCode || !same {
			t.Fatalf("step %d: codes %d, %d, same bytes: %v", i, goCode, cCode, same)
		}
	}
}

// TestContextsAgree drains the same signals in both and compares all but the
// fields that hold C pointers and times.
func TestContextsAgree(t *testing.T) {
	for _, mode := range []Mode{SPSC, MPSC} {
		for _, c := range []Config{
			{InboxSlots: 8, InboxMode: mode, Start: math.MaxUint32 - 3},
			{InboxSlots: 8, InboxMode: mode, TraceRecords: 16, PoolBlocks: 3, PoolBlockBytes: 64, SampleEvery: 3, Flags: Timed | Events},
		} {
			x, err := NewContext(c)
			if err != nil {
				t.Fatal(err)
			}
			y := replay.NewContext(c.InboxSlots, uint32(mode), c.TraceRecords, c.PoolBlocks, c.PoolBlockBytes, c.SampleEvery, c.Flags, c.Start)
			if !y.OK() {
				t.Fatal("ba_init failed")
			}
			var sum uint64
			x.On(70, func(s *Signal) { sum = sum*31 + s.Sequence })
			y.Handle(70)
			cRing := &Ring{h: (*ringHeader)(y.Inbox()), n: 8, mask: 7, mode: mode, slots: unsafe.Add(y.Inbox(), sizeRing)}
			for round := range 9 {
				for i := range 6 {
					s := Signal{Kind: 70 + uint8(i/4), Size: uint16(20 + i), Sequence: uint64(round*10 + i)}
					if err := errors.Join(x.Inbox().Push(&s), cRing.Push(&s)); err != nil {
						t.Fatal(err)
					}
				}
				for left := 6; left > 0; {
					n, err := x.Drain(x.Inbox(), 4)
					cc, cn := y.Drain(4)
					if code(err) != cc || n != int(cn) {
						t.Fatalf("Go drains %d, %v; C %d, %d", n, err, cn, cc)
					}
					left -= n
				}
			}
			if sum != y.Sum() {
				t.Errorf("handlers saw %#x in Go, %#x in C", sum, y.Sum())
			}
			compareContexts(t, x.bytes(), y.Memory())
			x.Free()
			y.Free()
		}
	}
}

func compareContexts(t *testing.T, goBytes, cBytes []byte) {
	t.Helper()
	if len(goBytes) != len(cBytes) {
		t.Fatalf("%d bytes in Go, %d in C", len(goBytes), len(cBytes))
	}
	goBytes, cBytes = bytes.Clone(goBytes), bytes.Clone(cBytes)
	for _, m := range [][]byte{goBytes, cBytes} {
		x := (*contextMemory)(unsafe.Pointer(&m[0]))
		x.allocated, x.alloc, x.free, x.self = 0, 0, 0, 0
		x.ticks.Store(0)
		x.sampleTicks.Store(0)
		for i := range x.table {
			x.table[i].handler, x.table[i].state = 0, 0
		}
		for i := range x.telemetry.slot {
			x.telemetry.slot[i].words[0].Store(0)
			x.telemetry.slot[i].words[1].Store(0)
		}
	}
	for i := range goBytes {
		if goBytes[i] != cBytes[i] {
			t.Fatalf("byte %d is %#x in Go, %#x in C", i, goBytes[i], cBytes[i])
		}
	}
}
