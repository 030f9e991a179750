//go:build cgo

package syntax

import (
	"context"
	"errors"
	"testing"
	"time"
)

// fuzz parses arbitrary bytes as the languages named, and takes a symbol out and
// puts it back.
func fuzz(f *testing.F, names ...string) {
	for _, name := range names {
		for _, src := range samples(f, ByName(name)) {
			f.Add([]byte(src))
		}
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		for _, name := range names {
			ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
			file, err := Parse(ctx, ByName(name), src)
			cancel()
			if errors.Is(err, ErrTooComplex) || errors.Is(err, context.DeadlineExceeded) {
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			holdTogether(t, file)
			for _, s := range file.Symbols() {
				out, err := file.Splice(context.Background(), s, "x")
				if err != nil && !errors.Is(err, ErrTooComplex) {
					t.Fatal(err)
				}
				if err == nil && (string(out[:s.Range.Start]) != string(src[:s.Range.Start]) ||
					string(out[len(out)-(len(src)-s.Range.End):]) != string(src[s.Range.End:])) {
					t.Errorf("splicing %s changed bytes outside of it", s.FullName())
				}
				break
			}
		}
	})
}

func FuzzParseGo(f *testing.F)         { fuzz(f, "go") }
func FuzzParseC(f *testing.F)          { fuzz(f, "c") }
func FuzzParseElixir(f *testing.F)     { fuzz(f, "elixir") }
func FuzzParseErlang(f *testing.F)     { fuzz(f, "erlang") }
func FuzzParsePython(f *testing.F)     { fuzz(f, "python") }
func FuzzParseJavaScript(f *testing.F) { fuzz(f, "javascript") }
func FuzzParseTypeScript(f *testing.F) { fuzz(f, "typescript", "tsx") }
func FuzzParseRust(f *testing.F)       { fuzz(f, "rust") }
func FuzzParseShell(f *testing.F)      { fuzz(f, "shell") }
