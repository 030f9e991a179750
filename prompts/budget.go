package prompts

import "github.com/bitactor/cf/llm"

// spareTokens are kept free in every window for what a count can miss: the
// template around a message, and the error of an estimate.
const spareTokens = 64

// estimateSpare is the share, one in so many, kept free where tokens are
// estimated and not counted with the model's own vocabulary.
const estimateSpare = 8

// Room returns how many tokens of the window are left for context once the fixed
// messages and a reply of so many tokens have their place; never negative.
func Room(window, reply int, counter llm.Counter, fixed []llm.Message) int {
	room := window - reply - spareTokens - counter.CountMessages(fixed)
	if !counter.Exact() {
		room -= window / estimateSpare
	}
	return max(0, room)
}
