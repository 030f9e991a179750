package sandbox

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/bitactor/cf/fault"
	"github.com/bitactor/cf/process"
)

// scratchMark is between the fields of a scratch folder's name: the pid of the
// cf that made it, a hash-free form of its start time, and a random part.
const scratchMark = "."

// scratch is the folder of one run, with everything that is thrown away after.
type scratch string

func (s scratch) at(name string) string { return filepath.Join(string(s), name) }

// file writes a file and returns it, to be read from its start.
func (s scratch) file(name string, content []byte) (*os.File, error) {
	if err := os.WriteFile(s.at(name), content, 0o600); err != nil {
		return nil, err
	}
	return os.Open(s.at(name))
}

// newScratch makes the folder of a run and those in it.
func newScratch(cache string, names ...string) (scratch, error) {
	dir := filepath.Join(cache, "run")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	return scratchIn(dir, names...)
}

func scratchIn(dir string, names ...string) (scratch, error) {
	start, err := process.StartTime(os.Getpid())
	if err != nil {
		return "", err
	}
	name := fmt.Sprintf("%d%s%s%s*", os.Getpid(), scratchMark, flat(start), scratchMark)
	made, err := os.MkdirTemp(dir, name)
	if err != nil {
		return "", err
	}
	s := scratch(made)
	for _, n := range names {
		if err := os.Mkdir(s.at(n), 0o700); err != nil {
			return "", err
		}
	}
	return s, nil
}

// flat makes a start time fit for a file name.
func flat(start string) string {
	return strings.NewReplacer("/", "-", " ", "-", scratchMark, "-").Replace(start)
}

func (s scratch) remove() { removeAll(string(s)) }

// removeAll deletes a folder whose owner may have made folders in it that can't
// be entered, as overlayfs does with its own (work/work has mode 0).
func removeAll(dir string) {
	if os.RemoveAll(dir) == nil {
		return
	}
	_ = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if d != nil && d.IsDir() {
			_ = os.Chmod(path, 0o700) // before it is read; a link is no folder
		}
		return nil
	})
	_ = os.RemoveAll(dir)
}

// sweep deletes the scratch folders of a cf that is gone, as after SIGKILL.
func sweep(cache string) {
	sweepIn(filepath.Join(cache, "run"))
	if dir := memoryDir(); dir != "" {
		sweepIn(dir)
	}
}

func sweepIn(dir string) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return
	}
	for _, e := range entries {
		fields := strings.Split(e.Name(), scratchMark)
		pid, err := strconv.Atoi(fields[0])
		if err != nil || len(fields) != 3 {
			continue
		}
		if start, err := process.StartTime(pid); err != nil || flat(start) != fields[1] {
			removeAll(filepath.Join(dir, e.Name()))
		}
	}
}

// inMemoryMost is how much may be written into a scratch folder in memory.
const inMemoryMost = 64 << 20

// Scratch returns a new folder of cf's own beside the user's files, absolute,
// for about bytes of small files, and what removes it with all that lies in it.
// It lies in memory where there is room: on a busy disk to make a few thousand
// files takes seconds.
func (b *Box) Scratch(bytes int64) (dir string, remove func(), err error) {
	var s scratch
	if shared := memoryDir(); shared != "" && bytes <= inMemoryMost && freeDisk(shared) >= 4*bytes {
		s, err = scratchIn(shared)
	}
	if s == "" {
		s, err = newScratch(b.o.Cache)
	}
	if err != nil {
		return "", nil, fault.New(fault.Failed, CodeSetup, "%w", err).On("make", "a scratch folder")
	}
	return string(s), s.remove, nil
}
