// Package patch turns a unified diff into a set of changes of the user's tree.
//
// It reads what git, diff -u and tools that write like them make: several files,
// with the prefixes a/ and b/ or none, created, deleted, renamed and copied
// files, changes of mode, line feeds or CRLF, files without a newline at their
// end. It must never write a file, and never land a hunk on text that is not,
// byte for byte, the text that the hunk names.
//
// Invariants:
//  1. A diff is taken whole or not at all: one hunk that does not apply, one
//     line too many behind a hunk, one path that can't be meant refuse it.
//  2. A hunk lands at the position that it names, counted from where the hunk
//     before it was found; else at the only other place that holds exactly its
//     text, and the report says so; else nowhere. The one liberty is the line
//     end: a diff without a single CR applies to a file all of whose lines end
//     in CRLF, whose line ends it keeps.
//  3. Memory is bounded by Limits, whatever the diff says of itself.
//  4. Everything that was read is in Set.Reads.
//
// Formats: https://git-scm.com/docs/diff-format#generate_patch_text_with_p and
// https://www.gnu.org/software/diffutils/manual/html_node/Detailed-Unified.html.
package patch

import (
	"fmt"
	"io/fs"

	"github.com/bitactor/cf/fault"
)

// Codes of the faults of this package, all of kind fault.Refused. Stable: the
// list may only grow.
const (
	CodeSyntax   = "bad-diff"       // not a unified diff, or one that contradicts itself
	CodeEmpty    = "empty-diff"     // holds no change
	CodeBinary   = "binary-diff"    // changes a file that is not text
	CodeKind     = "diff-kind"      // links, submodules, combined diffs
	CodeBig      = "diff-too-big"   // over one of Limits
	CodePath     = "diff-path"      // a path that can't be meant, or two that clash
	CodeAbsent   = "diff-file"      // changes a file that is not there
	CodeExists   = "diff-exists"    // creates a file that is there
	CodeMismatch = "diff-mismatch"  // a hunk's text is not in the file
	CodeTwice    = "diff-ambiguous" // a hunk's text stands in more than one place, none of them its own
)

// Limits bound what a diff may hold; 0 means the default.
type Limits struct {
	Files     int   // files changed; default 32
	FileBytes int64 // of a file before or after; default 1 MiB
}

// The defaults of Limits. A diff as a whole may have eight times FileBytes.
const (
	FilesMax     = 32
	FileBytesMax = 1 << 20
	diffFactor   = 8
)

// DiffBytes returns the size of the largest diff that is read.
func (l Limits) DiffBytes() int64 { return diffFactor * l.orDefault().FileBytes }

func (l Limits) orDefault() Limits {
	if l.Files <= 0 {
		l.Files = FilesMax
	}
	if l.FileBytes <= 0 {
		l.FileBytes = FileBytesMax
	}
	return l
}

// Patch is a diff that was read. It shares memory with the bytes given to
// Parse, and is not changed after.
type Patch struct {
	Files  []File
	limits Limits
}

// File is what a diff says about one file.
type File struct {
	Line    int  // of its first header in the diff, from 1
	Git     bool // it has a header of git's
	Old     name // before; as written
	New     name // after
	Created bool // a header says so
	Deleted bool
	Renamed bool
	Copied  bool
	OldMode fs.FileMode // as written in octal, kind of file included; 0 = not said
	NewMode fs.FileMode
	Hunks   []Hunk
	blob    string // git's id of the content after, shortened; "" = not said
	alike   bool   // a rename or copy whose content stays
}

// name is a path as a header gives it.
type name struct {
	text   string
	null   bool // /dev/null
	prefix bool // may carry a prefix such as a/; a rename's names never do
	epoch  bool // its time stamp is 1970: diff -N's sign of a file that is not there
}

// Hunk is one place of a file that changes.
type Hunk struct {
	Line               int // of its header in the diff
	OldStart, OldLines int // as in the header
	NewStart, NewLines int
	body               []byte // its lines, "\ No newline" included
}

// each calls visit with the operation (' ', '-' or '+') and the text, line end
// included, of every line.
func (h Hunk) each(visit func(op byte, text []byte)) {
	for rest := h.body; len(rest) > 0; {
		var line []byte
		line, rest = cutLine(rest)
		op, text := line[0], line[1:]
		if op == '\n' { // an empty context line whose space was lost on the way
			op, text = ' ', line
		}
		if len(rest) > 0 && rest[0] == '\\' {
			_, rest = cutLine(rest)
			text = text[:len(text)-1]
		}
		visit(op, text)
	}
}

func syntaxError(line int, format string, args ...any) *fault.Error {
	return refuse(CodeSyntax, format, args...).On("read diff", fmt.Sprintf("line %d", line))
}

func refuse(code, format string, args ...any) *fault.Error {
	return fault.New(fault.Refused, code, format, args...)
}
