package calibrate

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/bitactor/cf/llm"
	"github.com/bitactor/cf/llm/profile"
	"github.com/bitactor/cf/prompts"
)

// Lengths of replies and prompts in tokens.
const (
	speedTokens    = 48
	codeTokens     = 240 // the longest of the files has 130
	codePrompt     = 350
	thinkTokens    = 512
	sectionsTokens = 400
	jsonTokens     = 320
	needleTokens   = 24
)

// speed reads one prompt that no cache holds and writes a few tokens.
func (s *session) speed() (profile.Part, error) {
	filler := strings.Repeat(haystack(0)+haystack(1)+haystack(2), 6)
	got, err := s.chat(llm.Request{
		Messages:  []llm.Message{{Role: llm.User, Content: filler + "Tell in a few sentences what this is about."}},
		MaxTokens: speedTokens, Seed: s.Seed,
	})
	if err != nil {
		return profile.Part{}, err
	}
	rate := func(tokens int, took time.Duration) float64 {
		if tokens <= 0 || took < time.Millisecond {
			return 0
		}
		return math.Round(10*float64(tokens)/took.Seconds()) / 10
	}
	c := got.Call
	return profile.Part{Figures: map[string]float64{
		prefill: rate(c.PromptTokens-c.ReusedTokens, c.Prefill), decode: rate(c.OutputTokens, c.Decode),
	}}, nil
}

// Figures of speed, in tokens a second; 0 is unknown.
const (
	prefill = "prefill"
	decode  = "decode"
)

// edit asks for the same functions alone and within their whole files.
func (s *session) edit() (profile.Part, error) {
	if err := s.afford(2*len(tasks), codePrompt, codeTokens/2); err != nil {
		return profile.Part{}, err
	}
	scores, err := s.compare(map[string]func(task) (string, error){
		string(bySymbol): func(t task) (string, error) { return s.solve(t, bySymbol, true, 0, s.Seed, false) },
		string(byFile):   func(t task) (string, error) { return s.solve(t, byFile, true, 0, s.Seed, false) },
	}, string(bySymbol), string(byFile))
	return profile.Part{Choice: best(scores), Scores: scores}, err
}

// compare puts every task in every way; order names the ways, the usual one first.
func (s *session) compare(ways map[string]func(task) (string, error), order ...string) ([]profile.Score, error) {
	var scores []profile.Score
	for _, name := range order {
		score := profile.Score{Name: name}
		for _, t := range tasks {
			answer, err := ways[name](t)
			if err != nil {
				return nil, err
			}
			score.Of++
			if answer != "" {
				score.Good++
			}
		}
		scores = append(scores, score)
	}
	return scores, nil
}

// best returns the name of the score with the highest share, the first of equals.
func best(scores []profile.Score) string {
	name, share := "", -1.0
	for _, s := range scores {
		if s.Share() > share {
			name, share = s.Name, s.Share()
		}
	}
	return name
}

// form is what edit chose.
func (s *session) form() form {
	if p, ok := s.known.Part(Edit); ok && p.Choice == string(byFile) {
		return byFile
	}
	return bySymbol
}

// Names of the layouts; those of package engine.
const (
	withCases    = "cases"
	withoutCases = "bare"
)

// layout asks without the cases; with them edit has asked already.
func (s *session) layout() (profile.Part, error) {
	if err := s.afford(len(tasks), codePrompt, codeTokens/2); err != nil {
		return profile.Part{}, err
	}
	var scores []profile.Score
	if p, ok := s.known.Part(Edit); ok {
		for _, score := range p.Scores {
			if score.Name == string(s.form()) {
				score.Name = withCases
				scores = append(scores, score)
			}
		}
	}
	ways := map[string]func(task) (string, error){
		withCases:    func(t task) (string, error) { return s.solve(t, s.form(), true, 0, s.Seed, false) },
		withoutCases: func(t task) (string, error) { return s.solve(t, s.form(), false, 0, s.Seed, false) },
	}
	order := []string{withCases, withoutCases}
	more, err := s.compare(ways, order[len(scores):]...)
	scores = append(scores, more...)
	return profile.Part{Choice: best(scores), Scores: scores}, err
}

// temperatures that are tried, the usual one first.
var temperatures = []float64{0.8, 0.4, 1.2}

