package session

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
)

// writeFile writes name whole or not at all, with mode 0600. A file that holds
// the same bytes is left alone, so that saving a session costs one turn.
func writeFile(root *os.Root, name string, data []byte) error {
	if old, err := readFile(root, name); err == nil && string(old) == string(data) {
		return nil
	}
	if info, err := root.Lstat(name); err == nil && !info.Mode().IsRegular() {
		return fmt.Errorf("%s is not a regular file", name)
	}
	temp := path.Join(path.Dir(name), ".tmp-"+rand.Text())
	if err := writeTemp(root, temp, data); err != nil {
		return errors.Join(err, ignoreAbsent(root.Remove(temp)))
	}
	if err := root.Rename(temp, name); err != nil {
		return errors.Join(err, ignoreAbsent(root.Remove(temp)))
	}
	return syncDir(root, path.Dir(name))
}

func writeTemp(root *os.Root, temp string, data []byte) error {
	f, err := root.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	if _, err := f.Write(data); err != nil {
		return errors.Join(err, f.Close())
	}
	return errors.Join(f.Sync(), f.Close())
}

// syncDir makes a rename durable. Some file systems can't sync a folder; the
// data itself is synced before.
func syncDir(root *os.Root, name string) error {
	d, err := root.Open(name)
	if err != nil {
		return err
	}
	_ = d.Sync()
	return d.Close()
}

func ignoreAbsent(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// readFile reads a regular file of at most maxFileBytes.
func readFile(root *os.Root, name string) ([]byte, error) {
	// Looked at before it is opened: opening a FIFO would wait for a writer.
	info, err := root.Lstat(name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a regular file", path.Base(name))
	}
	f, err := root.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFileBytes+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxFileBytes {
		return nil, fmt.Errorf("%s is over %d bytes", path.Base(name), maxFileBytes)
	}
	return data, nil
}

// loadHead reads session.json.
func loadHead(root *os.Root, id string) (*Session, error) {
	raw, err := readFile(root, path.Join(folder, id, "session.json"))
	if err != nil {
		return nil, err
	}
	s, err := decodeHead(raw)
	if err != nil {
		return nil, err
	}
	if s.ID != id {
		return nil, fmt.Errorf("session.json names another session, %q", s.ID)
	}
	return s, nil
}

// decodeHead reads the bytes of a session.json.
func decodeHead(raw []byte) (*Session, error) {
	s := &Session{}
	if err := json.Unmarshal(raw, s); err != nil {
		return nil, fmt.Errorf("session.json: %w", err)
	}
	if s.Format != Format {
		return nil, fmt.Errorf("session.json has format %d, this cf reads %d", s.Format, Format)
	}
	if !ValidID(s.ID) {
		return nil, badID(s.ID)
	}
	return s, nil
}

// load reads a session with its turns. The turns are counted by their files:
// they are numbered without gaps.
func load(root *os.Root, id string) (*Session, error) {
	s, err := loadHead(root, id)
	if err != nil {
		return nil, err
	}
	for i := range maxTurns {
		name := turnName(i) + ".json"
		raw, err := readFile(root, path.Join(folder, id, name))
		if errors.Is(err, fs.ErrNotExist) {
			break
		}
		if err != nil {
			return nil, err
		}
		var t Turn
		if err := json.Unmarshal(raw, &t); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		s.Turns = append(s.Turns, t)
	}
	return s, nil
}
