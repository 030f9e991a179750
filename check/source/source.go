// Package source reads the files that the checkers in this program look at by
// themselves, without a tool, and turns places in them into lines and columns.
//
// It must never write, start a process or judge what a file says: that is the
// checkers' part.
//
// Invariants:
//  1. No file larger than workspace.FileBytesMax, or than its Reader allows, is
//     given to a checker; it becomes a gap. One of the largest files, or several
//     smaller ones, are with checkers at one time, so that memory is bounded
//     however many run.
//  2. A position never lies outside the file: lines and columns are held in
//     their ranges, whatever a parser says.
//  3. Offsets, lines and columns count in the file as it lies on disk, a byte
//     order mark included.
package source

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"slices"
	"sort"
	"strings"
	"unicode/utf8"

	"golang.org/x/sync/semaphore"

	"github.com/bitactor/cf/check"
	"github.com/bitactor/cf/fault"
	"github.com/bitactor/cf/workspace"
)

// findingsMax bounds the findings kept of one file: a reader needs no more, and
// a hostile file of 1 MiB could give 10^6.
const findingsMax = 100

// messageBytesMax bounds one message; parsers quote what they choke on.
const messageBytesMax = 400

var byteOrderMark = []byte("\xef\xbb\xbf")

// File is a text file being checked. It belongs to one goroutine.
type File struct {
	Path string // relative to the root
	Data []byte // without the byte order mark; not to be altered
	Mark bool   // it began with a byte order mark
	// Above is how many lines stand above Data in the file that it was cut out
	// of; messages that name a line add it.
	Above int

	checker, tool string
	starts        []int // offset in Data of each line
	found         []check.Diagnostic
	dropped       int
}

// New returns a file whose findings carry the names of a checker and a tool.
func New(checker, tool, path string, data []byte) *File {
	f := &File{Path: path, checker: checker, tool: tool}
	f.Data, f.Mark = bytes.CutPrefix(data, byteOrderMark)
	f.starts = append(f.starts, 0)
	for i, c := range f.Data {
		if c == '\n' {
			f.starts = append(f.starts, i+1)
		}
	}
	return f
}

// Position returns the line and the column of a byte of Data.
func (f *File) Position(offset int) (line, column int) {
	offset = min(max(offset, 0), len(f.Data))
	at := sort.SearchInts(f.starts, offset+1) - 1
	column = offset - f.starts[at] + 1
	if at == 0 && f.Mark {
		column += len(byteOrderMark)
	}
	return at + 1, column
}

// Offset returns the byte of Data at a line and a column counted in bytes from
// 1, without a byte order mark. Where there is no such place it returns the
// nearest.
func (f *File) Offset(line, column int) int {
	at := min(max(line, 1), len(f.starts)) - 1
	return min(f.starts[at]+max(column, 1)-1, f.lineEnd(at))
}

// RuneOffset is Offset for a column counted in characters.
func (f *File) RuneOffset(line, column int) int {
	at := min(max(line, 1), len(f.starts)) - 1
	text := f.Data[f.starts[at]:f.lineEnd(at)]
	offset := f.starts[at]
	for ; column > 1 && len(text) > 0; column-- {
		_, n := utf8.DecodeRune(text)
		text, offset = text[n:], offset+n
	}
	return offset
}

// Line returns the text of a line, which counts from 1, without its end.
func (f *File) Line(line int) string {
	if line < 1 || line > len(f.starts) {
		return ""
	}
	return strings.TrimSuffix(string(f.Data[f.starts[line-1]:f.lineEnd(line-1)]), "\r")
}

// Lines returns how many lines there are; a file that ends in a line feed has
// an empty last one.
func (f *File) Lines() int { return len(f.starts) }

func (f *File) lineEnd(at int) int {
	if at+1 < len(f.starts) {
		return f.starts[at+1] - 1
	}
	return len(f.Data)
}

// Error records a finding at an offset that makes the file wrong.
func (f *File) Error(offset int, code, format string, args ...any) {
	f.add(check.Error, offset, code, fmt.Sprintf(format, args...))
}

// Warn records a finding at an offset that makes the file questionable.
func (f *File) Warn(offset int, code, format string, args ...any) {
	f.add(check.Warning, offset, code, fmt.Sprintf(format, args...))
}

func (f *File) add(s check.Severity, offset int, code, message string) {
	if len(f.found) >= findingsMax {
		f.dropped++
		return
	}
	if len(message) > messageBytesMax {
		message = strings.ToValidUTF8(message[:messageBytesMax], "") + "..."
	}
	line, column := f.Position(offset)
	f.found = append(f.found, check.Diagnostic{
		File: f.Path, Line: line, Column: column, Severity: s, Code: code, Message: message, Checker: f.checker, Tool: f.tool,
	})
}

