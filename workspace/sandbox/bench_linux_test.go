package sandbox_test

import (
	"os"
	"testing"

	"github.com/bitactor/cf/workspace/sandbox"
)

// BenchmarkBoxRun is what the sandbox costs a program that does nothing.
func BenchmarkBoxRun(b *testing.B) {
	for _, tier := range []struct {
		name string
		o    sandbox.Options
	}{
		{"tier=bubblewrap", sandbox.Options{}},
		{"tier=landlock", sandbox.Options{Environ: []string{"PATH=" + bwrapThatFails(b) + ":/usr/bin:/bin"}}},
		{"tier=none", sandbox.Options{Off: true}},
	} {
		b.Run(tier.name, func(b *testing.B) {
			box := openWith(b, tier.o)
			view := sandbox.View{Root: folder(b)}
			for b.Loop() {
				if _, err := box.Run(b.Context(), view, sandbox.Command{Program: "/bin/true"}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkOpen is what it costs to know the tier, once it was found out.
func BenchmarkOpen(b *testing.B) {
	o := sandbox.Options{Environ: os.Environ(), Cache: folder(b)}
	for b.Loop() {
		if _, err := sandbox.Open(b.Context(), o); err != nil {
			b.Fatal(err)
		}
	}
}
