package workspace

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// index keeps the hashes of files by their size, times and inode, in a file, as
// git's index does. A file that changed at most racyWindow before it was hashed
// is not kept: it might change once more within the clock's step and look the
// same (git, Documentation/technical/racy-git.txt). The change time is compared
// too, since a program can set the modification time back but not that one.
type index struct {
	file  string
	old   map[string]entry // as read
	now   map[string]entry // what this walk saw
	dirty bool
	clock time.Time // when the walk began
}

// entry is one file of an index.
type entry struct {
	size, modified, changed int64 // bytes; ns since 1970
	inode                   uint64
	sum                     [sha256.Size]byte
}

const (
	racyWindow    = 2 * time.Second // the coarsest step of a file system's clock in use (FAT)
	indexMagic    = "cf index 1\n"
	indexBytesMax = 64 << 20 // a larger file is not ours
	entryBytes    = 4*8 + sha256.Size
)

// openIndex reads an index. One that is missing, damaged or of another version
// is as good as an empty one.
func openIndex(file string) *index {
	x := &index{file: file, now: map[string]entry{}, clock: time.Now()}
	if file == "" {
		return x
	}
	if info, err := os.Stat(file); err != nil || info.Size() > indexBytesMax {
		return x
	}
	if data, err := os.ReadFile(file); err == nil {
		x.old = decodeIndex(data)
	}
	return x
}

// decodeIndex returns nil for what is no whole index.
func decodeIndex(data []byte) map[string]entry {
	body, ok := bytes.CutPrefix(data, []byte(indexMagic))
	if !ok || len(body) < 4 {
		return nil
	}
	body, sum := body[:len(body)-4], body[len(body)-4:]
	if crc32.ChecksumIEEE(body) != binary.LittleEndian.Uint32(sum) {
		return nil
	}
	out := map[string]entry{}
	for len(body) > 0 {
		n, used := binary.Uvarint(body)
		if used <= 0 || n > uint64(len(body)-used) || uint64(len(body)-used)-n < entryBytes {
			return nil
		}
		name := string(body[used : used+int(n)])
		body = body[used+int(n):]
		var e entry
		e.size = int64(binary.LittleEndian.Uint64(body))
		e.modified = int64(binary.LittleEndian.Uint64(body[8:]))
		e.changed = int64(binary.LittleEndian.Uint64(body[16:]))
		e.inode = binary.LittleEndian.Uint64(body[24:])
		copy(e.sum[:], body[32:])
		body = body[entryBytes:]
		out[name] = e
	}
	return out
}

func encodeIndex(entries map[string]entry) []byte {
	names := make([]string, 0, len(entries))
	for name := range entries {
		names = append(names, name)
	}
	slices.Sort(names)
	body := make([]byte, 0, len(entries)*(entryBytes+40))
	for _, name := range names {
		e := entries[name]
		body = binary.AppendUvarint(body, uint64(len(name)))
		body = append(body, name...)
		for _, v := range []uint64{uint64(e.size), uint64(e.modified), uint64(e.changed), e.inode} {
			body = binary.LittleEndian.AppendUint64(body, v)
		}
		body = append(body, e.sum[:]...)
	}
	out := append([]byte(indexMagic), body...)
	return binary.LittleEndian.AppendUint32(out, crc32.ChecksumIEEE(body))
}

// find returns the hash of rel if it is the file that was hashed.
func (x *index) find(rel string, info fs.FileInfo) (sum [sha256.Size]byte, ok bool) {
	e, ok := x.old[rel]
	seen := stamp(info)
	seen.sum = e.sum
	if !ok || seen != e {
		return sum, false
	}
	x.now[rel] = e
	return e.sum, true
}

// put keeps the hash of rel, as info describes it from before it was read.
func (x *index) put(rel string, info fs.FileInfo, sum [sha256.Size]byte) {
	e := stamp(info)
	e.sum = sum
	if x.clock.UnixNano()-max(e.modified, e.changed) < int64(racyWindow) {
		return
	}
	x.now[rel] = e
	x.dirty = true
}

// save writes the index where it changed. It is a cache: what can't be written
// is hashed again the next time.
func (x *index) save() {
	if x.file == "" || (!x.dirty && len(x.now) == len(x.old)) {
		return
	}
	if err := os.MkdirAll(filepath.Dir(x.file), 0o700); err != nil {
		return
	}
	f, err := os.CreateTemp(filepath.Dir(x.file), ".index-*")
	if err != nil {
		return
	}
	defer os.Remove(f.Name()) // gone already once it was renamed
	_, err = f.Write(encodeIndex(x.now))
	if closed := f.Close(); err != nil || closed != nil {
		return
	}
	_ = os.Rename(f.Name(), x.file) // a cache, see above
}
