package workspace

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/bitactor/cf/fault"
)

// Prints identifies the content of every file of a stage, ignored files and
// links included, so that what was found out about them can be kept: equal
// prints mean equal files. Of folders of dependencies and build outputs, which
// may hold more files than the project, only the first level's names, sizes and
// times count. Read-only once made; safe for concurrent use.
type Prints struct {
	files   []mark           // sorted by path
	direct  map[string][]int // folder -> its own files, as indexes of files
	stopped bool             // a bound ended the walk: nothing may be said of all files
}

// mark is one file as it was seen.
type mark struct {
	path string
	kind byte // 'f' file, 'x' executable file, 'l' link, 's' special, 'd' folder seen from outside
	sum  [sha256.Size]byte
}

// Fingerprint walks the stage. index is a file of cf's own, absolute, that
// keeps the hashes of files by size, times and inode, so that only what changed
// is read again; "" means none. The error is ctx's.
func (s *Stage) Fingerprint(ctx context.Context, index string) (*Prints, error) {
	w := &printing{tree: s.tree, ctx: ctx, known: openIndex(index), entries: EntriesMax}
	if err := w.folder("."); err != nil {
		return nil, err
	}
	w.known.save()
	return newPrints(overlay(w.files, s.set), w.stopped), nil
}

func newPrints(files []mark, stopped bool) *Prints {
	slices.SortFunc(files, func(a, b mark) int { return strings.Compare(a.path, b.path) })
	p := &Prints{files: files, direct: map[string][]int{}, stopped: stopped}
	for i, f := range files {
		dir := path.Dir(f.path)
		p.direct[dir] = append(p.direct[dir], i)
	}
	return p
}

// overlay lays the changes of set over what the walk found.
func overlay(files []mark, set *Set) []mark {
	if set == nil || len(set.Changes) == 0 {
		return files
	}
	at := make(map[string]mark, len(files))
	for _, f := range files {
		at[f.path] = f
	}
	for _, c := range set.Changes {
		if c.Delete {
			delete(at, c.Path)
			continue
		}
		m := mark{path: c.Path, kind: 'f', sum: sha256.Sum256(c.Content)}
		if c.Mode&0o100 != 0 || (c.Mode == 0 && at[c.Path].kind == 'x') {
			m.kind = 'x'
		}
		at[c.Path] = m
	}
	out := make([]mark, 0, len(at))
	for _, m := range at {
		out = append(out, m)
	}
	return out
}

// Of returns one hash over the files below the folders and those that lie
// directly in a folder above one of them, where settings are kept; "." is the
// whole tree. It is "" where a bound kept the walk from seeing all files.
func (p *Prints) Of(folders ...string) string {
	if p.stopped {
		return ""
	}
	seen := make(map[int]bool)
	for _, folder := range folders {
		folder = path.Clean(folder)
		from, to := 0, len(p.files)
		if folder != "." {
			from = p.search(folder + "/")
			to = p.search(folder + "0") // '0' is the byte after '/'
		}
		for i := from; i < to; i++ {
			seen[i] = true
		}
		for at := folder; at != "."; {
			at = path.Dir(at)
			for _, i := range p.direct[at] {
				seen[i] = true
			}
		}
	}
	return p.hash(seen)
}

// search returns the index of the first file whose path is not below s.
func (p *Prints) search(s string) int {
	i, _ := slices.BinarySearchFunc(p.files, s, func(m mark, s string) int { return strings.Compare(m.path, s) })
	return i
}

func (p *Prints) hash(which map[int]bool) string {
	h := sha256.New()
	var size [8]byte
	for i, m := range p.files {
		if !which[i] {
			continue
		}
		// The length before the path keeps two lists from giving one text.
		binary.LittleEndian.PutUint64(size[:], uint64(len(m.path)))
		h.Write(size[:])
		h.Write([]byte(m.path))
		h.Write([]byte{m.kind})
		h.Write(m.sum[:])
	}
	return hex.EncodeToString(h.Sum(nil))
}

// printing is one walk.
type printing struct {
	tree    *Tree
	ctx     context.Context
	known   *index
	files   []mark
	entries int // that may still be looked at
	stopped bool
}

