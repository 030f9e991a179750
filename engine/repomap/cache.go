package repomap

import (
	"crypto/sha256"
	"encoding/binary"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/bitactor/cf/workspace"
)

// The cache file: the magic, then, as varints unless said otherwise,
//
//	names: count, then for each its length and bytes (the family first)
//	files: count, numbers of all definitions, uses and imports, then for each
//	  path; stamp (size, modified, changed, inode: 8 bytes each); sum (32 bytes);
//	  language and flags (a byte each);
//	  definitions: count, then name, line, parent+1, kind and exported (a byte
//	  each), signature; uses: count, then name, count; imports: count, then name
//
// and a CRC-32 (IEEE) of all behind the magic, 4 bytes. Fixed numbers are little
// endian. The same entries give the same bytes. A file that is not exactly this
// is as good as none.
//
// The version rises with the format, and whenever package syntax or entry.go find
// something else in a source than before.
const cacheMagic = "cf repomap 1\n"

// Bytes of one part at least and, by index.cost, at most without its texts.
const (
	fileBytes    = 90
	fileBytesMin = 4*8 + sha256.Size + 6
	defBytes     = 24
	defBytesMin  = 6
	useBytes     = 12
	useBytesMin  = 2
	importBytes  = 7
	nameMin      = 2
)

// loadIndex reads the cache. One that is missing, damaged or of another version is
// as good as an empty one.
func loadIndex(name string) *index {
	if name == "" {
		return &index{}
	}
	f, err := os.Open(name)
	if err != nil {
		return &index{}
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() || info.Size() > int64(defaultBounds.indexBytes) {
		return &index{}
	}
	var text strings.Builder
	text.Grow(int(info.Size()))
	if _, err := io.Copy(&text, f); err != nil {
		return &index{}
	}
	x, ok := decode(text.String())
	if !ok {
		return &index{}
	}
	return x
}

// save writes the cache. What can't be written is read again the next time.
func (x *index) save(name string) {
	if name == "" || os.MkdirAll(filepath.Dir(name), 0o700) != nil {
		return
	}
	f, err := os.CreateTemp(filepath.Dir(name), ".map-*") // 0600
	if err != nil {
		return
	}
	defer os.Remove(f.Name()) // gone already once it was renamed
	_, err = f.Write(x.encode())
	if closed := f.Close(); err != nil || closed != nil {
		return
	}
	_ = os.Rename(f.Name(), name) // a cache, see above
}

func (x *index) encode() []byte {
	numbers := make([]uint32, len(x.names)) // 1 more than the number in the file
	used := make([]uint32, 0, len(x.names))
	number := func(id uint32) uint64 {
		if numbers[id] == 0 {
			used = append(used, id)
			numbers[id] = uint32(len(used))
		}
		return uint64(numbers[id] - 1)
	}
	size, defs, uses, imports := 0, 0, 0, 0
	for i := range x.files {
		f := &x.files[i]
		defs, uses, imports = defs+len(f.defs), uses+len(f.uses), imports+len(f.imports)
		size += len(f.path) + fileBytes + 4*len(f.uses) + 3*len(f.imports)
		for _, d := range f.defs {
			size += len(d.signature) + 12
		}
	}
	files := make([]byte, 0, size)
	for i := range x.files {
		files = appendFile(files, &x.files[i], number)
	}
	out := make([]byte, 0, len(files)+24*len(used))
	out = append(out, cacheMagic...)
	out = binary.AppendUvarint(out, uint64(len(used)))
	for _, id := range used {
		out = appendText(out, x.names[id])
	}
	for _, n := range []int{len(x.files), defs, uses, imports} {
		out = binary.AppendUvarint(out, uint64(n))
	}
	out = append(out, files...)
	return binary.LittleEndian.AppendUint32(out, crc32.ChecksumIEEE(out[len(cacheMagic):]))
}

func appendText(b []byte, text string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(text))), text...)
}

func appendFile(b []byte, f *file, number func(uint32) uint64) []byte {
	b = appendText(b, f.path)
	for _, n := range []uint64{uint64(f.stamp.Size), uint64(f.stamp.Modified), uint64(f.stamp.Changed), f.stamp.Inode} {
		b = binary.LittleEndian.AppendUint64(b, n)
	}
	b = append(append(b, f.sum[:]...), f.language, bit(f.test))
	b = binary.AppendUvarint(b, uint64(len(f.defs)))
	for _, d := range f.defs {
		b = binary.AppendUvarint(b, number(d.name))
		b = binary.AppendUvarint(b, uint64(d.line))
		b = binary.AppendUvarint(b, uint64(d.parent+1))
		b = append(b, d.kind, bit(d.exported))
		b = appendText(b, d.signature)
	}
	b = binary.AppendUvarint(b, uint64(len(f.uses)))
	for _, u := range f.uses {
		b = binary.AppendUvarint(b, number(u.name))
		b = binary.AppendUvarint(b, uint64(u.count))
	}
	b = binary.AppendUvarint(b, uint64(len(f.imports)))
	for _, name := range f.imports {
		b = binary.AppendUvarint(b, number(name))
	}
	return b
}

func bit(v bool) byte {
	if v {
		return 1
	}
	return 0
}

