package patch

import (
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
	"time"
)

// The kinds of file in git's modes (git fast-import's table).
const (
	modeKind    fs.FileMode = 0o170000
	modeRegular fs.FileMode = 0o100000
	modeLink    fs.FileMode = 0o120000
	modeGitlink fs.FileMode = 0o160000
)

// gitFile reads what begins with "diff --git".
func (s *scanner) gitFile() (*File, error) {
	f := &File{Line: s.line, Git: true}
	first := strings.TrimPrefix(s.peek(0), "diff --git ")
	s.next()
	for s.gitHeader(f) {
		s.next()
	}
	for _, mode := range []fs.FileMode{f.OldMode, f.NewMode} {
		if err := checkMode(f.Line, mode); err != nil {
			return nil, err
		}
	}
	switch {
	case s.starts("GIT binary patch"), s.starts("Binary files "):
		return nil, binary(s.line, s.peek(0))
	case s.named() && !s.ofAnother(first):
		if err := s.names(f); err != nil {
			return nil, err
		}
		if err := s.hunks(f); err != nil {
			return nil, err
		}
		if len(f.Hunks) == 0 {
			return nil, syntaxError(s.line, "a hunk (@@ -1,2 +1,3 @@) is missing behind the names")
		}
	case !s.named() && (s.starts("@@ -") || s.starts("--- ") || s.starts("+++ ")):
		return nil, syntaxError(s.line, "the names of the file (--- and +++) and a hunk belong together")
	case f.cut():
		return nil, syntaxError(s.line, "the text of the file is missing")
	}
	return f, f.complete(first)
}

// named tells whether the lines --- and +++ stand here.
func (s *scanner) named() bool { return s.starts("--- ") && strings.HasPrefix(s.peek(1), "+++ ") }

// ofAnother tells whether the names that stand here are not those of first, the
// rest of "diff --git": then they begin the diff of another file, which some other
// tool wrote.
func (s *scanner) ofAnother(first string) bool {
	before, after, err := pair(first)
	if err != nil {
		return false // a rename: its names stand in lines of their own
	}
	old, errOld := headerName(strings.TrimPrefix(s.peek(0), "--- "))
	now, errNow := headerName(strings.TrimPrefix(s.peek(1), "+++ "))
	if errOld != nil || errNow != nil {
		return false
	}
	return !old.null && old.text != before.text || !now.null && now.text != after.text
}

// emptyBlobs are git's ids of an empty file, by SHA-1 and SHA-256.
var emptyBlobs = []string{
	"e69de29bb2d1d6434b8b29ae775ad8c2e48c5391",
	"473a0f4c3be8a93681a267e3b1e9a7dcda1185436fe141f7749120a303721813",
}

// cut tells of an entry without hunks whether its headers speak of some: a diff
// that ends too early must not leave an empty file.
func (f *File) cut() bool {
	if f.Renamed || f.Copied {
		return !f.alike
	}
	empty := f.blob == ""
	for _, id := range emptyBlobs {
		empty = empty || strings.HasPrefix(id, f.blob)
	}
	return f.Created && !empty
}

// gitHeader reads one extended header line into f; false where none stands.
func (s *scanner) gitHeader(f *File) bool {
	key, value, _ := strings.Cut(s.peek(0), " ")
	two, rest, _ := strings.Cut(value, " ")
	switch key + " " + two {
	case "old mode":
		f.OldMode = octal(rest)
	case "new mode":
		f.NewMode = octal(rest)
	case "deleted file":
		f.Deleted, f.OldMode = true, octal(strings.TrimPrefix(rest, "mode "))
	case "new file":
		f.Created, f.NewMode = true, octal(strings.TrimPrefix(rest, "mode "))
	case "rename from":
		f.Renamed, f.Old = true, plainName(rest)
	case "rename to":
		f.Renamed, f.New = true, plainName(rest)
	case "copy from":
		f.Copied, f.Old = true, plainName(rest)
	case "copy to":
		f.Copied, f.New = true, plainName(rest)
	case "similarity index":
		f.alike = rest == "100%"
	case "dissimilarity index":
	default:
		if key != "index" {
			return false
		}
		_, f.blob, _ = strings.Cut(two, "..")
		if rest != "" { // the mode, where it stays
			f.OldMode = octal(rest)
		}
	}
	return true
}

// complete takes from the first line what no other says: the names of a change
// of mode and of an empty file, and whether names have prefixes.
func (f *File) complete(first string) error {
	if f.Renamed || f.Copied {
		if f.Old.text == "" || f.New.text == "" {
			return syntaxError(f.Line, "a rename or copy wants both its names")
		}
		return nil
	}
	before, after, err := pair(first)
	switch nameless := f.Old == (name{}) && f.New == (name{}); {
	case err != nil && nameless:
		return syntaxError(f.Line, "%w", err)
	case err == nil && nameless:
		f.Old, f.New = before, after
		fallthrough
	case err == nil:
		f.settlePrefixes(before.text, after.text)
	}
	switch {
	case f.Created:
		f.Old = name{null: true}
	case f.Deleted:
		f.New = name{null: true}
	case f.Old.null:
		f.Created = true
	case f.New.null:
		f.Deleted = true
	}
	if len(f.Hunks) == 0 && !f.Created && !f.Deleted && f.NewMode == 0 {
		return syntaxError(f.Line, "the entry holds no change")
	}
	return nil
}

