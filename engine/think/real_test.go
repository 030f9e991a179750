package think_test

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/bitactor/cf/engine/session"
	"github.com/bitactor/cf/engine/think"
	"github.com/bitactor/cf/event"
	"github.com/bitactor/cf/llm"
	"github.com/bitactor/cf/llm/llmtest"
	"github.com/bitactor/cf/llm/ollama"
	"github.com/bitactor/cf/prompts"
)

// guide holds tasks of the user's guide: the first is the one of the demo.
var guide = []string{
	"design production BitActor with Erlang/OTP supervision trees, fault tolerance, distributed processing, and financial-grade reliability",
	"create Erlang NIF bindings for BitActor C core with memory management, error handling, and performance optimization",
}

// TestRealModelAnswersTheGuide holds the promise of make demo: at temperature 0
// at least five of seven sections hold two sentences of the model's own.
func TestRealModelAnswersTheGuide(t *testing.T) {
	url := llmtest.RealServer(t)
	tasks := guide
	if extra := os.Getenv("CF_TEST_TASK"); extra != "" {
		tasks = []string{extra}
	}
	for _, task := range tasks {
		t.Run(strings.Fields(task)[1], func(t *testing.T) {
			think := realThinker(t, url)
			turn, err := think.thinker.Turn(t.Context(), inputOf(task))
			if err != nil {
				t.Fatal(err)
			}
			t.Log(turn.Markdown())
			report := think.grade(turn)
			t.Logf("%+v", report)
			if report.Answered < 5 {
				t.Errorf("%d of 7 sections are answered, want at least 5", report.Answered)
			}
		})
	}
}

type real struct {
	thinker think.Thinker
	replies []string
}

func (r *real) grade(turn *session.Turn) think.Report { return think.Grade(turn, r.replies) }

func inputOf(task string) think.Input {
	return think.Input{Task: task, Contexts: []string{"existing bitactor-reqs.md implementation"}}
}

// recorder keeps every reply as it came.
type recorder struct {
	llm.Provider
	replies *[]string
}

func (r recorder) Chat(ctx context.Context, q llm.Request, each func(llm.Chunk) error) (llm.Reply, error) {
	reply, err := r.Provider.Chat(ctx, q, each)
	*r.replies = append(*r.replies, reply.Text)
	return reply, err
}

func realThinker(t *testing.T, url string) *real {
	t.Helper()
	provider, err := ollama.New(ollama.Options{URL: url, ContextMax: 8192})
	if err != nil {
		t.Fatal(err)
	}
	model, err := provider.Show(t.Context(), llmtest.RealModel)
	if err != nil {
		t.Fatal(err)
	}
	window, err := provider.Window(t.Context(), model.Name)
	if err != nil {
		t.Fatal(err)
	}
	counter, err := provider.Counter(t.Context(), model.Name)
	if err != nil {
		t.Fatal(err)
	}
	words, err := prompts.Load("")
	if err != nil {
		t.Fatal(err)
	}
	r := &real{}
	r.thinker = think.Thinker{
		Provider: recorder{provider, &r.replies}, Model: model, Window: window, Counter: counter, Words: words,
		Now: time.Now, Seed: 1, Events: event.Discard,
		Read: func(_ context.Context, q think.Query) (think.Material, error) {
			var m think.Material
			for _, c := range q.Contexts {
				m.Pieces = append(m.Pieces, prompts.File{Path: "--context", Kind: "text", Text: c})
			}
			return m, nil
		},
	}
	return r
}
