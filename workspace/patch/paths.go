package patch

import (
	"fmt"
	"io/fs"
	"path"
	"strings"
)

// prefixes are the folders that git puts before names: a/ and b/, those of
// diff.mnemonicPrefix (c, i, o, w) and of --no-index (1, 2).
const prefixes = "abciow12"

func strip(text string) (string, bool) {
	if len(text) < 3 || text[1] != '/' || strings.IndexByte(prefixes, text[0]) < 0 {
		return text, false
	}
	return text[2:], true
}

// stripPair takes the prefixes off two names if both have one and the two differ:
// a project may have a folder called a.
func stripPair(before, after string) (string, string, bool) {
	a, okA := strip(before)
	b, okB := strip(after)
	if !okA || !okB || before[0] == after[0] {
		return before, after, false
	}
	return a, b, true
}

// paths returns where the file lies before and after, "" for nowhere. has tells
// what is in the tree; it decides where a header alone does not.
func (f *File) paths(has func(string) bool) (before, after string, err error) {
	before, after = strings.TrimPrefix(f.Old.text, "./"), strings.TrimPrefix(f.New.text, "./")
	switch {
	case f.Old.null:
		after = single(f.New, after, func(short string) bool { return true })
	case f.New.null:
		before = single(f.Old, before, func(short string) bool { return has(short) || !has(before) })
	case !f.Renamed && !f.Copied:
		before = same(before, after, f.Old.prefix || f.New.prefix, has)
		after = before
	}
	for _, p := range []string{before, after} {
		if p != "" && !fs.ValidPath(p) || p == "." {
			return "", "", refuse(CodePath, "not a path inside the root").On("read diff", fmt.Sprintf("line %d: %q", f.Line, p))
		}
	}
	return before, after, nil
}

// single is the path of a file that is created or deleted: its prefix is taken
// off if take says so of the rest.
func single(n name, text string, take func(string) bool) string {
	if short, ok := strip(text); ok && n.prefix && take(short) {
		return short
	}
	return text
}

// same is the path of a file that stays where it is, though tools name it
// differently on both sides: with prefixes, as x.orig and x, in folders old and
// new.
func same(before, after string, prefixed bool, has func(string) bool) string {
	if prefixed {
		before, after, _ = stripPair(before, after)
	}
	if before == after || has(after) {
		return after
	}
	if has(before) {
		return before
	}
	_, a, okA := strings.Cut(before, "/")
	_, b, okB := strings.Cut(after, "/")
	if okA && okB && a == b {
		return a
	}
	return after
}

// base returns the folder that the diff's paths are relative to: the root, or
// working (the user's folder) where all that the diff changes is there and
// nothing of it below the root.
func (p *Patch) base(src Source, working string) string {
	if working == "." || working == "" {
		return ""
	}
	inside, present := func(rel string) bool { return src.Kind(path.Join(working, rel)) == "file" }, false
	for i := range p.Files {
		f := &p.Files[i]
		if f.Old.null || f.Created {
			continue
		}
		if before, _, err := f.paths(func(rel string) bool { return src.Kind(rel) == "file" }); err != nil || src.Kind(before) != "" {
			return ""
		}
		if before, _, err := f.paths(inside); err != nil || !inside(before) {
			return ""
		}
		present = true
	}
	if !present {
		return ""
	}
	return working
}
