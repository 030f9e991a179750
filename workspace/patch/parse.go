package patch

import (
	"bytes"
	"strconv"
	"strings"

	"github.com/bitactor/cf/fault"
)

// Parse reads a unified diff. Text around the diffs of files, such as a commit's
// message, is passed over. Codes: CodeSyntax, CodeEmpty, CodeBinary, CodeKind,
// CodeBig.
func Parse(diff []byte, l Limits) (*Patch, error) {
	p := &Patch{limits: l.orDefault()}
	if int64(len(diff)) > l.DiffBytes() {
		return nil, refuse(CodeBig, "larger than %d KiB", l.DiffBytes()>>10).On("read diff", "")
	}
	if bytes.HasPrefix(diff, []byte("\xff\xfe")) || bytes.HasPrefix(diff, []byte("\xfe\xff")) {
		return nil, syntaxError(1, "the diff is encoded as UTF-16").Hint("save it as UTF-8; in PowerShell: git diff --output=FILE")
	}
	s := &scanner{rest: unixEnds(bytes.TrimPrefix(diff, []byte("\ufeff"))), line: 1}
	for len(s.rest) > 0 {
		f, err := s.file()
		if err != nil {
			return nil, err
		}
		if f == nil {
			s.next()
			continue
		}
		if p.Files = append(p.Files, *f); len(p.Files) > p.limits.Files {
			return nil, refuse(CodeBig, "changes more than %d files", p.limits.Files).On("read diff", "")
		}
	}
	if len(p.Files) == 0 {
		return nil, refuse(CodeEmpty, "no unified diff in it").On("read diff", "").Hint("a diff as git diff or diff -u writes it is wanted")
	}
	return p, nil
}

// unixEnds turns a diff whose own headers end in CRLF, which some tool converted
// as a whole, back to line feeds. In a diff with headers of its own kind a CR is
// part of the file's text.
func unixEnds(diff []byte) []byte {
	for rest := diff; len(rest) > 0; {
		var line []byte
		line, rest = cutLine(rest)
		if bytes.HasPrefix(line, []byte("diff --git ")) || bytes.HasPrefix(line, []byte("--- ")) || bytes.HasPrefix(line, []byte("@@ -")) {
			if bytes.HasSuffix(line, []byte("\r\n")) {
				return bytes.ReplaceAll(diff, []byte("\r\n"), []byte("\n"))
			}
			return diff
		}
	}
	return diff
}

// cutLine splits off the first line, its line feed included.
func cutLine(data []byte) (line, rest []byte) {
	if i := bytes.IndexByte(data, '\n'); i >= 0 {
		return data[:i+1], data[i+1:]
	}
	return data, nil
}

type scanner struct {
	rest []byte
	line int // number of the line that rest begins with
}

// peek returns the nth line from here without its line feed.
func (s *scanner) peek(n int) string {
	rest := s.rest
	var line []byte
	for range n + 1 {
		line, rest = cutLine(rest)
	}
	return strings.TrimSuffix(string(line), "\n")
}

// starts tells whether the line here begins so.
func (s *scanner) starts(prefix string) bool { return bytes.HasPrefix(s.rest, []byte(prefix)) }

func (s *scanner) next() {
	_, s.rest = cutLine(s.rest)
	s.line++
}

// file reads the diff of one file if one begins here; nil if none does.
func (s *scanner) file() (*File, error) {
	switch {
	case s.starts("diff --git "):
		return s.gitFile()
	case s.named():
		f := &File{Line: s.line}
		if err := s.names(f); err != nil {
			return nil, err
		}
		if err := s.hunks(f); err != nil {
			return nil, err
		}
		if len(f.Hunks) == 0 {
			return nil, syntaxError(s.line, "a hunk (@@ -1,2 +1,3 @@) is missing behind the names")
		}
		return f, nil
	case s.starts("@@ -"):
		return nil, syntaxError(s.line, "a hunk without the names of its file (--- and +++) before it")
	case s.starts("diff --cc "), s.starts("diff --combined "), s.starts("@@@ -"):
		return nil, refuse(CodeKind, "a combined diff of a merge").On("read diff", "line "+strconv.Itoa(s.line)).
			Hint("make one against a single parent: git diff PARENT")
	case s.starts("Only in "):
		return nil, syntaxError(s.line, "%q: the diff does not hold that file's text", s.peek(0)).Hint("make it with diff -N")
	case s.starts("Binary files ") && strings.HasSuffix(s.peek(0), " differ"):
		return nil, binary(s.line, s.peek(0))
	}
	return nil, nil
}

func binary(line int, what string) *fault.Error {
	return refuse(CodeBinary, "%q: only text is changed by a diff", what).On("read diff", "line "+strconv.Itoa(line)).
		Hint("copy binary files by hand")
}

