package prompts

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestReadSections(t *testing.T) {
	tests := map[string]struct {
		reply string
		want  map[string]string
	}{
		"hashes": {
			"# Reasoning\na b.\n## Implementation Plan\nc.\n### Code Strategy\nd.",
			map[string]string{"reasoning": "a b.", "plan": "c.", "strategy": "d."},
		},
		"bold and colon":     {"**Reasoning:** a.\n**Plan**:\nb.", map[string]string{"reasoning": "a.", "plan": "b."}},
		"numbered":           {"1. Reasoning\na.\n2) CODE STRATEGY: b.", map[string]string{"reasoning": "a.", "strategy": "b."}},
		"synonym":            {"Analysis:\na.\nRoadmap\nb.", map[string]string{"reasoning": "a.", "plan": "b."}},
		"brackets":           {"## Reasoning (why)\na.", map[string]string{"reasoning": "a."}},
		"word in a sentence": {"## Reasoning\nPlan the work well.\nCode is data.", map[string]string{"reasoning": "Plan the work well.\nCode is data."}},
		"fence": {
			"## Reasoning\n```sh\n# Plan\n```\nx.\n## Plan\ny.",
			map[string]string{"reasoning": "```sh\n# Plan\n```\nx.", "plan": "y."},
		},
		"long fence":   {"## Reasoning\n````\n```\n# Plan\n````\n", map[string]string{"reasoning": "````\n```\n# Plan\n````"}},
		"twice":        {"## Plan\na.\n## Reasoning\nb.\n## Plan\nc.", map[string]string{"plan": "a.\nc.", "reasoning": "b."}},
		"no heading":   {"just text.", map[string]string{"": "just text."}},
		"crlf":         {"## Reasoning\r\na.\r\n## Plan\r\nb.", map[string]string{"reasoning": "a.", "plan": "b."}},
		"foreign one":  {"## Reasoning\na.\n## Conclusion\nb.", map[string]string{"reasoning": "a.\n## Conclusion\nb."}},
		"dash":         {"Reasoning — a b.", map[string]string{"reasoning": "a b."}},
		"empty":        {"", map[string]string{}},
		"only heading": {"## Reasoning\n", map[string]string{}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, ReadSections(tt.reply, Analysed)); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

// TestReaderStreams shows text as soon as its line can be no heading.
func TestReaderStreams(t *testing.T) {
	r := NewReader(Analysed)
	if got := r.Feed("## Reas"); got != nil {
		t.Errorf("an open heading was let through: %v", got)
	}
	if got := r.Feed("oning\nThe"); len(got) != 1 || got[0] != (Span{"reasoning", "The"}) {
		t.Errorf("got %v", got)
	}
	if got := r.Feed(" pl"); len(got) != 1 || got[0].Text != " pl" {
		t.Errorf("text is held back: %v", got)
	}
}

func FuzzParseSections(f *testing.F) {
	for _, seed := range []string{
		"## Reasoning\na.\n**Plan:** b\n```\n# Code Strategy\n```\n", "1. Plan\n", "Reasoning: x", "```", "~~~~\n", "\xff\n# \xffPlan",
		"# Plan (", "Plan —", "**", strings.Repeat("#", 200) + " Plan",
	} {
		f.Add(seed, 3)
	}
	f.Fuzz(func(t *testing.T, reply string, step int) {
		step = max(1, min(step, 64))
		r := NewReader(Analysed)
		var streamed []Span
		for at := 0; at < len(reply); at += step {
			streamed = append(streamed, r.Feed(reply[at:min(len(reply), at+step)])...)
		}
		streamed = append(streamed, r.Close()...)
		parts, total := map[string]string{}, 0
		for _, s := range streamed {
			parts[s.Section] += s.Text
			total += len(s.Text)
		}
		if total > len(reply) {
			t.Errorf("%d bytes came out of %d", total, len(reply))
		}
		for id, text := range ReadSections(reply, Analysed) {
			if strings.TrimSpace(parts[id]) != text {
				t.Errorf("section %q: whole %q, streamed in steps of %d %q", id, text, step, parts[id])
			}
		}
		CutToSentence(reply)
		CutRepeats(reply)
		ParseSteps(reply)
		ParseLines(reply)
	})
}
