package core

import "sync/atomic"

// Event is one entry of a telemetry ring.
type Event struct {
	Timestamp uint64 // ticks
	Value     uint64
	Type      uint8 // Event*
	Kind      uint8 // of the signal, or 0
	Code      uint16
	Count     uint32
}

type eventSlot struct {
	stamp atomic.Uint64
	words [3]atomic.Uint64
}

// telemetryMemory is struct ba_telemetry.
type telemetryMemory struct {
	written atomic.Uint64
	_       [120]byte
	slot    [TelemetryEvents]eventSlot
}

// Telemetry is the ring of the last TelemetryEvents events: one goroutine writes,
// any number reads without stopping it. telemetry.h has the algorithm.
type Telemetry struct {
	m      *telemetryMemory
	memory memory
}

// NewTelemetry returns an empty ring in memory of its own: ErrNomem.
func NewTelemetry() (*Telemetry, error) {
	m, err := allocate(sizeTelemetry)
	if err != nil {
		return nil, err
	}
	return &Telemetry{m: (*telemetryMemory)(m.at), memory: m}, nil
}

// Free gives the memory of NewTelemetry back.
func (t *Telemetry) Free() { t.memory.release() }

// Written returns how many events were ever written: where a reader of what comes
// begins.
func (t *Telemetry) Written() uint64 { return t.m.written.Load() }

// Write appends an event over the oldest. One goroutine; never fails.
func (t *Telemetry) Write(e Event) {
	index := t.m.written.Load()
	slot := &t.m.slot[index%TelemetryEvents]
	slot.stamp.Store(2*index + 1)
	slot.words[0].Store(e.Timestamp)
	slot.words[1].Store(e.Value)
	slot.words[2].Store(uint64(e.Type) | uint64(e.Kind)<<8 | uint64(e.Code)<<16 | uint64(e.Count)<<32)
	slot.stamp.Store(2*index + 2)
	t.m.written.Store(index + 1)
}

// Read copies event *cursor and moves the cursor on: ErrEmpty (no event yet),
// ErrLost (overwritten; the cursor now stands at the oldest that can still be
// there). Any goroutine, a cursor each.
func (t *Telemetry) Read(cursor *uint64) (Event, error) {
	index := *cursor
	written := t.m.written.Load()
	if index >= written {
		return Event{}, ErrEmpty
	}
	if written-index <= TelemetryEvents {
		slot := &t.m.slot[index%TelemetryEvents]
		timestamp, value, rest := slot.words[0].Load(), slot.words[1].Load(), slot.words[2].Load()
		if slot.stamp.Load() == 2*index+2 {
			*cursor = index + 1
			return Event{timestamp, value, uint8(rest), uint8(rest >> 8), uint16(rest >> 16), uint32(rest >> 32)}, nil
		}
	}
	*cursor = t.m.written.Load() - TelemetryEvents + 1
	return Event{}, ErrLost
}
