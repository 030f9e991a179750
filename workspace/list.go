package workspace

import (
	"cmp"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/bitactor/cf/fault"
)

// Bounds of a walk where ListOptions names none.
const (
	FilesMax   = 100_000   // files listed; about 100 bytes of memory each
	EntriesMax = 1_000_000 // directory entries looked at
	depthMax   = 128       // folders below each other
	reportMax  = 200       // folders named in Listing.Skipped
)

// ListOptions bounds and places a walk. The zero value lists all from the root.
type ListOptions struct {
	Under      string // folder to start at; "" is the root. It is entered even where a rule says to pass over it
	FilesMax   int    // most files listed; 0 means FilesMax
	EntriesMax int    // most entries looked at; 0 means EntriesMax
	Stamps     bool   // fill File.Stamp
}

// File is a regular file of a listing.
type File struct {
	Path  string
	Size  int64 // bytes
	Stamp Stamp // zero unless ListOptions asks for it
}

// Skip is something that a walk passed over.
type Skip struct {
	Path string
	Why  string
}

// Listing is what a walk found.
type Listing struct {
	Files    []File // sorted by Path, byte by byte
	Skipped  []Skip // folders not entered, sorted; at most 200 named
	Folders  int    // folders not entered in all
	Ignored  int    // files and folders passed over because of .gitignore, .cfignore or .git/info/exclude
	Special  int    // links, FIFOs, devices, sockets: never listed (a link's target is, under its own name)
	Failed   int    // folders that could not be read
	Stopped  string // in words, which bound ended the walk early; "" when it saw all
	Unlisted int    // files seen and not listed because of FilesMax
}

// List walks the tree. It passes over version control's and cf's own folders,
// folders of dependencies and build outputs, whatever .gitignore and
// .cfignore files say (.cfignore has the last word, also about the folders
// passed over by default), and links. The order does not depend on the file
// system unless a bound stopped the walk. The error is ctx's, or Under's:
// CodeAbsent, CodeOutside, CodeNotRegular.
func (t *Tree) List(ctx context.Context, o ListOptions) (*Listing, error) {
	w := &walk{
		tree: t, ctx: ctx, out: &Listing{},
		files: cmp.Or(o.FilesMax, FilesMax), entries: cmp.Or(o.EntriesMax, EntriesMax), stamps: o.Stamps,
	}
	under := path.Clean(cmp.Or(o.Under, "."))
	if t.Kind(under) != "folder" {
		if _, err := t.root.Stat(clean(under)); err != nil {
			return nil, classify("list", under, err)
		}
		return nil, fault.New(fault.Failed, CodeNotRegular, "not a folder").On("list", quote(under))
	}
	if err := w.folder(under, w.above(under), 0); err != nil {
		return nil, err
	}
	slices.SortFunc(w.out.Files, func(a, b File) int { return strings.Compare(a.Path, b.Path) })
	slices.SortFunc(w.out.Skipped, func(a, b Skip) int { return strings.Compare(a.Path, b.Path) })
	return w.out, nil
}

type walk struct {
	tree           *Tree
	ctx            context.Context
	out            *Listing
	files, entries int
	stamps         bool
}

// above returns the rules of the folders from the root down to under,
// under's own excluded.
func (w *walk) above(under string) *rules {
	r := w.tree.rootRules()
	if under == "." {
		return r
	}
	at := "."
	for _, name := range strings.Split(under, "/") {
		r = w.tree.rulesIn(at, r)
		at = path.Join(at, name)
	}
	return r
}

func (w *walk) folder(dir string, inherited *rules, depth int) error {
	if err := w.ctx.Err(); err != nil {
		return fault.New(fault.Interrupted, "", "%w", context.Cause(w.ctx)).On("list", quote(dir))
	}
	entries, ok := w.read(dir)
	if !ok {
		return nil
	}
	siblings := func(name string) bool {
		_, found := slices.BinarySearchFunc(entries, name, func(e fs.DirEntry, n string) int { return strings.Compare(e.Name(), n) })
		return found
	}
	own := inherited
	if siblings(".gitignore") || siblings(".cfignore") {
		own = w.tree.rulesIn(dir, inherited)
	}
	if depth > 0 && siblings("CACHEDIR.TAG") { // https://bford.info/cachedir/
		w.skip(dir, "a cache (CACHEDIR.TAG)")
		return nil
	}
	for _, e := range entries {
		rel := path.Join(dir, e.Name())
		switch {
		case e.IsDir():
			if why := w.passOver(rel, e.Name(), own, siblings); why != "" {
				w.skip(rel, why)
			} else if depth == depthMax {
				w.skip(rel, "nested too deep")
			} else if err := w.folder(rel, own, depth+1); err != nil {
				return err
			}
		case !e.Type().IsRegular():
			w.out.Special++
		case own.ignores(rel, false):
			w.out.Ignored++
		default:
			w.add(rel, e)
		}
		if w.out.Stopped != "" {
			return nil
		}
	}
	return nil
}

// read returns the entries of dir sorted by name, as far as the bound goes.
func (w *walk) read(dir string) ([]fs.DirEntry, bool) {
	f, err := w.tree.root.OpenFile(clean(dir), os.O_RDONLY, 0)
	if err != nil {
		w.out.Failed++
		return nil, false
	}
	defer f.Close()
	if w.entries <= 0 {
		w.out.Stopped = "too many entries"
		return nil, false
	}
	entries, err := f.ReadDir(w.entries)
	if err != nil && !errors.Is(err, io.EOF) {
		w.out.Failed++
	}
	w.entries -= len(entries)
	if w.entries <= 0 {
		if more, _ := f.ReadDir(1); len(more) > 0 {
			w.out.Stopped = "too many entries"
		}
	}
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return entries, true
}

func (w *walk) add(rel string, e fs.DirEntry) {
	if len(w.out.Files) >= w.files {
		w.out.Unlisted++
		return
	}
	info, err := e.Info()
	if err != nil { // gone since the folder was read
		return
	}
	f := File{Path: rel, Size: info.Size()}
	if w.stamps {
		f.Stamp = stampOf(info)
	}
	w.out.Files = append(w.out.Files, f)
}

func (w *walk) skip(dir, why string) {
	w.out.Folders++
	if why == ignoredWhy {
		w.out.Ignored++
	}
	if len(w.out.Skipped) < reportMax {
		w.out.Skipped = append(w.out.Skipped, Skip{Path: dir, Why: why})
	}
}

// passOver says why a folder is not entered, or "".
func (w *walk) passOver(rel, name string, r *rules, sibling func(string) bool) string {
	if always[name] {
		return "not part of the project's text"
	}
	switch own := r.ours(rel, true); {
	case own == ignored:
		return ignoredWhy
	case own == wanted:
		return ""
	}
	if generated(name, sibling) {
		return "dependencies or build output"
	}
	if r.ignores(rel, true) {
		return ignoredWhy
	}
	return ""
}
