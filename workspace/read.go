package workspace

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"unicode/utf8"

	"github.com/bitactor/cf/fault"
)

// FileBytesMax is the size of the largest file that is read, 1 MiB: a model's
// window is far smaller, and memory stays bounded.
const FileBytesMax = 1 << 20

// opener is what os.Root and the plain file system have in common.
type opener struct {
	stat func(string) (os.FileInfo, error)
	open func(string, int, os.FileMode) (*os.File, error)
}

// Read returns the content of the text file rel. Links are followed inside the
// root only. Codes: CodeAbsent, CodeNotRegular, CodeTooBig, CodeBinary,
// CodeOutside, CodeUnreadable.
func (t *Tree) Read(rel string) ([]byte, error) {
	data, err := t.inside().read(clean(rel), FileBytesMax)
	if err != nil {
		return nil, classify("read", rel, err)
	}
	return data, nil
}

// Head fills buf from the start of the regular file rel and returns how many
// bytes it got: all of the file where that is less than len(buf). It does not
// ask whether they are text (see Binary). Errors as Read.
func (t *Tree) Head(rel string, buf []byte) (int, error) {
	f, _, err := t.inside().regular(clean(rel))
	if err != nil {
		return 0, classify("read", rel, err)
	}
	defer f.Close()
	n, err := io.ReadFull(f, buf)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return 0, classify("read", rel, err)
	}
	return n, nil
}

// ReadOutside returns the content of a text file anywhere on the machine,
// under Read's other rules. Only for a path that the user typed.
func ReadOutside(name string) ([]byte, error) {
	data, err := opener{os.Stat, os.OpenFile}.read(filepath.Clean(name), FileBytesMax)
	if err != nil {
		return nil, classify("read", name, err)
	}
	return data, nil
}

func (t *Tree) inside() opener { return opener{t.root.Stat, t.root.OpenFile} }

// regular opens name if it is a regular file. It asks before opening, since
// opening a FIFO would wake its writer, and again afterwards, since the file
// may have been exchanged in between; O_NONBLOCK keeps that open from waiting.
func (o opener) regular(name string) (*os.File, os.FileInfo, error) {
	info, err := o.stat(name)
	if err != nil {
		return nil, nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, nil, notRegular(name, info)
	}
	f, err := o.open(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, nil, err
	}
	if info, err = f.Stat(); err != nil {
		return nil, nil, errors.Join(err, f.Close())
	}
	if !info.Mode().IsRegular() {
		return nil, nil, errors.Join(notRegular(name, info), f.Close())
	}
	return f, info, nil
}

func (o opener) read(name string, limit int64) ([]byte, error) {
	f, info, err := o.regular(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if info.Size() > limit {
		return nil, tooBig(name, limit)
	}
	// The size may be 0 (in /proc) or grow while it is read.
	buf := bytes.NewBuffer(make([]byte, 0, info.Size()+bytes.MinRead))
	if _, err := buf.ReadFrom(io.LimitReader(f, limit+1)); err != nil {
		return nil, err
	}
	if int64(buf.Len()) > limit {
		return nil, tooBig(name, limit)
	}
	if Binary(buf.Bytes()) {
		return nil, fault.New(fault.Failed, CodeBinary, "not a text file").On("read", quote(name))
	}
	return buf.Bytes(), nil
}

func notRegular(name string, info os.FileInfo) error {
	return fault.New(fault.Failed, CodeNotRegular, "%s, not a regular file", describe(info.Mode())).On("read", quote(name))
}

func tooBig(name string, limit int64) error {
	return fault.New(fault.Failed, CodeTooBig, "larger than %d KiB", limit>>10).On("read", quote(name))
}

func describe(mode os.FileMode) string {
	switch {
	case mode.IsDir():
		return "a folder"
	case mode&os.ModeNamedPipe != 0:
		return "a FIFO"
	case mode&os.ModeSocket != 0:
		return "a socket"
	case mode&os.ModeDevice != 0:
		return "a device"
	}
	return "a special file"
}

// sniffBytes is how much of a file is looked at to tell text from binary, the
// figure of git's buffer_is_binary (FIRST_FEW_BYTES, xdiff-interface.c).
const sniffBytes = 8000

// Binary tells whether data is something else than text: it holds a NUL, as in
// git's rule, or more than 30 in 100 of its first 8000 bytes are control bytes
// or no UTF-8. Text in a one-byte encoding of a Latin language passes.
func Binary(data []byte) bool {
	if bytes.IndexByte(data, 0) >= 0 {
		return true
	}
	head := data[:min(len(data), sniffBytes)]
	odd := 0
	for rest := head; len(rest) > 0; {
		r, size := utf8.DecodeRune(rest)
		if (r == utf8.RuneError && size == 1) || (r < ' ' && r != '\t' && r != '\n' && r != '\r' && r != '\f' && r != 0x1b) {
			odd++
		}
		rest = rest[size:]
	}
	return odd*10 > len(head)*3
}

// quote shows a path in an error: quoted, and cut where it is long.
func quote(name string) string {
	const shown = 120
	if len(name) > shown {
		return fmt.Sprintf("%q... (%d bytes)", name[:shown], len(name))
	}
	return fmt.Sprintf("%q", name)
}