// decode reads what encode wrote; ok is false for anything else. The strings of the
// index are parts of text.
func decode(text string) (x *index, ok bool) {
	body, ok := strings.CutPrefix(text, cacheMagic)
	if !ok || len(body) < 4 {
		return nil, false
	}
	r := reader{rest: body[:len(body)-4]}
	if checksum(r.rest) != binary.LittleEndian.Uint32([]byte(body[len(body)-4:])) {
		return nil, false
	}
	x = &index{names: make([]string, r.count(nameMin))}
	for i := range x.names {
		if x.names[i] = r.text(); len(x.names[i]) < nameMin {
			r.bad = true
		}
	}
	x.files = make([]file, r.count(fileBytesMin))
	parts := &parts{make([]def, r.count(defBytesMin)), make([]use, r.count(useBytesMin)), make([]uint32, r.count(1))}
	for i := range x.files {
		f := &x.files[i]
		r.file(f, parts, uint64(len(x.names)))
		if r.bad || i > 0 && f.path <= x.files[i-1].path {
			return nil, false
		}
	}
	return x, !r.bad && r.rest == "" && len(parts.defs)+len(parts.uses)+len(parts.imports) == 0
}

// checksum is crc32.ChecksumIEEE of a string, without a copy of it all.
func checksum(text string) uint32 {
	var buf [64 << 10]byte
	sum := uint32(0)
	for text != "" {
		n := copy(buf[:], text)
		sum = crc32.Update(sum, crc32.IEEETable, buf[:n])
		text = text[n:]
	}
	return sum
}

// reader takes numbers and texts from the front of rest. Once something was not
// there, bad is set and the results mean nothing.
type reader struct {
	rest string
	bad  bool
}

func (r *reader) uvarint() uint64 {
	v := uint64(0)
	for i := 0; i < len(r.rest) && i < binary.MaxVarintLen64; i++ {
		b := r.rest[i]
		if b < 0x80 {
			if b == 0 && i > 0 { // a longer form of a number than encode writes
				break
			}
			r.rest = r.rest[i+1:]
			return v | uint64(b)<<(7*i)
		}
		v |= uint64(b&0x7f) << (7 * i)
	}
	r.bad, r.rest = true, ""
	return 0
}

// below reads a number that must be smaller than limit.
func (r *reader) below(limit uint64) uint64 {
	v := r.uvarint()
	if v >= limit {
		r.bad = true
		return 0
	}
	return v
}

// count reads how many parts of at least size bytes follow: never more than there
// is room for, so that nothing is allocated on a number's word alone.
func (r *reader) count(size int) int {
	return int(r.below(uint64(len(r.rest)/size) + 1))
}

func (r *reader) text() string {
	n := r.uvarint()
	if n > uint64(len(r.rest)) {
		r.bad, r.rest = true, ""
		return ""
	}
	text := r.rest[:n]
	r.rest = r.rest[n:]
	return text
}

// fixed reads n bytes.
func (r *reader) fixed(n int) string {
	if n > len(r.rest) {
		r.bad, r.rest = true, ""
		return strings.Repeat("\x00", n)
	}
	text := r.rest[:n]
	r.rest = r.rest[n:]
	return text
}

func (r *reader) number() uint64 {
	b := r.fixed(8)
	v := uint64(0)
	for i := range 8 {
		v |= uint64(b[i]) << (8 * i)
	}
	return v
}

func (r *reader) flag() bool {
	b := r.fixed(1)[0]
	if b > 1 {
		r.bad = true
	}
	return b == 1
}

// parts are what files are yet to be given.
type parts struct {
	defs    []def
	uses    []use
	imports []uint32
}

// take cuts as many elements from the front of list as the next number says.
func take[T any](r *reader, list *[]T) []T {
	n := int(r.below(uint64(len(*list)) + 1))
	taken := (*list)[:n:n]
	*list = (*list)[n:]
	return taken
}

// file reads one file, whose slices are cut from p. Names are below names.
func (r *reader) file(f *file, p *parts, names uint64) {
	f.path = r.text()
	f.stamp = workspace.Stamp{Size: int64(r.number()), Modified: int64(r.number()), Changed: int64(r.number()), Inode: r.number()}
	copy(f.sum[:], r.fixed(sha256.Size))
	if f.language = r.fixed(1)[0]; int(f.language) >= len(families) {
		r.bad = true
	}
	f.test = r.flag()
	f.defs = take(r, &p.defs)
	for i := range f.defs {
		d := &f.defs[i]
		d.name, d.line = uint32(r.below(names)), uint32(r.below(1<<32))
		d.parent = int32(r.below(uint64(i)+1)) - 1
		if d.kind = r.fixed(1)[0]; int(d.kind) >= len(kinds) {
			r.bad = true
		}
		d.exported = r.flag()
		d.signature = r.text()
	}
	f.uses = take(r, &p.uses)
	for i := range f.uses {
		f.uses[i] = use{name: uint32(r.below(names)), count: uint32(r.below(1 << 32))}
	}
	f.imports = take(r, &p.imports)
	for i := range f.imports {
		f.imports[i] = uint32(r.below(names))
	}
}
