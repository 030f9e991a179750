package llmtest

import (
	"context"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"strings"
	"sync"
	"unicode"

	"github.com/bitactor/cf/llm"
)

// Noisy returns a provider that gives p's reply with probability prob (0 to 1),
// and else that reply truncated, mutated or elided, each a third of the time,
// with nothing in the Reply that tells. It stands in for a model of a known
// ability. What it does to call n of a request follows from seed, the request
// and n alone, so that calls may run in any order. The reply is streamed only
// once it is whole; p's errors pass through.
func Noisy(p llm.Provider, prob float64, seed uint64) llm.Provider {
	return &noisy{Provider: p, prob: prob, seed: seed, calls: map[uint64]uint64{}}
}

type noisy struct {
	llm.Provider
	prob float64
	seed uint64

	mu    sync.Mutex
	calls map[uint64]uint64 // by hash of the request
}

// Chat runs r and spoils the reply or not.
func (n *noisy) Chat(ctx context.Context, r llm.Request, each func(llm.Chunk) error) (llm.Reply, error) {
	reply, err := n.Provider.Chat(ctx, r, nil)
	if err != nil {
		return reply, err
	}
	if random := n.random(r); random.Float64() >= n.prob {
		spoil := []func(*rand.Rand, string) string{truncate, mutate, elide}[random.IntN(3)]
		reply.Text = spoil(random, reply.Text)
	}
	if each == nil {
		return reply, nil
	}
	if reply.Thinking != "" {
		if err := each(llm.Chunk{Thinking: reply.Thinking}); err != nil {
			return llm.Reply{Call: reply.Call}, err
		}
	}
	for _, word := range words(reply.Text) {
		if err := each(llm.Chunk{Text: word}); err != nil {
			return llm.Reply{Call: reply.Call}, err
		}
	}
	return reply, nil
}

// random is the source of chance for the next call of r.
func (n *noisy) random(r llm.Request) *rand.Rand {
	raw, err := json.Marshal(r)
	if err != nil {
		panic(fmt.Sprintf("llmtest: a request does not marshal: %v", err)) // only a broken Schema could
	}
	hash := fnv.New64a()
	_, _ = hash.Write(raw) // a hash takes every byte
	key := hash.Sum64()
	n.mu.Lock()
	defer n.mu.Unlock()
	call := n.calls[key]
	n.calls[key]++
	return rand.New(rand.NewPCG(n.seed^key, call))
}

// truncate keeps 10 to 90 % of the words, at least all but one.
func truncate(random *rand.Rand, text string) string {
	list := words(text)
	if len(list) < 2 {
		return ""
	}
	keep := len(list)/10 + random.IntN(len(list)*8/10+1)
	return strings.Join(list[:min(max(keep, 1), len(list)-1)], "")
}

// mutate changes one to three characters that carry meaning: a digit becomes
// another digit, an operator its opposite, a letter another letter.
func mutate(random *rand.Rand, text string) string {
	runes := []rune(text)
	var at []int
	for i, r := range runes {
		if unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune("<>+-*/&|!=", r) {
			at = append(at, i)
		}
	}
	if len(at) == 0 {
		return text + "?"
	}
	opposite := map[rune]rune{'<': '>', '>': '<', '+': '-', '-': '+', '*': '/', '/': '*', '&': '|', '|': '&', '!': '=', '=': '!'}
	random.Shuffle(len(at), func(i, j int) { at[i], at[j] = at[j], at[i] })
	for _, i := range at[:min(1+random.IntN(3), len(at))] {
		switch r := runes[i]; {
		case unicode.IsDigit(r):
			runes[i] = '0' + (r-'0'+1+rune(random.IntN(9)))%10
			if r < '0' || r > '9' {
				runes[i] = '0'
			}
		case opposite[r] != 0:
			runes[i] = opposite[r]
		case r == 'x':
			runes[i] = 'y'
		default:
			runes[i] = 'x'
		}
	}
	return string(runes)
}

// elisions are what models write in place of what they leave out
// (aider's lazy_comments and its neighbours).
var elisions = []string{"// ... rest of the code remains unchanged ...", "# ... existing code ...", "// TO" + "DO: same as before", "[the rest is unchanged]"}

// elide puts an elision in place of half of the lines, or of the words where
// there are fewer than four lines.
func elide(random *rand.Rand, text string) string {
	mark := elisions[random.IntN(len(elisions))]
	parts := strings.SplitAfter(text, "\n")
	if len(parts) < 4 {
		parts = words(text)
		mark = " " + mark
	} else {
		mark += "\n"
	}
	if len(parts) < 2 {
		return mark
	}
	gone := max(len(parts)/2, 1)
	from := random.IntN(len(parts) - gone + 1)
	return strings.Join(parts[:from], "") + mark + strings.Join(parts[from+gone:], "")
}
