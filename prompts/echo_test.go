package prompts

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSentences(t *testing.T) {
	tests := map[string][]string{
		"One two. Three four!":            {"One two.", "Three four!"},
		"See mix.exs, v1.2 and e.g. Go.":  {"See mix.exs, v1.2 and e.g. Go."},
		"1. First thing.\n2. Second one.": {"1. First thing.", "2. Second one."},
		"He said \"no.\" Then he left.":   {"He said \"no.\"", "Then he left."},
		"no end":                          {"no end"},
		"```\ncode. Here.\n```\nText.":    {"Text."},
		"":                                nil,
		"Wait... what? Yes.":              {"Wait... what?", "Yes."},
	}
	for text, want := range tests {
		if diff := cmp.Diff(want, Sentences(text)); diff != "" {
			t.Errorf("%q: -want +got\n%s", text, diff)
		}
	}
}

func TestOwnRejectsEchoes(t *testing.T) {
	var seen Seen
	seen.Add("design a production job queue with retries and dead letters for failed jobs")
	tests := map[string]int{
		"Design a production job queue with retries and dead letters for failed jobs.": 0,
		"The worker pool takes jobs in order of their deadline.":                       1,
		"Each worker holds a lease. Each worker holds a lease.":                        1,
		"Yes. No.": 0,
		"The broker stores jobs on disk first. A supervisor restarts dead workers.": 2,
	}
	for text, want := range tests {
		if got := len(seen.Own(text)); got != want {
			t.Errorf("%q has %d own sentences, want %d", text, got, want)
		}
	}
}

func TestCut(t *testing.T) {
	if got := CutToSentence("One is whole. Two is whole. Three is not"); got != "One is whole. Two is whole." {
		t.Errorf("got %q", got)
	}
	if got := CutToSentence("1. A is whole.\n2. B is whole.\n3. C is"); got != "1. A is whole.\n2. B is whole." {
		t.Errorf("got %q", got)
	}
	if got := CutToSentence("only a part"); got != "only a part" {
		t.Errorf("got %q", got)
	}
	got, repeats := CutRepeats("A new thing is built. It has two parts. A new thing is built. More.")
	if got != "A new thing is built. It has two parts." || !repeats {
		t.Errorf("got %q, %v", got, repeats)
	}
}
