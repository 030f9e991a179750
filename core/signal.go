package core

import "unsafe"

// Signal is the 64-byte signal. In a ring it is used in place; copy one with Set,
// never by assignment, because turn belongs to the slot.
type Signal struct {
	Kind        uint8
	Flags       uint8  // Flag*
	Size        uint16 // bytes of payload in use, 0 to 24
	turn        uint32 // whose turn it is at a slot of an MPSC ring
	Source      uint64 // the sender's address, 0 = none
	Destination uint64 // the receiver's address, 0 = whoever drains
	Sequence    uint64
	Timestamp   uint64    // the sender's choice of unit; no part of a trace
	Payload     [3]uint64 // 24 bytes, in little-endian words
}

// Set copies all of from but its turn.
func (s *Signal) Set(from *Signal) {
	s.Kind, s.Flags, s.Size = from.Kind, from.Flags, from.Size
	s.Source, s.Destination, s.Sequence, s.Timestamp = from.Source, from.Destination, from.Sequence, from.Timestamp
	s.Payload = from.Payload
}

// Bytes returns the payload as bytes of the signal itself.
func (s *Signal) Bytes() *[PayloadBytes]byte {
	return (*[PayloadBytes]byte)(unsafe.Pointer(&s.Payload))
}