// Add records a finding made elsewhere, whose place is already one of this
// file's; its file, checker and tool are set.
func (f *File) Add(d check.Diagnostic) {
	if len(f.found) >= findingsMax {
		f.dropped++
		return
	}
	d.File, d.Checker, d.Tool = f.Path, f.checker, f.tool
	f.found = append(f.found, d)
}

// Failed tells whether an error was recorded.
func (f *File) Failed() bool {
	return slices.ContainsFunc(f.found, func(d check.Diagnostic) bool { return d.Severity == check.Error })
}

// Findings returns what was recorded, each once, in the order of the file.
func (f *File) Findings() []check.Diagnostic {
	slices.SortStableFunc(f.found, func(a, b check.Diagnostic) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column), cmp.Compare(a.Code, b.Code), cmp.Compare(a.Message, b.Message))
	})
	f.found = slices.CompactFunc(f.found, func(a, b check.Diagnostic) bool {
		return a.Line == b.Line && a.Column == b.Column && a.Code == b.Code && a.Message == b.Message
	})
	return f.found
}

// Reader names who reads files, and bounds what its parser is given. A parser may
// need more than a hundred times the bytes of a file.
type Reader struct {
	Checker, Tool string
	BytesMax      int // of a file; 0 means workspace.FileBytesMax
	ValuesMax     int // lines, commas and opening brackets of a file; 0 means any number
}

// room is what files may take of memory at one time: the largest that a Reader
// allows takes all of it.
var room = semaphore.NewWeighted(roomWhole)

const roomWhole = 1 << 10

// share returns the part of room that a file takes.
func (r Reader) share(data []byte) int64 {
	return 1 + int64(len(data))*(roomWhole-1)/int64(r.bytesMax())
}

func (r Reader) bytesMax() int {
	if r.BytesMax > 0 {
		return r.BytesMax
	}
	return workspace.FileBytesMax
}

// tooMuch says why a file is not given to a parser, or "".
func (r Reader) tooMuch(data []byte) string {
	if len(data) > r.bytesMax() {
		return workspace.CodeTooBig
	}
	if r.ValuesMax == 0 {
		return ""
	}
	values := 0
	for _, mark := range []string{"\n", ",", "[", "{"} {
		values += bytes.Count(data, []byte(mark))
	}
	if values > r.ValuesMax {
		return fmt.Sprintf("more than %d lines and values", r.ValuesMax)
	}
	return ""
}

// Each reads the files that names lists, one after the other, has visit look
// at each, and collects findings and gaps. A file that is gone is passed over:
// the change deletes it. A file that is no text is a finding. An error of visit
// is a gap of that file, and a panic of a parser too, so that one file can't
// keep the others from being checked. The error is the context's.
func (r Reader) Each(ctx context.Context, t check.Target, names []string, visit func(*File) error) (check.Outcome, error) {
	var out check.Outcome
	for _, name := range names {
		if err := ctx.Err(); err != nil {
			return out, err
		}
		data, err := t.Stage.Read(name)
		switch code := fault.CodeOf(err); {
		case code == workspace.CodeAbsent:
		case code == workspace.CodeBinary:
			f := New(r.Checker, r.Tool, name, nil)
			f.Error(0, "not-text", "the file is not text in UTF-8")
			out.Diagnostics = append(out.Diagnostics, f.Findings()...)
		case err != nil:
			out.Gaps = append(out.Gaps, check.Gap{File: name, What: "parse", Why: reason(err), Blocks: true})
		case r.tooMuch(data) != "":
			out.Gaps = append(out.Gaps, check.Gap{File: name, What: "parse", Why: r.tooMuch(data), Blocks: true})
		default:
			if err := room.Acquire(ctx, r.share(data)); err != nil {
				return out, err
			}
			r.one(&out, name, data, visit)
			room.Release(r.share(data))
		}
	}
	return out, nil
}

// one has visit look at one file.
func (r Reader) one(out *check.Outcome, name string, data []byte, visit func(*File) error) {
	f := New(r.Checker, r.Tool, name, data)
	if gap := guarded(f, visit); gap != "" {
		out.Gaps = append(out.Gaps, check.Gap{File: name, What: "parse", Why: gap, Blocks: true})
	}
	if f.dropped > 0 {
		out.Gaps = append(out.Gaps, check.Gap{File: name, What: "report", Why: fmt.Sprintf("only the first %d findings are shown, %d are not", findingsMax, f.dropped)})
	}
	out.Diagnostics = append(out.Diagnostics, f.Findings()...)
}

func reason(err error) string {
	if code := fault.CodeOf(err); code != "" {
		return code
	}
	return err.Error()
}

// guarded calls visit and returns in words what it failed or panicked with.
func guarded(f *File, visit func(*File) error) (why string) {
	defer func() {
		if r := recover(); r != nil {
			why = fmt.Sprintf("the parser failed: %.200v", r)
		}
	}()
	if err := visit(f); err != nil {
		return err.Error()
	}
	return ""
}
