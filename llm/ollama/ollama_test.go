package ollama

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bitactor/cf/event"
	"github.com/bitactor/cf/fault"
	"github.com/bitactor/cf/llm"
)

// fake is a server that holds one model, "m", and answers chats as told.
type fake struct {
	show  string // fields of /api/show beside model_info
	chat  func(w http.ResponseWriter, r *http.Request, body map[string]any)
	mu    sync.Mutex
	chats []map[string]any
}

const chatML = `"template":"{{- range .Messages }}<|im_start|>{{ .Role }}\n{{ .Content }}<|im_end|>\n{{ end }}<|im_start|>assistant\n"`

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body := map[string]any{}
	_ = json.NewDecoder(r.Body).Decode(&body) // GET has no body
	w.Header().Set("Content-Type", "application/json")
	switch r.URL.Path {
	case "/api/version":
		io.WriteString(w, `{"version":"0.17.4"}`)
	case "/api/tags":
		io.WriteString(w, `{"models":[{"name":"m","digest":"d","size":1000,"details":{"family":"llama"}}]}`)
	case "/api/ps":
		io.WriteString(w, `{"models":[]}`)
	case "/api/show":
		fmt.Fprintf(w, `{%s,"model_info":{"general.architecture":"llama","llama.context_length":4096}}`, f.show)
	case "/api/chat":
		f.mu.Lock()
		f.chats = append(f.chats, body)
		f.mu.Unlock()
		f.chat(w, r, body)
	}
}

// start runs f and returns a client of it.
func (f *fake) start(t testing.TB, o Options) *Client {
	t.Helper()
	if f.show == "" {
		f.show = chatML + `,"capabilities":["completion"]`
	}
	server := httptest.NewServer(f)
	t.Cleanup(server.Close)
	o.URL = server.URL
	c, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	c.pause = func(ctx context.Context, _ time.Duration) error { return ctx.Err() }
	return c
}

func piece(text string) string {
	return `{"model":"m","message":{"role":"assistant","content":` + quoted(text) + `},"done":false}` + "\n"
}

func quoted(s string) string {
	b, _ := json.Marshal(s) // a string always marshals
	return string(b)
}

const end = `{"model":"m","message":{"role":"assistant","content":""},"done":true,"done_reason":"stop","prompt_eval_count":30,"eval_count":3}` + "\n"

func ask() llm.Request {
	return llm.Request{Model: "m", Name: "test", MaxTokens: 64, Temperature: 0, Seed: 7, Messages: []llm.Message{{Role: llm.User, Content: "Why?"}}}
}

func TestNewRefusesOtherMachines(t *testing.T) {
	for url, code := range map[string]string{
		"": "", "127.0.0.1:11434": "", "http://localhost:1": "", "http://[::1]:9": "", "0.0.0.0": "", "http://127.8.9.1": "",
		"http://192.168.1.2:11434": llm.CodeRemoteHost, "https://example.com": llm.CodeRemoteHost,
		"http://localhost.example.com": llm.CodeRemoteHost, "http://127.0.0.1.nip.io": llm.CodeRemoteHost, "http://127.0.0.1@example.com": llm.CodeRemoteHost,
	} {
		_, err := New(Options{URL: url})
		if fault.CodeOf(err) != code || (err == nil) != (code == "") {
			t.Errorf("%q: got %v, want code %q", url, err, code)
		}
		if err != nil && fault.KindOf(err) != fault.Usage {
			t.Errorf("%q: kind %s", url, fault.KindOf(err))
		}
		if _, err := New(Options{URL: url, AllowRemote: true}); err != nil {
			t.Errorf("%q allowed: %v", url, err)
		}
	}
	for _, url := range []string{"ftp://127.0.0.1", "http://", "http://%zz", ":"} {
		if _, err := New(Options{URL: url, AllowRemote: true}); fault.KindOf(err) != fault.Usage {
			t.Errorf("%q: got %v", url, err)
		}
	}
}

func TestRemoteModel(t *testing.T) {
	f := &fake{show: chatML + `,"remote_host":"https://ollama.com:443"`, chat: func(w http.ResponseWriter, _ *http.Request, _ map[string]any) {
		io.WriteString(w, piece("Yes.")+end)
	}}
	if _, err := f.start(t, Options{}).Chat(t.Context(), ask(), nil); fault.CodeOf(err) != llm.CodeRemoteHost || len(f.chats) != 0 {
		t.Errorf("got %v after %d chats", err, len(f.chats))
	}
	notes := 0
	c := f.start(t, Options{AllowRemote: true, Events: event.Func(func(event.Event) { notes++ })})
	for range 2 {
		if _, err := c.Chat(t.Context(), ask(), nil); err != nil {
			t.Fatal(err)
		}
	}
	if notes != 1 {
		t.Errorf("%d warnings, want one", notes)
	}
}

