package embedded

import (
	"os"
	"path/filepath"
	"sync"
)

// logMax is the size at which the log is put aside as log.1, in bytes; at most
// two such files exist.
const logMax = 1 << 20

// rotating appends to a file that never grows far over its limit. Safe for
// concurrent use.
type rotating struct {
	mu   sync.Mutex
	path string
	most int64
	f    *os.File
	size int64
}

func openLog(dir string, most int64) (*rotating, error) {
	r := &rotating{path: filepath.Join(dir, logFile), most: most}
	return r, r.open()
}

func (r *rotating) open() error {
	f, err := os.OpenFile(r.path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err != nil {
		_ = f.Close()
		return err
	}
	r.f, r.size = f, info.Size()
	return nil
}

// Write appends p. When the file can't be rotated or written the text is lost:
// a server must not end for want of a log.
func (r *rotating) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.f != nil && r.size > 0 && r.size+int64(len(p)) > r.most {
		_ = r.f.Close()
		r.f = nil
		_ = os.Rename(r.path, r.path+".1")
	}
	if r.f == nil && r.open() != nil {
		return len(p), nil
	}
	n, _ := r.f.Write(p)
	r.size += int64(n)
	return len(p), nil
}

// Close closes the file.
func (r *rotating) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.f == nil {
		return nil
	}
	err := r.f.Close()
	r.f = nil
	return err
}
