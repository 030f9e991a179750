package openai

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bitactor/cf/fault"
	"github.com/bitactor/cf/llm"
	"github.com/bitactor/cf/llm/llmtest"
)

func TestZeroesAreSent(t *testing.T) {
	server := llmtest.NewFaultServer(t, llmtest.Sound())
	r := llmtest.FaultRequest()
	r.Schema = nil
	if _, err := connect(t, server.URL).Chat(t.Context(), r, nil); err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	requests := server.Requests()
	if err := json.Unmarshal(requests[len(requests)-1].Body, &got); err != nil {
		t.Fatal(err)
	}
	delete(got, "messages")
	want := map[string]any{
		"model": llmtest.FaultModel, "stream": true, "stream_options": map[string]any{"include_usage": true}, "max_tokens": 1024.0,
		"temperature": 0.0, "top_p": topP, "seed": 0.0, "chat_template_kwargs": map[string]any{"enable_thinking": false},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestNewRefusesOtherMachines(t *testing.T) {
	for _, tt := range []struct {
		url    string
		remote bool
		code   string
		bad    bool
	}{
		{url: "http://127.0.0.1:8080/v1"},
		{url: "http://LOCALHOST:8080/v1/"},
		{url: "http://[::1]:8080/v1"},
		{url: "https://api.example.com/v1", code: llm.CodeRemoteHost, bad: true},
		{url: "https://api.example.com/v1", remote: true},
		{url: "http://127.0.0.1.example.com/v1", code: llm.CodeRemoteHost, bad: true},
		{url: "http://localhost.example.com/v1", code: llm.CodeRemoteHost, bad: true},
		{url: "http://user@10.0.0.1/v1", code: llm.CodeRemoteHost, bad: true},
		{url: "ftp://127.0.0.1/v1", bad: true},
		{url: "127.0.0.1:8080", bad: true},
		{url: "", bad: true},
	} {
		_, err := New(Options{URL: tt.url, AllowRemote: tt.remote})
		if (err != nil) != tt.bad || fault.CodeOf(err) != tt.code || err != nil && fault.KindOf(err) != fault.Usage {
			t.Errorf("%q (allowed %v): %v", tt.url, tt.remote, err)
		}
	}
}

func TestRestartForgetsABrokenReply(t *testing.T) {
	server := llmtest.NewFaultServer(t, llmtest.FaultNamed("reset-mid-stream"))
	r := llmtest.FaultRequest()
	restarts := 0
	r.Restart = func() { restarts++ }
	_, err := connect(t, server.URL).Chat(t.Context(), r, func(llm.Chunk) error { return nil })
	if fault.CodeOf(err) != llm.CodeCut || restarts != 1 || server.Calls() != 2 {
		t.Errorf("%d restarts, %d calls, %v", restarts, server.Calls(), err)
	}
}

// FuzzReadLine: what is handed on is the mark or an event that is a JSON object
// and no error of the server.
func FuzzReadLine(f *testing.F) {
	for _, seed := range []string{
		`data: {"choices":[{"delta":{"content":"a"}}]}`, "data: [DONE]", ": comment", "event: x", `data: {"error":"x"}`, `{"error":{"message":"x"}}`,
		"\ufeffdata: {}", "\xff\xfedata: \x00", "data: null",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		l := readLine(line)
		data, event := bytes.CutPrefix(l.Out, []byte("data: "))
		bad := l.Err != nil || l.Refusal != ""
		switch {
		case bad && (l.Out != nil || l.End), l.Out != nil && !event, l.End != (string(data) == "[DONE]"):
			t.Fatalf("%q gave %+v", line, l)
		case event && !l.End && !json.Valid(data):
			t.Fatalf("%q was handed on", line)
		}
	})
}
