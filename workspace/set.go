package workspace

import (
	"os"
	"path"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"

	"github.com/bitactor/cf/fault"
)

// Bounds of a Set where Limits names none.
const (
	SetFilesMax     = 32
	SetFileBytesMax = 1 << 20
	nameBytesMax    = 255 // NAME_MAX of Linux's file systems
)

// Check refuses a set that must not land, with the default Limits: paths that
// are not plain, relative and inside, paths in a protected folder, two changes
// of one file, a file below a file, too many or too big files. The whole set is
// refused for one path. The error is of kind Refused, code CodeBadSet. t may be
// nil; then nothing is known of the file system's rules for names.
func (s *Set) Check(t *Tree) error { return s.CheckWithin(t, Limits{}) }

// CheckWithin is Check with limits of the caller's.
func (s *Set) CheckWithin(t *Tree, l Limits) error {
	l = l.orDefault()
	if len(s.Changes) > l.Files {
		return badSet("", "%d files, more than the limit of %d", len(s.Changes), l.Files)
	}
	fold := t != nil && t.foldsCase()
	seen := make(map[string]string, len(s.Changes))
	for _, c := range s.Changes {
		if why := refusePath(c.Path); why != "" {
			return badSet(c.Path, "%s", why)
		}
		if c.From != "" {
			if why := refusePath(c.From); why != "" {
				return badSet(c.From, "%s", why)
			}
		}
		if int64(len(c.Content)) > l.FileBytes {
			return badSet(c.Path, "%d bytes, more than the limit of %d for one file", len(c.Content), l.FileBytes)
		}
		if c.Mode&^0o777 != 0 {
			return badSet(c.Path, "mode %v is more than permission bits", c.Mode)
		}
		key := nameKey(c.Path, fold)
		if first, ok := seen[key]; ok {
			if first == c.Path {
				return badSet(c.Path, "two changes of this file")
			}
			return badSet(c.Path, "file systems may take it for the same file as %s", quote(first))
		}
		seen[key] = c.Path
	}
	return s.fileBelowFile(seen, fold)
}

func (l Limits) orDefault() Limits {
	if l.Files == 0 {
		l.Files = SetFilesMax
	}
	if l.FileBytes == 0 {
		l.FileBytes = SetFileBytesMax
	}
	return l
}

// fileBelowFile refuses a path that needs a folder where the set wants a file.
// Below a file that the set deletes a folder could be made, but not in one step
// that a crash can't split: that is refused too.
func (s *Set) fileBelowFile(seen map[string]string, fold bool) error {
	for _, c := range s.Changes {
		for dir := path.Dir(c.Path); dir != "."; dir = path.Dir(dir) {
			if above, ok := seen[nameKey(dir, fold)]; ok {
				return badSet(c.Path, "it lies below %s, which the set has as a file", quote(above))
			}
		}
	}
	return nil
}

func badSet(who, format string, args ...any) error {
	f := fault.New(fault.Refused, CodeBadSet, format, args...)
	if who == "" {
		return f.On("change set", "")
	}
	return f.On("change set", quote(who))
}

// nameKey is the same for two paths that one file system may take for one
// file: always after Unicode composition, and without case where it folds.
func nameKey(p string, fold bool) string {
	p = norm.NFC.String(p)
	if fold {
		p = norm.NFC.String(cases.Fold().String(p))
	}
	return p
}

// refusePath says why no change may have this path, or "".
func refusePath(p string) string {
	switch {
	case p == "":
		return "the path is empty"
	case len(p) > PathBytesMax:
		return "the path is too long"
	case !utf8.ValidString(p):
		return "the path is not valid UTF-8"
	case strings.ContainsRune(p, 0):
		return "the path holds a NUL byte"
	case strings.ContainsFunc(p, invisible):
		return "the path holds a control or invisible character"
	case strings.ContainsRune(p, '\\'):
		return "the path holds a backslash"
	case strings.HasPrefix(p, "/"):
		return "the path is absolute"
	case strings.HasPrefix(p, "~"):
		return "the path begins with ~"
	case len(p) >= 2 && p[1] == ':' && isLetter(p[0]):
		return "the path begins with a drive letter"
	case strings.HasSuffix(p, "/"):
		return "the path ends in a slash"
	}
	for name := range strings.SplitSeq(p, "/") {
		if why := refuseName(name); why != "" {
			return why
		}
	}
	return ""
}

func refuseName(name string) string {
	switch {
	case name == "":
		return "the path holds an empty name"
	case name == "." || name == "..":
		return `the path holds "` + name + `"`
	case strings.HasSuffix(name, "."):
		return "a name ends in a dot"
	case strings.TrimRightFunc(name, unicode.IsSpace) != name:
		return "a name ends in a space"
	case len(name) > nameBytesMax:
		return "a name is longer than 255 bytes"
	case protected(name):
		return "it lies in a protected folder (" + strings.Join(protectedNames, ", ") + ")"
	}
	return ""
}

// invisible tells whether r can't be seen, or changes how its neighbours are
// shown: control characters, bidirectional marks, zero-width joiners, tags.
// HFS+ also ignores some of them when it compares names (CVE-2014-9390).
func invisible(r rune) bool {
	return unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Co)
}

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

// protectedNames are folders that belong to version control and to cf. No set
// may name one at any depth, whether it exists or not: a hook or a setting in
// there would run or rule later.
var protectedNames = []string{".git", ".hg", ".jj", ".svn", StateName}

// protected compares without case and with the short name that NTFS gives
// .git, whatever the file system here: the tree may be cloned elsewhere.
func protected(name string) bool {
	folded := nameKey(name, true)
	// NTFS: ".git::$INDEX_ALLOCATION" is .git.
	folded, _, _ = strings.Cut(folded, ":")
	return slices.Contains(protectedNames, folded) || folded == "git~1"
}

// foldsCase tells whether the root's file system takes "A" and "a" for one
// name: it looks at a name that is there under another case.
func (t *Tree) foldsCase() bool {
	dir, err := t.root.Open(".")
	if err != nil {
		return false
	}
	defer dir.Close()
	names, _ := dir.Readdirnames(64) // none: nothing to compare with
	for _, name := range names {
		other := swapCase(name)
		if other == name {
			continue
		}
		this, errThis := t.root.Lstat(name)
		that, errThat := t.root.Lstat(other)
		return errThis == nil && errThat == nil && os.SameFile(this, that)
	}
	return false
}

func swapCase(name string) string {
	return strings.Map(func(r rune) rune {
		if up := unicode.ToUpper(r); up != r {
			return up
		}
		return unicode.ToLower(r)
	}, name)
}
