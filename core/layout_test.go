package core

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"unsafe"
)

// TestLayoutIsThatOfTheHeader compares what Go's compiler makes of our structs
// with the constants that C's made of its own.
func TestLayoutIsThatOfTheHeader(t *testing.T) {
	var (
		s  Signal
		r  ringHeader
		te telemetryMemory
		es eventSlot
		p  poolHeader
		tr traceHeader
		re Record
	)
	for _, c := range []struct {
		name    string
		got, is uintptr
	}{
		{"Signal", unsafe.Sizeof(s), sizeSignal},
		{"Kind", unsafe.Offsetof(s.Kind), offsetSignalKind},
		{"Flags", unsafe.Offsetof(s.Flags), offsetSignalFlags},
		{"Size", unsafe.Offsetof(s.Size), offsetSignalSize},
		{"turn", unsafe.Offsetof(s.turn), offsetSignalTurn},
		{"Source", unsafe.Offsetof(s.Source), offsetSignalSource},
		{"Destination", unsafe.Offsetof(s.Destination), offsetSignalDestination},
		{"Sequence", unsafe.Offsetof(s.Sequence), offsetSignalSequence},
		{"Timestamp", unsafe.Offsetof(s.Timestamp), offsetSignalTimestamp},
		{"Payload", unsafe.Offsetof(s.Payload), offsetSignalPayload},
		{"ring", unsafe.Sizeof(r), sizeRing},
		{"ring.magic", unsafe.Offsetof(r.magic), offsetRingMagic},
		{"ring.mode", unsafe.Offsetof(r.mode), offsetRingMode},
		{"ring.slots", unsafe.Offsetof(r.slots), offsetRingSlots},
		{"ring.mask", unsafe.Offsetof(r.mask), offsetRingMask},
		{"ring.closed", unsafe.Offsetof(r.closed), offsetRingClosed},
		{"ring.start", unsafe.Offsetof(r.start), offsetRingStart},
		{"ring.tail", unsafe.Offsetof(r.tail), offsetRingTail},
		{"ring.limit", unsafe.Offsetof(r.limit), offsetRingLimit},
		{"ring.producing", unsafe.Offsetof(r.producing), offsetRingProducing},
		{"ring.claim", unsafe.Offsetof(r.claim), offsetRingClaim},
		{"ring.overflow", unsafe.Offsetof(r.overflow), offsetRingOverflow},
		{"ring.head", unsafe.Offsetof(r.head), offsetRingHead},
		{"ring.tailSeen", unsafe.Offsetof(r.tailSeen), offsetRingTailSeen},
		{"ring.consuming", unsafe.Offsetof(r.consuming), offsetRingConsuming},
		{"ring.depthMax", unsafe.Offsetof(r.depthMax), offsetRingDepthMax},
		{"ring.taken", unsafe.Offsetof(r.taken), offsetRingTaken},
		{"ring.freeTo", unsafe.Offsetof(r.freeTo), offsetRingFreeTo},
		{"ring.turnSeen", unsafe.Offsetof(r.turnSeen), offsetRingTurnSeen},
		{"ring slots follow", unsafe.Sizeof(r), offsetRingSlot},
		{"telemetry", unsafe.Sizeof(te), sizeTelemetry},
		{"telemetry.written", unsafe.Offsetof(te.written), offsetTelemetryWritten},
		{"telemetry.slot", unsafe.Offsetof(te.slot), offsetTelemetrySlot},
		{"event slot", unsafe.Sizeof(es), sizeEventSlot},
		{"event slot.stamp", unsafe.Offsetof(es.stamp), offsetEventSlotStamp},
		{"event slot.words", unsafe.Offsetof(es.words), offsetEventSlotWords},
		{"pool", unsafe.Sizeof(p), sizePool},
		{"pool.magic", unsafe.Offsetof(p.magic), offsetPoolMagic},
		{"pool.blocks", unsafe.Offsetof(p.blocks), offsetPoolBlocks},
		{"pool.blockBytes", unsafe.Offsetof(p.blockBytes), offsetPoolBlockBytes},
		{"pool.blocksOffset", unsafe.Offsetof(p.blocksOffset), offsetPoolBlocksOffset},
		{"pool.free", unsafe.Offsetof(p.free), offsetPoolFree},
		{"pool.taken", unsafe.Offsetof(p.taken), offsetPoolTaken},
		{"pool.exhausted", unsafe.Offsetof(p.exhausted), offsetPoolExhausted},
		{"pool.inUseMax", unsafe.Offsetof(p.inUseMax), offsetPoolInUseMax},
		{"pool.returned", unsafe.Offsetof(p.returned), offsetPoolReturned},
		{"pool.given", unsafe.Offsetof(p.given), offsetPoolGiven},
		{"pool state follows", unsafe.Sizeof(p), offsetPoolState},
		{"pool state", unsafe.Sizeof(poolState{}), sizePoolState},
		{"trace", unsafe.Sizeof(tr), sizeTrace},
		{"trace.magic", unsafe.Offsetof(tr.magic), offsetTraceMagic},
		{"trace.records", unsafe.Offsetof(tr.records), offsetTraceRecords},
		{"trace.begin", unsafe.Offsetof(tr.begin), offsetTraceBegin},
		{"trace.end", unsafe.Offsetof(tr.end), offsetTraceEnd},
		{"trace.cursor", unsafe.Offsetof(tr.cursor), offsetTraceCursor},
		{"trace.sequence", unsafe.Offsetof(tr.sequence), offsetTraceSequence},
		{"trace.kind", unsafe.Offsetof(tr.kind), offsetTraceKind},
		{"trace records follow", unsafe.Sizeof(tr), offsetTraceRecord},
		{"record", unsafe.Sizeof(re), sizeRecord},
		{"record.Sequence", unsafe.Offsetof(re.Sequence), offsetRecordSequence},
		{"record.Offset", unsafe.Offsetof(re.Offset), offsetRecordOffset},
		{"record.Type", unsafe.Offsetof(re.Type), offsetRecordType},
		{"record.Kind", unsafe.Offsetof(re.Kind), offsetRecordKind},
		{"record.Length", unsafe.Offsetof(re.Length), offsetRecordLength},
		{"record.Before", unsafe.Offsetof(re.Before), offsetRecordBefore},
		{"record.After", unsafe.Offsetof(re.After), offsetRecordAfter},
		{"context", unsafe.Sizeof(contextMemory{}), sizeContext},
		{"entry", unsafe.Sizeof(entry{}), sizeEntry},
	} {
		if c.got != c.is {
			t.Errorf("%s: %d in Go, %d in C", c.name, c.got, c.is)
		}
	}
}

// TestGeneratedFilesAreCurrent runs the generator again: also a changed C source
// needs go generate, else packages that include it are not rebuilt.
func TestGeneratedFilesAreCurrent(t *testing.T) {
	if _, err := exec.LookPath("cc"); err != nil {
		t.Skip("no C compiler")
	}
	folder := t.TempDir()
	if out, err := exec.Command("sh", "internal/layout/generate.sh", folder).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, file := range []string{"layout_gen.go", "internal/replay/sum_gen.go", "cases/sum_gen.go", "cases/handlers_gen.go"} {
		want, err := os.ReadFile(filepath.Join(folder, file))
		if err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s is not what the C sources give; run go generate ./core", file)
		}
	}
}
