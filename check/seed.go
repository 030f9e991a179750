package check

import (
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// Seeded is a Checker whose canaries fill build caches that a new project may
// start from, such as the compiled standard library: Seeds returns their names,
// as in Stage.Cache.
//
// Only what the canaries built may be given to a project: they are cf's own
// code. What one project's tools left never reaches another.
type Seeded interface{ Seeds() []string }

// seedBytesMax bounds the copy of one cache, in bytes.
const seedBytesMax = 1 << 30

// seed copies the caches of the canaries into those of the stage's project that
// are still empty. It is a help, not a need: what fails is built by the tools.
func (r *running) seed(c Checker) {
	s, ok := c.(Seeded)
	if !ok || r.Cache == "" {
		return
	}
	for _, name := range s.Seeds() {
		to, err := r.Stage.Cache(name)
		if err != nil || !isEmpty(to) {
			continue
		}
		for _, canary := range c.Canaries() {
			if canary.Test == "" { // only a test's build holds what tests need
				continue
			}
			root, err := filepath.EvalSymlinks(r.planted(c.Name(), canary))
			if err != nil {
				continue
			}
			if from, err := r.Stage.Box().Cache(root, name); err == nil && from != to && !isEmpty(from) {
				sow(from, to)
				break
			}
		}
	}
}

func isEmpty(dir string) bool {
	entries, err := os.ReadDir(dir)
	return err == nil && len(entries) == 0
}

// sow copies a folder beside its place and moves it there when it is whole.
// Another cf that was faster wins: only an empty folder makes way.
func sow(from, to string) {
	tmp, err := os.MkdirTemp(filepath.Dir(to), ".seed-")
	if err != nil {
		return
	}
	defer os.RemoveAll(tmp) // gone already once it was renamed
	if copyTree(from, tmp) == nil && os.Remove(to) == nil {
		_ = os.Rename(tmp, to) // a help, see seed
	}
}

// copyTree copies folders and regular files; anything else is left out. On file
// systems that can, the kernel shares the blocks (copy_file_range).
func copyTree(from, to string) error {
	left := int64(seedBytesMax)
	return filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		target := filepath.Join(to, rel)
		switch {
		case d.IsDir():
			return os.MkdirAll(target, 0o700)
		case !d.Type().IsRegular():
			return nil
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		if left -= info.Size(); left < 0 {
			return fs.ErrInvalid
		}
		return copyFile(path, target, info.Mode().Perm())
	})
}

func copyFile(from, to string, mode fs.FileMode) (err error) {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode)
	if err != nil {
		return err
	}
	if _, err = io.Copy(out, in); err != nil {
		out.Close()
		return err
	}
	return out.Close()
}
