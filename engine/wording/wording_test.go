package wording_test

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/bitactor/cf/engine/wording"
)

const facts = "12 points passed, 3 points failed, 1 point not checked\ntests.mutation: fail, 7 of 10 mutants noticed (70 %)\nsecurity.gitleaks: pass, 0 findings\nlatency 1.5 ms"

func TestKeep(t *testing.T) {
	for _, c := range []struct {
		reply, want string
		left        int
	}{
		{"All is well.", "All is well.", 0},
		{"12 points passed and 3 points failed. Mend the tests first.", "12 points passed and 3 points failed. Mend the tests first.", 0},
		{"It scores 95 %. Mend the tests.", "Mend the tests.", 1},
		{"The tests notice 7 of 10 mutants.", "The tests notice 7 of 10 mutants.", 0},
		{"There are 7 findings.", "", 1},     // the 7 counts something else
		{"There are seven findings.", "", 1}, // in words too
		{"Three points failed.", "Three points failed.", 0},
		{"One point was not checked.", "One point was not checked.", 0},
		{"All seventeen services were seen.", "", 1},
		{"A third of it fails.", "", 1},
		{"½ of it fails.", "", 1},
		{"Half of the points failed.", "", 1}, // and as a share
		{"It takes 1.5 ms. It takes 15 ms.", "It takes 1.5 ms.", 1},
		{"gitleaks has 0 findings!\n\nShip it", "gitleaks has 0 findings! Ship it", 0},
		{"Version 2.0 is ready.", "", 1},
		{"", "", 0},
	} {
		if text, left := wording.Keep(c.reply, facts, nil); text != c.want || left != c.left {
			t.Errorf("%q: %q, %d left out; want %q, %d", c.reply, text, left, c.want, c.left)
		}
	}
}

// TestNoNumberIsInvented holds invariant 1 for any reply.
func TestNoNumberIsInvented(t *testing.T) {
	digits := func(s string) []string {
		return strings.FieldsFunc(s, func(r rune) bool { return r < '0' || r > '9' })
	}
	known := map[string]bool{}
	for _, d := range digits(facts) {
		known[d] = true
	}
	rapid.Check(t, func(t *rapid.T) {
		words := rapid.SliceOf(rapid.SampledFrom([]string{"12", "points", "99", "failed.", "7", "of", "10", "mutants", "1.5", "3,", "It", "passed!", "\n", "4%", "ten", "x86."})).Draw(t, "words")
		text, _ := wording.Keep(strings.Join(words, " "), facts, nil)
		for _, d := range digits(text) {
			if !known[d] {
				t.Fatalf("%q holds %s", text, d)
			}
		}
	})
}

func FuzzKeep(f *testing.F) {
	f.Add("It scores 95 %. Mend the tests.", facts)
	f.Add("١٢ points", "12 points")
	f.Fuzz(func(t *testing.T, reply, facts string) {
		text, left := wording.Keep(reply, facts, nil)
		if len(text) > len(reply) || left < 0 {
			t.Errorf("%q became %q", reply, text)
		}
	})
}
