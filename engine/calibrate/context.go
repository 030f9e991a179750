package calibrate

import (
	"fmt"
	"strings"

	"github.com/bitactor/cf/llm"
	"github.com/bitactor/cf/llm/profile"
)

// contextMin is the least that is reported of a model: less would leave no room
// for a file and its answer.
const contextMin = 2048

// sizes are the prompts that are tried, in tokens, as far as the window holds them.
var sizes = []int{1024, 2048, 4096, 8192, 16384, 32768}

// depths are where the needle lies, as parts of the text.
var depths = []float64{0.1, 0.5, 0.9}

// context hides one line in a text of many like it and asks for it (the "needle
// in a haystack" test, https://github.com/gkamradt/LLMTest_NeedleInAHaystack).
// The value is the largest size at which two of three depths were found, and the
// next size failed; 0 if all that was tried was found, or time was too short to
// find an end.
func (s *session) context() (profile.Part, error) {
	var found profile.Part
	good := 0
	for i, size := range sizes {
		if size > s.Window.Context-needleTokens {
			break
		}
		if err := s.afford(len(depths), size, needleTokens); err != nil {
			if i == 0 {
				return found, err
			}
			return found, nil
		}
		score := profile.Score{Name: fmt.Sprint(size)}
		for _, depth := range depths {
			ok, err := s.needle(size, depth)
			if err != nil {
				return found, err
			}
			score.Of++
			if ok {
				score.Good++
			}
		}
		found.Scores = append(found.Scores, score)
		if 3*score.Good < 2*score.Of {
			found.Value = float64(max(good, contextMin))
			return found, nil
		}
		good = size
	}
	return found, nil
}

// needle asks once for a number that stands at a depth of a text.
func (s *session) needle(size int, depth float64) (bool, error) {
	number := 4000 + size%997 + int(depth*1000)
	line := fmt.Sprintf("The code of the blue door is %d.\n", number)
	question := "\nWhat is the code of the blue door? Answer with the number alone."
	room := size - s.Counter.CountMessages([]llm.Message{{Role: llm.User, Content: line + question}})
	var lines []string
	for n := 0; room > 0; n++ {
		text := haystack(n)
		if room -= s.Counter.Count(text); room > 0 {
			lines = append(lines, text)
		}
	}
	at := int(depth * float64(len(lines)))
	text := strings.Join(lines[:at], "") + line + strings.Join(lines[at:], "") + question
	got, err := s.chat(llm.Request{Messages: []llm.Message{{Role: llm.User, Content: text}}, MaxTokens: needleTokens, Seed: s.Seed})
	return strings.Contains(got.Text, fmt.Sprint(number)), err
}

// haystack is line n of a text in which every line is much like the next.
func haystack(n int) string {
	things := []string{"window", "table", "garden", "bridge", "letter", "kettle", "ladder"}
	colours := []string{"red", "green", "white", "brown", "grey"}
	return fmt.Sprintf("The %s of the %s %s is checked on day %d of the year.\n", []string{"size", "place", "owner", "age"}[n%4], colours[n%5], things[n%7], n%365+1)
}
