package core

import (
	"bytes"
	"encoding/binary"
	"sync/atomic"
	"unsafe"
)

// Record is one entry of a trace; its 64 bytes are canonical.
type Record struct {
	Sequence uint64 // of the signal that was being handled
	Offset   uint32
	Type     uint8 // Record*
	Kind     uint8
	Length   uint8
	_        uint8
	Before   [TraceValueBytes]byte
	After    [TraceValueBytes]byte
}

// Bytes returns the record's canonical bytes, to hash and compare runs.
func (r *Record) Bytes() *[sizeRecord]byte { return (*[sizeRecord]byte)(unsafe.Pointer(r)) }

// traceHeader is struct ba_trace without its records.
type traceHeader struct {
	magic, records uint32
	begin, end     atomic.Uint64
	cursor         uint64
	sequence       uint64
	kind           uint32
	_              [20]byte
}

// Trace is the reversible record of signals handled and of changes to a state;
// trace.h tells how it is used. One goroutine.
type Trace struct {
	h       *traceHeader
	records []Record
	memory  memory
}

// traceBytes is ba_trace_bytes.
func traceBytes(records uint32) uintptr {
	if records < 2 || records > TraceRecordsMax || records&(records-1) != 0 {
		return 0
	}
	return sizeTrace + uintptr(records)*sizeRecord
}

// NewTrace returns a trace that keeps the last records, a power of two from 2 to
// TraceRecordsMax: ErrInval, ErrNomem.
func NewTrace(records uint32) (*Trace, error) {
	bytes := traceBytes(records)
	if bytes == 0 {
		return nil, ErrInval
	}
	m, err := allocate(bytes)
	if err != nil {
		return nil, err
	}
	return initTrace(m, records), nil
}

// initTrace is ba_trace_init of memory that is large enough and aligned.
func initTrace(m memory, records uint32) *Trace {
	clear(unsafe.Slice((*byte)(m.at), traceBytes(records)))
	h := (*traceHeader)(m.at)
	h.records, h.magic = records, traceMagic
	return &Trace{h: h, memory: m, records: unsafe.Slice((*Record)(unsafe.Add(m.at, sizeTrace)), records)}
}

// Free gives the memory of NewTrace back.
func (t *Trace) Free() { t.memory.release() }

// Begin and End are the positions of the oldest record kept and after the newest.
func (t *Trace) Begin() uint64 { return t.h.begin.Load() }

// End returns the position after the newest record.
func (t *Trace) End() uint64 { return t.h.end.Load() }

func (t *Trace) at(position uint64) *Record { return &t.records[position&uint64(len(t.records)-1)] }

// append returns the next record, with its signal's sequence and kind.
func (t *Trace) append(recordType uint8) *Record {
	position := t.h.cursor
	r := t.at(position)
	*r = Record{Sequence: t.h.sequence, Kind: uint8(t.h.kind), Type: recordType}
	t.h.cursor = position + 1
	t.h.end.Store(position + 1)
	if position+1-t.h.begin.Load() > uint64(len(t.records)) {
		t.h.begin.Store(position + 1 - uint64(len(t.records)))
	}
	return r
}

// Signal records that a signal is about to be handled: ErrInval (its size is over
// 24). The changes that follow carry its sequence and kind.
func (t *Trace) Signal(s *Signal) error {
	if s.Size > PayloadBytes {
		return ErrInval
	}
	t.h.sequence, t.h.kind = s.Sequence, uint32(s.Kind)
	r := t.append(RecordSignal)
	r.Length = uint8(s.Size)
	binary.LittleEndian.PutUint64(r.Before[0:], s.Source)
	binary.LittleEndian.PutUint64(r.Before[8:], s.Destination)
	binary.LittleEndian.PutUint64(r.Before[16:], uint64(s.Size)|uint64(s.Flags)<<16)
	copy(r.After[:s.Size], s.Bytes()[:])
	return nil
}

// Change writes value at offset of the state and records it: ErrRange (outside
// the state; nothing is written). Over 24 bytes make several records.
func (t *Trace) Change(state []byte, offset uint32, value []byte) error {
	if uint64(offset) > uint64(len(state)) || uint64(len(value)) > uint64(len(state))-uint64(offset) {
		return ErrRange
	}
	for len(value) > 0 {
		part := min(len(value), TraceValueBytes)
		to := state[offset : int(offset)+part]
		r := t.append(RecordChange)
		r.Offset, r.Length = offset, uint8(part)
		copy(r.Before[:], to)
		copy(r.After[:], value[:part])
		copy(to, r.After[:]) // from the copy: value may lie in the state
		offset, value = offset+uint32(part), value[part:]
	}
	return nil
}

// step moves the state across one record, from the bytes is to the bytes becomes.
func (r *Record) step(state []byte, is, becomes *[TraceValueBytes]byte) error {
	if r.Type == RecordSignal {
		return nil
	}
	if uint64(r.Offset)+uint64(r.Length) > uint64(len(state)) {
		return ErrRange
	}
	at := state[r.Offset:][:r.Length]
	if !bytes.Equal(at, is[:r.Length]) {
		return ErrState
	}
	copy(at, becomes[:])
	return nil
}

// Back undoes the record before the cursor: ErrEmpty, ErrRange (it lies outside
// this state), ErrState (the state differs). On an error nothing moves.
func (t *Trace) Back(state []byte) error {
	if t.h.cursor == t.h.begin.Load() {
		return ErrEmpty
	}
	r := t.at(t.h.cursor - 1)
	err := r.step(state, &r.After, &r.Before)
	if err == nil {
		t.h.cursor--
	}
	return err
}

// Forward does the record at the cursor again: the errors of Back.
func (t *Trace) Forward(state []byte) error {
	if t.h.cursor == t.h.end.Load() {
		return ErrEmpty
	}
	r := t.at(t.h.cursor)
	err := r.step(state, &r.Before, &r.After)
	if err == nil {
		t.h.cursor++
	}
	return err
}

// Export copies the record at *position and moves it on: ErrEmpty (past the
// newest), ErrLost (no longer kept; the position is now the oldest).
func (t *Trace) Export(position *uint64) (Record, error) {
	if *position >= t.h.end.Load() {
		return Record{}, ErrEmpty
	}
	if begin := t.h.begin.Load(); *position < begin {
		*position = begin
		return Record{}, ErrLost
	}
	*position++
	return *t.at(*position - 1), nil
}
