package ollama

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/bitactor/cf/fault"
	"github.com/bitactor/cf/llm"
	"github.com/bitactor/cf/llm/llmtest"
)

// texts are what tokenizers trip over.
func texts(t *testing.T) map[string]string {
	t.Helper()
	source, err := os.ReadFile("window.go")
	if err != nil {
		t.Fatal(err)
	}
	return map[string]string{
		"plain":        "Why do supervisors restart children in order? Don't guess; they'll know, I'd say we've 1234567890 reasons.",
		"code":         string(source[:1200]),
		"erlang":       "-module(a_sup).\n-behaviour(supervisor).\ninit([]) ->\n    {ok, {#{strategy => one_for_one, intensity => 3, period => 5}, []}}.\n",
		"unicode":      "Grüße, 世界! Привет мир, שלום, مرحبا, नमस्ते, 한국어, ไทย 😀🎉🏳️‍🌈 e\u0301 ﬁ ½ ² Ⅷ",
		"spaces":       "a  b   c\t\td\n\n\n  e \u00a0f\u3000g \u2028h\r\n\r\n   \n trailing   ",
		"specials":     "A <|im_start|> inside, <|endoftext|>, <file_sep> and a half <|im_sta",
		"digits":       "3.14159265358979 0xDEADBEEF 1,000,000 ١٢٣ 1e-9 2026-11-23T17:00:59Z",
		"punctuation":  "!!! ??? --- === ... //// `x` \"y\" 'z' (((a))) [[b]] {{c}} <<d>> a->b::c => @#$%^&*~|\\",
		"controls":     "nul\x00 bell\x07 escape\x1b[31m del\x7f bom\ufeff soft\u00adhyphen",
		"invalid":      "broken \xff\xfe utf-8 \xc3",
		"one word":     strings.Repeat("Donaudampfschifffahrtsgesellschaft", 8),
		"long":         strings.Repeat("The quick brown fox jumps over the lazy dog, again and again. ", 30),
		"empty":        "",
		"only newline": "\n",
	}
}

func TestCountIsWhatTheRealServerReports(t *testing.T) {
	c := realClient(t, Options{})
	k, err := c.Counter(t.Context(), llmtest.RealModel)
	if err != nil || !k.Exact() {
		t.Fatalf("no exact counter: %v", err)
	}
	for name, text := range texts(t) {
		t.Run(name, func(t *testing.T) {
			one := []llm.Message{{Role: llm.User, Content: text}}
			turns := []llm.Message{
				{Role: llm.System, Content: "You are careful. " + text},
				{Role: llm.User, Content: "First."},
				{Role: llm.Assistant, Content: "An answer: " + text},
				{Role: llm.User, Content: text + "\nSecond."},
			}
			for i, messages := range [][]llm.Message{one, turns} {
				if i > 0 && name != "plain" && name != "unicode" && name != "specials" {
					continue // what a template does to one text it does to all
				}
				r := llm.Request{Model: llmtest.RealModel, Messages: messages, MaxTokens: 1}
				reply, err := c.Chat(t.Context(), r, nil)
				if err != nil && fault.CodeOf(err) != llm.CodeEmpty {
					t.Fatal(err)
				}
				if got := k.CountMessages(messages); got != reply.Call.PromptTokens {
					t.Errorf("conversation %d: counted %d, the server reports %d", i, got, reply.Call.PromptTokens)
				}
			}
		})
	}
	if !k.Exact() {
		t.Error("the counter took itself for wrong")
	}
}

func TestRenderIsWhatTheCounterRenders(t *testing.T) {
	c := realClient(t, Options{})
	s, err := c.served(t.Context(), llmtest.RealModel)
	if err != nil {
		t.Fatal(err)
	}
	k, err := c.count(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	r := llm.Request{Model: llmtest.RealModel, MaxTokens: 1, Messages: []llm.Message{
		{Role: llm.System, Content: "Be brief."}, {Role: llm.User, Content: "<&> \u2028 \"quoted\""}, {Role: llm.Assistant, Content: "Yes."}, {Role: llm.User, Content: "More."},
	}}
	want, err := c.Render(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := k.render(messagesOf(r.Messages), false); got != want || err != nil {
		t.Errorf("rendered here %q (%v)\nby the server %q", got, err, want)
	}
}

// A window of 512 tokens makes the server load the model anew; the test that
// needs it stands alone and puts nothing back, since the next request with the
// usual window does.
func TestOverflowOnTheRealServer(t *testing.T) {
	c := realClient(t, Options{ContextMax: 512})
	w, err := c.Window(t.Context(), llmtest.RealModel)
	if err != nil || w.Context != 512 {
		t.Fatalf("window %+v, %v", w, err)
	}
	ask := func(words, max int) (llm.Reply, error) {
		return c.Chat(t.Context(), llm.Request{Model: llmtest.RealModel, MaxTokens: max, Messages: []llm.Message{
			{Role: llm.User, Content: strings.Repeat("supervisor ", words)},
		}}, nil)
	}
	if reply, err := ask(400, 16); err != nil && fault.CodeOf(err) != llm.CodeEmpty || reply.Call.PromptTokens < 400 {
		t.Errorf("a prompt that fits: %v, %+v", err, reply.Call)
	}
	if _, err := ask(500, 16); fault.CodeOf(err) != llm.CodeTooLong || !strings.Contains(fmt.Sprint(fault.HintsOf(err)), "512") {
		t.Errorf("a prompt and reply over the window: %v %q", err, fault.HintsOf(err))
	}
	// The server's own refusal, as it would come where cf counts too few.
	s, err := c.served(t.Context(), llmtest.RealModel)
	if err != nil {
		t.Fatal(err)
	}
	s.counter.encoder = nil
	if _, err := ask(520, 1); fault.CodeOf(err) != llm.CodeTooLong {
		t.Errorf("the server's refusal: %v", err)
	}
}

func TestSecondTurnReusesThePromptOnTheRealServer(t *testing.T) {
	c := realClient(t, Options{})
	r := llm.Request{Model: llmtest.RealModel, MaxTokens: 24, Messages: []llm.Message{
		{Role: llm.System, Content: strings.Repeat("You are a careful engineer who answers briefly. ", 25)}, {Role: llm.User, Content: "Name one fruit."},
	}}
	first, err := c.Chat(t.Context(), r, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Messages = append(r.Messages, llm.Message{Role: llm.Assistant, Content: first.Text}, llm.Message{Role: llm.User, Content: "Another."})
	second, err := c.Chat(t.Context(), r, nil)
	if err != nil {
		t.Fatal(err)
	}
	call := second.Call
	if call.ReusedTokens*100 < first.Call.PromptTokens*95 || call.ReusedTokens >= call.PromptTokens {
		t.Errorf("reused %d of %d tokens, the first prompt had %d", call.ReusedTokens, call.PromptTokens, first.Call.PromptTokens)
	}
	if call.Reloaded {
		t.Error("the model was loaded anew")
	}
}
