package engine

import (
	"context"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/bitactor/cf/engine/land"
	"github.com/bitactor/cf/event"
	"github.com/bitactor/cf/fault"
	"github.com/bitactor/cf/llm"
	"github.com/bitactor/cf/llm/ollama"
	"github.com/bitactor/cf/prompts"
	"github.com/bitactor/cf/workspace"
)

var (
	recordURL    = flag.String("record", "", "record replies of the model server at this `URL` into testdata/replies/real")
	recordModel  = flag.String("record.model", "smollm2:135m", "the `model` to record")
	recordTokens = flag.Int("record.tokens", 300, "the longest reply in `tokens`")
	recordSlots  = flag.Int("record.slots", 1, "how many replies are asked for at a `time`")
)

// variants are how each case is put to a model: the likeliest answer, others, and
// one that is cut.
func variants(tokens int) []variant {
	return []variant{{0, 1, tokens}, {0.8, 2, tokens}, {0, 1, tokens / 5}, {1.2, 3, tokens}, {0.8, 4, tokens}}
}

// TestRecordReplies puts every case to a real model, in the engine's own words,
// and keeps what it answers, byte for byte. What is there is not recorded again:
// the test can be stopped and run again. tools/record-replies.sh calls it.
func TestRecordReplies(t *testing.T) {
	if *recordURL == "" {
		return
	}
	provider, err := ollama.New(ollama.Options{URL: *recordURL, ContextMax: 8192})
	if err != nil {
		t.Fatal(err)
	}
	model, err := provider.Show(t.Context(), *recordModel)
	if err != nil {
		t.Fatal(err)
	}
	var order []asked
	for _, c := range readCases(t) {
		order = append(order, c)
	}
	slices.SortFunc(order, func(a, b asked) int { return strings.Compare(a.name, b.name) })
	slots := make(chan struct{}, *recordSlots)
	var all sync.WaitGroup
	for _, v := range variants(*recordTokens) {
		for _, c := range order {
			file := pathOf(c, model.Name, v)
			if _, err := os.Stat(filepath.Join(corpusDir, file)); err == nil {
				continue
			}
			slots <- struct{}{}
			all.Go(func() {
				defer func() { <-slots }()
				record(t, &recorder{Provider: provider, variant: v, entry: entry{name: file, head: map[string]string{
					"case": c.name, "model": model.Name, "digest": model.Digest[:min(12, len(model.Digest))],
					"temperature": strconv.FormatFloat(v.temperature, 'f', 1, 64), "seed": strconv.FormatInt(v.seed, 10), "max_tokens": strconv.Itoa(v.tokens),
				}}}, model, c)
			})
		}
	}
	all.Wait()
}

// record asks once and writes the entry, without a verdict.
func record(t *testing.T, r *recorder, model llm.Model, c asked) {
	t.Helper()
	words, err1 := prompts.Load("")
	window, err2 := r.Window(t.Context(), model.Name)
	counter, err3 := r.Counter(t.Context(), model.Name)
	if err := errors.Join(err1, err2, err3); err != nil {
		t.Error(err)
		return
	}
	e := &Engine{
		Provider: r, Model: model, Window: window, Counter: counter, Words: words, Tree: project(t, c.files),
		Judge: refuseAll{}, Events: event.Discard, Seed: r.variant.seed,
	}
	if _, err := e.Implement(t.Context(), c.request); !errors.Is(err, errRecorded) {
		t.Errorf("%s: %v", c.name, err)
		return
	}
	r.entry.write(t)
	t.Logf("%s: %d bytes, %s", r.entry.name, len(r.entry.text), r.entry.head["stop"])
}

// errRecorded ends a request once its first reply is kept.
var errRecorded = errors.New("recorded")

// recorder keeps the first reply to a request, with options of its own.
type recorder struct {
	llm.Provider
	variant variant
	entry   entry
}

func (r *recorder) Chat(ctx context.Context, q llm.Request, _ func(llm.Chunk) error) (llm.Reply, error) {
	q.Temperature, q.Seed, q.MaxTokens, q.Restart = r.variant.temperature, r.variant.seed, r.variant.tokens, nil
	var text strings.Builder
	reply, err := r.Provider.Chat(ctx, q, func(c llm.Chunk) error {
		text.WriteString(c.Text)
		return nil
	})
	switch {
	case err == nil:
		r.entry.text, r.entry.head["stop"] = reply.Text, string(reply.Stop)
	case fault.KindOf(err) == fault.Unusable:
		r.entry.text, r.entry.head["stop"] = text.String(), string(llm.StopLength)
	default:
		return reply, err
	}
	return llm.Reply{}, errRecorded
}

// refuseAll lets nothing land.
type refuseAll struct{}

func (refuseAll) Try(context.Context, *workspace.Set) (*land.Trial, error) {
	return nil, errors.New("nothing is tried while replies are recorded")
}
