// Package llm says what a model server is to cf: a Provider that lists,
// describes and runs models, and streams their replies.
//
// The package holds types only; llm/ollama and llm/openai implement Provider,
// llm/llmtest holds the suite every implementation must pass. It imports
// nothing of ours but fault and event.
//
// Invariants:
//  1. A Chat that returns a nil error saw the server's own end-of-reply mark.
//     Whatever else ends a stream is an error, and its text is not returned.
//  2. No prompt is cut in silence: a request that does not fit the window is an
//     error before or at the server, and a server that reports fewer prompt
//     tokens than were sent is an error, with nothing used.
//  3. All requests to one model carry the same runner options, so that the
//     server never reloads it.
package llm

import (
	"context"
	"encoding/json"
	"time"

	"github.com/bitactor/cf/event"
)

// Role says who speaks a message.
type Role string

// The roles.
const (
	System    Role = "system"
	User      Role = "user"
	Assistant Role = "assistant"
)

// Message is one turn of a conversation.
type Message struct {
	Role    Role   `json:"role"`
	Content string `json:"content"`
}

// Request asks a model for one reply. The zero Temperature and Seed are sent
// as they are: 0 means 0.
type Request struct {
	Model       string
	Name        string          // the signature or section asked for; goes into the ledger, never into the prompt
	Messages    []Message       // at most one System, and it comes first
	Schema      json.RawMessage // JSON schema that the reply must satisfy; nil for free text
	Think       bool            // ask a thinking model to think; ignored by models that can't
	ThinkTokens int             // thinking is stopped after so many tokens; 0 means DefaultThinkTokens
	MaxTokens   int             // longest reply in tokens, thinking included; must be > 0
	Temperature float64
	Seed        int64
	Stop        []string // texts that end the reply; not part of it

	// Restart, if set, allows a reply that died after its first Chunk to be
	// asked for once more: it is called before the new reply starts, and what
	// was given to each until then must be forgotten. Without it such a reply
	// is an error at once; one that died before its first Chunk is always
	// asked for again.
	Restart func() `json:"-"`
}

// DefaultThinkTokens caps thinking where the request names no cap. Small models
// burn their whole budget in thought otherwise.
const DefaultThinkTokens = 2048

// Chunk is a piece of a reply as it streams: valid UTF-8, never split inside a
// rune. One of the two is empty.
type Chunk struct {
	Text     string
	Thinking string
}

// Stop says why a reply ended.
type Stop string

// The reasons.
const (
	StopEnd    Stop = "stop"   // the model was done, or reached a stop text
	StopLength Stop = "length" // MaxTokens reached: the reply is incomplete
	StopThink  Stop = "think"  // thinking reached its cap before any answer
)

// Reply is a whole reply.
type Reply struct {
	Text     string
	Thinking string
	Stop     Stop
	Call     event.Call // the ledger line of this call; filled on errors too as far as known
}

// Model describes a model that a server holds.
type Model struct {
	Name         string    `json:"name"`
	Digest       string    `json:"digest"` // "" where the server gives none
	Family       string    `json:"family"`
	Parameters   int64     `json:"parameters"` // count; 0 = unknown
	Quantization string    `json:"quantization,omitempty"`
	Bytes        int64     `json:"bytes"`       // size of the weights on disk
	ContextMax   int       `json:"context_max"` // tokens it was trained for; 0 = unknown
	Thinking     bool      `json:"thinking"`    // can think
	Completion   bool      `json:"completion"`  // can chat; false for embedding models
	Capabilities []string  `json:"capabilities,omitempty"`
	Modified     time.Time `json:"modified,omitzero"`
	Remote       string    `json:"remote,omitempty"` // host that really runs it ("cloud" models); never used unasked
}

// Running is a model that a server holds in memory.
type Running struct {
	Name      string    `json:"name"`
	Digest    string    `json:"digest"`
	Bytes     int64     `json:"bytes"`
	GPUBytes  int64     `json:"gpu_bytes"`
	Context   int       `json:"context"`
	ExpiresAt time.Time `json:"expires_at,omitzero"`
}

// Window is how a model is run: fixed for a model and session.
type Window struct {
	Context     int     `json:"context"` // num_ctx in tokens, prompt and reply together
	WeightBytes int64   `json:"weight_bytes"`
	CacheBytes  int64   `json:"cache_bytes"` // KV cache at Context
	GPUShare    float64 `json:"gpu_share"`   // 0..1 expected on a GPU
	Spill       bool    `json:"spill"`       // part of it falls from the GPU to main memory
	Why         string  `json:"why"`         // what bounded Context, in words
}

// PullProgress tells how far a pull is. Total is 0 while unknown.
type PullProgress struct {
	Status      string
	Digest      string
	Done, Total int64
}

// Counter counts tokens of one model. Safe for concurrent use.
type Counter interface {
	// Count returns the tokens of text alone, without any template.
	Count(text string) int
	// CountMessages returns the tokens of a rendered conversation, template
	// included, as the server should report them for it.
	CountMessages(messages []Message) int
	// Exact tells whether the counts come from the model's own vocabulary.
	Exact() bool
}

// Provider is a model server. All methods are safe for concurrent use, return
// *fault.Error, and return within 100 ms of ctx being cancelled, with the
// connection closed so that the server stops working too.
type Provider interface {
	// Name is "ollama" or "openai".
	Name() string
	// URL is the server's address.
	URL() string
	// Guarantees lists in words what this kind of server can't promise
	// ("the context size is the server's own"); empty when all holds.
	Guarantees() []string
	// Version returns the server's version, "" when it does not tell.
	Version(ctx context.Context) (string, error)
	// List returns the models on the server, sorted by name. Fields that need
	// a further call each may be empty.
	List(ctx context.Context) ([]Model, error)
	// Show describes one model. Kind ModelMissing if it isn't there.
	Show(ctx context.Context, model string) (Model, error)
	// Running returns what is in memory now.
	Running(ctx context.Context) ([]Running, error)
	// Window decides, once per model, how it is run.
	Window(ctx context.Context, model string) (Window, error)
	// Counter returns the token counter of a model.
	Counter(ctx context.Context, model string) (Counter, error)
	// Render returns the exact prompt the server would give to the model,
	// without running it. Code "no-render" where the server can't.
	Render(ctx context.Context, r Request) (string, error)
	// Chat runs r and streams the reply to each, which may be nil; an error
	// from each ends the call and is returned. On an error the Reply holds
	// no text, only its Call.
	Chat(ctx context.Context, r Request, each func(Chunk) error) (Reply, error)
	// Pull fetches a model into the server. Only set-up calls it.
	Pull(ctx context.Context, model string, each func(PullProgress)) error
}