// temperature counts the different usable answers to one task at each.
func (s *session) temperature() (profile.Part, error) {
	const samples = 3
	if err := s.afford(samples*len(temperatures), codePrompt/4, codeTokens/2); err != nil {
		return profile.Part{}, err
	}
	found := profile.Part{Value: temperatures[0]}
	most := 0
	for _, temperature := range temperatures {
		answers := map[string]bool{}
		for n := range int64(samples) {
			answer, err := s.solve(tasks[1], s.form(), true, temperature, s.Seed+n, false)
			if err != nil {
				return found, err
			}
			if answer != "" {
				answers[strings.Join(strings.Fields(answer), " ")] = true
			}
		}
		found.Scores = append(found.Scores, profile.Score{Name: fmt.Sprintf("%.1f", temperature), Good: len(answers), Of: samples})
		if len(answers) > most {
			most, found.Value = len(answers), temperature
		}
	}
	return found, nil
}

// reasoned is what sections and json are asked about.
const reasoned = "design a rate limiter for the login page of a web shop"

// sections asks for three headings in one reply. The names of its choices are
// those of the layouts of package profile.
func (s *session) sections() (profile.Part, error) {
	if err := s.afford(1, 300, sectionsTokens); err != nil {
		return profile.Part{}, err
	}
	want := prompts.Analysed
	question, err := s.Words.Analyse(prompts.HeadingsInput{Sections: want})
	if err != nil {
		return profile.Part{}, err
	}
	messages, err := s.reasoning(question)
	if err != nil {
		return profile.Part{}, err
	}
	got, err := s.chat(llm.Request{Messages: messages, MaxTokens: sectionsTokens, Seed: s.Seed})
	if err != nil {
		return profile.Part{}, err
	}
	var seen prompts.Seen
	for _, m := range messages {
		seen.Add(m.Content)
	}
	texts := map[string]string{}
	reader := prompts.NewReader(want)
	for _, span := range append(reader.Feed(got.Text), reader.Close()...) {
		texts[span.Section] += span.Text
	}
	kept := 0
	for _, section := range want {
		if len(seen.Own(texts[section.ID])) > 0 {
			kept++
		}
	}
	choice := string(profile.PerSection)
	if kept >= headingsMin {
		choice = string(profile.OneCall)
	}
	return profile.Part{Choice: choice, Scores: []profile.Score{{Name: "headings", Good: kept, Of: len(want)}}}, nil
}

// headingsMin is how many of three headings make one call worth it, as in package
// engine/think.
const headingsMin = 2

// reasoning opens a conversation of ultrathink's.
func (s *session) reasoning(question string) ([]llm.Message, error) {
	system, err := s.Words.System()
	if err != nil {
		return nil, err
	}
	head, err := s.Words.Context(prompts.ContextInput{Task: reasoned})
	return []llm.Message{{Role: llm.System, Content: system}, {Role: llm.User, Content: head + "\n\n" + question}}, err
}

// narrowParameters is the size up to which the narrow schema is used, as in
// package engine/think.
const narrowParameters = 300e6

// json asks for a list of files under a schema.
func (s *session) json() (profile.Part, error) {
	const samples = 3
	if err := s.afford(samples, 250, jsonTokens*2/3); err != nil {
		return profile.Part{}, err
	}
	question, err := s.Words.Steps()
	if err != nil {
		return profile.Part{}, err
	}
	messages, err := s.reasoning(question)
	if err != nil {
		return profile.Part{}, err
	}
	score := profile.Score{Name: "valid"}
	narrow := s.Model.Parameters > 0 && s.Model.Parameters <= narrowParameters
	for n := range int64(samples) {
		got, err := s.chat(llm.Request{
			Messages: messages, Schema: prompts.StepsSchema(narrow), MaxTokens: jsonTokens, Seed: s.Seed + n, Temperature: 0.4 * float64(n),
		})
		if err != nil {
			return profile.Part{}, err
		}
		score.Of++
		if steps, repaired, problems := prompts.ParseSteps(got.Text); len(steps) > 0 && !repaired && len(problems) == 0 {
			score.Good++
		}
	}
	return profile.Part{Value: score.Share(), Scores: []profile.Score{score}}, nil
}

// Names of the choices of think.
const (
	thinking    = "thinking"
	notThinking = "not thinking"
)

// think asks with and without thinking.
func (s *session) think() (profile.Part, error) {
	if err := s.afford(2*len(tasks), codePrompt, thinkTokens/2); err != nil {
		return profile.Part{}, err
	}
	scores, err := s.compare(map[string]func(task) (string, error){
		notThinking: func(t task) (string, error) { return s.solve(t, s.form(), true, 0, s.Seed, false) },
		thinking:    func(t task) (string, error) { return s.solve(t, s.form(), true, 0, s.Seed, true) },
	}, notThinking, thinking)
	return profile.Part{Choice: best(scores), Scores: scores}, err
}
