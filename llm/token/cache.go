package token

import (
	"encoding/binary"
	"errors"
	"hash/crc32"

	"github.com/bitactor/cf/llm/disk"
)

// Cache keeps compiled vocabularies in a folder, one file per model digest. The
// zero value keeps nothing. Safe for concurrent use, by several processes too.
type Cache struct{ Dir string }

// magic starts a cache file; its last byte is the version of the format and of
// the rules: magic, body length and CRC-32C of the body, body. Numbers are
// unsigned varints, texts and tables have their length before them.
const magic = "cfvocab\x02"

// Load returns the encoder of a digest. known is false where there is no usable
// file, a damaged one included; an encoder of nil that is known says that the
// model's vocabulary is one that can't be used.
func (c Cache) Load(digest string) (e *Encoder, known bool) {
	if c.Dir == "" || digest == "" {
		return nil, false
	}
	data, err := disk.Read(c.path(digest), MaxBytes)
	if err != nil {
		return nil, false
	}
	t, err := decode(data)
	if err != nil {
		return nil, false
	}
	if t.model == "" {
		return nil, true
	}
	e, err = t.encoder()
	return e, err == nil
}

// Store saves the encoder of a digest; nil says that there can be none.
func (c Cache) Store(digest string, e *Encoder) error {
	if c.Dir == "" || digest == "" {
		return nil
	}
	var t tables
	if e != nil {
		t = e.tables
	}
	return disk.Write(c.path(digest), encode(t))
}

func (c Cache) path(digest string) string { return disk.Path(c.Dir, digest, ".vocab") }

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func encode(t tables) []byte {
	b := make([]byte, len(magic)+8, 1<<16+len(t.merges)+len(t.texts.slots)+len(t.texts.ends)+len(t.texts.blob)+len(t.scores))
	bytes := func(p []byte) {
		b = binary.AppendUvarint(b, uint64(len(p)))
		b = append(b, p...)
	}
	bytes([]byte(t.model))
	bytes([]byte(t.pre))
	b = little.AppendUint32(b, uint32(t.bos))
	b = little.AppendUint32(b, uint32(t.eos))
	for _, id := range t.bytes {
		b = little.AppendUint32(b, uint32(id))
	}
	if t.prefix {
		b = append(b, 1)
	} else {
		b = append(b, 0)
	}
	b = binary.AppendUvarint(b, uint64(len(t.special)))
	for _, s := range t.special {
		bytes([]byte(s.text))
		b = little.AppendUint32(b, uint32(s.id))
	}
	for _, table := range [][]byte{t.merges, t.texts.slots, t.texts.ends, t.texts.blob, t.scores} {
		bytes(table)
	}
	head := len(magic) + 8
	copy(b, magic)
	little.PutUint32(b[len(magic):], uint32(len(b)-head))
	little.PutUint32(b[len(magic)+4:], crc32.Checksum(b[head:], castagnoli))
	return b
}

// errDamaged says that a cache file is not what encode wrote.
var errDamaged = errors.New("damaged vocabulary file")

// decode reads what encode wrote. The tables are parts of data.
func decode(data []byte) (tables, error) {
	head := len(magic) + 8
	if len(data) < head || string(data[:len(magic)]) != magic {
		return tables{}, errDamaged
	}
	body := data[head:]
	if little.Uint32(data[len(magic):]) != uint32(len(body)) || little.Uint32(data[len(magic)+4:]) != crc32.Checksum(body, castagnoli) {
		return tables{}, errDamaged
	}
	d := &decoder{rest: body}
	t := tables{model: string(d.bytes()), pre: string(d.bytes()), bos: d.id(), eos: d.id()}
	for i := range t.bytes {
		t.bytes[i] = d.id()
	}
	t.prefix = string(d.take(1)) == "\x01"
	for range d.number() {
		s := special{string(d.bytes()), d.id()}
		if s.text == "" || d.damaged {
			return tables{}, errDamaged
		}
		t.special = append(t.special, s)
	}
	t.merges = d.bytes()
	t.texts = textTable{slots: d.bytes(), ends: d.bytes(), blob: d.bytes()}
	t.scores = d.bytes()
	// The searches mask by the number of slots: it must be a power of two.
	for _, slots := range []int{len(t.merges) / mergeSlot, len(t.texts.slots) / 4} {
		d.damaged = d.damaged || slots&(slots-1) != 0
	}
	if d.damaged || len(t.merges)%mergeSlot != 0 {
		return tables{}, errDamaged
	}
	return t, nil
}

// decoder reads a body; after its first error everything is zero.
type decoder struct {
	rest    []byte
	damaged bool
}

func (d *decoder) take(n int) []byte {
	if d.damaged || n > len(d.rest) {
		d.damaged = true
		return nil
	}
	b := d.rest[:n:n]
	d.rest = d.rest[n:]
	return b
}

// number reads the length of a list, each item of which takes a byte at least.
func (d *decoder) number() int {
	n, size := binary.Uvarint(d.rest)
	if size <= 0 || n > uint64(len(d.rest)) {
		d.damaged = true
		return 0
	}
	d.rest = d.rest[size:]
	return int(n)
}

func (d *decoder) bytes() []byte { return d.take(d.number()) }

func (d *decoder) id() int32 {
	b := d.take(4)
	if b == nil {
		return -1
	}
	return int32(little.Uint32(b))
}
