package workspace

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"time"
)

// landingBytes returns the file of a landing of two files, its images in
// several records, and where each record begins.
func landingBytes(t testing.TB) (data []byte, starts []int, images []string) {
	t.Helper()
	images = []string{strings.Repeat("image ", 100_000), "", "small"}
	in := &intent{ID: "20260102-030405-678", Time: time.Unix(0, 0).UTC(), Title: "t"}
	for i, s := range images {
		f := filePlan{Path: "a" + string(rune('0'+i)), Temp: ".cf-x-" + string(rune('0'+i)), Post: state{Hash: "p", Mode: 0o644}}
		if s != "" {
			f.Pre = state{Hash: Hash([]byte(s)), Size: int64(len(s)), Mode: 0o644}
		}
		in.Files = append(in.Files, f)
	}
	var b bytes.Buffer
	w := &recordWriter{to: &b}
	step := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
		starts = append(starts, b.Len())
	}
	step(w.begin(in))
	for i, s := range images {
		_, err := imageWriter{w, i}.Write([]byte(s))
		step(err)
	}
	step(w.append(recordDone))
	step(w.append(recordNote, []byte(`{"git":"abc"}`)))
	return b.Bytes(), starts, images
}

func parse(data []byte) (*landingFile, error) {
	return readLanding(bytes.NewReader(data), int64(len(data)))
}

// bytesHandle is a handle on bytes.
type bytesHandle struct{ *bytes.Reader }

func (bytesHandle) Write([]byte) (int, error) { return 0, errors.ErrUnsupported }
func (bytesHandle) Close() error              { return nil }
func (bytesHandle) sync() error               { return nil }
func (h bytesHandle) meta() (meta, error)     { return meta{size: h.Size()}, nil }

func TestLandingFileRoundTrip(t *testing.T) {
	data, _, images := landingBytes(t)
	f, err := parse(data)
	if err != nil || !f.done || f.note.Git != "abc" || f.end != int64(len(data)) {
		t.Fatalf("%+v, %v", f, err)
	}
	for i, want := range images {
		if want == "" {
			continue
		}
		var b bytes.Buffer
		o := &openLanding{f, bytesHandle{bytes.NewReader(data)}}
		if err := o.copyImage(i, &b); err != nil || b.String() != want {
			t.Errorf("image %d: %d bytes, %v", i, b.Len(), err)
		}
	}
}

// TestTornTail cuts the file at every byte behind the images: what was written
// whole counts, what was not does not.
func TestTornTail(t *testing.T) {
	data, starts, _ := landingBytes(t)
	complete, done := starts[3], starts[4]
	for n := range data {
		if n > 1000 && n < complete-100 {
			continue // the same answer for each byte of an image
		}
		f, err := parse(data[:n])
		switch {
		case n < complete:
			if !errors.Is(err, errCorrupt) {
				t.Fatalf("cut at %d of %d: %v", n, len(data), err)
			}
		case err != nil:
			t.Fatalf("cut at %d: %v", n, err)
		case f.done != (n >= done):
			t.Fatalf("cut at %d: done %v", n, f.done)
		case f.end > int64(n):
			t.Fatalf("cut at %d: goes on at %d", n, f.end)
		}
	}
	// A tail of zeros or noise is torn too: the size may reach the disk first.
	for _, tail := range [][]byte{make([]byte, 100), bytes.Repeat([]byte{0xff}, 100), {1}} {
		f, err := parse(append(slices.Clone(data[:complete]), tail...))
		if err != nil || f.done || f.end != int64(complete) {
			t.Errorf("tail %v...: %+v, %v", tail[:1], f, err)
		}
	}
}

// TestDamage changes each byte that is not an image's own and each image.
func TestDamage(t *testing.T) {
	data, starts, _ := landingBytes(t)
	for n := range data {
		if n > starts[0]+recordHead+imageIndexBytes && n < starts[1]-10 {
			continue // an image's bytes: seen by copyImage, below
		}
		bad := slices.Clone(data)
		bad[n] ^= 0x20
		f, err := parse(bad)
		switch {
		case n >= starts[4]: // the last record: can't be told from a torn one
		case n >= starts[3]: // done, followed by a good record: not torn
			if err == nil && f.done && n >= starts[3]+recordHead {
				t.Errorf("byte %d: %+v", n, f)
			}
			if err == nil && n >= starts[3]+4 && n < starts[4] {
				t.Errorf("byte %d of the done record: taken as torn", n)
			}
		case n < starts[0] && !errors.Is(err, errCorrupt):
			t.Errorf("byte %d: %v", n, err)
		}
	}
	for _, n := range []int{starts[0] + 100, starts[1] - 5, starts[3] - 1} {
		bad := slices.Clone(data)
		bad[n] ^= 1
		f, err := parse(bad)
		if err != nil {
			continue
		}
		var found error
		for i := range f.in.Files {
			o := &openLanding{f, bytesHandle{bytes.NewReader(bad)}}
			if !f.in.Files[i].Pre.absent() {
				found = errors.Join(found, o.copyImage(i, io.Discard))
			}
		}
		if !errors.Is(found, errCorrupt) {
			t.Errorf("image byte %d: %v", n, found)
		}
	}
}

