package token

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"os"
	"path/filepath"
)

// Cache keeps vocabularies in a folder, one file per model digest. The zero
// value keeps nothing. Safe for concurrent use, by several processes too.
type Cache struct{ Dir string }

// magic starts a cache file; its last byte is the version of the format:
// magic, body length and CRC-32C of the body, body. Numbers are unsigned
// varints, texts have their length before them.
const magic = "cfvocab\x01"

// Load returns the vocabulary of a digest; false where there is none that can
// be used: a damaged file counts as none.
func (c Cache) Load(digest string) (*Vocabulary, bool) {
	if c.Dir == "" || digest == "" {
		return nil, false
	}
	f, err := os.Open(c.path(digest))
	if err != nil {
		return nil, false
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, MaxBytes+1))
	if err != nil || len(data) > MaxBytes {
		return nil, false
	}
	v, err := decode(data)
	return v, err == nil
}

// Store saves the vocabulary of a digest.
func (c Cache) Store(digest string, v *Vocabulary) error {
	if c.Dir == "" || digest == "" {
		return nil
	}
	if err := os.MkdirAll(c.Dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(c.Dir, ".vocabulary-*") // mode 0600
	if err != nil {
		return err
	}
	_, err = f.Write(encode(v))
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), c.path(digest))
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

// path names the file of a digest. Digests come from servers: only a hash of
// one ever becomes part of a path.
func (c Cache) path(digest string) string {
	sum := sha256.Sum256([]byte(digest))
	return filepath.Join(c.Dir, hex.EncodeToString(sum[:16])+".vocab")
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func encode(v *Vocabulary) []byte {
	var b []byte
	text := func(s string) {
		b = binary.AppendUvarint(b, uint64(len(s)))
		b = append(b, s...)
	}
	text(v.Model)
	text(v.Pre)
	b = binary.AppendVarint(b, int64(v.BOS))
	b = binary.AppendVarint(b, int64(v.EOS))
	b = append(b, byte(v.AddBOS), byte(v.AddEOS), byte(v.SpacePrefix))
	b = binary.AppendUvarint(b, uint64(len(v.Tokens)))
	for _, t := range v.Tokens {
		text(t)
	}
	b = binary.AppendUvarint(b, uint64(len(v.Types)))
	b = append(b, v.Types...)
	b = binary.AppendUvarint(b, uint64(len(v.Scores)))
	for _, s := range v.Scores {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(s))
	}
	b = binary.AppendUvarint(b, uint64(len(v.Merges)))
	for _, m := range v.Merges {
		b = binary.AppendUvarint(b, uint64(uint32(m[0])))
		b = binary.AppendUvarint(b, uint64(uint32(m[1])))
	}
	head := binary.LittleEndian.AppendUint32([]byte(magic), uint32(len(b)))
	head = binary.LittleEndian.AppendUint32(head, crc32.Checksum(b, castagnoli))
	return append(head, b...)
}

// errDamaged says that a cache file is not what encode wrote.
var errDamaged = errors.New("damaged vocabulary file")

func decode(data []byte) (*Vocabulary, error) {
	head := len(magic) + 8
	if len(data) < head || string(data[:len(magic)]) != magic {
		return nil, errDamaged
	}
	body := data[head:]
	if binary.LittleEndian.Uint32(data[len(magic):]) != uint32(len(body)) ||
		binary.LittleEndian.Uint32(data[len(magic)+4:]) != crc32.Checksum(body, castagnoli) {
		return nil, errDamaged
	}
	d := &decoder{r: bufio.NewReader(bytes.NewReader(body)), left: len(body)}
	v := &Vocabulary{Model: d.text(), Pre: d.text(), BOS: d.id(), EOS: d.id(), AddBOS: d.flag(), AddEOS: d.flag(), SpacePrefix: d.flag()}
	for range d.length(maxTokens) {
		v.Tokens = append(v.Tokens, d.text())
	}
	v.Types = d.bytes(d.length(maxTokens))
	for range d.length(maxTokens) {
		b := d.bytes(4)
		if d.err != nil {
			break
		}
		v.Scores = append(v.Scores, math.Float32frombits(binary.LittleEndian.Uint32(b)))
	}
	for range d.length(4 * maxTokens) {
		v.Merges = append(v.Merges, [2]int32{int32(d.number(maxTokens)), int32(d.number(maxTokens))})
	}
	if d.err != nil {
		return nil, d.err
	}
	return v, v.check()
}

// decoder reads a body; after its first error everything is zero.
type decoder struct {
	r    *bufio.Reader
	left int
	err  error
}

func (d *decoder) number(most uint64) uint64 {
	if d.err != nil {
		return 0
	}
	n, err := binary.ReadUvarint(d.r)
	if err == nil && n > most {
		err = fmt.Errorf("%w: %d where at most %d can be", errDamaged, n, most)
	}
	if err != nil {
		d.err = err
		return 0
	}
	return n
}

// length reads the number of items of a list, each of which takes a byte at least.
func (d *decoder) length(most int) int { return int(d.number(uint64(min(most, d.left)))) }

func (d *decoder) bytes(n int) []byte {
	if d.err != nil || n == 0 {
		return nil
	}
	b := make([]byte, n)
	_, d.err = io.ReadFull(d.r, b)
	return b
}

func (d *decoder) text() string { return string(d.bytes(d.length(d.left))) }

func (d *decoder) id() int32 {
	if d.err != nil {
		return -1
	}
	n, err := binary.ReadVarint(d.r)
	if err == nil && (n < -1 || n > maxTokens) {
		err = errDamaged
	}
	d.err = err
	return int32(n)
}

func (d *decoder) flag() Flag {
	b := d.bytes(1)
	if d.err != nil || len(b) == 0 || Flag(b[0]) > Yes {
		return Unset
	}
	return Flag(b[0])
}
