package commands

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"

	"github.com/bitactor/cf/event"
	"github.com/bitactor/cf/fault"
	"github.com/bitactor/cf/workspace"
)

// codeInFile is the fault of a file of the command line that can't be read.
const codeInFile = "in-file"

// readInput returns what name holds, "-" standing for standard input; limit is the
// most bytes.
func (a *App) readInput(ctx context.Context, name string, limit int64) ([]byte, error) {
	if name == "-" {
		if a.Env.StdinTTY {
			a.Events().Emit(event.Note{Level: "info", Text: "reading the diff from the terminal; end it with Ctrl-D"})
		}
		return readWithin(ctx, a.Env.Stdin, "standard input", limit)
	}
	if err := workspace.CheckPath(name); err != nil {
		return nil, err
	}
	bad := func(err error) error {
		var inPath *fs.PathError
		if errors.As(err, &inPath) {
			err = inPath.Err
		}
		return fault.New(fault.Usage, codeInFile, "%w", err).On("read", fmt.Sprintf("%q", name))
	}
	path := a.path(name)
	info, err := os.Stat(path)
	if err != nil {
		return nil, bad(err)
	}
	if !info.Mode().IsRegular() {
		return nil, fault.New(fault.Usage, codeInFile, "not a regular file").On("read", fmt.Sprintf("%q", name)).
			Hint("to read from a program: PROGRAM | cf apply -")
	}
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0) // it may have become a FIFO meanwhile
	if err != nil {
		return nil, bad(err)
	}
	defer f.Close()
	return readWithin(ctx, f, fmt.Sprintf("%q", name), limit)
}

// readWithin reads all of r, unless it is more than limit or ctx ends.
func readWithin(ctx context.Context, r io.Reader, name string, limit int64) ([]byte, error) {
	type outcome struct {
		data []byte
		err  error
	}
	done := make(chan outcome, 1)
	go func() { // a read from a terminal or a pipe can't be cancelled
		data, err := io.ReadAll(io.LimitReader(r, limit+1))
		done <- outcome{data, err}
	}()
	select {
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	case o := <-done:
		if o.err != nil {
			return nil, fault.New(fault.Failed, codeInFile, "%w", o.err).On("read", name)
		}
		if int64(len(o.data)) > limit {
			return nil, fault.New(fault.Refused, codeInFile, "larger than %d KiB", limit>>10).On("read", name).
				Hint("--max-file-bytes raises that: a diff may have eight times as much")
		}
		return o.data, nil
	}
}