func TestEveryRequestIsBounded(t *testing.T) {
	f := &fake{
		show: chatML + `,"capabilities":["completion","thinking"],"parameters":"top_k 20\nstop \"<|im_end|>\"\nnum_ctx 99"`,
		chat: func(w http.ResponseWriter, _ *http.Request, _ map[string]any) { io.WriteString(w, piece("Yes.")+end) },
	}
	r := ask()
	r.Stop = []string{"END"}
	r.Think = true
	if _, err := f.start(t, Options{}).Chat(t.Context(), r, nil); err != nil {
		t.Fatal(err)
	}
	got := f.chats[0]
	options := got["options"].(map[string]any)
	for key, want := range map[string]any{
		"num_ctx": 4096.0, "num_predict": 64.0, "seed": 7.0, "temperature": 0.0, "top_k": 20.0, "top_p": 0.9, "repeat_penalty": 1.1, "min_p": 0.0,
	} {
		if options[key] != want {
			t.Errorf("option %s is %v, want %v", key, options[key], want)
		}
	}
	for _, key := range []string{"num_batch", "num_gpu", "num_thread", "use_mmap", "main_gpu"} {
		if v, ok := options[key]; ok {
			t.Errorf("option %s is sent: %v", key, v)
		}
	}
	if got["truncate"] != false || got["shift"] != false || got["think"] != true || got["keep_alive"] == nil {
		t.Errorf("truncate %v, shift %v, think %v, keep_alive %v", got["truncate"], got["shift"], got["think"], got["keep_alive"])
	}
	if fmt.Sprint(options["stop"]) != "[<|im_end|> END]" {
		t.Errorf("stop texts %v", options["stop"])
	}
}

// A stream cut at any byte is a success only if its end mark was whole.
func TestCutAtEveryByte(t *testing.T) {
	stream := piece("Because ") + piece("it ") + piece("wörks.") + end
	at := 0
	f := &fake{chat: func(w http.ResponseWriter, _ *http.Request, _ map[string]any) {
		w.Header().Set("Content-Length", fmt.Sprint(at)) // the body ends cleanly there
		io.WriteString(w, stream[:at])
	}}
	c := f.start(t, Options{})
	for at = range len(stream) + 1 {
		reply, err := c.Chat(t.Context(), ask(), nil)
		if at == len(stream) {
			if err != nil || reply.Text != "Because it wörks." {
				t.Errorf("the whole stream: %v, %q", err, reply.Text)
			}
		} else if fault.CodeOf(err) != llm.CodeCut || reply.Text != "" {
			t.Fatalf("cut at byte %d of %d: got %v, %q", at, len(stream), err, reply.Text)
		}
	}
}

func TestRestartAllowsASecondTry(t *testing.T) {
	for _, allowed := range []bool{false, true} {
		f := &fake{}
		f.chat = func(w http.ResponseWriter, _ *http.Request, _ map[string]any) {
			if len(f.chats) == 1 {
				io.WriteString(w, piece("half"))
				return
			}
			io.WriteString(w, piece("whole")+end)
		}
		r, got := ask(), ""
		if allowed {
			r.Restart = func() { got = "" }
		}
		reply, err := f.start(t, Options{}).Chat(t.Context(), r, func(c llm.Chunk) error { got += c.Text; return nil })
		if allowed && (err != nil || got != "whole" || reply.Text != "whole" || reply.Call.Retries != 1) {
			t.Errorf("allowed: %v, %q, %+v", err, got, reply)
		}
		if !allowed && fault.CodeOf(err) != llm.CodeCut {
			t.Errorf("not allowed: %v", err)
		}
	}
}

func TestCancelClosesTheConnection(t *testing.T) {
	closed := make(chan time.Time, 1)
	f := &fake{chat: func(w http.ResponseWriter, r *http.Request, _ map[string]any) {
		io.WriteString(w, piece("word "))
		w.(http.Flusher).Flush()
		<-r.Context().Done()
		closed <- time.Now()
	}}
	ctx, cancel := context.WithCancel(t.Context())
	var at time.Time
	_, err := f.start(t, Options{}).Chat(ctx, ask(), func(llm.Chunk) error {
		at = time.Now()
		cancel()
		return nil
	})
	if fault.CodeOf(err) != llm.CodeCanceled || time.Since(at) > 100*time.Millisecond {
		t.Errorf("returned %v after the cancel: %v", time.Since(at), err)
	}
	if took := (<-closed).Sub(at); took > 100*time.Millisecond {
		t.Errorf("the server saw it %v later", took)
	}
}

