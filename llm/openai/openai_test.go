package openai

import (
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

func FuzzReadStream(f *testing.F) {
	for _, name := range []string{"sound", "deep-json", "crlf", "bom"} {
		f.Add([]byte("data: {\"choices\":[{\"delta\":{\"content\":\"" + name + "\"}}]}\r\n\n: c\ndata: [DONE]\n"))
	}
	f.Add([]byte("data: {\"error\":\"x\"}\n"))
	f.Add([]byte("\xff\xfedata: \x00"))
	f.Fuzz(func(t *testing.T, data []byte) {
		b := &body{x: &exchange{line: 1 << 10, bytes: 1 << 20, sse: true}}
		b.x.start(func(error) {})
		defer b.x.stop()
		b.split(data)
		if _, ended := b.x.seen(); ended && b.err == nil {
			t.Error("the mark was seen and the stream goes on")
		}
		if len(b.part) > 1<<10 {
			t.Errorf("%d bytes of a line kept", len(b.part))
		}
	})
}
