// Package terms takes texts apart into the words by which they are compared:
// what a task says, and what identifiers are made of.
//
// It must never depend on anything but the text: equal texts have equal terms in
// equal order.
package terms

import (
	"math"
	"slices"
	"strings"
	"sync"
	"unicode"
)

// Max bounds the terms of one text.
const Max = 64

// stopWords carry no subject: English function words, and the verbs and nouns
// that every request to a programmer holds.
var stopWords = sync.OnceValue(func() map[string]bool {
	m := map[string]bool{}
	for _, w := range strings.Fields(`the and for with from that this these those into onto over under than then there here have has had was were are
		is be been being will would should could can may might must not nor but you your our their its his her they them what which who how why when
		where all any each every some such only also very just about after before between per via add make create build write implement design use
		using used new code file files project please need needs want existing`) {
		m[w] = true
	}
	return m
})

// Of returns the words of text as they are searched for: identifiers split
// at underscores, dashes and inner capitals, in lower case, without a plural
// "s", without stop words, each once, in order; at most Max.
func Of(text string) []string {
	var all []string
	var word []rune
	flush := func() {
		t := stem(strings.ToLower(string(word)))
		word = word[:0]
		if len(t) >= 3 && !stopWords()[t] && len(all) < Max && !slices.Contains(all, t) {
			all = append(all, t)
		}
	}
	var last rune
	for _, r := range text {
		if unicode.IsUpper(r) && unicode.IsLower(last) {
			flush()
		}
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			word = append(word, r)
		} else {
			flush()
		}
		last = r
	}
	flush()
	return all
}

// stem drops a plural "s": enough to make "supervisors" find "supervisor".
func stem(w string) string {
	if len(w) > 3 && strings.HasSuffix(w, "s") && !strings.HasSuffix(w, "ss") {
		return w[:len(w)-1]
	}
	return w
}

// Counter counts terms in texts, without an allocation for each word. It is not
// safe for concurrent use.
type Counter struct {
	index map[string]int
	word  []byte
	hits  []uint16
	any   bool
}

// pathWeight is the weight of a word in a path over one in a text.
const pathWeight = 4

// NewCounter returns a Counter of terms as Of gives them.
func NewCounter(terms []string) *Counter {
	c := &Counter{index: map[string]int{}, word: make([]byte, 0, 64)}
	for i, t := range terms {
		c.index[t] = i
	}
	return c
}

// Count returns the hits of each term in the path, where one counts pathWeight
// times, and in the text, nil for none, and the length of the text in words.
func (c *Counter) Count(name string, text []byte) (hits []uint16, length int) {
	c.hits, c.any = make([]uint16, len(c.index)), false
	c.scan([]byte(name), pathWeight)
	length = c.scan(text, 1)
	if !c.any {
		return nil, length
	}
	return c.hits, length
}

func (c *Counter) scan(text []byte, weight uint16) (length int) {
	var last byte
	for _, b := range text {
		upper := b >= 'A' && b <= 'Z'
		if upper && last >= 'a' && last <= 'z' {
			length += c.flush(weight)
		}
		switch {
		case upper:
			c.word = append(c.word, b+'a'-'A')
		case b >= 'a' && b <= 'z', b >= '0' && b <= '9', b >= 0x80:
			c.word = append(c.word, b)
		default:
			length += c.flush(weight)
		}
		last = b
	}
	return length + c.flush(weight)
}

func (c *Counter) flush(weight uint16) int {
	w := c.word
	c.word = c.word[:0]
	if len(w) == 0 {
		return 0
	}
	if n := len(w); n > 3 && w[n-1] == 's' && w[n-2] != 's' {
		w = w[:n-1]
	}
	if len(w) <= 64 {
		if i, ok := c.index[string(w)]; ok {
			c.hits[i] = min(math.MaxUint16-pathWeight, c.hits[i]+weight)
			c.any = true
		}
	}
	return 1
}
