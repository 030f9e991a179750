package calibrate_test

import (
	"context"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bitactor/cf/engine/calibrate"
	"github.com/bitactor/cf/engine/think"
	"github.com/bitactor/cf/event"
	"github.com/bitactor/cf/fault"
	"github.com/bitactor/cf/llm"
	"github.com/bitactor/cf/llm/llmtest"
	"github.com/bitactor/cf/llm/ollama"
	"github.com/bitactor/cf/llm/profile"
	"github.com/bitactor/cf/prompts"
)

var (
	recordURL   = flag.String("record", "", "calibrate a model of the server at this `URL` and keep its replies in testdata/recordings/calibrate")
	recordModel = flag.String("record.model", "smollm2:135m", "the `model` to record")
	recordParts = flag.String("record.parts", "", "record only these `parts`, parted by commas")
)

const recordings = "../../testdata/recordings/calibrate"

// recording is one model's calibration, as it was asked for and answered.
type recording struct {
	Model      string              `json:"model"`
	Parameters int64               `json:"parameters"`
	Window     int                 `json:"window"`
	Seconds    float64             `json:"seconds"`
	Replies    map[string][]string `json:"replies"` // by the name of the request, in order; "" could not be used
}

// keeper records replies by the names of their requests.
type keeper struct {
	llm.Provider
	replies map[string][]string
}

func (k *keeper) Chat(ctx context.Context, r llm.Request, each func(llm.Chunk) error) (llm.Reply, error) {
	reply, err := k.Provider.Chat(ctx, r, each)
	if err == nil || fault.KindOf(err) == fault.Unusable {
		k.replies[r.Name] = append(k.replies[r.Name], reply.Text)
	}
	return reply, err
}

// TestRecord calibrates a real model.
func TestRecord(t *testing.T) {
	if *recordURL == "" {
		return
	}
	k := &keeper{replies: map[string][]string{}}
	c := realCalibrator(t, *recordURL, *recordModel)
	k.Provider, c.Provider = c.Provider, k
	c.Budget = time.Hour
	var known *profile.Calibration
	for _, name := range calibrate.Missing(nil, c.Model) {
		if *recordParts != "" && !slices.Contains(strings.Split(*recordParts, ","), name) {
			known = known.With(profile.Part{Name: name})
		}
	}
	begun := time.Now()
	found, err := c.Run(t.Context(), known, func(*profile.Calibration) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range found.Parts {
		t.Logf("%-12s %5.0f s  %s", p.Name, p.Seconds, calibrate.Describe(p))
	}
	data, err := json.MarshalIndent(recording{c.Model.Name, c.Model.Parameters, c.Window.Context, time.Since(begun).Seconds(), k.replies}, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	name := strings.NewReplacer(":", "-", ".", "-", "/", "-").Replace(c.Model.Name)
	if err := os.MkdirAll(recordings, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(recordings, name+".json"), append(data, '\n'), 0o644); err != nil {
		t.Fatal(err)
	}
}

func realCalibrator(t *testing.T, url, model string) *calibrate.Calibrator {
	t.Helper()
	p, err := ollama.New(ollama.Options{URL: url, ContextMax: 8192})
	if err != nil {
		t.Fatal(err)
	}
	words, err := prompts.Load("")
	if err != nil {
		t.Fatal(err)
	}
	c := &calibrate.Calibrator{Provider: p, Words: words, Events: event.Discard, Now: time.Now, Seed: 1}
	if c.Model, err = p.Show(t.Context(), model); err != nil {
		t.Fatal(err)
	}
	if c.Window, err = p.Window(t.Context(), model); err != nil {
		t.Fatal(err)
	}
	if c.Counter, err = p.Counter(t.Context(), model); err != nil {
		t.Fatal(err)
	}
	return c
}

// layouts keeps what was calibrated for cf ultrathink.
type layouts struct{ layout profile.Layout }

func (l layouts) Layout(string) string           { return string(l.layout) }
func (l layouts) SetLayout(string, string) error { return nil }

// asksFirst returns the name of the first request of a session of cf ultrathink
// with a layout.
func asksFirst(t *testing.T, layout profile.Layout, parameters int64) string {
	t.Helper()
	words, err := prompts.Load("")
	if err != nil {
		t.Fatal(err)
	}
	script := &llmtest.Script{Reply: func(int, llm.Request) (string, error) { return "Nothing more is to be said here.", nil }}
	thinker := think.Thinker{
		Provider: script, Model: llm.Model{Name: llmtest.ScriptModel, Parameters: parameters}, Window: llm.Window{Context: 8192},
		Counter: llmtest.WordCounter{}, Words: words, Profiles: layouts{layout}, Now: time.Now,
	}
	_, _ = thinker.Turn(t.Context(), think.Input{Task: "design a rate limiter"}) // what comes of it is not asked here
	return script.Requests()[0].Name
}

// What was recorded of two models makes cf ultrathink ask the larger one for all
// sections in one call, and the small one for each alone.
func TestRecordedModels(t *testing.T) {
	for file, want := range map[string]struct {
		layout profile.Layout
		first  string
	}{
		"coder-0-5b.json":   {profile.OneCall, "analyse"},
		"smollm2-135m.json": {profile.PerSection, "reasoning"},
	} {
		t.Run(file, func(t *testing.T) {
			data, err := os.ReadFile(filepath.Join(recordings, file))
			if err != nil {
				t.Fatal(err)
			}
			var r recording
			if err := json.Unmarshal(data, &r); err != nil {
				t.Fatal(err)
			}
			calls := map[string]int{}
			c := calibrator(t, &llmtest.Script{Context: 4 * r.Window, Reply: func(_ int, q llm.Request) (string, error) {
				n := calls[q.Name]
				calls[q.Name]++
				if n >= len(r.Replies[q.Name]) {
					return "", nil
				}
				return r.Replies[q.Name][n], nil
			}})
			c.Model.Parameters, c.Window.Context = r.Parameters, r.Window
			found, err := c.Run(t.Context(), nil, func(*profile.Calibration) error { return nil })
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range found.Parts {
				t.Logf("%-12s %s", p.Name, calibrate.Describe(p))
			}
			layout := calibrate.Reasoning(profile.Profile{Calibration: found})
			if layout != want.layout {
				t.Errorf("%s, want %s", layout, want.layout)
			}
			if first := asksFirst(t, layout, r.Parameters); first != want.first {
				t.Errorf("cf ultrathink asks for %q first, want %q", first, want.first)
			}
		})
	}
}

// The real small model is asked for one section a call.
func TestRealSmallModel(t *testing.T) {
	c := realCalibrator(t, llmtest.RealServer(t), llmtest.RealModel)
	var known *profile.Calibration
	for _, name := range calibrate.Missing(nil, c.Model) {
		if name != calibrate.Sections {
			known = known.With(profile.Part{Name: name})
		}
	}
	found, err := c.Run(t.Context(), known, func(*profile.Calibration) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	if layout := calibrate.Reasoning(profile.Profile{Calibration: found}); layout != profile.PerSection {
		t.Errorf("%s, want %s", layout, profile.PerSection)
	}
}
