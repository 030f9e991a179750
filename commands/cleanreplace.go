package commands

import (
	"context"
	"errors"
	"slices"

	"github.com/bitactor/cf/check"
	"github.com/bitactor/cf/clean"
	"github.com/bitactor/cf/engine/land"
)

// replace puts each function that holds a mock to the model, on top of the mends, nil
// for none, lands what passed, and tells what is left.
func (w *cleaning) replace(ctx context.Context, mends *land.Trial) error {
	mocks, err := clean.For(clean.Mocks)
	if err != nil {
		return err
	}
	s := newSettling(w.landing, w.flags.settle, "Clean "+w.path)
	defer s.close()
	s.find = func(ctx context.Context, file string, text []byte) ([]check.Diagnostic, error) {
		found, err := clean.FindAmong(ctx, file, text, mocks, w.known)
		var out []check.Diagnostic
		for _, f := range found {
			if f.Kept == "" {
				out = append(out, check.Diagnostic{File: f.File, Line: f.Line, Severity: check.Warning, Code: f.Pattern.ID, Message: f.Pattern.Why, Tool: "cf clean"})
			}
		}
		return out, err
	}
	var files []string
	for _, f := range w.result.Findings {
		if f.Pattern.Target == clean.Mocks && f.Kept == "" && !slices.Contains(files, f.File) {
			files = append(files, f.File)
		}
	}
	trial, asked := s.run(ctx, files, mends, judge{w.landing})
	if ctx.Err() != nil { // nothing lands after a signal
		return s.end(ctx, nil, asked)
	}
	landed, err := w.take(ctx, trial, s)
	if err == nil {
		err = w.report()
	}
	return s.end(ctx, landed, errors.Join(asked, err))
}

// again looks anew at the files of a trial with findings that are not mended, and counts
// those that are gone.
func (w *cleaning) again(ctx context.Context, trial *land.Trial) error {
	for _, c := range trial.Set.Changes {
		of := func(f clean.Finding) bool { return f.File == c.Path && !(f.Mends() && w.mended[f.File]) }
		at := slices.IndexFunc(w.result.Findings, of)
		if at < 0 {
			continue
		}
		now, err := clean.FindAmong(ctx, c.Path, c.Content, w.patterns, w.known)
		if err != nil {
			return err
		}
		before := len(w.result.Findings)
		w.result.Findings = slices.DeleteFunc(w.result.Findings, of)
		w.replaced += before - len(w.result.Findings) - len(now)
		w.result.Findings = slices.Insert(w.result.Findings, at, now...)
	}
	return nil
}
