package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
)

// referenceModel is a model that knows the answer of every task, as a larger one
// might: what an arm does not solve with it is lost on the way.
const referenceModel = "reference"

// referenceWindow is its context window: no prompt of these tasks is longer.
const referenceWindow = 32768

// reference is a server with that model alone.
type reference struct {
	*httptest.Server
	mu   sync.Mutex
	task *task
}

func newReference() *reference {
	r := &reference{}
	mux := http.NewServeMux()
	r.Server = httptest.NewServer(mux)
	details := map[string]any{"format": "gguf", "family": "llama", "families": []string{"llama"}, "parameter_size": "1B", "quantization_level": "Q4_1"}
	model := map[string]any{
		"name": referenceModel, "model": referenceModel, "size": 1 << 20, "digest": fmt.Sprintf("%064x", 0xcf),
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
			"general.architecture": "llama", "general.parameter_count": 1_000_000_000, "llama.context_length": referenceWindow,
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

// knows sets the task that is answered from now on.
func (r *reference) knows(t *task) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.task = t
}

// chat answers with the whole file, or with the definition where that is large,
// as models do: in a block, with a sentence before it.
func (r *reference) chat(w http.ResponseWriter, request *http.Request) {
	r.mu.Lock()
	t := r.task
	r.mu.Unlock()
	var ask struct {
		Render bool `json:"_debug_render_only"`
	}
	if err := json.NewDecoder(request.Body).Decode(&ask); err != nil || ask.Render {
		http.Error(w, `{"error":"unsupported"}`, http.StatusBadRequest)
		return
	}
	code, err := t.solved()
	if err != nil {
		http.Error(w, `{"error":"no solution"}`, http.StatusInternalServerError)
		return
	}
	if t.Kind == kindLarge {
		code = t.Edits[0].New + "\n"
	}
	text := fmt.Sprintf("Here is the code:\n\n```%s\n%s```\n", t.Language, code)
	chunk := map[string]any{"model": referenceModel, "created_at": "2026-01-02T03:04:05Z", "message": map[string]any{"role": "assistant", "content": text}, "done": false}
	w.Header().Set("Content-Type", "application/x-ndjson")
	lines := json.NewEncoder(w)
	lines.Encode(chunk) //nolint:errcheck // as above
	chunk["message"], chunk["done"], chunk["done_reason"] = map[string]any{"role": "assistant", "content": ""}, true, "stop"
	chunk["prompt_eval_count"], chunk["eval_count"] = 100, len(text)/4
	lines.Encode(chunk) //nolint:errcheck // as above
}