// settlePrefixes takes the prefixes off the names where the two of the first
// line tell that there are any, or that there are none.
func (f *File) settlePrefixes(before, after string) {
	a, b, stripped := stripPair(before, after)
	if !stripped && before != after || stripped && a != b {
		return
	}
	for _, n := range []*name{&f.Old, &f.New} {
		if short, ok := strip(n.text); ok && stripped {
			n.text = short
		}
		n.prefix = false
	}
}

// pair splits the names of "diff --git", which may hold spaces. They are equal
// but for prefixes of one length, so the space between them is in the middle.
func pair(both string) (before, after name, err error) {
	if strings.HasPrefix(both, `"`) || strings.HasSuffix(both, `"`) {
		return quotedPair(both)
	}
	middle := len(both) / 2
	if len(both) < 3 || both[middle] != ' ' {
		return before, after, fmt.Errorf("%q does not name one file twice", both)
	}
	return name{text: both[:middle], prefix: true}, name{text: both[middle+1:], prefix: true}, nil
}

func quotedPair(both string) (before, after name, err error) {
	var names []string
	for rest := both; rest != ""; rest = strings.TrimPrefix(rest, " ") {
		text, length := rest, strings.IndexByte(rest, ' ')
		if rest[0] == '"' {
			text, length, err = unquote(rest)
		} else if length > 0 && strings.HasSuffix(rest, `"`) {
			length = strings.Index(rest, ` "`)
			text = rest[:max(length, 0)]
		} else {
			length = len(rest)
		}
		if err != nil || length <= 0 {
			return before, after, fmt.Errorf("%q does not name one file twice", both)
		}
		names, rest = append(names, text), rest[length:]
	}
	if len(names) != 2 {
		return before, after, fmt.Errorf("%q does not name one file twice", both)
	}
	return name{text: names[0], prefix: true}, name{text: names[1], prefix: true}, nil
}

// headerName reads the rest of a line --- or +++: a name, and behind a tab a
// time stamp or a revision.
func headerName(rest string) (name, error) {
	text, stamp, _ := strings.Cut(rest, "\t")
	if strings.HasPrefix(rest, `"`) {
		plain, length, err := unquote(rest)
		if err != nil {
			return name{}, err
		}
		text, stamp = plain, strings.TrimPrefix(rest[length:], "\t")
	}
	if text == "" {
		return name{}, errors.New("a name is missing")
	}
	if text == "/dev/null" {
		return name{null: true}, nil
	}
	return name{text: text, prefix: true, epoch: isEpoch(stamp)}, nil
}

// isEpoch tells whether a time stamp of GNU diff is that of a file which is not
// there.
func isEpoch(stamp string) bool {
	t, err := time.Parse("2006-01-02 15:04:05.999999999 -0700", strings.TrimSpace(stamp))
	return err == nil && t.Unix() == 0
}

func plainName(text string) name {
	if strings.HasPrefix(text, `"`) {
		if plain, _, err := unquote(text); err == nil {
			text = plain
		}
	}
	return name{text: text}
}

// unquote reads a name in git's C style (quote_c_style in quote.c) and returns it
// with the length that it took.
func unquote(s string) (string, int, error) {
	escapes := map[byte]byte{'a': '\a', 'b': '\b', 't': '\t', 'n': '\n', 'v': '\v', 'f': '\f', 'r': '\r', '"': '"', '\\': '\\'}
	var out []byte
	for i := 1; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"':
			return string(out), i + 1, nil
		case c != '\\':
			out = append(out, c)
		case i+1 < len(s) && escapes[s[i+1]] != 0:
			out = append(out, escapes[s[i+1]])
			i++
		case i+3 < len(s):
			n, err := strconv.ParseUint(s[i+1:i+4], 8, 8)
			if err != nil {
				return "", 0, fmt.Errorf("%q is quoted in a way that git does not write", s)
			}
			out = append(out, byte(n))
			i += 3
		}
	}
	return "", 0, fmt.Errorf("%q has no closing quote", s)
}

// octal reads a mode; one that is none becomes a mode that checkMode refuses.
func octal(text string) fs.FileMode {
	n, err := strconv.ParseUint(strings.TrimSpace(text), 8, 20)
	if err != nil || n == 0 {
		return modeKind
	}
	return fs.FileMode(n)
}

func checkMode(line int, mode fs.FileMode) error {
	what := ""
	switch {
	case mode == 0, mode == modeRegular|0o644, mode == modeRegular|0o755, mode == modeRegular|0o664:
		return nil
	case mode&modeKind == modeLink:
		what = "a symbolic link"
	case mode == modeGitlink:
		what = "a submodule"
	default:
		return syntaxError(line, "mode %o is none that git writes for a file", mode)
	}
	return refuse(CodeKind, "changes %s; cf changes files only", what).On("read diff", "line "+strconv.Itoa(line))
}
