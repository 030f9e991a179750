package workspace

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"math"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"sync"

	"github.com/bitactor/cf/fault"
	"github.com/bitactor/cf/workspace/sandbox"
)

// layered writes the set's files into a layer that runs lay over the tree.
func (s *Stage) layered(ctx context.Context) (*sandbox.View, error) {
	view := &sandbox.View{Root: s.tree.Root()}
	for _, rel := range s.changed {
		if s.changes[rel].Delete {
			view.Deleted = append(view.Deleted, rel)
		}
	}
	if len(view.Deleted) == len(s.changed) {
		return view, nil
	}
	bytes := int64(0)
	for _, c := range s.changes {
		bytes += max(int64(len(c.Content)), 4096) // a page at least
	}
	dir, err := s.scratch(bytes)
	if err != nil {
		return nil, err
	}
	view.Layer = dir
	return view, s.writeChanges(ctx, dir)
}

// copied copies the tree as far as List sees it, with the set's changes. What
// List passes over as dependencies is shown as it is, from where it lies.
func (s *Stage) copied(ctx context.Context) (*sandbox.View, error) {
	view := &sandbox.View{Root: s.tree.Root()}
	dir, err := s.scratch(math.MaxInt64)
	if err != nil {
		return nil, err
	}
	view.Copy = dir
	listing, err := s.tree.List(ctx, ListOptions{})
	if err != nil {
		return nil, err
	}
	out, err := os.OpenRoot(dir)
	if err != nil {
		return nil, classify("stage", dir, err)
	}
	defer out.Close()
	var files []string
	for _, f := range listing.Files {
		if _, changed := s.changes[f.Path]; !changed {
			files = append(files, f.Path)
		}
	}
	if err := s.inFolders(ctx, out, files, s.copyFile); err != nil {
		return nil, err
	}
	for _, skipped := range listing.Skipped {
		if name := path.Base(skipped.Path); always[name] || outputs[name] {
			continue
		}
		view.Folders = append(view.Folders, skipped.Path)
		if err := s.linkFolder(out, skipped.Path); err != nil {
			return nil, classify("stage", skipped.Path, err)
		}
	}
	return view, s.writeChanges(ctx, dir)
}

// outputs are folders that builds write. They are not shown in a copy: shown
// read-only, they would make every build fail.
var outputs = map[string]bool{
	"_build": true, "target": true, "build": true, "dist": true, "out": true, "bin": true, "obj": true, "__pycache__": true,
	".mypy_cache": true, ".pytest_cache": true, ".ruff_cache": true, "cover": true, "coverage": true,
}

// linkFolder shows a folder of dependencies in a copy: in the sandbox with
// namespaces it is mounted there, else a link leads to it.
func (s *Stage) linkFolder(out *os.Root, rel string) error {
	name := filepath.FromSlash(rel)
	if err := out.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	if s.box.Tier() == sandbox.Bubblewrap {
		return out.MkdirAll(name, 0o755)
	}
	return out.Symlink(filepath.Join(s.tree.Root(), name), name)
}

// scratch makes a folder for about that many bytes, which Close removes.
func (s *Stage) scratch(bytes int64) (string, error) {
	dir, remove, err := s.box.Scratch(bytes)
	if err != nil {
		return "", err
	}
	s.cleanup = append(s.cleanup, remove)
	tree := filepath.Join(dir, "tree")
	if err := os.Mkdir(tree, 0o755); err != nil {
		return "", classify("stage", tree, err)
	}
	return tree, nil
}

// writeChanges writes the files of the set below dir.
func (s *Stage) writeChanges(ctx context.Context, dir string) error {
	out, err := os.OpenRoot(dir)
	if err != nil {
		return classify("stage", dir, err)
	}
	defer out.Close()
	var files []string
	for _, rel := range s.changed {
		if !s.changes[rel].Delete {
			files = append(files, rel)
		}
	}
	return s.inFolders(ctx, out, files, func(folder, present *os.Root, rel string) error {
		c := s.changes[rel]
		return writeFile(folder, path.Base(rel), c.modeOver(present), func(f *os.File) error {
			_, err := f.Write(c.Content)
			return err
		})
	})
}

