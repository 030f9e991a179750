package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
)

// referenceModel is a model that knows the answer of every task, as a larger one
// might: what an arm does not solve with it is lost on the way.
const referenceModel = "reference"

// fakeWindow is the context window: no prompt of these tasks is longer.
const fakeWindow = 32768

// tokenBytes is about how many bytes a token of code has: cf refuses a server that
// counts far fewer tokens than were sent.
const tokenBytes = 3

// fake is a server with one model, which gives the answers that it was told.
type fake struct {
	*httptest.Server
	model string

	mu      sync.Mutex
	answers func(n int) (text string, ok bool) // of the n-th call of a run, from 0
	asked   int
}

// newFake starts a server with a model of that name and number of parameters.
func newFake(name string, parameters int64) *fake {
	r := &fake{model: name}
	mux := http.NewServeMux()
	r.Server = httptest.NewServer(mux)
	details := map[string]any{"format": "gguf", "family": "llama", "families": []string{"llama"}, "parameter_size": "1B", "quantization_level": "Q4_1"}
	model := map[string]any{
		"name": name, "model": name, "size": 1 << 20, "digest": fmt.Sprintf("%064x", 0xcf),
		"details": details, "modified_at": "2026-01-02T03:04:05Z",
	}
	answer := func(path string, value any) {
		mux.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) { reply(w, value) })
	}
	answer("/api/version", map[string]any{"version": "0.17.4"})
	answer("/api/tags", map[string]any{"models": []any{model}})
	answer("/api/ps", map[string]any{"models": []any{model}})
	answer("/api/show", map[string]any{
		"template": "{{ range .Messages }}<|im_start|>{{ .Role }}\n{{ .Content }}<|im_end|>\n{{ end }}<|im_start|>assistant\n", "details": details,
		"model_info": map[string]any{
			"general.architecture": "llama", "general.parameter_count": parameters, "llama.context_length": fakeWindow,
			"llama.block_count": 1, "llama.embedding_length": 64, "llama.attention.head_count": 1, "llama.attention.head_count_kv": 1,
		},
		"capabilities": []string{"completion"},
	})
	mux.HandleFunc("/api/chat", r.chat)
	return r
}

func reply(w http.ResponseWriter, value any) {
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(value) //nolint:errcheck // a client that left is not the server's concern
}

// knows sets what is answered from now on.
func (r *fake) knows(answers func(n int) (string, bool)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answers, r.asked = answers, 0
}

func (r *fake) next() (string, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.asked++
	return r.answers(r.asked - 1)
}

// chat answers in one piece. A block that is never closed is of a reply that had
// reached its longest.
func (r *fake) chat(w http.ResponseWriter, request *http.Request) {
	var ask struct {
		Render   bool `json:"_debug_render_only"`
		Messages []struct{ Content string }
	}
	if err := json.NewDecoder(request.Body).Decode(&ask); err != nil || ask.Render {
		http.Error(w, `{"error":"unsupported"}`, http.StatusBadRequest)
		return
	}
	prompt := 0
	for _, m := range ask.Messages {
		prompt += len(m.Content)
	}
	text, ok := r.next()
	if !ok {
		http.Error(w, `{"error":"there is no further answer"}`, http.StatusInternalServerError)
		return
	}
	chunk := map[string]any{"model": r.model, "created_at": "2026-01-02T03:04:05Z", "message": map[string]any{"role": "assistant", "content": text}, "done": false}
	w.Header().Set("Content-Type", "application/x-ndjson")
	lines := json.NewEncoder(w)
	lines.Encode(chunk) //nolint:errcheck // as above
	chunk["message"], chunk["done"], chunk["done_reason"] = map[string]any{"role": "assistant", "content": ""}, true, "stop"
	if strings.Count(text, "```")%2 == 1 {
		chunk["done_reason"] = "length"
	}
	chunk["prompt_eval_count"], chunk["eval_count"] = prompt/tokenBytes, len(text)/tokenBytes
	lines.Encode(chunk) //nolint:errcheck // as above
}

// reference answers a task with the whole file, or with the definition where that
// is large, as models do: in a block, with a sentence before it.
func reference(t *task) func(int) (string, bool) {
	return func(int) (string, bool) {
		code, err := t.solved()
		if t.Kind == kindLarge {
			code = t.Edits[0].New + "\n"
		}
		return fmt.Sprintf("Here is the code:\n\n```%s\n%s```\n", t.Language, code), err == nil
	}
}
