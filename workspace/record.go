package workspace

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"time"
)

// The file of one landing, in the ledger's folder. Numbers are little-endian.
//
//	8 bytes  magic "cfland" 0x00 0x01; the last byte is the version
//	record*  4 bytes length of the payload, 1 byte type, 4 bytes CRC-32C, payload
//
// The checksum covers the record's own offset, length, type and payload: a
// record that was moved is as bad as one that was changed. The first record is
// the intent; the images of all files that were there before follow; what comes
// after is appended one record at a time.
const (
	recordHead      = 9
	recordBytesMax  = 16 << 20 // an intent of 10,000 files is about 5 MB
	imageIndexBytes = 4
)

var recordMagic = [8]byte{'c', 'f', 'l', 'a', 'n', 'd', 0, 1}

// recordType is part of the format: the list may only grow.
type recordType byte

const (
	recordIntent recordType = 1 // JSON of intent
	recordImage  recordType = 2 // 4 bytes index into intent.Files, then the next piece of that file as it was
	recordDone   recordType = 3 // landed: the point of no return
	recordNote   recordType = 4 // JSON of note
)

// intent is all that is needed to take a landing back, but for the images.
type intent struct {
	ID     string     `json:"id"`
	Time   time.Time  `json:"time"`
	Title  string     `json:"title,omitempty"`
	Undoes string     `json:"undoes,omitempty"`
	Files  []filePlan `json:"files"`
	Make   []dirPlan  `json:"make,omitempty"` // folders that were missing, outer ones first
	Drop   []dirPlan  `json:"drop,omitempty"` // folders to be removed if empty, inner ones first
}

// filePlan is what happens to one file.
type filePlan struct {
	Path string `json:"path"`
	Temp string `json:"temp"` // name in the same folder: of the new file before the exchange, of the old one after
	Pre  state  `json:"pre"`
	Post state  `json:"post"`
}

// dirPlan is a folder that a landing makes or removes. Mode 0 is the system's
// choice.
type dirPlan struct {
	Path string `json:"path"`
	Mode uint32 `json:"mode,omitempty"`
}

// note is what becomes known of a landing after it is done.
type note struct {
	Git string `json:"git,omitempty"`
}

var (
	errCorrupt = errors.New("damaged")
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
)

// checksum is the CRC-32C of a record at offset.
func checksum(offset int64, head []byte, payload []byte) uint32 {
	var at [8]byte
	binary.LittleEndian.PutUint64(at[:], uint64(offset))
	sum := crc32.Update(0, castagnoli, at[:])
	sum = crc32.Update(sum, castagnoli, head[:5])
	return crc32.Update(sum, castagnoli, payload)
}

// recordWriter appends records to a handle whose end is at offset.
type recordWriter struct {
	to     io.Writer
	offset int64
	buf    []byte
}

// append writes one record of the joined parts with a single write.
func (w *recordWriter) append(t recordType, parts ...[]byte) error {
	w.buf = append(w.buf[:0], make([]byte, recordHead)...)
	for _, p := range parts {
		w.buf = append(w.buf, p...)
	}
	payload := w.buf[recordHead:]
	if len(payload) > recordBytesMax {
		return fmt.Errorf("a record of %d bytes", len(payload))
	}
	binary.LittleEndian.PutUint32(w.buf, uint32(len(payload)))
	w.buf[4] = byte(t)
	binary.LittleEndian.PutUint32(w.buf[5:], checksum(w.offset, w.buf, payload))
	n, err := w.to.Write(w.buf)
	w.offset += int64(n)
	return err
}

// begin writes the magic and the intent.
func (w *recordWriter) begin(in *intent) error {
	n, err := w.to.Write(recordMagic[:])
	w.offset += int64(n)
	if err != nil {
		return err
	}
	text, err := json.Marshal(in)
	if err != nil {
		return err
	}
	return w.append(recordIntent, text)
}

// imageWriter cuts what is written to it into image records of one file.
type imageWriter struct {
	to    *recordWriter
	index int
}

func (w imageWriter) Write(p []byte) (int, error) {
	var index [imageIndexBytes]byte
	binary.LittleEndian.PutUint32(index[:], uint32(w.index))
	for done := 0; done < len(p); {
		n := min(len(p)-done, copyBytes)
		if err := w.to.append(recordImage, index[:], p[done:done+n]); err != nil {
			return done, err
		}
		done += n
	}
	return len(p), nil
}

// span is a piece of a file.
type span struct{ at, size int64 }

// landingFile is what one file of the ledger says.
type landingFile struct {
	in     intent
	images [][]span // by index of in.Files
	done   bool
	note   note
	end    int64 // where the next record goes
}