// thinkingTemplate leaves the model's turn open after its thought.
const thinkingTemplate = `"template":"{{- range $i, $m := .Messages }}<|im_start|>{{ .Role }}\n{{ .Content }}{{ if ne .Role \"assistant\" }}<|im_end|>\n{{ end }}{{ end }}","capabilities":["completion","thinking"]`

func TestThoughtIsCappedAndContinued(t *testing.T) {
	for _, open := range []bool{true, false} {
		f := &fake{show: thinkingTemplate}
		if !open {
			f.show = chatML + `,"capabilities":["completion","thinking"]`
		}
		f.chat = func(w http.ResponseWriter, _ *http.Request, body map[string]any) {
			messages := body["messages"].([]any)
			last := messages[len(messages)-1].(map[string]any)
			content, _ := last["content"].(string)
			switch {
			case body["_debug_render_only"] == true:
				tail := content
				if !open {
					tail += "<|im_end|>\n<|im_start|>assistant\n"
				}
				io.WriteString(w, `{"message":{},"_debug_info":{"rendered_template":`+quoted(tail)+`}}`)
			case last["role"] == "assistant":
				io.WriteString(w, piece("The answer.")+end)
			default:
				io.WriteString(w, piece("<think>"))
				for i := range 40 {
					io.WriteString(w, piece(fmt.Sprintf(" idea%d", i)))
				}
				io.WriteString(w, piece("</think>late")+end)
			}
		}
		r := ask()
		r.Think, r.ThinkTokens = true, 10
		reply, err := f.start(t, Options{}).Chat(t.Context(), r, nil)
		if err != nil {
			t.Fatal(err)
		}
		if open && (reply.Text != "The answer." || reply.Stop != llm.StopEnd) || !open && (reply.Text != "" || reply.Stop != llm.StopThink) {
			t.Errorf("open %v: %+v", open, reply)
		}
		if !strings.Contains(reply.Thinking, "idea3") || strings.Contains(reply.Thinking, "idea30") || reply.Call.ThinkTokens == 0 {
			t.Errorf("open %v: thought %q, %d tokens", open, reply.Thinking, reply.Call.ThinkTokens)
		}
	}
}

func TestUnreachableIsQuick(t *testing.T) {
	mute := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	defer mute.Close()
	for name, url := range map[string]string{"closed port": "http://127.0.0.1:1", "mute": mute.URL, "no such name": "http://no-such-name.invalid"} {
		c, err := New(Options{URL: url, AllowRemote: true})
		if err != nil {
			t.Fatal(err)
		}
		begin := time.Now()
		_, err = c.Chat(t.Context(), ask(), nil)
		if took := time.Since(begin); fault.KindOf(err) != fault.Unreachable || took > 2*time.Second || len(fault.HintsOf(err)) == 0 || !strings.Contains(err.Error(), "http://") {
			t.Errorf("%s: %v after %v, hints %q", name, err, took, fault.HintsOf(err))
		}
	}
}

// FuzzReadLine: what is handed on is a JSON object and no error of the server.
func FuzzReadLine(f *testing.F) {
	f.Add([]byte(strings.TrimSpace(piece("a"))))
	f.Add([]byte(strings.TrimSpace(end)))
	f.Add([]byte("{\"message\":{\"content\":\"\xe2\"}}"))
	f.Add([]byte(`{"error":"out of memory"}`))
	f.Add([]byte("[]"))
	f.Fuzz(func(t *testing.T, line []byte) {
		line = bytes.TrimSpace(line)
		if len(line) == 0 {
			return
		}
		l := readLine(line)
		bad := l.Err != nil || l.Refusal != ""
		if bad == (l.Out != nil) || bad && l.End || l.Out != nil && (!json.Valid(l.Out) || l.Out[0] != '{') {
			t.Fatalf("%q gave %+v", line, l)
		}
	})
}

func TestErrorOfEachIsReturned(t *testing.T) {
	f := &fake{chat: func(w http.ResponseWriter, _ *http.Request, _ map[string]any) { io.WriteString(w, piece("a")+end) }}
	enough := errors.New("enough")
	if _, err := f.start(t, Options{}).Chat(t.Context(), ask(), func(llm.Chunk) error { return enough }); !errors.Is(err, enough) {
		t.Errorf("got %v", err)
	}
}

