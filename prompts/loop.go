package prompts

import "unicode"

// What counts as a loop at the end of a reply that reached its longest. The
// providers' own guard (llm/guard) waits for about 200 words, which is more than
// a short reply has; here the reply is over, so fewer are proof enough.
const (
	loopTimes    = 3    // times the phrase stands in a row
	loopWordsMin = 24   // words that the repetition covers
	loopWordsMax = 4096 // words at the end that are looked at
)

// CutLoop returns text up to where its end only repeats one phrase, which is
// kept once, and whether it does: at least loopTimes in a row and over at least
// loopWordsMin words. The work is at most loopWordsMax squared.
func CutLoop(text string) (string, bool) {
	words, starts := spell(text)
	words = words[:max(0, len(words)-1)] // the last one may be unfinished
	if over := len(words) - loopWordsMax; over > 0 {
		words, starts = words[over:], starts[over:]
	}
	n := len(words)
	for period := 1; period <= n/loopTimes; period++ {
		first := n // of the words that are as those a period before
		for first > period && words[first-1] == words[first-1-period] {
			first--
		}
		if n-first+period >= max(loopTimes*period, loopWordsMin) {
			return text[:starts[first]], true
		}
	}
	return text, false
}

// spell returns the words of text, runs of letters and digits, and where each
// begins.
func spell(text string) (words []string, starts []int) {
	start := -1
	for i, c := range text {
		letter := unicode.IsLetter(c) || unicode.IsDigit(c)
		if letter && start < 0 {
			start = i
		} else if !letter && start >= 0 {
			words, starts, start = append(words, text[start:i]), append(starts, start), -1
		}
	}
	if start >= 0 {
		words, starts = append(words, text[start:]), append(starts, start)
	}
	return words, starts
}
