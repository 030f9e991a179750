package prompts

import (
	"fmt"
	"strings"
	"testing"
)

// TestCutLoop tries every period that a reply of 240 tokens can show at least
// three times.
func TestCutLoop(t *testing.T) {
	const lead = "The supervisor restarts each child in order."
	for period := 1; period <= 76; period++ {
		var phrase []string
		for i := range period {
			phrase = append(phrase, fmt.Sprintf("w%d", i))
		}
		said := strings.Fields(strings.Repeat(strings.Join(phrase, " ")+" ", 240))[:232]
		got, looped := CutLoop(lead + " " + strings.Join(said, " ") + " unfin")
		if want := lead + " " + strings.Join(phrase, " ") + " "; !looped || got != want {
			t.Errorf("period %d: looped %v, kept %q", period, looped, got)
		}
	}
}

func TestCutLoopLeavesHonestTextAlone(t *testing.T) {
	var table strings.Builder
	for i := range 40 {
		fmt.Fprintf(&table, "| 0x%02x | handle_%d | 8 |\n", i, i)
	}
	for _, text := range []string{
		"", "a", "no no no no", strings.Repeat("- ", 400), table.String(),
		"The log is written first. The log is read last. The log is small.",
	} {
		if got, looped := CutLoop(text); looped || got != text {
			t.Errorf("%.40q was taken for a loop", text)
		}
	}
}

// TestCutLoopIsBounded: a long reply costs no more than its last words.
func TestCutLoopIsBounded(t *testing.T) {
	text := strings.Repeat("a b ", 1<<17) + "and then c"
	if _, looped := CutLoop(text); looped {
		t.Error("the loop had ended")
	}
}