func TestThinkIsSentAsTheFamilyTakesIt(t *testing.T) {
	harmony := `"template":"<|start|>{{ .ThinkLevel }}{{ range .Messages }}{{ .Content }}{{ end }}<|end|>","details":{"family":"gptoss"},"capabilities":["completion","thinking"]`
	for _, test := range []struct {
		show string
		on   bool
		want any
	}{
		{chatML + `,"capabilities":["completion"]`, true, nil},
		{chatML + `,"capabilities":["completion","thinking"]`, true, true},
		{chatML + `,"capabilities":["completion","thinking"]`, false, false},
		{harmony, true, "medium"},
		{harmony, false, "low"},
		{chatML + `,"parser":"harmony","capabilities":["completion","thinking"]`, false, "low"},
		{chatML + `,"details":{"family":"gptoss"},"capabilities":["completion","thinking"]`, false, false},
	} {
		f := &fake{show: test.show, chat: func(w http.ResponseWriter, _ *http.Request, _ map[string]any) { io.WriteString(w, piece("Yes.")+end) }}
		r := ask()
		r.Think = test.on
		c := f.start(t, Options{})
		if _, err := c.Chat(t.Context(), r, nil); err != nil {
			t.Fatal(err)
		}
		if got := f.chats[0]["think"]; got != test.want {
			t.Errorf("%s, thinking %v: sent %v, want %v", test.show, test.on, got, test.want)
		}
	}
}

// A prompt that ends with an opening tag starts the reply inside a thought.
func TestThoughtOpenedByThePrompt(t *testing.T) {
	f := &fake{show: `"template":"{{ range .Messages }}{{ .Content }}{{ end }}<|assistant|><think>\n","capabilities":["completion"]`}
	f.chat = func(w http.ResponseWriter, _ *http.Request, _ map[string]any) {
		io.WriteString(w, piece("I wonder")+piece(".</think>\n\n")+piece("So.")+end)
	}
	text := ""
	reply, err := f.start(t, Options{}).Chat(t.Context(), ask(), func(c llm.Chunk) error { text += c.Text; return nil })
	if err != nil || reply.Text != "So." || text != "So." || reply.Thinking != "I wonder." {
		t.Errorf("%v: %q, streamed %q, thought %q", err, reply.Text, text, reply.Thinking)
	}
}

// pullServer answers a pull line by line.
func pullServer(t *testing.T, serve func(w http.ResponseWriter, r *http.Request)) *Client {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/api/version" {
			io.WriteString(w, `{"version":"0.17.4"}`)
			return
		}
		w.Header().Set("Content-Type", "application/x-ndjson")
		serve(w, r)
	}))
	t.Cleanup(server.Close)
	c, err := New(Options{URL: server.URL, Limits: Limits{Load: 300 * time.Millisecond}})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestPull(t *testing.T) {
	const half = `{"status":"pulling manifest"}` + "\n" + `{"status":"pulling x","digest":"sha256:x","total":200,"completed":100}` + "\n"
	for _, test := range []struct {
		name, stream string
		code         string
		kind         fault.Kind
	}{
		{"whole", half + `{"status":"success"}` + "\n", "", ""},
		{"error mid-stream", half + `{"error":"max retries exceeded: 404"}` + "\n", llm.CodeServer, fault.Failed},
		{"cut", half, llm.CodeCut, fault.Unusable},
		{"nonsense", half + "<html>\n", llm.CodeBadStream, fault.Unusable},
		{"below zero", `{"status":"x","total":-5,"completed":-1}` + "\n" + `{"status":"success"}` + "\n", "", ""},
	} {
		var got []llm.PullProgress
		err := pullServer(t, func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, test.stream) }).
			Pull(t.Context(), "m", func(p llm.PullProgress) { got = append(got, p) })
		if fault.CodeOf(err) != test.code || err != nil && fault.KindOf(err) != test.kind {
			t.Errorf("%s: %v", test.name, err)
		}
		for _, p := range got {
			if p.Done < 0 || p.Total < 0 {
				t.Errorf("%s: %+v", test.name, p)
			}
		}
		if test.name == "whole" && (len(got) != 3 || got[1] != llm.PullProgress{Status: "pulling x", Digest: "sha256:x", Done: 100, Total: 200}) {
			t.Errorf("progress %+v", got)
		}
	}
}

func TestPullStallsOrIsCanceled(t *testing.T) {
	gone := make(chan struct{}, 2)
	stall := func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, `{"status":"pulling manifest"}`+"\n")
		w.(http.Flusher).Flush()
		<-r.Context().Done()
		gone <- struct{}{}
	}
	if err := pullServer(t, stall).Pull(t.Context(), "m", nil); fault.CodeOf(err) != llm.CodeIdle {
		t.Errorf("a stall gave %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	if err := pullServer(t, stall).Pull(ctx, "m", func(llm.PullProgress) { cancel() }); fault.CodeOf(err) != llm.CodeCanceled {
		t.Errorf("a cancel gave %v", err)
	}
	<-gone
	<-gone
}
