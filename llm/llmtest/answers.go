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

// Answers is a sound server whose replies a test has written. A prompt is for the
// answers whose When stands last in it: what it was asked before stands above. Of
// these the first is given at the first call, the second at the second, and the
// last one from then on. It is no fault of Faults.
func Answers(list ...Answer) Fault {
	var mu sync.Mutex
	given := map[int]bool{}
	next := func(prompt string) string {
		mu.Lock()
		defer mu.Unlock()
		last, at := -1, -1
		for i, a := range list {
			switch found := place(prompt, a.When); {
			case found < at, found < 0, found == at && !given[last]:
			default:
				last, at = i, found
			}
		}
		if last < 0 {
			return "I have no answer to that."
		}
		given[last] = true
		return list[last].Text
	}
	return Fault{
		Name: "answers", Doc: "answers what the test wrote", Want: Outcome{Codes: ok},
		serve: func(x *exchange) {
			text := next(x.prompt)
			if text == Hang {
				x.send(x.text("One"))
				x.hang()
				return
			}
			x.reply(words(text)...)
		},
	}
}