// modeOver is the mode that the change's file will have; present is the folder
// that it lies in now, nil where there is none.
func (c Change) modeOver(present *os.Root) fs.FileMode {
	if c.Mode != 0 {
		return c.Mode.Perm()
	}
	if present != nil {
		if info, err := present.Stat(path.Base(path.Clean(c.Path))); err == nil && info.Mode().IsRegular() {
			return info.Mode().Perm()
		}
	}
	return 0o644
}

// writer writes one file of a stage into folder; present is the same folder of
// the tree, nil where it has none.
type writer func(folder, present *os.Root, rel string) error

// inFolders calls write for each of the files, with their folder made and opened
// below out; several folders at a time. os.Root keeps any path, whoever made it
// up, inside.
func (s *Stage) inFolders(ctx context.Context, out *os.Root, files []string, write writer) error {
	byFolder := map[string][]string{}
	for _, rel := range files {
		byFolder[path.Dir(rel)] = append(byFolder[path.Dir(rel)], rel)
	}
	work := make(chan string)
	var failed errOnce
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for dir := range work {
				failed.set(s.inFolder(ctx, out, dir, byFolder[dir], write))
			}
		})
	}
	for dir := range byFolder {
		work <- dir
	}
	close(work)
	workers.Wait()
	return failed.err
}

func (s *Stage) inFolder(ctx context.Context, out *os.Root, dir string, files []string, write writer) error {
	name := filepath.FromSlash(dir)
	if !filepath.IsLocal(name) {
		return fault.New(fault.Usage, CodeOutside, "a path of the set leads out of the root").On("stage", quote(dir))
	}
	if err := s.makeFolders(out, name); err != nil {
		return classify("stage", dir, err)
	}
	folder, err := out.OpenRoot(name)
	if err != nil {
		return classify("stage", dir, err)
	}
	defer folder.Close()
	present, err := s.tree.root.OpenRoot(name)
	if err == nil {
		defer present.Close()
	}
	for _, rel := range files {
		if ctx.Err() != nil {
			return fault.New(fault.Interrupted, "", "%w", context.Cause(ctx)).On("stage", quote(rel))
		}
		if err := write(folder, present, rel); err != nil {
			return classify("stage", rel, err)
		}
	}
	return nil
}

// makeFolders makes a folder and those above it. In an overlay the topmost
// folder decides the mode, so each gets the mode that it has in the tree.
func (s *Stage) makeFolders(out *os.Root, name string) error {
	if name == "." {
		return nil
	}
	if info, err := out.Lstat(name); err == nil && info.IsDir() {
		return nil
	}
	if err := s.makeFolders(out, filepath.Dir(name)); err != nil {
		return err
	}
	mode := fs.FileMode(0o755)
	if info, err := s.tree.root.Stat(name); err == nil && info.IsDir() {
		mode = info.Mode().Perm() | 0o700
	}
	err := out.Mkdir(name, mode)
	if errors.Is(err, fs.ErrExist) { // another worker was faster
		return nil
	}
	return err
}

// copyFile copies a file of the tree. On file systems that share blocks between
// files, copy_file_range(2), which io.Copy uses, does so.
func (s *Stage) copyFile(folder, _ *os.Root, rel string) error {
	from, info, err := s.tree.inside().regular(clean(rel))
	if errors.Is(err, fs.ErrNotExist) { // gone since it was listed
		return nil
	}
	if err != nil {
		return err
	}
	defer from.Close()
	name := path.Base(rel)
	err = writeFile(folder, name, info.Mode().Perm(), func(to *os.File) error {
		_, err := io.Copy(to, from)
		return err
	})
	if err != nil {
		return err
	}
	// Build tools compare times.
	return folder.Chtimes(name, info.ModTime(), info.ModTime())
}

// writeFile makes the file name, which must not exist, with exactly that mode.
func writeFile(folder *os.Root, name string, mode fs.FileMode, fill func(*os.File) error) error {
	f, err := folder.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode|0o200)
	if err != nil {
		return err
	}
	return errors.Join(fill(f), f.Chmod(mode), f.Close())
}

// errOnce keeps the first error.
type errOnce struct {
	mu  sync.Mutex
	err error
}

func (e *errOnce) set(err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.err == nil {
		e.err = err
	}
}
