package calibrate_test

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bitactor/cf/engine"
	"github.com/bitactor/cf/engine/calibrate"
	"github.com/bitactor/cf/event"
	"github.com/bitactor/cf/fault"
	"github.com/bitactor/cf/llm"
	"github.com/bitactor/cf/llm/llmtest"
	"github.com/bitactor/cf/llm/profile"
	"github.com/bitactor/cf/prompts"
	"github.com/google/go-cmp/cmp"
)

// written are right bodies of the functions that are asked for.
var written = map[string]string{
	"Clamp":   "func Clamp(n, low, high int) int {\n\tif n < low {\n\t\treturn low\n\t}\n\tif n > high {\n\t\treturn high\n\t}\n\treturn n\n}",
	"Count":   "func Count(l List, word string) int {\n\tn := 0\n\tfor _, w := range l {\n\t\tif w == word {\n\t\t\tn++\n\t\t}\n\t}\n\treturn n\n}",
	"Reverse": "func Reverse(list []int) []int {\n\tvar out []int\n\tfor _, v := range list {\n\t\tout = append([]int{v}, out...)\n\t}\n\treturn out\n}",
}

var (
	asksSymbol = regexp.MustCompile(`the function (\w+) of the file`)
	asksFile   = regexp.MustCompile(`(?s)Write the whole file.*Write the function (\w+)`)
	inFence    = regexp.MustCompile("(?s)```\n(package.*?)```|```\n(//.*?)```")
	door       = regexp.MustCompile(`The code of the blue door is (\d+)`)
)

// model is a fake one with abilities.
type model struct {
	symbols, files, cases, headings, json bool
	finds                                 int // tokens in which it finds a needle
}

// reply answers as such a model would.
func (m model) reply(n int, r llm.Request) (string, error) {
	text := r.Messages[len(r.Messages)-1].Content
	if found := door.FindStringSubmatch(text); found != nil {
		if (llmtest.WordCounter{}).Count(text) > m.finds {
			return "I do not know.", nil
		}
		return found[1], nil
	}
	if found := asksFile.FindStringSubmatch(text); found != nil {
		if !m.files || strings.Contains(text, "It must hold that") && !m.cases {
			return "```go\npackage x // ... rest of the code ...\n```", nil
		}
		file := inFence.FindStringSubmatch(text)
		source := file[1] + file[2]
		at := strings.Index(source, "func "+found[1]+"(")
		end := at + strings.Index(source[at:], "\n}") + 2
		return "```go\n" + source[:at] + written[found[1]] + source[end:] + "```", nil
	}
	if found := asksSymbol.FindStringSubmatch(text); found != nil {
		if !m.symbols || strings.Contains(text, "It must hold that") && !m.cases {
			return "Sure, I will.", nil
		}
		return "```go\n" + strings.Replace(written[found[1]], "\n\t", fmt.Sprintf("\n\t// try %d\n\t", r.Seed), 1) + "\n```", nil
	}
	if r.Schema != nil {
		if m.json {
			return `{"files":[{"path":"a.go","action":"create","why":"it limits logins"},{"path":"b.go","action":"test","why":"it tests the limit"},{"path":"c.md","action":"document","why":"it tells how to use it"}]}`, nil
		}
		return `{"files":[{"path":"a.go"`, nil
	}
	if m.headings {
		var b strings.Builder
		for _, s := range prompts.Analysed {
			fmt.Fprintf(&b, "## %s\n\nThe %s of number %d is told here in words of its own, with enough of them.\n\n", s.Title, strings.ToLower(s.Title), len(s.Title))
		}
		return b.String(), nil
	}
	return "It is a press release about our new product, which everybody likes.", nil
}

func calibrator(t *testing.T, p llm.Provider) *calibrate.Calibrator {
	t.Helper()
	words, err := prompts.Load("")
	if err != nil {
		t.Fatal(err)
	}
	m, err := p.Show(t.Context(), llmtest.ScriptModel)
	if err != nil {
		t.Fatal(err)
	}
	w, err := p.Window(t.Context(), m.Name)
	if err != nil {
		t.Fatal(err)
	}
	return &calibrate.Calibrator{
		Provider: p, Model: m, Window: w, Counter: llmtest.WordCounter{}, Words: words, Events: event.Discard, Now: time.Now, Seed: 1,
	}
}

