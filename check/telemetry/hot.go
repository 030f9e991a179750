package telemetry

import (
	"context"
	"path"

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
	observe = lazyregexp.New(`(?i)telemetry|metric|prometheus|\bspan|trace|\blog(?:ger)?\b|slog|counter|gauge|histogram|instrument|WithLabelValues|\.(?:inc|dec|add|set|observe|record|labels|time|emit|event)\(|\bemit\w*\(`)
)

// function is one whose body is known, in a folder.
type function struct {
	file  string
	at    syntax.Symbol
	hot   bool
	sees  bool     // its body speaks of telemetry
	calls []string // names that stand in it
}

// hot finds functions that their authors call the hot path and that nothing measures:
// neither they, nor what they call or what calls them in their folder.
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
		list, err := j.tree.functions(ctx, path.Dir(file), path.Ext(file))
		if err != nil {
			return err
		}
		for _, f := range list {
			if f.hot && !watched(list, f) {
				j.add(place{f.file, f.at.Line}, check.Warning, codeHot, "%s is the hot path, as its author says, and neither it nor what it calls or is called by here emits telemetry", f.at.Name)
			}
		}
	}
	return nil
}

// functions parses the code of a folder. Files that do not parse are passed over: their
// checkers say so.
func (t *tree) functions(ctx context.Context, dir, end string) ([]function, error) {
	var out []function
	for _, file := range t.code {
		if path.Dir(file) != dir || path.Ext(file) != end || isTest(file) {
			continue
		}
		text, err := t.stage.Read(file)
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
		out = append(out, functionsOf(file, parsed)...)
	}
	return out, nil
}

func functionsOf(file string, parsed *syntax.File) []function {
	var out []function
	for _, s := range parsed.Symbols() {
		if s.Kind != syntax.Function && s.Kind != syntax.Method || s.BodyRange.End <= s.BodyRange.Start {
			continue
		}
		f := function{file: file, at: s}
		head := parsed.Text(syntax.Range{Start: s.Range.Start, End: s.BodyRange.Start})
		f.hot = hotMark.MatchString(head) && !hotNot.MatchString(head)
		f.sees = observe.MatchString(parsed.Text(syntax.Range{Start: s.BodyRange.Start, End: s.Range.End}))
		for _, r := range parsed.References() {
			if r.Line >= parsed.Line(s.BodyRange.Start) && r.Line <= s.EndLine {
				f.calls = append(f.calls, r.Name)
			}
		}
		out = append(out, f)
	}
	return out
}

// watched tells whether a function, one that it reaches, or one that names it speaks
// of telemetry.
func watched(list []function, of function) bool {
	byName := map[string][]function{}
	for _, f := range list {
		byName[f.at.Name] = append(byName[f.at.Name], f)
		for _, name := range f.calls {
			if f.sees && name == of.at.Name {
				return true
			}
		}
	}
	reached, todo := map[string]bool{of.at.Name: true}, []function{of}
	for len(todo) > 0 {
		f := todo[0]
		if todo = todo[1:]; f.sees {
			return true
		}
		for _, name := range f.calls {
			if !reached[name] {
				reached[name] = true
				todo = append(todo, byName[name]...)
			}
		}
	}
	return false
}
