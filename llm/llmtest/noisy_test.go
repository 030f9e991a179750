package llmtest

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/bitactor/cf/llm"
)

const noisyText = "func add(a, b int) int {\n\treturn a + b\n}\n\nfunc sub(a, b int) int {\n\treturn a - b\n}\n"

// noisyReplies asks a Noisy provider n times.
func noisyReplies(t *testing.T, prob float64, seed uint64, n int) []string {
	t.Helper()
	p := Noisy(&Script{Replies: map[string][]string{"a": {noisyText}}}, prob, seed)
	var out []string
	for range n {
		var streamed strings.Builder
		reply, err := p.Chat(t.Context(), ask("a", "hi"), func(c llm.Chunk) error { streamed.WriteString(c.Text); return nil })
		if err != nil || reply.Text != streamed.String() || !utf8.ValidString(reply.Text) || reply.Stop != llm.StopEnd {
			t.Fatalf("%q, streamed %q, %v", reply.Text, streamed.String(), err)
		}
		out = append(out, reply.Text)
	}
	return out
}

func TestNoisyIsRightAsOftenAsAsked(t *testing.T) {
	const n = 4000
	for _, prob := range []float64{0, 0.1, 0.5, 0.9, 1} {
		right, cut, elided, mutated := 0, 0, 0, 0
		for _, text := range noisyReplies(t, prob, 42, n) {
			switch {
			case text == noisyText:
				right++
			case strings.HasPrefix(noisyText, text):
				cut++
			case slices.ContainsFunc(elisions, func(e string) bool { return strings.Contains(text, e) }):
				elided++
			default:
				mutated++
				if len([]rune(text)) != len([]rune(noisyText)) {
					t.Errorf("a mutation changed the length: %q", text)
				}
			}
		}
		// Five standard deviations of a binomial share.
		near := func(what string, got int, share float64) {
			if slack := 5 * math.Sqrt(share*(1-share)*n); math.Abs(float64(got)-share*n) > slack {
				t.Errorf("prob %v: %d of %d replies %s, want %.0f within %.0f", prob, got, n, what, share*n, slack)
			}
		}
		near("right", right, prob)
		near("truncated", cut, (1-prob)/3)
		near("elided", elided, (1-prob)/3)
		near("mutated", mutated, (1-prob)/3)
	}
}

func TestNoisyFollowsFromItsSeed(t *testing.T) {
	first, again, other := noisyReplies(t, 0.5, 1, 50), noisyReplies(t, 0.5, 1, 50), noisyReplies(t, 0.5, 2, 50)
	if diff := cmp.Diff(first, again); diff != "" {
		t.Errorf("the same seed gave other replies: %s", diff)
	}
	if cmp.Equal(first, other) {
		t.Error("another seed gave the same replies")
	}
}

func TestNoisyDoesNotDependOnTheOrderOfRequests(t *testing.T) {
	replies := func(order []int) map[string]string {
		p := Noisy(&Script{Reply: func(int, llm.Request) (string, error) { return noisyText, nil }}, 0.3, 9)
		out := map[string]string{}
		for _, i := range order {
			name := fmt.Sprint(i)
			reply, err := p.Chat(t.Context(), ask(name, "hi"), nil)
			if err != nil {
				t.Fatal(err)
			}
			out[name] = reply.Text
		}
		return out
	}
	if diff := cmp.Diff(replies([]int{1, 2, 3, 4, 5}), replies([]int{5, 3, 1, 4, 2})); diff != "" {
		t.Error(diff)
	}
}

func TestNoisySpoilsEveryText(t *testing.T) {
	for _, text := range []string{"a", "one", " ", "1", "....", "日本", "one two", "x\ny\nz\n1\n2\n"} {
		p := Noisy(&Script{Model: "m", Reply: func(int, llm.Request) (string, error) { return text + "!", nil }}, 0, 3)
		for i := range 30 {
			r := ask("n", "hi")
			r.Model = "m"
			reply, err := p.Chat(t.Context(), r, nil)
			if err != nil {
				t.Fatal(err)
			}
			if reply.Text == text+"!" {
				t.Errorf("call %d: %q came through unspoilt", i, text)
			}
		}
	}
}
