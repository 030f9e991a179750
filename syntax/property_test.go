//go:build cgo

package syntax

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"pgregory.net/rapid"
)

// holdTogether checks what is promised of every file, sound or not.
func holdTogether(t interface{ Errorf(string, ...any) }, f *File) {
	size := len(f.src)
	inside := func(what string, r Range) {
		if r.Start < 0 || r.End > size || r.Start > r.End {
			t.Errorf("%s: range %v lies outside of %d bytes", what, r, size)
		}
	}
	lines := strings.Count(string(f.src), "\n") + 1
	symbols := f.Symbols()
	for i, s := range symbols {
		for _, r := range []Range{s.Range, s.Decl, s.NameRange, s.BodyRange} {
			inside(s.FullName(), r)
		}
		if !s.Range.holds(s.Decl) || !s.Range.holds(s.NameRange) || !s.BodyRange.Empty() && !s.Range.holds(s.BodyRange) {
			t.Errorf("%s: parts outside of %v: %+v", s.FullName(), s.Range, s)
		}
		if s.StartLine < 1 || s.StartLine > s.Line || s.Line > s.EndLine || s.EndLine > lines {
			t.Errorf("%s: lines %d %d %d of %d", s.FullName(), s.StartLine, s.Line, s.EndLine, lines)
		}
		if strings.ContainsAny(s.Signature, "\n\r") || !utf8.ValidString(s.Signature) {
			t.Errorf("%s: signature %q", s.FullName(), s.Signature)
		}
		if i > 0 && symbols[i-1].Range.Start > s.Range.Start {
			t.Errorf("%s stands before %s", symbols[i-1].FullName(), s.FullName())
		}
		for _, o := range symbols[i+1:] {
			if o.Range.Start >= s.Range.End {
				break
			}
			if !s.Range.holds(o.Range) {
				t.Errorf("%s %v and %s %v overlap", s.FullName(), s.Range, o.FullName(), o.Range)
			}
		}
		if again, ok := f.Symbol(s.FullName()); !ok {
			t.Errorf("no symbol for its own name %q", s.FullName())
		} else if again.FullName() != s.FullName() && again.Name != s.Name {
			t.Errorf("%q is found as %q", s.FullName(), again.FullName())
		}
	}
	end := 0
	for _, r := range f.Regions() {
		inside("region", r.Range)
		if r.Range.Start < end {
			t.Errorf("regions overlap at %d", r.Range.Start)
		}
		end = r.Range.End
	}
	for _, p := range f.Errors() {
		if p.Line < 1 || p.Line > lines || p.Column < 1 || p.Message == "" || strings.Contains(p.Message, "\n") {
			t.Errorf("problem %+v", p)
		}
	}
	if len(f.Errors()) > maxProblem {
		t.Errorf("%d problems", len(f.Errors()))
	}
	f.TestNames()
}

// samples returns the files of testdata of a language, by path.
func samples(t testing.TB, l *Language) map[string]string {
	t.Helper()
	list := map[string]string{}
	paths, err := filepath.Glob("testdata/*/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		if Of(strings.TrimSuffix(path, ".src"), nil) != l {
			continue
		}
		src, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		list[path] = string(src)
	}
	return list
}

func TestPromisesHoldForSamples(t *testing.T) {
	for _, l := range Languages() {
		for path, src := range samples(t, l) {
			for name, variant := range map[string]string{
				"as it is": src,
				"crlf":     strings.ReplaceAll(src, "\n", "\r\n"),
				"bom":      "\uFEFF" + src,
				"no end":   strings.TrimRight(src, "\n"),
			} {
				f := mustParse(t, strings.TrimSuffix(path, ".src"), variant)
				holdTogether(t, f)
				plain := mustParse(t, strings.TrimSuffix(path, ".src"), src)
				if strings.Contains(path, "sound") && len(f.Errors()) > 0 {
					t.Errorf("%s %s: %v", path, name, f.Errors())
				}
				if strings.Contains(path, "sound") && len(f.Symbols()) != len(plain.Symbols()) {
					t.Errorf("%s %s: %d symbols, %d before", path, name, len(f.Symbols()), len(plain.Symbols()))
				}
			}
		}
	}
}

// TestPromisesHoldForDamagedSamples cuts, doubles and mixes the samples.
func TestPromisesHoldForDamagedSamples(t *testing.T) {
	for _, l := range Languages() {
		var texts []string
		for _, src := range samples(t, l) {
			texts = append(texts, src)
		}
		t.Run(l.Name(), func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				src := rapid.SampledFrom(texts).Draw(t, "file")
				for range rapid.IntRange(1, 4).Draw(t, "damages") {
					start := rapid.IntRange(0, len(src)).Draw(t, "start")
					end := rapid.IntRange(start, min(len(src), start+80)).Draw(t, "end")
					put := rapid.SampledFrom([]string{"", "(", "}", "\"", "\n", "end", src[start:end] + src[start:end], "\xff", "/*", "'"}).Draw(t, "put")
					src = src[:start] + put + src[end:]
				}
				f, err := Parse(context.Background(), l, []byte(src))
				if err != nil {
					t.Fatal(err)
				}
				holdTogether(t, f)
			})
		})
	}
}

// TestSpliceOfItselfChangesNothing puts every symbol of every sample in its own
// place.
func TestSpliceOfItselfChangesNothing(t *testing.T) {
	for _, l := range Languages() {
		for path, src := range samples(t, l) {
			if !strings.Contains(path, "sound") {
				continue
			}
			for _, variant := range []string{src, strings.ReplaceAll(src, "\n", "\r\n")} {
				f := mustParse(t, path, variant)
				for _, s := range f.Symbols() {
					n, _ := f.indent(s.Range.Start)
					got, err := f.Splice(context.Background(), s, f.Text(Range{s.Range.Start - n, s.Range.End}))
					if err != nil {
						t.Fatal(err)
					}
					if string(got) != variant {
						t.Errorf("%s: putting %s in its own place changed the file", path, s.FullName())
					}
				}
			}
		}
	}
}

// TestAStoppedParserIsNotUsedAgain stops parses at many points; a parser that
// was stopped while it balanced the tree would abort the process if it were used
// again.
func TestAStoppedParserIsNotUsedAgain(t *testing.T) {
	src := []byte("package p\n\nvar x = " + strings.Repeat("-", 60_000) + "1\n")
	for limit := 500 * time.Microsecond; limit < 300*time.Millisecond; limit = limit * 5 / 4 {
		ctx, cancel := context.WithTimeout(context.Background(), limit)
		_, err := Check(ctx, ByName("go"), src)
		cancel()
		if err != nil && !errors.Is(err, ErrTooComplex) && !errors.Is(err, context.DeadlineExceeded) {
			t.Fatal(err)
		}
		if problems, err := Check(context.Background(), ByName("go"), []byte("package p\n")); err != nil || len(problems) > 0 {
			t.Fatal(problems, err)
		}
	}
}
