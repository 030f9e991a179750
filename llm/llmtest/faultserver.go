package llmtest

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// FaultModel is the model that a fault server holds.
const FaultModel = "smollm2:135m"

// FaultContext is the window of FaultModel in tokens.
const FaultContext = 8192

// FaultVersion is what a sound fault server says its version is.
const FaultVersion = "0.17.4"

// FaultReply is the text that a sound fault server answers with.
const FaultReply = "The supervisor restarts each child in the order it was started."

// FaultServer is a model server on loopback that shows one Fault. It speaks
// Ollama's native protocol under /api and OpenAI's under /v1, and is sound
// wherever its fault does not strike. Its model's vocabulary has a token for
// each byte and no merges, so a text of n bytes counts n tokens.
type FaultServer struct {
	URL string

	fault     Fault
	server    *httptest.Server
	elsewhere *httptest.Server
	strays    atomic.Int64
	calls     atomic.Int64
	closed    chan time.Time
	done      chan struct{}

	mu       sync.Mutex
	requests []ServedRequest
}

// ServedRequest is a request that a FaultServer got.
type ServedRequest struct {
	Method, Path string
	Header       http.Header
	Body         []byte
}

// NewFaultServer starts a server that shows f until the test ends.
func NewFaultServer(t testing.TB, f Fault) *FaultServer {
	t.Helper()
	s := &FaultServer{fault: f, closed: make(chan time.Time, 64), done: make(chan struct{})}
	s.elsewhere = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		s.strays.Add(1)
		w.WriteHeader(http.StatusTeapot)
	}))
	s.server = httptest.NewUnstartedServer(s)
	s.server.Start() // after the field is set, which a request may read
	s.URL = s.server.URL
	if f.Refuse {
		s.server.Close()
	}
	t.Cleanup(func() {
		close(s.done)
		s.server.CloseClientConnections()
		s.server.Close()
		s.elsewhere.Close()
	})
	return s
}

// Strays counts the requests that a redirect led to another host; a provider
// must leave it at 0.
func (s *FaultServer) Strays() int64 { return s.strays.Load() }

// Calls counts the chat requests.
func (s *FaultServer) Calls() int64 { return s.calls.Load() }

// Closed gets the time at which a client closed the connection of a chat that
// was still running.
func (s *FaultServer) Closed() <-chan time.Time { return s.closed }

// Requests returns what the server was sent, in order.
func (s *FaultServer) Requests() []ServedRequest {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]ServedRequest(nil), s.requests...)
}

// ServeHTTP serves both protocols.
func (s *FaultServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, 64<<20))
	if err != nil {
		return // the client left while it was sending
	}
	s.mu.Lock()
	s.requests = append(s.requests, ServedRequest{r.Method, r.URL.Path, r.Header.Clone(), body})
	s.mu.Unlock()
	x := &exchange{server: s, w: w, r: r, d: native{}}
	if strings.HasPrefix(r.URL.Path, "/v1/") {
		x.d = v1{}
	}
	chat := r.URL.Path == "/api/chat" || r.URL.Path == "/v1/chat/completions"
	if chat {
		x.parse(body)
	}
	switch {
	case chat && !x.render:
		x.call = int(s.calls.Add(1))
		s.fault.serve(x)
	case s.fault.All:
		x.call = 1
		s.fault.serve(x)
	default:
		s.sound(x, body)
	}
}

