package llmtest

import (
	"strings"
	"sync"
)

// Hang as an answer's text keeps the connection open and silent, after a word,
// until the client leaves.
const Hang = "<hang>"

// Answer is a reply that a test has written.
type Answer struct {
	When string // it answers prompts that hold this text; "" means any
	Text string
}

// place is where when stands last in a prompt, -1 if it does not; text that
// answers anything stands before all else.
func place(prompt, when string) int {
	if when == "" {
		return 0
	}
	return strings.LastIndex(prompt, when)
}

// answers hands out the answers of a list.
type answers struct {
	list []Answer

	mu    sync.Mutex
	given map[int]bool
}

func newAnswers(list []Answer) *answers { return &answers{list: list, given: map[int]bool{}} }

// next returns the answer to a prompt. Where it stays, it is the next prompt's too.
func (a *answers) next(prompt string, stays bool) string {
	a.mu.Lock()
	defer a.mu.Unlock()
	last, at := -1, -1
	for i, answer := range a.list {
		switch found := place(prompt, answer.When); {
		case found < at, found < 0, found == at && !a.given[last]:
		default:
			last, at = i, found
		}
	}
	if last < 0 {
		return "I have no answer to that."
	}
	a.given[last] = a.given[last] || !stays
	return a.list[last].Text
}

// Answers is a sound server whose replies a test has written. A prompt is for the
// answers whose When stands last in it: what it was asked before stands above. Of
// these the first is given at the first call, the second at the second, and the
// last one from then on. It is no fault of Faults.
func Answers(list ...Answer) Fault {
	answers := newAnswers(list)
	return Fault{
		Name: "answers", Doc: "answers what the test wrote", Want: Outcome{Codes: ok},
		serve: func(x *exchange) {
			text := answers.next(x.prompt, false)
			if text == Hang {
				x.send(x.text("One"))
				x.hang()
				return
			}
			x.reply(words(text)...)
		},
	}
}
