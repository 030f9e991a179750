package workspace

import (
	"cmp"
	"context"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bitactor/cf/fault"
)

// index prepares the set for lookups by path.
func (s *Stage) index() {
	if s.set == nil {
		s.set = &Set{}
	}
	for _, c := range s.set.Changes {
		rel := path.Clean(c.Path)
		s.changes[rel] = c
		s.changed = append(s.changed, rel)
		for dir := path.Dir(rel); !c.Delete && dir != "." && dir != "/" && !s.folders[dir]; dir = path.Dir(dir) {
			s.folders[dir] = true
		}
	}
	slices.Sort(s.changed)
}

// Read returns the content of a text file of the stage, see Tree.Read.
func (s *Stage) Read(rel string) ([]byte, error) {
	c, ok := s.changes[path.Clean(filepath.ToSlash(rel))]
	switch {
	case !ok:
		return s.tree.Read(rel)
	case c.Delete:
		return nil, classify("read", rel, fs.ErrNotExist)
	case len(c.Content) > FileBytesMax:
		return nil, tooBig(rel, FileBytesMax)
	case Binary(c.Content):
		return nil, fault.New(fault.Failed, CodeBinary, "not a text file").On("read", quote(rel))
	}
	return c.Content, nil
}

// Head fills buf from the start of a file of the stage, see Tree.Head.
func (s *Stage) Head(rel string, buf []byte) (int, error) {
	c, ok := s.changes[path.Clean(filepath.ToSlash(rel))]
	switch {
	case !ok:
		return s.tree.Head(rel, buf)
	case c.Delete:
		return 0, classify("read", rel, fs.ErrNotExist)
	}
	return copy(buf, c.Content), nil
}

// Kind tells what lies at rel in the stage, see Tree.Kind.
func (s *Stage) Kind(rel string) string {
	rel = path.Clean(filepath.ToSlash(rel))
	c, ok := s.changes[rel]
	switch {
	case ok && !c.Delete:
		return "file"
	case s.folders[rel]:
		return "folder"
	case ok:
		return ""
	}
	return s.tree.Kind(rel)
}

// List walks the stage, see Tree.List. Files that the set makes are listed
// whatever the ignore files say; the bounds are those of the tree's walk.
func (s *Stage) List(ctx context.Context, o ListOptions) (*Listing, error) {
	under := path.Clean(cmp.Or(o.Under, "."))
	listing, err := s.tree.List(ctx, o)
	if err != nil {
		if !s.folders[under] || ctx.Err() != nil {
			return nil, err
		}
		listing = &Listing{} // a folder that the set makes
	}
	if len(s.changes) == 0 {
		return listing, nil
	}
	kept := listing.Files[:0]
	for _, f := range listing.Files {
		if _, changed := s.changes[f.Path]; !changed {
			kept = append(kept, f)
		}
	}
	listing.Files = kept
	most := cmp.Or(o.FilesMax, FilesMax)
	for _, rel := range s.changed {
		c := s.changes[rel]
		switch {
		case c.Delete, under != "." && !strings.HasPrefix(rel, under+"/"):
		case len(listing.Files) >= most:
			listing.Unlisted++
		default:
			listing.Files = append(listing.Files, File{Path: rel, Size: int64(len(c.Content))})
		}
	}
	slices.SortFunc(listing.Files, func(a, b File) int { return strings.Compare(a.Path, b.Path) })
	return listing, nil
}
