package workspace

import (
	"path"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"github.com/bitactor/cf/fault"
)

// PathBytesMax is the longest path argument that is taken: Linux's PATH_MAX
// less its final NUL (linux/limits.h).
const PathBytesMax = 4095

// Resolve turns a path that the user typed, relative to the working folder or
// absolute, into one relative to the root. It only computes: nothing need be
// there, and a link that leads out is Read's to refuse. A leading "-" or "@"
// has no meaning here. Codes: CodeBadPath, CodeOutside, both of kind Usage.
func (t *Tree) Resolve(arg string) (string, error) {
	if err := CheckPath(arg); err != nil {
		return "", err
	}
	if !filepath.IsAbs(arg) {
		rel := path.Join(t.working, filepath.ToSlash(arg))
		if !filepath.IsLocal(filepath.FromSlash(rel)) {
			return "", t.outside(arg, filepath.Join(t.dir, filepath.FromSlash(rel)))
		}
		return rel, nil
	}
	if rel, ok := t.below(arg); ok {
		return rel, nil
	}
	// The same place by another name: the shell's folder may lie behind a link.
	if folder, err := physical(filepath.Dir(arg)); err == nil {
		if rel, ok := t.below(filepath.Join(folder, filepath.Base(arg))); ok {
			return rel, nil
		}
	}
	return "", t.outside(arg, filepath.Clean(arg))
}

func (t *Tree) below(abs string) (string, bool) {
	rel, err := filepath.Rel(t.dir, abs)
	if err != nil || !filepath.IsLocal(rel) {
		return "", false
	}
	return filepath.ToSlash(rel), true
}

func (t *Tree) outside(arg, abs string) error {
	f := fault.New(fault.Usage, CodeOutside, "outside the project's root %q", t.dir).On("path", quote(arg))
	if abs != arg {
		_ = f.Hint("its absolute path is " + quote(abs))
	}
	return f
}

// CheckPath refuses what can't be a path argument: an empty one, one with a
// NUL, one that is not UTF-8, one longer than PathBytesMax. Code CodeBadPath.
func CheckPath(arg string) error {
	reason := ""
	switch {
	case arg == "":
		reason = "the path is empty"
	case len(arg) > PathBytesMax:
		reason = "the path is too long"
	case strings.IndexByte(arg, 0) >= 0:
		reason = "the path holds a NUL byte"
	case !utf8.ValidString(arg):
		reason = "the path is not valid UTF-8"
	default:
		return nil
	}
	return fault.New(fault.Usage, CodeBadPath, "%s", reason).On("path", quote(arg))
}
