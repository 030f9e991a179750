package prompts

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Sentences splits text into sentences: at a full stop, question or exclamation
// mark that a space and no lower-case letter follows, and at line ends. Dots
// inside names ("mix.exs", "v1.2"), of abbreviations ("e.g.") and of numbered
// lines end nothing. Text inside fences is no sentence. Each sentence is a
// substring of text.
func Sentences(text string) []string {
	var out []string
	fence := Reader{}
	for line := range strings.Lines(text) {
		if fence.fenceLine(line) || fence.fence != "" {
			continue
		}
		out = append(out, lineSentences(line)...)
	}
	return out
}

func lineSentences(line string) []string {
	var out []string
	keep := func(s string) {
		if s = strings.TrimSpace(s); strings.IndexFunc(s, unicode.IsLetter) >= 0 {
			out = append(out, s)
		}
	}
	start := 0
	for i := 0; i < len(line); i++ {
		if !strings.ContainsRune(".!?", rune(line[i])) || !endsSentence(line, start, i) {
			continue
		}
		for i+1 < len(line) && strings.IndexByte(".!?\"')*_`", line[i+1]) >= 0 {
			i++
		}
		keep(line[start : i+1])
		start = i + 1
	}
	keep(line[start:])
	return out
}

// abbreviations do not end a sentence.
var abbreviations = map[string]bool{
	"e.g": true, "i.e": true, "etc": true, "vs": true, "cf": true, "approx": true,
	"fig": true, "dr": true, "mr": true, "mrs": true, "st": true, "incl": true,
}

// endsSentence tells whether the mark at i ends the sentence that began at start.
func endsSentence(line string, start, i int) bool {
	rest := strings.TrimLeft(line[i+1:], ".!?\"')*_`")
	if rest != "" && rest[0] != ' ' && rest[0] != '\t' && rest[0] != '\n' && rest[0] != '\r' {
		return false
	}
	if next, _ := utf8.DecodeRuneInString(strings.TrimSpace(rest)); unicode.IsLower(next) {
		return false
	}
	if line[i] != '.' {
		return true
	}
	words := strings.Fields(line[start:i])
	if len(words) == 0 {
		return false
	}
	last := strings.ToLower(strings.Trim(words[len(words)-1], "(\"'*_"))
	if len(words) == 1 && strings.Trim(last, "0123456789") == "" {
		return false // "1." opens a numbered line
	}
	return !abbreviations[last] || strings.TrimSpace(rest) == ""
}

// Complete tells whether text ends where a sentence, a list item or a fence does.
func Complete(text string) bool {
	text = strings.TrimRight(strings.TrimSpace(text), "\"')*_`")
	last, _ := utf8.DecodeLastRuneInString(text)
	return strings.ContainsRune(".!?:;。", last) && text != ""
}

// CutToSentence returns text up to the end of its last whole sentence, or all of
// it where that would leave nothing.
func CutToSentence(text string) string {
	all := Sentences(text)
	if len(all) < 2 || Complete(text) {
		return strings.TrimSpace(text)
	}
	end := strings.LastIndex(text, all[len(all)-1])
	cut := strings.TrimSpace(text[:end])
	// A bullet or a number that opened the lost sentence goes with it.
	return strings.TrimRight(cut, "\n\t -*#0123456789")
}

// CutRepeats returns text up to the first sentence that repeats an earlier one
// of it word by word, and whether there was one. Headings and other lines of
// fewer than ownWordsMin words may repeat.
func CutRepeats(text string) (string, bool) {
	said := map[string]bool{}
	at := 0
	for _, sentence := range Sentences(text) {
		start := at + strings.Index(text[at:], sentence)
		w := words(sentence)
		key := strings.Join(w, " ")
		if len(w) >= ownWordsMin && said[key] {
			return strings.TrimRight(text[:start], "\n\t -*#0123456789"), true
		}
		said[key] = true
		at = start + len(sentence)
	}
	return text, false
}

// What counts as a model's own sentence: at least ownWordsMin words, of whose
// runs of gramWords words at most half stand in what it was shown. Five words in
// a row rarely agree by chance, also within one subject.
const (
	ownWordsMin = 4
	gramWords   = 5
)

// Seen holds the word runs of texts that a reply may not merely repeat. The zero
// value is ready; not safe for concurrent use.
type Seen struct{ grams map[string]bool }

// Add remembers text.
func (s *Seen) Add(text string) {
	if s.grams == nil {
		s.grams = map[string]bool{}
	}
	for _, g := range grams(words(text)) {
		s.grams[g] = true
	}
}

// Clone returns a copy.
func (s *Seen) Clone() *Seen {
	c := &Seen{grams: make(map[string]bool, len(s.grams))}
	for g := range s.grams {
		c.grams[g] = true
	}
	return c
}

// Own returns the sentences of text that repeat neither what was added nor an
// earlier sentence of text. Seen itself is not changed.
func (s *Seen) Own(text string) []string {
	known := s.Clone()
	var own []string
	for _, sentence := range Sentences(text) {
		w := words(sentence)
		if len(w) < ownWordsMin {
			continue
		}
		all := grams(w)
		repeated := 0
		for _, g := range all {
			if known.grams[g] {
				repeated++
			}
		}
		if 2*repeated > len(all) {
			continue
		}
		for _, g := range all {
			known.grams[g] = true
		}
		own = append(own, sentence)
	}
	return own
}

// words returns the words of text in lower case.
func words(text string) []string {
	return strings.FieldsFunc(strings.ToLower(text), func(c rune) bool { return !unicode.IsLetter(c) && !unicode.IsDigit(c) })
}

// grams returns the runs of gramWords words, or the whole of a shorter text.
func grams(w []string) []string {
	if len(w) == 0 {
		return nil
	}
	var out []string
	for i := 0; i+min(gramWords, len(w)) <= len(w); i++ {
		out = append(out, strings.Join(w[i:i+min(gramWords, len(w))], " "))
	}
	return out
}
