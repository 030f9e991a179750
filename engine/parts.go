package engine

import (
	"context"
	"path"
	"slices"

	"github.com/bitactor/cf/fault"
	"github.com/bitactor/cf/syntax"
)

// both writes the code, then its tests on top of it, as one change.
func (e *Engine) both(ctx context.Context, request Request) (*Outcome, error) {
	if IsTest(request.Path) {
		return nil, fault.New(fault.Usage, CodeFocus, "it holds tests: name the code that they are of, or take --focus tests").On("implement", request.Path)
	}
	out := &Outcome{Path: request.Path, Best: -1}
	for _, focus := range []Focus{FocusCode, FocusTests} {
		request.Focus = focus
		if err := e.part(ctx, out, &request); err != nil {
			return out, err
		}
	}
	return out, nil
}

// part writes a further file on top of those before, and leaves in request what
// is pending then.
func (e *Engine) part(ctx context.Context, out *Outcome, request *Request) error {
	more, err := e.implement(ctx, *request)
	if more != nil {
		out.add(more)
	}
	if err == nil {
		request.On = out.Trial().Set
	}
	return err
}

// folderFilesMax bounds the files of a folder that are written in one request.
const folderFilesMax = 16

// folder writes what is not written yet in the code below a folder, and what the
// instructions name there: file by file, as one change.
func (e *Engine) folder(ctx context.Context, f *files, request Request) (*Outcome, error) {
	if request.Symbol != "" {
		return nil, fault.New(fault.Usage, CodeNoSymbol, "it is a folder: %q can only be named in a file", request.Symbol).On("implement", request.Path)
	}
	listed, err := f.list(ctx, request.Path)
	if err != nil {
		return nil, err
	}
	var paths []string
	for _, l := range listed {
		if IsTest(l.Path) || syntax.Of(l.Path, nil) == nil {
			continue
		}
		if wants, err := e.wants(ctx, f, request, l.Path); err != nil {
			return nil, err
		} else if wants {
			paths = append(paths, l.Path)
		}
	}
	switch {
	case len(paths) == 0:
		return nil, fault.New(fault.Usage, CodeNothing, "no file below it has a definition without a body, or one that the instructions name").On("implement", request.Path).
			Hint("name a file: "+path.Join(request.Path, "FILE"), "a new file is made by its name")
	case len(paths) > folderFilesMax:
		return nil, fault.New(fault.Usage, CodeWhichSymbol, "%d files below it would be written, more than %d", len(paths), folderFilesMax).On("implement", request.Path)
	}
	out := &Outcome{Path: request.Path, Best: -1}
	for _, p := range paths {
		request.Path = p
		if err := e.part(ctx, out, &request); err != nil {
			return out, err
		}
	}
	return out, nil
}

// wants tells whether a file of a folder is to be written: its code where that
// has a part to write, its tests where it has none.
func (e *Engine) wants(ctx context.Context, f *files, request Request, file string) (bool, error) {
	if request.Focus == FocusTests {
		places := testFileOf(file)
		return len(places) > 0 && !slices.ContainsFunc(places, func(p string) bool { return f.kind(p) == "file" }), ctx.Err()
	}
	request.Path = file
	t, err := e.open(ctx, f, request)
	return err == nil && len(t.symbols) > 0, ctx.Err() // a file that can't be opened has no part that could be written
}
