package llmtest

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bitactor/cf/fault"
	"github.com/bitactor/cf/llm"
)

func ask(name string, content string) llm.Request {
	return llm.Request{Model: ScriptModel, Name: name, MaxTokens: 100, Messages: []llm.Message{{Role: llm.User, Content: content}}}
}

func TestScriptStreamsTheReplyOfTheName(t *testing.T) {
	s := &Script{Replies: map[string][]string{"plan": {"first reply", "second  reply\n"}}}
	for i, want := range []string{"first reply", "second  reply\n", "second  reply\n"} {
		var streamed strings.Builder
		reply, err := s.Chat(t.Context(), ask("plan", "hi"), func(c llm.Chunk) error {
			streamed.WriteString(c.Text)
			return nil
		})
		if err != nil || reply.Text != want || streamed.String() != want || reply.Stop != llm.StopEnd {
			t.Errorf("call %d: %q, streamed %q, stop %q, %v; want %q", i, reply.Text, streamed.String(), reply.Stop, err, want)
		}
		if reply.Call.PromptTokens == 0 || reply.Call.OutputTokens != (WordCounter{}).Count(want) {
			t.Errorf("call %d: ledger %+v", i, reply.Call)
		}
	}
	if got := len(s.Requests()); got != 3 {
		t.Errorf("%d requests recorded", got)
	}
}

func TestScriptKeepsTheContract(t *testing.T) {
	script := func() *Script {
		return &Script{Context: 20, Replies: map[string][]string{"a": {"one two three four"}, "empty": {" \n"}}, Thinking: map[string]string{"a": "well then"}}
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	tests := []struct {
		name string
		ctx  context.Context
		r    llm.Request
		code string
		want llm.Reply
	}{
		{"max tokens", t.Context(), llm.Request{Model: ScriptModel, Name: "a", MaxTokens: 2}, "", llm.Reply{Text: "one two", Stop: llm.StopLength}},
		{"stop text", t.Context(), llm.Request{Model: ScriptModel, Name: "a", MaxTokens: 9, Stop: []string{" three"}}, "", llm.Reply{Text: "one two", Stop: llm.StopEnd}},
		{"thinking", t.Context(), llm.Request{Model: ScriptModel, Name: "a", MaxTokens: 9, Think: true}, "", llm.Reply{Text: "one two three four", Thinking: "well then", Stop: llm.StopEnd}},
		{"no max tokens", t.Context(), llm.Request{Model: ScriptModel, Name: "a"}, llm.CodeServer, llm.Reply{}},
		{"unknown name", t.Context(), ask("b", "hi"), llm.CodeServer, llm.Reply{}},
		{"unknown model", t.Context(), llm.Request{Model: "nope", Name: "a", MaxTokens: 9}, llm.CodeNoModel, llm.Reply{}},
		{"empty", t.Context(), ask("empty", "hi"), llm.CodeEmpty, llm.Reply{}},
		{"too long", t.Context(), ask("a", strings.Repeat("word ", 20)), llm.CodeTooLong, llm.Reply{}},
		{"cancelled", gone, ask("a", "hi"), llm.CodeCanceled, llm.Reply{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			reply, err := script().Chat(tt.ctx, tt.r, nil)
			if fault.CodeOf(err) != tt.code {
				t.Fatalf("error %v, want code %q", err, tt.code)
			}
			reply.Call = tt.want.Call
			if diff := cmp.Diff(tt.want, reply); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestScriptGateHoldsTheStream(t *testing.T) {
	s := &Script{Replies: map[string][]string{"a": {"one two"}}, Gate: make(chan struct{})}
	chunks := make(chan string)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() {
		_, err := s.Chat(ctx, ask("a", "hi"), func(c llm.Chunk) error { chunks <- c.Text; return nil })
		done <- err
	}()
	s.Gate <- struct{}{}
	if got := <-chunks; got != "one" {
		t.Errorf("first chunk %q", got)
	}
	cancel()
	if err := <-done; fault.KindOf(err) != fault.Interrupted || !errors.Is(err, context.Canceled) {
		t.Errorf("cancel gave %v", err)
	}
}
