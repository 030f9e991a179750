package ollama

import (
	"io"
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/bitactor/cf/event"
	"github.com/bitactor/cf/fault"
	"github.com/bitactor/cf/llm"
	"github.com/bitactor/cf/llm/profile"
	"github.com/bitactor/cf/llm/token"
)

func TestReused(t *testing.T) {
	const rate = 400 // tokens a second
	for _, test := range []struct {
		name    string
		b       before
		prompt  int
		prefill time.Duration
		rate    float64
		want    int
	}{
		{"new process, all cached", before{}, 500, 17 * time.Millisecond, rate, 493},
		{"new process, all read", before{}, 500, 1250 * time.Millisecond, rate, 0},
		{"new process, noise", before{}, 500, 1150 * time.Millisecond, rate, 0},
		{"new process, half cached", before{}, 500, 625 * time.Millisecond, rate, 249},
		{"new process, rate unknown", before{}, 500, 17 * time.Millisecond, 0, 0},
		{"just loaded", before{empty: true}, 500, 17 * time.Millisecond, rate, 0},
		{"second turn", before{known: true, common: 480}, 500, 40 * time.Millisecond, rate, 480},
		{"second turn on a slow machine", before{known: true, common: 480}, 500, 400 * time.Millisecond, rate, 480},
		{"second turn after another program's", before{known: true, common: 480}, 500, 1250 * time.Millisecond, rate, 0},
		{"second turn, rate unknown", before{known: true, common: 480}, 500, 2 * time.Second, 0, 480},
		{"nothing reported", before{known: true, common: 480}, 0, 0, rate, 0},
	} {
		if got := test.b.reused(test.prompt, test.prefill, test.rate); got != test.want {
			t.Errorf("%s: got %d, want %d", test.name, got, test.want)
		}
	}
}

func TestPrefillRate(t *testing.T) {
	cold, cached, own := before{empty: true}, before{}, before{known: true, common: 10}
	for _, test := range []struct {
		name string
		b    before
		old  float64
		n    int
		want float64
	}{
		{"first", cached, 0, 400, 400},
		{"a cached call does not raise it", cached, 400, 4000, 400},
		{"a cached call that came first is forgotten", cached, 4000, 400, 400},
		{"slower", cached, 400, 300, 375},
		{"a little faster", cached, 400, 480, 405},
		{"just loaded and faster", cold, 400, 800, 500},
		{"own last call and faster", own, 400, 810, 500},
		{"too short", cold, 400, 60, 400},
	} {
		if got := test.b.rate(test.old, test.n, time.Second); got != test.want {
			t.Errorf("%s: got %g, want %g", test.name, got, test.want)
		}
	}
	if got := cold.rate(400, 5000, 10*time.Millisecond); got != 400 {
		t.Errorf("a short time gave %g", got)
	}
	// However the calls mix, a rate learned cold is not talked up by cached ones.
	rate := cold.rate(0, 400, time.Second)
	for range 50 {
		rate = cached.rate(rate, 4000, 100*time.Millisecond)
		rate = cached.rate(rate, 700, time.Second)
	}
	if rate != 400 {
		t.Errorf("drifted to %g", rate)
	}
}

func TestPace(t *testing.T) {
	for _, test := range []struct {
		tokens int
		decode time.Duration
		rate   float64
		want   float64
	}{{20, time.Second, 40, 0.5}, {80, time.Second, 40, 1}, {20, time.Second, 0, 1}, {2, time.Second, 40, 1}, {20, 0, 40, 1}} {
		if got := pace(event.Call{OutputTokens: test.tokens, Decode: test.decode}, test.rate); got != test.want {
			t.Errorf("%+v: got %g", test, got)
		}
	}
}

