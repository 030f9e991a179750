package memory

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/bitactor/cf/engine"
	"github.com/bitactor/cf/fault"
	"github.com/bitactor/cf/lazyregexp"
)

// format is the version of a file; a file of another one is not read.
const format = 1

// document is a file of the memory.
type document struct {
	Format       int      `json:"format"`
	Path         string   `json:"path"`
	Language     string   `json:"language"`
	Symbol       string   `json:"symbol,omitempty"`
	Instructions string   `json:"instructions,omitempty"`
	Cases        []string `json:"cases,omitempty"`
	Present      string   `json:"present,omitempty"`
	Code         string   `json:"code"`
}

// kept is an example with its file.
type kept struct {
	name     string
	bytes    int64
	modified time.Time
	example  engine.Example
}

var fileName = lazyregexp.New(`^[0-9a-f]{32}\.json$`)

// nameOf names a task's file, so that a later answer takes the place of an earlier
// one.
func nameOf(t engine.Task) string {
	sum := sha256.Sum256([]byte(strings.Join([]string{t.Path, t.Symbol, t.Language, t.Instructions}, "\x00")))
	return hex.EncodeToString(sum[:16]) + ".json"
}

func encode(e engine.Example) []byte {
	t := e.Task
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false) // people read these files
	enc.SetIndent("", "  ")
	_ = enc.Encode(document{format, t.Path, t.Language, t.Symbol, t.Instructions, t.Cases, t.Present, e.Code}) // strings always can be
	return b.Bytes()
}

// decode reads what encode wrote; ok is false for anything else.
func decode(data []byte) (e engine.Example, ok bool) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	var doc document
	if err := d.Decode(&doc); err != nil || doc.Format != format || strings.TrimSpace(doc.Code) == "" || !utf8.Valid(data) {
		return e, false
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return e, false
	}
	return engine.Example{
		Task: engine.Task{
			Path: doc.Path, Language: doc.Language, Symbol: doc.Symbol, Instructions: doc.Instructions, Cases: doc.Cases, Present: doc.Present,
		},
		Code: doc.Code,
	}, true
}

// files lists the memory's files, the newest first, those of one time by name.
func (m *Memory) files() ([]kept, error) {
	entries, err := os.ReadDir(m.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var list []kept
	for _, e := range entries {
		if !fileName.MatchString(e.Name()) {
			continue
		}
		if info, err := e.Info(); err == nil && info.Mode().IsRegular() {
			list = append(list, kept{name: e.Name(), bytes: info.Size(), modified: info.ModTime()})
		}
	}
	slices.SortStableFunc(list, func(a, b kept) int {
		return cmp.Or(b.modified.Compare(a.modified), cmp.Compare(a.name, b.name))
	})
	return list, nil
}

// load reads the examples, the newest first, at most as many as may be kept.
func (m *Memory) load(ctx context.Context) ([]kept, error) {
	list, err := m.files()
	if err != nil {
		return nil, fault.New(fault.Failed, "", "%w", err).On("read", m.dir)
	}
	var out []kept
	total := int64(0)
	for _, k := range list {
		if ctx.Err() != nil {
			return nil, fault.New(fault.Interrupted, "", "%w", context.Cause(ctx)).On("read", m.dir)
		}
		if k.bytes > exampleBytesMax {
			continue
		}
		if total += k.bytes; total > bytesMax || len(out) == examplesMax {
			break
		}
		data, err := os.ReadFile(filepath.Join(m.dir, k.name))
		if err != nil {
			continue // pruned by another process
		}
		if e, ok := decode(data); ok {
			k.example = e
			out = append(out, k)
		}
	}
	return out, nil
}

// write puts a file in place as a whole.
func (m *Memory) write(name string, data []byte) error {
	if err := os.MkdirAll(m.dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(m.dir, ".keep-*") // 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // gone already once it was renamed
	_, err = f.Write(data)
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), filepath.Join(m.dir, name))
}

// prune removes the oldest files until the rest is within the bounds.
func (m *Memory) prune(ctx context.Context) error {
	list, err := m.files()
	if err != nil {
		return fault.New(fault.Failed, CodeUnwritable, "%w", err).On("keep", m.dir)
	}
	total := int64(0)
	for i, k := range list {
		if total += k.bytes; total <= bytesMax && i < examplesMax {
			continue
		}
		if err := os.Remove(filepath.Join(m.dir, k.name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fault.New(fault.Failed, CodeUnwritable, "%w", err).On("keep", m.dir)
		}
	}
	return ctx.Err()
}