// names reads the lines --- and +++.
func (s *scanner) names(f *File) error {
	for _, side := range []struct {
		mark string
		to   *name
	}{{"--- ", &f.Old}, {"+++ ", &f.New}} {
		n, err := headerName(strings.TrimPrefix(s.peek(0), side.mark))
		if err != nil {
			return syntaxError(s.line, "%w", err)
		}
		switch {
		case side.to.text == "":
			*side.to = n
		case n.null: // a rename's own lines said a name, without prefix
			return syntaxError(s.line, "a renamed or copied file can't be /dev/null")
		}
		s.next()
	}
	if f.Old.null && f.New.null {
		return syntaxError(f.Line, "both names are /dev/null")
	}
	return nil
}

// hunks reads all hunks that follow.
func (s *scanner) hunks(f *File) error {
	for s.starts("@@ -") {
		h, err := s.hunk()
		if err != nil {
			return err
		}
		f.Hunks = append(f.Hunks, h)
	}
	return nil
}

func (s *scanner) hunk() (Hunk, error) {
	h := Hunk{Line: s.line}
	if err := h.parseHeader(s.peek(0)); err != nil {
		return h, syntaxError(s.line, "%w", err)
	}
	s.next()
	body, changes := s.rest, false
	oldLeft, newLeft := h.OldLines, h.NewLines
	for oldLeft > 0 || newLeft > 0 {
		if len(s.rest) == 0 {
			return h, s.miscount(h, oldLeft, newLeft, "the diff ends")
		}
		op := s.rest[0]
		switch op {
		case ' ', '\n':
			op, oldLeft, newLeft = ' ', oldLeft-1, newLeft-1
		case '-':
			oldLeft, changes = oldLeft-1, true
		case '+':
			newLeft, changes = newLeft-1, true
		default:
			return h, s.miscount(h, oldLeft, newLeft, "the hunk ends")
		}
		if oldLeft < 0 || newLeft < 0 {
			return h, s.surplus(h)
		}
		s.next()
		if s.starts(`\ `) { // "\ No newline at end of file", in any language
			if op != '+' && oldLeft > 0 || op != '-' && newLeft > 0 {
				return h, syntaxError(s.line, "a line without a line feed at its end, and it is not the last one")
			}
			s.next()
		}
	}
	h.body = body[:len(body)-len(s.rest)]
	if h.body = ended(h.body); !changes {
		return h, syntaxError(h.Line, "the hunk changes nothing")
	}
	return h, s.behind(h)
}

func (s *scanner) surplus(h Hunk) error {
	return syntaxError(s.line, "the hunk has more lines than its header in line %d says (%d old, %d new)", h.Line, h.OldLines, h.NewLines)
}

// ended gives the last line of a diff that was cut without one its line feed.
func ended(body []byte) []byte {
	if bytes.HasSuffix(body, []byte("\n")) {
		return body
	}
	return append(bytes.Clone(body), '\n')
}

func (s *scanner) miscount(h Hunk, oldLeft, newLeft int, what string) error {
	return syntaxError(s.line, "%s here, and its header in line %d announces %d more old and %d more new lines", what, h.Line, oldLeft, newLeft)
}

// behind refuses lines of a hunk that its header does not count: they would be
// lost without a word. "-- " alone begins the signature of a mail.
func (s *scanner) behind(h Hunk) error {
	if len(s.rest) == 0 || !strings.ContainsRune("+- \\", rune(s.rest[0])) || s.peek(0) == "-- " || s.named() {
		return nil
	}
	return s.surplus(h)
}

// parseHeader reads "@@ -1,2 +3,4 @@ section".
func (h *Hunk) parseHeader(line string) error {
	ranges, _, found := strings.Cut(strings.TrimPrefix(line, "@@ -"), " @@")
	before, after, both := strings.Cut(ranges, " +")
	if !found || !both {
		return refuse(CodeSyntax, "%q is no hunk header such as @@ -1,2 +1,3 @@", line)
	}
	for _, side := range []struct {
		text         string
		start, lines *int
	}{{before, &h.OldStart, &h.OldLines}, {after, &h.NewStart, &h.NewLines}} {
		start, count, counted := strings.Cut(side.text, ",")
		if !counted {
			count = "1"
		}
		a, err := strconv.ParseUint(start, 10, 30)
		b, errCount := strconv.ParseUint(count, 10, 30)
		if err != nil || errCount != nil || a == 0 && b > 0 {
			return refuse(CodeSyntax, "%q is no hunk header such as @@ -1,2 +1,3 @@", line)
		}
		*side.start, *side.lines = int(a), int(b)
	}
	return nil
}
