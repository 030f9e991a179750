package guard

import (
	"hash/maphash"
	"unicode"
)

// The bounds of a loop, in repetitions and in length. A table rule is seldom
// longer than 120 marks and a table seldom has 24 rows that are equal byte for
// byte, while a model that fell into a loop goes on until its budget is spent:
// waiting for about 200 tokens more costs little, a wrong alarm a whole reply.
const (
	periods    = 96  // longest period that is looked for, in words and in lines: 64 tokens can be more words
	wordSpan   = 192 // words and marks that must repeat
	lineSpan   = 24  // lines that must repeat
	repeats    = 5   // times a period must come again
	wordLength = 16  // a longer run of letters counts as several words
	indent     = 8   // so many blanks in a row count as a word
)

// Loop notices text that repeats itself with a period of 1 to 96 words or 1 to
// 96 lines. Words are runs of letters or digits; every other character counts
// as a word of its own, and so does every eighth blank of a row, since a model
// under a JSON grammar can loop in nothing but white space. Use NewLoop.
type Loop struct {
	seed        maphash.Seed
	word, line  maphash.Hash
	length      int  // characters of the open word
	blank       bool // the open line holds nothing but white space
	spaces      int  // blanks since the last other character
	words, rows cycle
}

// NewLoop returns a detector for one reply.
func NewLoop() *Loop {
	l := &Loop{seed: maphash.MakeSeed(), blank: true, words: cycle{span: wordSpan}, rows: cycle{span: lineSpan}}
	l.word.SetSeed(l.seed)
	l.line.SetSeed(l.seed)
	return l
}

// Add takes a piece and tells whether the reply now repeats itself.
func (l *Loop) Add(piece string) bool {
	for _, r := range piece {
		if l.add(r) {
			return true
		}
	}
	return false
}

func (l *Loop) add(r rune) bool {
	if r == '\n' {
		found := !l.blank && l.rows.add(l.line.Sum64())
		l.line.Reset()
		l.blank = true
		if found {
			return true
		}
	} else {
		l.line.WriteString(string(r))
		l.blank = l.blank && unicode.IsSpace(r)
	}
	if r != ' ' && r != '\t' {
		l.spaces = 0
	}
	if unicode.IsLetter(r) || unicode.IsDigit(r) {
		l.word.WriteString(string(r))
		if l.length++; l.length < wordLength {
			return false
		}
		return l.close()
	}
	if l.length > 0 && l.close() {
		return true
	}
	if r == ' ' || r == '\t' {
		if l.spaces++; l.spaces%indent != 0 {
			return false
		}
	}
	return l.words.add(uint64(r)) // a hash equal to a character's number is one in 2^44
}

func (l *Loop) close() bool {
	sum := l.word.Sum64()
	l.word.Reset()
	l.length = 0
	return l.words.add(sum)
}

// cycle counts for each period how long the sequence has kept to it.
type cycle struct {
	span int // length that must repeat
	last [periods]uint64
	n    int // items so far
	runs [periods + 1]int
}

// add takes the next item and tells whether some period has held long enough.
func (c *cycle) add(item uint64) bool {
	found := false
	for p := 1; p <= min(periods, c.n); p++ {
		if c.last[(c.n-p)%periods] != item {
			c.runs[p] = 0
			continue
		}
		c.runs[p]++
		found = found || c.runs[p] >= max(c.span, repeats*p)
	}
	c.last[c.n%periods] = item
	c.n++
	return found
}
