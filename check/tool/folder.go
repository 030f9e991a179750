package tool

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/gofrs/flock"

	"github.com/bitactor/cf/check"
	"github.com/bitactor/cf/fault"
)

// CodeBusy is the fault of a context that ended while another check held the
// build folder [Interrupted].
const CodeBusy = "build-folder-busy"

// reportMax bounds a report that a script wrote, in bytes.
const reportMax = 16 << 20

// Folder returns the folder of this session: empty at first, writable inside
// the sandbox and outside, gone after Close.
func (s *Session) Folder() (string, error) {
	if s.folder != "" {
		return s.folder, nil
	}
	base, err := s.Target.Stage.Cache("run")
	if err != nil {
		return "", err
	}
	s.folder, err = os.MkdirTemp(base, s.checker+"-")
	if err != nil {
		return "", fault.New(fault.Failed, "", "%w", err).On("make folder", base)
	}
	return s.folder, nil
}

// Script writes a file of ours into the session's folder, for a program to
// read, and returns its absolute path.
func (s *Session) Script(name, text string) (string, error) {
	dir, err := s.Folder()
	if err != nil {
		return "", err
	}
	full := filepath.Join(dir, name)
	if err := os.WriteFile(full, []byte(text), 0o600); err != nil {
		return "", fault.New(fault.Failed, "", "%w", err).On("write", full)
	}
	return full, nil
}

// Report reads a file that a program wrote into the session's folder and counts
// it as cut, with a gap for step, when it is larger than 16 MiB. No file gives
// nothing: the program did not come that far. Whatever ran may have put a link
// or a FIFO there: neither is opened.
func (s *Session) Report(step, name string) []byte {
	if s.folder == "" {
		return nil
	}
	root, err := os.OpenRoot(s.folder)
	if err != nil {
		return nil
	}
	defer root.Close()
	f, err := root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK|syscall.O_NOFOLLOW, 0)
	if err != nil {
		return nil
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil
	}
	data, err := io.ReadAll(io.LimitReader(f, reportMax+1))
	if err != nil || len(data) > reportMax {
		s.Gap(check.Gap{What: step, Why: "the report of " + name + " is too large", Blocks: true})
		data = data[:min(len(data), reportMax)]
	}
	return data
}

// Records reads a report as Records does.
func (s *Session) Records(step, name string) []Record { return Records(s.Report(step, name)) }

// Build returns a cache folder that is kept between runs, called name, and
// holds it for this session until release is called: build tools write such a
// folder without a lock of their own.
func (s *Session) Build(ctx context.Context, name string) (dir string, release func(), err error) {
	dir, err = s.Target.Stage.Cache(name)
	if err != nil {
		return "", nil, err
	}
	lock := flock.New(dir + ".lock")
	// The lock is free within the time limit of one build.
	if _, err := lock.TryLockContext(ctx, 50*time.Millisecond); err != nil {
		return "", nil, fault.New(fault.Interrupted, CodeBusy, "%w", err).On("wait for", dir)
	}
	return dir, func() { _ = lock.Unlock() }, nil
}

// Close removes the session's folder.
func (s *Session) Close() {
	if s.folder != "" {
		_ = os.RemoveAll(s.folder) // RemoveAll follows no link; what is left is pruned with the cache
	}
}
