// Package wording has a model put facts into sentences that a person reads.
//
// It must never let a number pass that does not stand in the facts: a sentence that
// holds one is left out, and a text of which nothing stays is none.
//
// Invariants:
//  1. Every number of what is returned, in digits or as a word, stands in the facts
//     and before the same word as there ("7 findings" does not come of "7 tests").
//  2. What is returned is a part of the reply: nothing is added or altered.
package wording

import (
	"cmp"
	"context"
	"strings"

	"github.com/bitactor/cf/fault"
	"github.com/bitactor/cf/lazyregexp"
	"github.com/bitactor/cf/llm"
	"github.com/bitactor/cf/prompts"
)

// Asker is a model and the words that it is asked with.
type Asker struct {
	Provider llm.Provider
	Model    llm.Model
	Words    *prompts.Words
	Seed     int64
	// Refuse tells whether a sentence contradicts the facts in words; nil refuses none.
	Refuse func(sentence string) bool
}

// CodeInvented is the fault of a reply of which no sentence keeps to the facts
// [Unusable].
const CodeInvented = "invented-number"

// tokensMax bounds the summary.
const tokensMax = 300

// Summary asks for a summary of facts, and returns what of it keeps to them and how
// many sentences were left out. Errors are those of the provider and CodeInvented.
func (a Asker) Summary(ctx context.Context, task, facts string) (text string, left int, err error) {
	system, err := a.Words.System()
	if err != nil {
		return "", 0, err
	}
	question, err := a.Words.Summary(prompts.SummaryInput{Task: task, Facts: facts})
	if err != nil {
		return "", 0, err
	}
	reply, err := a.Provider.Chat(ctx, llm.Request{
		Model: a.Model.Name, Name: "summary", MaxTokens: tokensMax, Seed: a.Seed,
		Messages: []llm.Message{{Role: llm.System, Content: system}, {Role: llm.User, Content: question}},
	}, nil)
	if err != nil {
		return "", 0, err
	}
	if text, left = Keep(reply.Text, facts, a.Refuse); text == "" {
		return "", left, fault.New(fault.Unusable, CodeInvented, "no sentence of its summary keeps to the facts").On("summarise", a.Model.Name)
	}
	return text, left, nil
}

// sentence matches up to the end of a sentence: a mark before space or the end, so that
// "1.5" and "a.go" stay whole.
var sentence = lazyregexp.New(`(?s).+?(?:[.!?]+(?:\s+|$)|\n+|$)`)

// number matches a number with the word behind it, if one follows.
var number = lazyregexp.New(`(?i)(\p{N}+(?:[.,]\p{N}+)*|\b(?:` +
	`zero|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen|fifteen|sixteen|seventeen|eighteen|nineteen|` +
	`twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety|couple|dozens?|hundreds?|thousands?|millions?|billions?|` +
	`half|halves|thirds?|quarters?|fifths?|tenths?|once|twice|thrice|double|triple)\b)(?:[\s-]*(%|\p{L}+))?`)

// digits are the words that facts may hold as digits: "three points" is "3 points".
var digits = map[string]string{
	"zero": "0", "one": "1", "two": "2", "three": "3", "four": "4", "five": "5", "six": "6",
	"seven": "7", "eight": "8", "nine": "9", "ten": "10", "eleven": "11", "twelve": "12",
}

// Keep returns the sentences of a reply whose numbers all stand in facts and that refuse,
// if it is not nil, does not refuse; and how many were left out.
func Keep(reply, facts string, refuse func(string) bool) (text string, left int) {
	known := map[[2]string]bool{}
	for _, m := range number.FindAllStringSubmatch(facts, -1) {
		c := counted(m)
		known[c], known[[2]string{c[0]}] = true, true
	}
	var kept []string
	for _, s := range sentence.FindAllString(reply, -1) {
		if s = strings.TrimSpace(s); s == "" {
			continue
		}
		invents := refuse != nil && refuse(s)
		for _, m := range number.FindAllStringSubmatch(s, -1) {
			invents = invents || !known[counted(m)]
		}
		if invents {
			left++
		} else {
			kept = append(kept, s)
		}
	}
	return strings.Join(kept, " "), left
}

// counted is a number and what it counts, in the singular.
func counted(m []string) [2]string {
	n := strings.ToLower(m[1])
	return [2]string{cmp.Or(digits[n], n), strings.TrimSuffix(strings.ToLower(m[2]), "s")}
}