// readLanding reads a file of size bytes. Image bytes are not read, so their
// checksums are not looked at: copyImage does. A torn last record, which a
// crash can leave, counts as not written; every other damage is errCorrupt.
func readLanding(r io.ReaderAt, size int64) (*landingFile, error) {
	var magic [len(recordMagic)]byte
	if size < int64(len(magic)) {
		return nil, fmt.Errorf("%w: %d bytes", errCorrupt, size)
	}
	if _, err := r.ReadAt(magic[:], 0); err != nil {
		return nil, err
	}
	if magic != recordMagic {
		return nil, fmt.Errorf("%w: not a file of this format and version", errCorrupt)
	}
	f := &landingFile{end: int64(len(magic))}
	for f.end < size {
		rec, err := readRecord(r, f.end, size, false)
		if errors.Is(err, errCorrupt) && f.complete() == nil && !followed(r, f.end, size) {
			break // torn
		}
		if err != nil {
			return nil, err
		}
		if err := f.take(rec); err != nil {
			return nil, err
		}
		f.end = rec.next
	}
	return f, f.complete()
}

// record is one record; payload is nil for an image that was passed over.
type record struct {
	kind    recordType
	at      int64 // of the payload
	size    int64
	next    int64
	payload []byte
	index   int // of an image
}

// readRecord reads the record at offset, an image's bytes only if asked to.
func readRecord(r io.ReaderAt, offset, size int64, images bool) (record, error) {
	var head [recordHead + imageIndexBytes]byte
	bad := fmt.Errorf("%w at byte %d", errCorrupt, offset)
	if size-offset < recordHead {
		return record{}, bad
	}
	got, err := r.ReadAt(head[:min(int64(len(head)), size-offset)], offset)
	if err != nil && !errors.Is(err, io.EOF) {
		return record{}, err
	}
	if got < recordHead {
		return record{}, bad
	}
	rec := record{kind: recordType(head[4]), at: offset + recordHead, size: int64(binary.LittleEndian.Uint32(head[:]))}
	rec.next = rec.at + rec.size
	if rec.size > recordBytesMax || rec.next > size {
		return record{}, bad
	}
	if rec.kind == recordImage {
		if rec.size < imageIndexBytes || got < len(head) {
			return record{}, bad
		}
		rec.index = int(binary.LittleEndian.Uint32(head[recordHead:]))
		if !images {
			return rec, nil
		}
	}
	rec.payload = make([]byte, rec.size)
	if _, err := r.ReadAt(rec.payload, rec.at); err != nil && !errors.Is(err, io.EOF) {
		return record{}, err
	}
	if checksum(offset, head[:], rec.payload) != binary.LittleEndian.Uint32(head[5:]) {
		return record{}, bad
	}
	return rec, nil
}

// followed tells whether a good record comes after a bad one: then it was not
// torn by a crash but damaged later.
func followed(r io.ReaderAt, offset, size int64) bool {
	var head [recordHead]byte
	if _, err := r.ReadAt(head[:], offset); err != nil {
		return false
	}
	next := offset + recordHead + int64(binary.LittleEndian.Uint32(head[:]))
	if next >= size {
		return false
	}
	_, err := readRecord(r, next, size, true)
	return err == nil
}

// take adds a record to what is known.
func (f *landingFile) take(rec record) error {
	bad := func(why string) error { return fmt.Errorf("%w: %s", errCorrupt, why) }
	first := f.images == nil
	if first != (rec.kind == recordIntent) {
		return bad("the intent is not the first record")
	}
	switch rec.kind {
	case recordIntent:
		if err := json.Unmarshal(rec.payload, &f.in); err != nil {
			return bad(err.Error())
		}
		f.images = make([][]span, len(f.in.Files))
		return f.in.check()
	case recordImage:
		if f.done || rec.index >= len(f.images) {
			return bad("an image out of place")
		}
		f.images[rec.index] = append(f.images[rec.index], span{rec.at + imageIndexBytes, rec.size - imageIndexBytes})
	case recordDone:
		f.done = true
	case recordNote:
		return json.Unmarshal(rec.payload, &f.note)
	default:
		return bad("a record of an unknown type")
	}
	return nil
}

// check refuses an intent that no landing writes: what it names is going to be
// renamed and removed.
func (in *intent) check() error {
	for _, f := range in.Files {
		if why := refusePath(f.Path); why != "" {
			return fmt.Errorf("%w: %s", errCorrupt, why)
		}
		if !isTemp(f.Temp) {
			return fmt.Errorf("%w: a temporary name of %q", errCorrupt, f.Temp)
		}
	}
	for _, d := range append(append([]dirPlan{}, in.Make...), in.Drop...) {
		if why := refusePath(d.Path); why != "" {
			return fmt.Errorf("%w: %s", errCorrupt, why)
		}
	}
	return nil
}

// complete tells whether intent and images are all there, by their sizes.
func (f *landingFile) complete() error {
	if f.images == nil {
		return fmt.Errorf("%w: no intent", errCorrupt)
	}
	for i, plan := range f.in.Files {
		var size int64
		for _, s := range f.images[i] {
			size += s.size
		}
		if size != plan.Pre.Size {
			return fmt.Errorf("%w: %d of %d bytes of %s", errCorrupt, size, plan.Pre.Size, quote(plan.Path))
		}
	}
	return nil
}