func run(t *testing.T, m model) profile.Profile {
	t.Helper()
	c := calibrator(t, &llmtest.Script{Reply: m.reply})
	found, err := c.Run(t.Context(), nil, func(*profile.Calibration) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	if missing := calibrate.Missing(found, c.Model); len(missing) > 0 {
		t.Errorf("not measured: %v", missing)
	}
	return profile.Profile{Calibration: found}
}

func TestModelsOfOppositeAbility(t *testing.T) {
	able := model{symbols: true, files: true, cases: true, headings: true, json: true, finds: 1 << 20}
	for name, test := range map[string]struct {
		model  func(*model)
		want   engine.Profile
		layout profile.Layout
	}{
		"able":               {func(*model) {}, engine.Profile{Edit: engine.EditSymbol, Layout: engine.LayoutCases, Temperature: 0.8}, profile.OneCall},
		"whole files only":   {func(m *model) { m.symbols = false }, engine.Profile{Edit: engine.EditFile, Layout: engine.LayoutCases, Temperature: 0.8}, profile.OneCall},
		"single ones only":   {func(m *model) { m.files = false }, engine.Profile{Edit: engine.EditSymbol, Layout: engine.LayoutCases, Temperature: 0.8}, profile.OneCall},
		"led astray":         {func(m *model) { m.cases = false }, engine.Profile{Edit: engine.EditSymbol, Layout: engine.LayoutBare, Temperature: 0.8}, profile.OneCall},
		"no headings":        {func(m *model) { m.headings = false }, engine.Profile{Edit: engine.EditSymbol, Layout: engine.LayoutCases, Temperature: 0.8}, profile.PerSection},
		"a short memory":     {func(m *model) { m.finds = 3000 }, engine.Profile{Edit: engine.EditSymbol, Layout: engine.LayoutCases, Temperature: 0.8, Context: 2048}, profile.OneCall},
		"no memory":          {func(m *model) { m.finds = 0 }, engine.Profile{Edit: engine.EditSymbol, Layout: engine.LayoutCases, Temperature: 0.8, Context: 2048}, profile.OneCall},
		"good for nothing":   {func(m *model) { *m = model{} }, engine.Profile{Edit: engine.EditSymbol, Layout: engine.LayoutCases, Temperature: 0.8, Context: 2048}, profile.PerSection},
		"no JSON, all other": {func(m *model) { m.json = false }, engine.Profile{Edit: engine.EditSymbol, Layout: engine.LayoutCases, Temperature: 0.8}, profile.OneCall},
	} {
		t.Run(name, func(t *testing.T) {
			m := able
			test.model(&m)
			p := run(t, m)
			got := calibrate.Profile(p)
			got.PrefillRate, got.DecodeRate = 0, 0
			if diff := cmp.Diff(&test.want, got); diff != "" {
				t.Error(diff)
			}
			if layout := calibrate.Reasoning(p); layout != test.layout {
				t.Errorf("ultrathink %s, want %s", layout, test.layout)
			}
			part, _ := p.Calibration.Part(calibrate.JSON)
			if (part.Value == 1) != m.json {
				t.Errorf("JSON %v", part)
			}
		})
	}
}

// What is finished stays, and is not measured again.
func TestStoppedAndGoesOn(t *testing.T) {
	m := model{symbols: true, files: true, cases: true, headings: true, json: true, finds: 1 << 20}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	script := &llmtest.Script{Reply: m.reply}
	c := calibrator(t, script)
	var kept *profile.Calibration
	_, err := c.Run(ctx, nil, func(p *profile.Calibration) error {
		kept = p
		if len(p.Parts) == 3 {
			cancel()
		}
		return nil
	})
	if fault.KindOf(err) != fault.Interrupted || len(kept.Parts) != 3 {
		t.Fatalf("%v, %v kept", err, kept)
	}
	missing := calibrate.Missing(kept, c.Model)
	if want := []string{calibrate.Layout, calibrate.Temperature, calibrate.JSON, calibrate.Context}; !slices.Equal(missing, want) {
		t.Fatalf("missing %v, want %v", missing, want)
	}
	before := len(script.Requests())
	whole, err := c.Run(t.Context(), kept, func(*profile.Calibration) error { return nil })
	if err != nil || len(whole.Parts) != 7 {
		t.Fatalf("%v, %v", err, whole)
	}
	for _, r := range script.Requests()[before:] {
		if r.Name == "calibrate."+calibrate.Edit || r.Name == "calibrate."+calibrate.Speed {
			t.Errorf("%s was measured again", r.Name)
		}
	}
	calls := len(script.Requests())
	if _, err := c.Run(t.Context(), whole, nil); err != nil || len(script.Requests()) != calls {
		t.Errorf("nothing was missing: %v, %d calls", err, len(script.Requests())-calls)
	}
}

// slow is a model that needs its time for every word.
type slow struct {
	llm.Provider
	prefill, decode float64 // tokens a second
}

func (s slow) Chat(ctx context.Context, r llm.Request, each func(llm.Chunk) error) (llm.Reply, error) {
	reply, err := s.Provider.Chat(ctx, r, each)
	c := &reply.Call
	seconds := func(tokens int, rate float64) time.Duration {
		return time.Duration(float64(tokens) / rate * float64(time.Second))
	}
	c.ReusedTokens = 0
	c.Prefill, c.Decode = seconds(c.PromptTokens, s.prefill), seconds(max(c.OutputTokens, r.MaxTokens), s.decode)
	c.OutputTokens = max(c.OutputTokens, r.MaxTokens)
	wait := time.NewTimer(c.Prefill + c.Decode)
	defer wait.Stop()
	select {
	case <-wait.C:
		return reply, err
	case <-ctx.Done():
		return llm.Reply{Call: *c}, fault.New(fault.Interrupted, llm.CodeCanceled, "%w", ctx.Err())
	}
}

// However slow a model is, and however much it talks, a run ends in its time.
func TestEndsInItsTime(t *testing.T) {
	for name, test := range map[string]struct {
		prefill, decode float64
		measured        int // parts at least
	}{
		"fast":          {2000, 100, 6},
		"two cores":     {300, 16, 4},
		"slow":          {40, 3, 1},
		"hardly at all": {1, 0.05, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := model{symbols: true, files: true, cases: true, headings: true, json: true, finds: 1 << 20}
				c := calibrator(t, slow{&llmtest.Script{Reply: m.reply, Context: 32768}, test.prefill, test.decode})
				begun := time.Now()
				found, err := c.Run(t.Context(), nil, func(*profile.Calibration) error { return nil })
				if took := time.Since(begun); took >= 5*time.Minute {
					t.Errorf("took %s", took)
				}
				n := 0
				if found != nil {
					n = len(found.Parts)
				}
				if err != nil && fault.CodeOf(err) != calibrate.CodeNoTime || n < test.measured {
					t.Errorf("%v, %d parts", err, n)
				}
				t.Logf("%s: %d parts, %v", time.Since(begun), n, err)
			})
		})
	}
}

// A server that is gone ends the run with its fault, and what was finished stays.
func TestServerGoes(t *testing.T) {
	m := model{symbols: true, files: true, cases: true, headings: true, json: true, finds: 1 << 20}
	calls := 0
	script := &llmtest.Script{Reply: func(n int, r llm.Request) (string, error) {
		if calls++; calls > 4 {
			return "", fault.New(fault.Unreachable, llm.CodeRefused, "nothing listens")
		}
		return m.reply(n, r)
	}}
	found, err := calibrator(t, script).Run(t.Context(), nil, func(*profile.Calibration) error { return nil })
	if fault.KindOf(err) != fault.Unreachable || len(found.Parts) != 1 {
		t.Errorf("%v, %v", err, found)
	}
}
