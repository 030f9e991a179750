package sandbox

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/bitactor/cf/fault"
)

// What bounds the build caches: a project's goes once its root is gone, or once no check
// of it ran for cacheUnused. A run that opens a Box removes at most cachesSwept of them,
// so that a thousand are not the wait of one.
const (
	cacheUnused = 30 * 24 * time.Hour
	cachesSwept = 8
	// cacheTouched is how old the mark of the last use may become before it is renewed.
	cacheTouched = 24 * time.Hour
)

// rootMark ends the name of the file beside a project's caches that holds its root. It
// lies beside them because programs of the project may write what lies in them.
const rootMark = ".root"

// projectDir is the folder of everything kept for the project at root, made if missing.
// A root is named by a hash, so that no name in it can lead elsewhere.
func (b *Box) projectDir(root string) (string, error) {
	sum := sha256.Sum256([]byte(root))
	dir := filepath.Join(b.o.Cache, "build", hex.EncodeToString(sum[:8]))
	err := os.MkdirAll(dir, 0o700)
	if err == nil {
		err = markUsed(dir+rootMark, root)
	}
	if err != nil {
		return "", fault.New(fault.Failed, CodeSetup, "%w", err).On("make a cache", dir)
	}
	return dir, nil
}

func markUsed(mark, root string) error {
	if info, err := os.Stat(mark); err == nil && time.Since(info.ModTime()) < cacheTouched {
		return nil
	}
	return os.WriteFile(mark, []byte(root), 0o600)
}

// Cache returns a folder of cf's own for the project at root, made if missing.
// name is a constant of the caller's. Programs of that project may write it, so
// what lies in it is not to be trusted outside the sandbox.
func (b *Box) Cache(root, name string) (string, error) {
	project, err := b.projectDir(root)
	if err != nil {
		return "", err
	}
	dir := filepath.Join(project, name)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fault.New(fault.Failed, CodeSetup, "%w", err).On("make a cache", name)
	}
	return dir, nil
}

// sweepCaches removes build caches that nobody will come back to. What can't be read or
// removed stays: it is for the next run.
func sweepCaches(cache string, now time.Time) {
	build := filepath.Join(cache, "build")
	entries, err := os.ReadDir(build)
	if err != nil {
		return
	}
	left := cachesSwept
	for _, e := range entries {
		if left == 0 {
			return
		}
		dir := filepath.Join(build, e.Name())
		if !e.IsDir() || !abandoned(dir, now) {
			continue
		}
		left--
		removeAll(dir)
		if _, err := os.Lstat(dir); errors.Is(err, fs.ErrNotExist) {
			_ = os.Remove(dir + rootMark) // last: without it nothing tells whose the caches are
		}
	}
}

// abandoned tells whether the project of the caches in dir is gone or was not checked
// for long. Caches without a mark are of an older cf: their own age counts.
func abandoned(dir string, now time.Time) bool {
	info, err := os.Stat(dir + rootMark)
	if errors.Is(err, fs.ErrNotExist) {
		info, err = os.Stat(dir)
		return err == nil && now.Sub(info.ModTime()) > cacheUnused
	}
	if err != nil {
		return false
	}
	if now.Sub(info.ModTime()) > cacheUnused {
		return true
	}
	root, err := os.ReadFile(dir + rootMark)
	if err != nil || !filepath.IsAbs(strings.TrimSpace(string(root))) {
		return false
	}
	_, err = os.Stat(string(root))
	return errors.Is(err, fs.ErrNotExist)
}
