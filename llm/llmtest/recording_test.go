package llmtest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bitactor/cf/fault"
	"github.com/bitactor/cf/llm"
	"github.com/bitactor/cf/llm/llmtest"
	"github.com/bitactor/cf/llm/ollama"
	"github.com/bitactor/cf/llm/openai"
)

var record = flag.Bool("record", false, "record the scenarios anew from CF_TEST_OLLAMA")

// recordings is the folder of recordings, one folder a scenario.
const recordings = "../../testdata/recordings"

const system = "You are a careful engineer. Answer in plain sentences."

func request(name string, maxTokens int, content ...string) llm.Request {
	r := llm.Request{Model: llmtest.RealModel, Name: name, MaxTokens: maxTokens, Messages: []llm.Message{{Role: llm.System, Content: system}}}
	for i, text := range content {
		r.Messages = append(r.Messages, llm.Message{Role: []llm.Role{llm.User, llm.Assistant}[i%2], Content: text})
	}
	return r
}

// scenarios are the exchanges worth keeping. Each runs against the real server
// with -record, and against its recording otherwise.
var scenarios = []struct {
	name string
	v1   bool
	run  func(t *testing.T, p llm.Provider)
}{
	{"ollama-chat", false, func(t *testing.T, p llm.Provider) { chat(t, p, request("chat", 24, "Name one fruit.")) }},
	{"ollama-schema", false, func(t *testing.T, p llm.Provider) {
		r := request("steps", 80, "List one file to create, as JSON.")
		r.Schema = json.RawMessage(`{"type":"object","properties":{"path":{"type":"string","maxLength":30},"action":{"enum":["create","change"]}},"required":["path","action"],"additionalProperties":false}`)
		if reply := chat(t, p, r); !json.Valid([]byte(reply.Text)) {
			t.Errorf("not JSON: %q", reply.Text)
		}
	}},
	{"ollama-sections", false, func(t *testing.T, p llm.Provider) {
		said := []string{"Task: add a supervisor to a worker pool.\nWrite the section Reasoning in two to four sentences."}
		for _, next := range []string{"Write the section Implementation Plan in two to four sentences.", "Write the section Validation in two to four sentences.", ""} {
			reply := chat(t, p, request("section", 64, said...))
			said = append(said, reply.Text, next)
		}
	}},
	{"ollama-models", false, func(t *testing.T, p llm.Provider) {
		list, err := p.List(t.Context())
		if err != nil || len(list) == 0 {
			t.Errorf("list %v, %v", list, err)
		}
		if m, err := p.Show(t.Context(), llmtest.RealModel); err != nil || m.ContextMax == 0 {
			t.Errorf("show %+v, %v", m, err)
		}
		if _, err := p.Running(t.Context()); err != nil {
			t.Errorf("running: %v", err)
		}
	}},
	{"ollama-missing", false, func(t *testing.T, p llm.Provider) { missing(t, p) }},
	{"openai-chat", true, func(t *testing.T, p llm.Provider) { chat(t, p, request("chat", 24, "Name one fruit.")) }},
	{"openai-missing", true, func(t *testing.T, p llm.Provider) { missing(t, p) }},
}

func chat(t *testing.T, p llm.Provider, r llm.Request) llm.Reply {
	t.Helper()
	reply, err := p.Chat(t.Context(), r, nil)
	if err != nil || reply.Text == "" {
		t.Fatalf("chat: %q, %v", reply.Text, err)
	}
	return reply
}

func missing(t *testing.T, p llm.Provider) {
	t.Helper()
	r := request("chat", 24, "Hello.")
	r.Model = "no-such-model:1b"
	if _, err := p.Chat(t.Context(), r, nil); fault.KindOf(err) != fault.ModelMissing {
		t.Errorf("got %v", err)
	}
}

