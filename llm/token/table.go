package token

import (
	"encoding/binary"
	"math/bits"
)

// The tables that a vocabulary is compiled to are flat bytes in little endian,
// so that a cache file is used as it was read: nothing is built at the start of
// a program, and a vocabulary of 150,000 tokens takes 4 MiB and a millisecond.
var little = binary.LittleEndian

// none marks an empty slot.
const none = ^uint32(0)

// slotsFor returns how many slots hold n entries: a power of two, at most three
// quarters full, so that every search meets an empty slot soon.
func slotsFor(n int) int { return 1 << bits.Len(uint(n+n/3)) }

// mergeTable finds what two tokens become. A slot is left, right, rank, token.
type mergeTable []byte

const mergeSlot = 16

// newMergeTable lists the merges of v; of equal ones the first counts.
func newMergeTable(v *Vocabulary, ids map[string]int32) mergeTable {
	slots := slotsFor(len(v.Merges))
	t := make(mergeTable, slots*mergeSlot)
	for i := range t {
		t[i] = 0xff
	}
	for rank, m := range v.Merges {
		id, ok := ids[v.Tokens[m[0]]+v.Tokens[m[1]]]
		if !ok {
			continue
		}
		if at, found := t.search(m[0], m[1]); !found {
			little.PutUint32(t[at:], uint32(m[0]))
			little.PutUint32(t[at+4:], uint32(m[1]))
			little.PutUint32(t[at+8:], uint32(rank))
			little.PutUint32(t[at+12:], uint32(id))
		}
	}
	return t
}

// search returns the offset of the slot of two tokens, or of the empty one
// where they would stand. It ends on damaged tables too.
func (t mergeTable) search(left, right int32) (at int, found bool) {
	slots := uint64(len(t) / mergeSlot)
	if slots == 0 {
		return 0, false
	}
	key := uint64(uint32(right))<<32 | uint64(uint32(left))
	slot := mix(key) & (slots - 1)
	for range slots {
		at = int(slot) * mergeSlot
		switch k := little.Uint64(t[at:]); {
		case k == key:
			return at, true
		case k == ^uint64(0):
			return at, false
		}
		slot = (slot + 1) & (slots - 1)
	}
	return at, false
}

// find returns what left and right become, and how early.
func (t mergeTable) find(left, right int32) (merging, bool) {
	at, found := t.search(left, right)
	if !found {
		return merging{}, false
	}
	return merging{int32(little.Uint32(t[at+8:])), int32(little.Uint32(t[at+12:]))}, true
}

// mix spreads the bits of a key (the finaliser of SplitMix64,
// https://doi.org/10.1145/2714064.2660195).
func mix(k uint64) uint64 {
	k = (k ^ k>>30) * 0xbf58476d1ce4e5b9
	k = (k ^ k>>27) * 0x94d049bb133111eb
	return k ^ k>>31
}

// textTable finds the token of a text.
type textTable struct {
	slots []byte // of 4 bytes: a token, or none
	ends  []byte // of 4 bytes: where the text of each token ends in blob
	blob  []byte
}

// newTextTable lists the tokens of v; of equal texts the first counts.
func newTextTable(v *Vocabulary) textTable {
	t := textTable{slots: make([]byte, 4*slotsFor(len(v.Tokens))), ends: make([]byte, 0, 4*len(v.Tokens))}
	for i := range t.slots {
		t.slots[i] = 0xff
	}
	for id, text := range v.Tokens {
		t.blob = append(t.blob, text...)
		t.ends = little.AppendUint32(t.ends, uint32(len(t.blob)))
		if at, found := t.search(text); !found {
			little.PutUint32(t.slots[at:], uint32(id))
		}
	}
	return t
}

func (t textTable) len() int { return len(t.ends) / 4 }

// text returns the text of a token, nil for one that is not there.
func (t textTable) text(id uint32) []byte {
	if int64(id) >= int64(t.len()) {
		return nil
	}
	from, to := uint32(0), little.Uint32(t.ends[4*id:])
	if id > 0 {
		from = little.Uint32(t.ends[4*(id-1):])
	}
	if from > to || int64(to) > int64(len(t.blob)) {
		return nil
	}
	return t.blob[from:to]
}

func (t textTable) search(text string) (at int, found bool) {
	slots := uint64(len(t.slots) / 4)
	if slots == 0 {
		return 0, false
	}
	// FNV-1a (RFC 9923): a hash that is the same in every process.
	hash := uint64(14695981039346656037)
	for i := range len(text) {
		hash = (hash ^ uint64(text[i])) * 1099511628211
	}
	slot := mix(hash) & (slots - 1)
	for range slots {
		at = int(slot) * 4
		id := little.Uint32(t.slots[at:])
		if id == none {
			return at, false
		}
		if string(t.text(id)) == text {
			return at, true
		}
		slot = (slot + 1) & (slots - 1)
	}
	return at, false
}

// find returns the token of a text.
func (t textTable) find(text string) (int32, bool) {
	at, found := t.search(text)
	if !found {
		return 0, false
	}
	return int32(little.Uint32(t.slots[at:])), true
}