// sound answers everything but a chat.
func (s *FaultServer) sound(x *exchange, body []byte) {
	if x.render {
		x.json(http.StatusOK, `{"model":"`+FaultModel+`","message":{"role":"","content":""},"done":false,"_debug_info":{"rendered_template":`+quote(x.prompt)+`}}`)
		return
	}
	const modified = `"2026-01-02T03:04:05.678901234Z"`
	details := `"details":{"parent_model":"","format":"gguf","family":"llama","families":["llama"],"parameter_size":"134.52M","quantization_level":"Q4_1"}`
	one := `{"name":"` + FaultModel + `","model":"` + FaultModel + `","size":98363007,"digest":"` + strings.Repeat("b3c07787", 8) + `",` + details
	switch x.r.URL.Path {
	case "/api/version":
		version := s.fault.Version
		if version == "" {
			version = FaultVersion
		}
		x.json(http.StatusOK, `{"version":`+quote(version)+`}`)
	case "/api/tags":
		x.json(http.StatusOK, `{"models":[`+one+`,"modified_at":`+modified+`}]}`)
	case "/api/ps":
		x.json(http.StatusOK, `{"models":[`+one+`,"expires_at":`+modified+`,"size_vram":0,"context_length":`+strconv.Itoa(FaultContext)+`}]}`)
	case "/api/show":
		var ask struct {
			Model, Name string
			Verbose     bool
		}
		if json.Unmarshal(body, &ask) != nil || ask.Model+ask.Name != FaultModel {
			x.json(http.StatusNotFound, x.d.refusal("model '"+ask.Model+ask.Name+"' not found"))
			return
		}
		x.json(http.StatusOK, show(ask.Verbose && !s.fault.NoVocabulary, cmp.Or(s.fault.Parameters, 134515008)))
	case "/v1/models":
		x.json(http.StatusOK, `{"object":"list","data":[`+v1Model+`]}`)
	case "/v1/models/" + FaultModel:
		x.json(http.StatusOK, v1Model)
	default:
		x.json(http.StatusNotFound, x.d.refusal("404 page not found"))
	}
}

const v1Model = `{"id":"` + FaultModel + `","object":"model","created":1795453259,"owned_by":"library"}`

// show is a reply of /api/show shaped as Ollama 0.17.4 gives it for SmolLM2,
// with a vocabulary of single bytes.
func show(verbose bool, parameters int64) string {
	info := map[string]any{
		"general.architecture": "llama", "general.parameter_count": parameters, "llama.block_count": 30,
		"llama.context_length": FaultContext, "llama.embedding_length": 576, "llama.attention.head_count": 9,
		"llama.attention.head_count_kv": 3, "llama.vocab_size": 259, "tokenizer.ggml.model": "gpt2",
		"tokenizer.ggml.pre": "smollm", "tokenizer.ggml.add_bos_token": false, "tokenizer.ggml.bos_token_id": 1,
		"tokenizer.ggml.eos_token_id": 2, "tokenizer.ggml.tokens": nil, "tokenizer.ggml.token_type": nil, "tokenizer.ggml.merges": nil,
	}
	if verbose {
		tokens, types := byteVocabulary()
		info["tokenizer.ggml.tokens"], info["tokenizer.ggml.token_type"], info["tokenizer.ggml.merges"] = tokens, types, []string{}
	}
	b, err := json.Marshal(map[string]any{
		"template":   "{{- range .Messages }}<|im_start|>{{ .Role }}\n{{ .Content }}<|im_end|>\n{{ end }}<|im_start|>assistant\n",
		"parameters": "stop                           \"<|im_start|>\"\nstop                           \"<|im_end|>\"",
		"details": map[string]any{
			"format": "gguf", "family": "llama", "families": []string{"llama"}, "parameter_size": "134.52M", "quantization_level": "Q4_1",
		},
		"model_info": info, "capabilities": []string{"completion"}, "modified_at": "2026-01-02T03:04:05.678901234Z",
	})
	if err != nil {
		panic(err) // plain data always marshals
	}
	return string(b)
}

// byteVocabulary lists three special tokens and one for each byte, spelt in
// GPT-2's byte alphabet (bytes_to_unicode in
// https://github.com/openai/gpt-2/blob/master/src/encoder.py).
func byteVocabulary() (tokens []string, types []int) {
	tokens = []string{"<|endoftext|>", "<|im_start|>", "<|im_end|>"}
	types = []int{3, 3, 3} // 3 = control, 1 = normal in GGUF's tokenizer.ggml.token_type
	moved := rune(256)
	for b := rune(0); b < 256; b++ {
		printable := b >= '!' && b <= '~' || b >= 0xA1 && b <= 0xAC || b >= 0xAE
		if printable {
			tokens = append(tokens, string(b))
		} else {
			tokens = append(tokens, string(moved))
			moved++
		}
		types = append(types, 1)
	}
	return tokens, types
}

// exchange is one chat request under way. Its methods stop being heard once
// the client is gone.
type exchange struct {
	server *FaultServer
	w      http.ResponseWriter
	r      *http.Request
	d      dialect
	call   int // 1 for the server's first chat

	prompt    string // rendered in ChatML
	maxTokens int
	render    bool // the native protocol's _debug_render_only
	begun     bool
	hung      bool
}