// provider connects to url with the protocol of a scenario.
func provider(t testing.TB, v1 bool, url string) llm.Provider {
	t.Helper()
	var p llm.Provider
	var err error
	if v1 {
		p, err = openai.New(openai.Options{URL: url + "/v1", Pause: func(context.Context, time.Duration) error { return nil }})
	} else {
		p, err = ollama.New(ollama.Options{URL: url})
	}
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestScenarios(t *testing.T) {
	for _, s := range scenarios {
		t.Run(s.name, func(t *testing.T) {
			dir := filepath.Join(recordings, s.name)
			if *record {
				s.run(t, provider(t, s.v1, llmtest.NewRecordingProxy(t, llmtest.RealServer(t), dir).URL))
				return
			}
			list, err := llmtest.ReadRecordings(dir)
			if err != nil {
				t.Fatal(err)
			}
			s.run(t, provider(t, s.v1, llmtest.NewReplay(t, list...)))
		})
	}
}

// stream returns the recorded reply to the first chat of a scenario.
func stream(t *testing.T, scenario string) []byte {
	t.Helper()
	list, err := llmtest.ReadRecordings(filepath.Join(recordings, scenario))
	if err != nil {
		t.Fatal(err)
	}
	for _, rec := range list {
		if strings.Contains(rec.Request.Line, "/chat") && !bytes.Contains(rec.Response.Body, []byte("_debug_info")) {
			return rec.Response.Body
		}
	}
	t.Fatalf("no chat in %s", scenario)
	return nil
}

// abridge keeps the first and the last lines of a stream. One frame of text is
// like another: what a cut between two of them shows, it shows in any pair.
func abridge(stream []byte, first, last int) []byte {
	lines := bytes.SplitAfter(stream, []byte("\n"))
	if len(lines) <= first+last {
		return stream
	}
	return bytes.Join(append(lines[:first:first], lines[len(lines)-last:]...), nil)
}

func TestCuts(t *testing.T) {
	for _, s := range []struct {
		scenario    string
		v1          bool
		first, last int // lines: an event of OpenAI's takes two
	}{{"ollama-chat", false, 3, 2}, {"openai-chat", true, 4, 7}} {
		t.Run(s.scenario, func(t *testing.T) {
			whole := stream(t, s.scenario)
			short := abridge(whole, s.first, s.last)
			if len(short) == len(whole) {
				t.Fatal("the recording is too short")
			}
			llmtest.RunCuts(t, short, func(t testing.TB, url string) llm.Provider { return provider(t, s.v1, url) })
		})
	}
}

func TestRecordingsHoldNoSecrets(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(recordings, "*", "*.http"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	seen := map[string]bool{}
	for _, name := range files {
		dir := filepath.Dir(name)
		if seen[dir] {
			continue
		}
		seen[dir] = true
		list, err := llmtest.ReadRecordings(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, rec := range list {
			for _, bad := range []string{"/tmp/", "/home/", "/root/", "Bearer ", "sk-"} {
				if bytes.Contains(rec.Request.Body, []byte(bad)) || bytes.Contains(rec.Response.Body, []byte(bad)) {
					t.Errorf("%s/%s holds %q", dir, rec.Name, bad)
				}
			}
		}
	}
}

func TestRecorderKeepsBodiesAndRedactsSecrets(t *testing.T) {
	const key = "sk-abcdefghijklmnopqrstuvwx"
	server := llmtest.NewFaultServer(t, llmtest.Sound())
	dir := t.TempDir()
	proxy := llmtest.NewRecordingProxy(t, server.URL, dir)
	p, err := openai.New(openai.Options{URL: proxy.URL + "/v1", APIKey: key})
	if err != nil {
		t.Fatal(err)
	}
	r := llmtest.FaultRequest()
	r.Messages[1].Content = "My key is " + key + ".\nThe model lies in /srv/models/blobs/sha256-00."
	if reply, err := p.Chat(t.Context(), r, nil); err != nil || reply.Text != llmtest.FaultReply {
		t.Fatalf("through the proxy: %q, %v", reply.Text, err)
	}
	if got := server.Requests()[1].Header.Get("Authorization"); got != "Bearer "+key {
		t.Errorf("the server got Authorization %q", got)
	}
	proxy.Close()
	list, err := llmtest.ReadRecordings(dir)
	if err != nil || len(list) != 2 {
		t.Fatalf("%d recordings, %v", len(list), err)
	}
	rec := list[1]
	want := http.Header{"Content-Type": {"application/json"}, "Authorization": {"REDACTED"}, "Content-Length": rec.Request.Header["Content-Length"]}
	if diff := cmp.Diff(want, rec.Request.Header); diff != "" {
		t.Error(diff)
	}
	if bytes.Contains(rec.Request.Body, []byte(key)) || bytes.Contains(rec.Request.Body, []byte("/srv")) {
		t.Errorf("not redacted: %s", rec.Request.Body)
	}
	again := provider(t, true, llmtest.NewReplay(t, list...))
	if reply, err := again.Chat(t.Context(), llmtest.FaultRequest(), nil); err != nil || reply.Text != llmtest.FaultReply {
		t.Errorf("replayed: %q, %v", reply.Text, err)
	}
}