// TestIntentsThatNoLandingWrites are refused, since recovery would act on them.
func TestIntentsThatNoLandingWrites(t *testing.T) {
	for _, in := range []intent{
		{Files: []filePlan{{Path: "../x", Temp: ".cf-a"}}},
		{Files: []filePlan{{Path: "x", Temp: "../.cf-a"}}},
		{Files: []filePlan{{Path: "x", Temp: "a"}}},
		{Files: []filePlan{{Path: "x", Temp: ".cf-a/b"}}},
		{Files: []filePlan{{Path: ".git/x", Temp: ".cf-a"}}},
		{Make: []dirPlan{{Path: "/etc"}}},
		{Drop: []dirPlan{{Path: ".."}}},
	} {
		var b bytes.Buffer
		w := &recordWriter{to: &b}
		if err := w.begin(&in); err != nil {
			t.Fatal(err)
		}
		if _, err := parse(b.Bytes()); !errors.Is(err, errCorrupt) {
			t.Errorf("%+v: %v", in, err)
		}
	}
}

// TestDamagedLandings are put aside when nobody knows whether they had landed,
// and shown when they can't be undone.
func TestDamagedLandings(t *testing.T) {
	w := crashWorld(t, false)
	landed, err := w.land(t, crashSet())
	if err != nil {
		t.Fatal(err)
	}
	after := w.tree.snapshot()
	n := w.store.n.entries[landed.ID+landingSuffix]
	good := n.data
	// An image is damaged: listed, not undone, nothing changed.
	i := bytes.Index(good, []byte("gone soon"))
	n.data = slices.Clone(good)
	n.data[i] ^= 1
	if _, err := w.journal().undo(t.Context(), landed.ID, UndoOptions{}); !errors.Is(err, errCorrupt) {
		t.Errorf("undone from a damaged image: %v", err)
	}
	whole(t, "damaged image", w, after)
	// The intent is damaged.
	n.data = slices.Clone(good)
	n.data[20] ^= 1
	entries, err := w.journal().entries()
	if err != nil || len(entries) != 1 || entries[0].Damaged == "" {
		t.Errorf("%+v, %v", entries, err)
	}
	back, err := w.journal().recoverAll()
	if err != nil || len(back) != 1 || back[0].Damaged == "" {
		t.Errorf("%+v, %v", back, err)
	}
	if w.store.n.entries[landed.ID+damagedSuffix] == nil || len(w.store.n.entries) != 1 {
		t.Errorf("not put aside: %v", w.store.n.entries)
	}
	// A landing cut short with a damaged image: the other files go back.
	w = crashWorld(t, false)
	before := w.tree.snapshot()
	w.d.before = killAtStep("truncate") // of the file, for the done record
	if _, err := w.land(t, crashSet()); err == nil {
		t.Fatal("not killed")
	}
	w.d.before = nil
	for name, n := range w.store.n.entries {
		if strings.HasSuffix(name, landingSuffix) {
			n.data = slices.Clone(n.data)
			n.data[bytes.Index(n.data, []byte("gone soon"))] ^= 1
		}
	}
	back, err = w.journal().recoverAll()
	if err != nil || len(back) != 1 || back[0].Damaged == "" || !slices.Equal(back[0].Kept, []string{"dir/delete"}) {
		t.Errorf("%+v, %v", back, err)
	}
	got := w.tree.snapshot()
	delete(before, "dir/delete")
	if got["change"] != before["change"] || len(got) != len(before) {
		t.Errorf("%v, want %v", got, before)
	}
}

// killAtStep kills at the first operation whose name begins so.
func killAtStep(prefix string) func(string, int) error {
	dead := false
	return func(op string, _ int) error {
		if dead = dead || strings.HasPrefix(op, prefix); dead {
			return errKilled
		}
		return nil
	}
}

// FuzzJournalDecode reads any bytes: no panic, no answer beyond the bytes, and
// what is taken for good can be read out again.
func FuzzJournalDecode(f *testing.F) {
	data, starts, _ := landingBytes(f)
	small := slices.Concat(data[:starts[0]], data[starts[2]:])
	for _, seed := range [][]byte{nil, recordMagic[:], data[:starts[0]], small, data[:starts[0]+20], data} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := parse(data)
		if err != nil {
			return
		}
		if got.end > int64(len(data)) {
			t.Fatalf("goes on at %d of %d", got.end, len(data))
		}
		for i, plan := range got.in.Files {
			var b bytes.Buffer
			err := (&openLanding{got, bytesHandle{bytes.NewReader(data)}}).copyImage(i, &b)
			if err == nil && !plan.Pre.absent() && Hash(b.Bytes()) != plan.Pre.Hash {
				t.Fatalf("image %d differs", i)
			}
		}
		// What is appended at the end is found.
		w := &bytes.Buffer{}
		rw := recordWriter{to: w, offset: got.end}
		if err := rw.append(recordDone); err != nil {
			t.Fatal(err)
		}
		again, err := parse(append(slices.Clone(data[:got.end]), w.Bytes()...))
		if err != nil || !again.done {
			t.Fatalf("appended: %v", err)
		}
	})
}

// TestHugeLengths are refused before memory is asked for.
func TestHugeLengths(t *testing.T) {
	data := append(slices.Clone(recordMagic[:]), make([]byte, recordHead)...)
	binary.LittleEndian.PutUint32(data[8:], 0xffffffff)
	data[12] = byte(recordIntent)
	if _, err := parse(data); !errors.Is(err, errCorrupt) {
		t.Error(err)
	}
}
