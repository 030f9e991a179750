package workspace

import (
	"fmt"
	"io/fs"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// syncTimer adds up how long the syncs of its folders and files take.
type syncTimer struct {
	spent time.Duration
	count int
}

func (s *syncTimer) time(sync func() error) error {
	start := time.Now()
	err := sync()
	s.spent += time.Since(start)
	s.count++
	return err
}

type timedFolder struct {
	folder
	s *syncTimer
}

type timedFile struct {
	handle
	s *syncTimer
}

func (f timedFolder) sync() error { return f.s.time(f.folder.sync) }
func (f timedFile) sync() error   { return f.s.time(f.handle.sync) }

func (f timedFolder) sub(name string) (folder, error) {
	sub, err := f.folder.sub(name)
	return timedFolder{sub, f.s}, err
}

func (f timedFolder) create(name string, mode fs.FileMode, own owner) (handle, error) {
	h, err := f.folder.create(name, mode, own)
	return timedFile{h, f.s}, err
}

func (f timedFolder) resume(name string, at int64) (handle, error) {
	h, err := f.folder.resume(name, at)
	return timedFile{h, f.s}, err
}

// benchSets returns two sets of n files of size bytes in five folders, each
// replacing what the other leaves.
func benchSets(n, size int) (sets [2]*Set) {
	for i := range sets {
		sets[i] = &Set{Reads: map[string]string{}}
	}
	for i := range n {
		p := fmt.Sprintf("dir%d/file%d.go", i%5, i)
		for k, letter := range []string{"a", "b"} {
			content := []byte(strings.Repeat(letter, size))
			sets[k].Changes = append(sets[k].Changes, Change{Path: p, Content: content})
			sets[1-k].Reads[p] = Hash(content)
		}
	}
	return sets
}

// BenchmarkCommit changes files that are there. over-ms is what a commit takes
// beside its syncs, which are timed in the same run.
func BenchmarkCommit(b *testing.B) {
	for _, size := range []int{4 << 10, 64 << 10} {
		b.Run(fmt.Sprintf("files=20/bytes=%d", size), func(b *testing.B) {
			l := realLedger(b, b.TempDir(), filepath.Join(b.TempDir(), "state"))
			sets := benchSets(20, size)
			first := &Set{Changes: sets[1].Changes}
			if _, err := l.Commit(b.Context(), first, CommitOptions{}); err != nil {
				b.Fatal(err)
			}
			var s syncTimer
			commits := 0
			b.ResetTimer()
			for b.Loop() {
				set := sets[commits%2]
				commits++
				err := set.Check(l.tree)
				if err == nil {
					err = l.tree.notMerging()
				}
				if err == nil {
					err = l.locked("bench", func(j *journal) error {
						j.tree, j.store = timedFolder{j.tree, &s}, timedFolder{j.store, &s}
						_, err := l.commit(b.Context(), j, set, CommitOptions{})
						return err
					})
				}
				if err != nil {
					b.Fatal(err)
				}
			}
			perCommit := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 / float64(commits) }
			b.ReportMetric(perCommit(s.spent), "sync-ms")
			b.ReportMetric(perCommit(b.Elapsed()-s.spent), "over-ms")
			b.ReportMetric(float64(s.count)/float64(commits), "syncs")
		})
	}
}

// TestCommitMemory lands the largest set that the defaults allow: beside the set
// itself there is never a copy of it in memory.
func TestCommitMemory(t *testing.T) {
	l := realLedger(t, quickDir(t), filepath.Join(quickDir(t), "state"))
	sets := benchSets(SetFilesMax, SetFileBytesMax)
	if _, err := l.Commit(t.Context(), &Set{Changes: sets[1].Changes}, CommitOptions{}); err != nil {
		t.Fatal(err)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if _, err := l.Commit(t.Context(), sets[0], CommitOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Undo(t.Context(), "", UndoOptions{}); err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	// Allocated in all, freed or not. Undo decodes each image once.
	if got := int64(after.TotalAlloc - before.TotalAlloc); got > 64<<20 {
		t.Errorf("landing and undoing 32 MiB allocated %d KiB", got>>10)
	} else {
		t.Logf("landing and undoing 32 MiB allocated %d KiB", got>>10)
	}
}
