package openai

import (
	"unicode"
	"unicode/utf8"

	"github.com/bitactor/cf/llm"
)

// messageTokens is what a chat template adds to a message: role and marks
// (ChatML: 5).
const messageTokens = 5

// estimator counts tokens where no vocabulary is at hand. It leans to too many:
// a prompt that is refused wrongly can be shortened, one that the server cuts
// can't be trusted.
type estimator struct{}

// Exact is false.
func (estimator) Exact() bool { return false }

// CountMessages adds the template to Count.
func (e estimator) CountMessages(messages []llm.Message) int {
	n := messageTokens
	for _, m := range messages {
		n += messageTokens + e.Count(m.Content)
	}
	return n
}

// Count takes a token for each 5 letters of a word (byte pair vocabularies of
// 30,000 to 150,000 entries average 4 to 5 with the space), for each 3 digits,
// for each mark, for each line end or longer run of white space, and for each
// rune that is not ASCII.
func (estimator) Count(text string) int {
	n, letters, digits, spaces := 0, 0, 0, 0
	end := func() {
		n += (letters+4)/5 + (digits+2)/3
		if spaces > 1 {
			n++
		}
		letters, digits, spaces = 0, 0, 0
	}
	for _, r := range text {
		switch {
		case r < utf8.RuneSelf && unicode.IsLetter(r):
			if letters == 0 {
				end()
			}
			letters++
		case r >= '0' && r <= '9':
			if digits == 0 {
				end()
			}
			digits++
		case r == ' ' || r == '\t':
			if spaces == 0 {
				end()
			}
			spaces++
		default:
			end()
			n++
		}
	}
	end()
	return n
}