func (w *printing) folder(dir string) error {
	if err := w.ctx.Err(); err != nil {
		return fault.New(fault.Interrupted, "", "%w", context.Cause(w.ctx)).On("read", quote(dir))
	}
	entries := w.read(dir)
	sibling := func(name string) bool {
		_, found := slices.BinarySearchFunc(entries, name, func(e fs.DirEntry, n string) int { return strings.Compare(e.Name(), n) })
		return found
	}
	for _, e := range entries {
		rel := path.Join(dir, e.Name())
		switch {
		case w.stopped:
			return nil
		case e.IsDir() && always[e.Name()]:
		case e.IsDir() && generated(e.Name(), sibling):
			w.add(mark{path: rel, kind: 'd', sum: w.outline(rel)})
		case e.IsDir():
			if err := w.folder(rel); err != nil {
				return err
			}
		default:
			w.file(rel, e)
		}
	}
	return nil
}

// read returns the entries of dir sorted by name. What can't be read, no tool
// that runs as the user can read either.
func (w *printing) read(dir string) []fs.DirEntry {
	f, err := w.tree.root.OpenFile(clean(dir), os.O_RDONLY, 0)
	if err != nil {
		return nil
	}
	defer f.Close()
	entries, err := f.ReadDir(w.entries + 1)
	if err != nil && !errors.Is(err, io.EOF) {
		w.stopped = true
	}
	if w.entries -= len(entries); w.entries < 0 {
		w.stopped = true
	}
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return entries
}

func (w *printing) add(m mark) {
	if len(w.files) >= FilesMax {
		w.stopped = true
		return
	}
	w.files = append(w.files, m)
}

func (w *printing) file(rel string, e fs.DirEntry) {
	info, err := e.Info()
	if err != nil { // gone since the folder was read
		return
	}
	switch {
	case info.Mode().IsRegular():
		m := mark{path: rel, kind: 'f'}
		if info.Mode()&0o100 != 0 {
			m.kind = 'x'
		}
		var known bool
		if m.sum, known = w.known.find(rel, info); !known {
			var ok bool
			if m.sum, ok = w.tree.sum(rel); ok {
				w.known.put(rel, info, m.sum)
			}
		}
		w.add(m)
	case info.Mode()&fs.ModeSymlink != 0:
		target, _ := w.tree.root.Readlink(clean(rel)) // unreadable: as good as empty
		w.add(mark{path: rel, kind: 'l', sum: sha256.Sum256([]byte(target))})
	default:
		w.add(mark{path: rel, kind: 's'})
	}
}

// outline hashes the first level of a folder of dependencies or outputs.
func (w *printing) outline(dir string) [sha256.Size]byte {
	h := sha256.New()
	for _, e := range w.read(dir) {
		info, err := e.Info()
		if err != nil {
			continue
		}
		h.Write([]byte(e.Name()))
		var buf [17]byte
		binary.LittleEndian.PutUint64(buf[1:], uint64(info.ModTime().UnixNano()))
		if info.Mode().IsRegular() {
			binary.LittleEndian.PutUint64(buf[9:], uint64(info.Size()))
		}
		h.Write(buf[:])
	}
	return [sha256.Size]byte(h.Sum(nil))
}

// sum hashes the regular file rel, whatever its size; false when it can't be
// read.
func (t *Tree) sum(rel string) (out [sha256.Size]byte, ok bool) {
	f, _, err := t.inside().regular(clean(rel))
	if err != nil {
		return out, false
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return out, false
	}
	return [sha256.Size]byte(h.Sum(nil)), true
}

// Files returns how many files the prints hold.
func (p *Prints) Files() int { return len(p.files) }

// Changed returns the paths, sorted, whose prints differ between a and b.
func Changed(a, b *Prints) []string {
	var out []string
	for i, j := 0, 0; i < len(a.files) || j < len(b.files); {
		switch c := compareAt(a.files, i, b.files, j); {
		case c < 0:
			out = append(out, a.files[i].path)
			i++
		case c > 0:
			out = append(out, b.files[j].path)
			j++
		default:
			if a.files[i] != b.files[j] {
				out = append(out, a.files[i].path)
			}
			i++
			j++
		}
	}
	return out
}

// compareAt orders a[i] and b[j]; one that is past the end comes last.
func compareAt(a []mark, i int, b []mark, j int) int {
	if i >= len(a) || j >= len(b) {
		return cmp.Compare(len(b)-j, len(a)-i)
	}
	return strings.Compare(a[i].path, b[j].path)
}