// parse reads a chat request of either protocol.
func (x *exchange) parse(body []byte) {
	var ask struct {
		Messages []struct{ Role, Content string }
		Options  struct {
			NumPredict int `json:"num_predict"`
		}
		MaxTokens           int  `json:"max_tokens"`
		MaxCompletionTokens int  `json:"max_completion_tokens"`
		Render              bool `json:"_debug_render_only"`
	}
	if err := json.Unmarshal(body, &ask); err != nil {
		return
	}
	for _, m := range ask.Messages {
		x.prompt += "<|im_start|>" + m.Role + "\n" + m.Content + "<|im_end|>\n"
	}
	x.prompt += "<|im_start|>assistant\n"
	x.maxTokens = max(ask.Options.NumPredict, ask.MaxTokens, ask.MaxCompletionTokens)
	x.render = ask.Render
}

// promptTokens counts the prompt as the vocabulary does: special tokens are one
// token, every other byte is one.
func (x *exchange) promptTokens() int {
	n := len(x.prompt)
	for _, special := range []string{"<|im_start|>", "<|im_end|>"} {
		n -= strings.Count(x.prompt, special) * (len(special) - 1)
	}
	return n
}

// json sends a whole reply.
func (x *exchange) json(status int, body string) {
	x.w.Header().Set("Content-Type", "application/json; charset=utf-8")
	x.w.WriteHeader(status)
	_, _ = io.WriteString(x.w, body) // a client that left is not the server's concern
}

// send sends pieces of the stream, each flushed on its own, and tells whether
// the client still listens.
func (x *exchange) send(pieces ...string) bool {
	if !x.begun {
		x.begun = true
		if x.w.Header().Get("Content-Type") == "" {
			x.w.Header().Set("Content-Type", x.d.contentType())
		}
		x.w.WriteHeader(http.StatusOK)
	}
	flush := x.w.(http.Flusher)
	for _, piece := range pieces {
		if _, err := io.WriteString(x.w, piece); err != nil {
			x.gone()
			return false
		}
		flush.Flush()
		if x.r.Context().Err() != nil {
			x.gone()
			return false
		}
	}
	return true
}

// gone notes, once, when the client closed the connection.
func (x *exchange) gone() {
	if x.hung {
		return
	}
	x.hung = true
	select {
	case x.server.closed <- time.Now():
	default:
	}
}

// hang keeps the connection open and silent until the client leaves.
func (x *exchange) hang() {
	select {
	case <-x.r.Context().Done():
		x.gone()
	case <-x.server.done:
	}
}

// wait holds the exchange for d and tells whether the client still listens.
func (x *exchange) wait(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-x.r.Context().Done():
		x.gone()
	case <-x.server.done:
	}
	return false
}

// text is a frame that carries s.
func (x *exchange) text(s string) string { return x.d.rawText(quote(s)) }

// frames are the text frames of FaultReply, a word each.
func (x *exchange) frames() []string {
	var out []string
	for _, word := range words(FaultReply) {
		out = append(out, x.text(word))
	}
	return out
}

// counts are the honest counts of a reply of n tokens.
func (x *exchange) counts(n int) counts {
	return counts{strconv.Itoa(x.promptTokens()), strconv.Itoa(n)}
}

// finish is a sound end of a reply of n tokens.
func (x *exchange) finish(n int) string { return x.d.end("stop", x.counts(n)) + x.d.mark() }

// whole is a sound stream in one string.
func (x *exchange) whole() string {
	frames := x.frames()
	return strings.Join(frames, "") + x.finish(len(frames))
}

// reply answers soundly with text in the given pieces.
func (x *exchange) reply(pieces ...string) {
	for _, piece := range pieces {
		if !x.send(x.text(piece)) {
			return
		}
	}
	x.send(x.finish(len(pieces)))
}

// reset closes the connection with RST, so that what is under way is lost.
func (x *exchange) reset() {
	conn := x.hijack()
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // without it the close below is a plain FIN, which the test would notice
	}
	_ = conn.Close()
}

// hijack takes the connection; what was sent stays sent.
func (x *exchange) hijack() net.Conn {
	conn, _, err := x.w.(http.Hijacker).Hijack()
	if err != nil {
		panic(fmt.Sprintf("llmtest: hijack: %v", err)) // httptest's server speaks HTTP/1.1 here
	}
	return conn
}
