// Package disk keeps small files in folders of cf's own: about models, one a key,
// and what runs left behind, one an ID (Shelf).
//
// It must never make a path of what a server or a user says: keys are hashed, and
// IDs are those that NewID made or a folder holds.
//
// A reader sees the old or the new file, never a mix, in every process.
package disk

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// Path names the file of a key in dir; suffix tells its kind, such as ".json".
func Path(dir, key, suffix string) string {
	sum := sha256.Sum256([]byte(key))
	return filepath.Join(dir, hex.EncodeToString(sum[:16])+suffix)
}

// Read returns a regular file of at most longest bytes.
func Read(path string, longest int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > longest {
		return nil, fmt.Errorf("%s: not a file of up to %d bytes", path, longest)
	}
	data := make([]byte, info.Size())
	_, err = io.ReadFull(f, data)
	return data, err
}

// Write replaces the file at path, mode 0600, and makes its folder, mode 0700.
func Write(path string, data []byte) (err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*") // mode 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	_, err = f.Write(data)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