// bytesEncoder has a token for each printable byte.
func bytesEncoder(t *testing.T) *token.Encoder {
	t.Helper()
	v := &token.Vocabulary{Model: "gpt2", Pre: "gpt-2", BOS: -1, EOS: -1}
	for r := '!'; r <= 'ÿ'; r++ {
		if r <= '~' || r >= 0xA1 && r != 0xAD {
			v.Tokens = append(v.Tokens, string(r))
		}
	}
	v.Tokens = append(v.Tokens, "Ġ")
	e, err := v.Encoder()
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// A vocabulary whose rules cf has wrong overcounts here fivefold: the replies of
// an honest server must stand, and the counts become estimates.
func TestWrongVocabularyCostsNoReply(t *testing.T) {
	f := &fake{chat: func(w http.ResponseWriter, _ *http.Request, _ map[string]any) { io.WriteString(w, piece("Yes.")+end) }}
	c := f.start(t, Options{})
	s, err := c.served(t.Context(), "m")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.count(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	s.counter.encoder = bytesEncoder(t)
	r := ask()
	r.Messages[0].Content = "Why does nobody restart supervisors alphabetically, notwithstanding documentation?"
	reply, err := c.Chat(t.Context(), r, nil)
	if err != nil || reply.Call.CountedTokens < 2*reply.Call.PromptTokens {
		t.Fatalf("%v, %+v", err, reply.Call)
	}
	if p := c.options.Profiles.Get("d"); !p.Inexact || p.Confirmed || s.counter.Exact() {
		t.Errorf("after a count that was wrong: %+v", p)
	}
	if reply, err = c.Chat(t.Context(), r, nil); err != nil || reply.Call.CountedTokens > 2*reply.Call.PromptTokens {
		t.Errorf("the next call: %v, %+v", err, reply.Call)
	}
}

// What was confirmed by a call guards the next one strictly.
func TestConfirmedVocabularyGuards(t *testing.T) {
	report := ""
	f := &fake{chat: func(w http.ResponseWriter, _ *http.Request, _ map[string]any) {
		io.WriteString(w, piece("Yes.")+`{"done":true,"done_reason":"stop","prompt_eval_count":`+report+`,"eval_count":3}`+"\n")
	}}
	c := f.start(t, Options{})
	s, err := c.served(t.Context(), "m")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.count(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	s.counter.encoder = bytesEncoder(t)
	n := s.counter.CountMessages(ask().Messages)
	for i, step := range []struct {
		report    int
		code      string
		confirmed bool
	}{{n, "", true}, {n / 2, llm.CodeTruncated, true}, {n, "", true}, {2 * n, "", false}, {n, "", true}} {
		report = strconv.Itoa(step.report)
		_, err := c.Chat(t.Context(), ask(), nil)
		if fault.CodeOf(err) != step.code || c.options.Profiles.Get("d").Confirmed != step.confirmed || !s.counter.Exact() {
			t.Errorf("call %d: %v, %+v", i, err, c.options.Profiles.Get("d"))
		}
	}
}

func TestEstimateIsCalibrated(t *testing.T) {
	v := &conversation{served: &served{}, prompt: prompt{guess: 100, tokens: 100}, call: event.Call{PromptTokens: 200}}
	p := profile.Profile{}
	for _, want := range []float64{2, 2, 2} {
		if v.judge(&p); p.Estimate != want {
			t.Errorf("got %g, want %g", p.Estimate, want)
		}
	}
	v.call.PromptTokens = 100
	if v.judge(&p); p.Estimate != 1.75 {
		t.Errorf("a lower count gave %g", p.Estimate)
	}
	v.call.PromptTokens = 1 << 29
	if v.judge(&p); p.Estimate > 4 {
		t.Errorf("an absurd count gave %g", p.Estimate)
	}
	before := p
	v.call.PromptTokens = 0
	if v.judge(&p); p != before {
		t.Errorf("no count taught something: %+v", p)
	}
	// A thinking model under a schema reads its thought as a prompt too.
	v = &conversation{
		request: llm.Request{Schema: []byte("{}")}, served: &served{model: llm.Model{Thinking: true}},
		prompt: prompt{ids: []int32{1}, tokens: 100}, call: event.Call{PromptTokens: 900},
	}
	if v.judge(&p); p != before {
		t.Errorf("a second run taught something: %+v", p)
	}
}
