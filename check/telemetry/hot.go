package telemetry

import (
	"context"
	"path"
	"slices"

	"github.com/bitactor/cf/check"
	"github.com/bitactor/cf/lazyregexp"
	"github.com/bitactor/cf/syntax"
)

// hotMark is how an author says of a function that it is called most: with an article,
// or as a title; "hot-path code", "hot-path cost" speak of something else. hotNot takes
// it back.
var (
	hotMark = lazyregexp.New(`(?i)\b(?:the|a|our|this) hot[ -]path\b(?:[^- \w]| +[^a-z\s]| +(?:of|for|in|and|is|when|that|which|here)\b|\s*$)|\bhot[ -]path:|__attribute__\s*\(\(\s*hot\s*\)\)`)
	hotNot  = lazyregexp.New(`(?i)\b(?:not|off|outside|never|no|nor|isn't|beside|from|for)\b[^.\n]*\bhot[ -]path\b`)
)

// function is one whose body is known, in a folder.
type function struct {
	file  string
	at    syntax.Symbol
	hot   bool
	sees  bool     // it measures, see measures
	calls []string // names that stand in it
}

// hot finds functions that their authors call the hot path and that nothing measures:
// neither they, nor what they call, nor what calls them in their folder.
func (j *judge) hot(ctx context.Context) error {
	emits := false
	for _, e := range j.facts.emitted {
		emits = emits || !e.test && e.kind != logKey
	}
	if !emits {
		return nil // nothing is measured here, not the hot path alone
	}
	seen := map[string]bool{}
	for _, file := range j.facts.hot {
		folder := path.Dir(file) + " " + path.Ext(file)
		if seen[folder] {
			continue
		}
		seen[folder] = true
		list, err := j.functions(ctx, path.Dir(file), path.Ext(file))
		if err != nil {
			return err
		}
		for _, f := range list {
			if f.hot && !watched(list, f) {
				j.add(place{f.file, f.at.Line}, check.Warning, codeHot, "%s is the hot path, as its author says, and neither it nor what it calls or is called by here emits a metric, an event or a span", f.at.Name)
			}
		}
	}
	return nil
}

// functions parses the code of a folder. Files that do not parse are passed over: their
// checkers say so.
func (j *judge) functions(ctx context.Context, dir, end string) ([]function, error) {
	var out []function
	known := j.variables()
	for _, file := range j.tree.code {
		if path.Dir(file) != dir || path.Ext(file) != end || isTest(file) {
			continue
		}
		text, err := j.tree.stage.Read(file)
		if err != nil {
			continue // as above
		}
		lang := syntax.Of(file, text[:min(len(text), 128)])
		if lang == nil {
			continue
		}
		parsed, err := syntax.Parse(ctx, lang, text)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err != nil {
			continue // as above
		}
		out = append(out, functionsOf(file, parsed, known)...)
	}
	return out, nil
}

func functionsOf(file string, parsed *syntax.File, known map[string]bool) []function {
	var out []function
	for _, s := range parsed.Symbols() {
		if s.Kind != syntax.Function && s.Kind != syntax.Method || s.BodyRange.End <= s.BodyRange.Start {
			continue
		}
		f := function{file: file, at: s}
		head := parsed.Text(syntax.Range{Start: s.Range.Start, End: s.BodyRange.Start})
		f.hot = hotMark.MatchString(head) && !hotNot.MatchString(head)
		f.sees = measures(withoutComments(parsed, s.Range), known)
		for _, r := range parsed.References() {
			if r.Line >= parsed.Line(s.BodyRange.Start) && r.Line <= s.EndLine {
				f.calls = append(f.calls, r.Name)
			}
		}
		out = append(out, f)
	}
	return out
}

// reach is how many calls deep a measurement still is one of the function's own work.
const reach = 2

// watched tells whether a function, one that it calls, or one that calls it measures.
func watched(list []function, of function) bool {
	for _, f := range list {
		if f.sees && slices.Contains(f.calls, of.at.Name) && slices.ContainsFunc(meant(list, f, of.at.Name), of.is) {
			return true
		}
	}
	seen, level := map[string]bool{}, []function{of}
	for depth := 0; depth <= reach; depth++ {
		var next []function
		for _, f := range level {
			if f.sees {
				return true
			}
			for _, name := range f.calls {
				if key := f.file + " " + name; !seen[key] {
					seen[key] = true
					next = append(next, meant(list, f, name)...)
				}
			}
		}
		level = next
	}
	return false
}

func (f function) is(other function) bool {
	return f.file == other.file && f.at.Range == other.at.Range
}

// meant returns the functions that a name in another one may stand for: those of its
// file, else those of the folder. Methods of several types that have the name by chance
// say nothing of each other.
func meant(list []function, in function, name string) (out []function) {
	var near []function
	for _, f := range list {
		if f.at.Name == name {
			out = append(out, f)
			if f.file == in.file {
				near = append(near, f)
			}
		}
	}
	switch {
	case len(near) > 0:
		return near
	case len(out) > 0 && slices.ContainsFunc(out, func(f function) bool { return f.at.Parent != out[0].at.Parent }):
		return nil
	}
	return out
}
