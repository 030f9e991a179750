// Package event is the one stream through which cf's packages report.
//
// Nobody below commands prints: packages emit events, and commands/view
// renders them as plain text, as JSON lines or as a terminal interface. The
// package imports nothing of ours, so that every layer may use it.
//
// Invariants:
//  1. An event is a value; nobody changes it after Emit.
//  2. Text from a model, a file or a server is carried raw; making control
//     characters visible is the renderer's duty, on every path.
//  3. Type names and JSON field names are a published interface: they may be
//     added, never renamed.
package event

import "time"

// Event is anything reported. Type is the value of "type" in JSON lines.
type Event interface{ Type() string }

// Sink takes events in the order they happen. Implementations are safe for
// concurrent use and return quickly.
type Sink interface{ Emit(Event) }

// Func makes a function a Sink; the function must be safe for concurrent use.
type Func func(Event)

// Emit calls f.
func (f Func) Emit(e Event) { f(e) }

// Discard drops every event.
var Discard Sink = Func(func(Event) {})

// Note is a line for the reader. Level is "info" or "warn".
type Note struct {
	Level string `json:"level"`
	Text  string `json:"text"`
}

// State is where a step or a section stands.
type State string

// The states.
const (
	Planned State = "planned" // would be done: the outcome of a dry run
	Begin   State = "begin"
	Done    State = "done"
	Skipped State = "skipped" // nothing to do: it was so already, or a flag said so
	Missing State = "missing" // asked for and not answered
	Failing State = "failed"
)

// Step is one step of a longer job, such as set-up. Emitted with Begin, then
// once more with the outcome.
type Step struct {
	ID     string `json:"id"`    // stable, such as "ollama.build"
	Title  string `json:"title"` // what is done
	Why    string `json:"why,omitempty"`
	State  State  `json:"state"`
	Detail string `json:"detail,omitempty"` // the outcome in words
}

// Progress tells how far something is. Total is 0 while unknown.
type Progress struct {
	ID    string        `json:"id"`   // the step's id
	Unit  string        `json:"unit"` // "bytes", "packages", "tokens"
	Done  int64         `json:"done"`
	Total int64         `json:"total,omitempty"`
	Rate  float64       `json:"rate,omitempty"`    // units a second
	Left  time.Duration `json:"left_ns,omitempty"` // estimated time left
}

// Read tells what happened to one piece of context.
type Read struct {
	Path   string `json:"path"`             // relative to the root; "--context" for inline text
	State  string `json:"state"`            // "read", "cut", "absent", "skipped", "left-out"
	Tokens int    `json:"tokens,omitempty"` // what it costs in the prompt
	Why    string `json:"why,omitempty"`
}

// Model tells which model answers, where, and why it was chosen.
type Model struct {
	Name     string  `json:"name"`
	Server   string  `json:"server"` // URL
	Source   string  `json:"source"` // "configured", "running", "private"
	Why      string  `json:"why"`
	Context  int     `json:"context"`   // tokens of the window that will be used
	GPUShare float64 `json:"gpu_share"` // 0..1 of the model on a GPU
}

// Prompt is one exact prompt, for --show-prompt.
type Prompt struct {
	Name     string `json:"name"` // the signature or section
	Tokens   int    `json:"tokens"`
	Exact    bool   `json:"exact"`    // counted by the model's own vocabulary
	Text     string `json:"text"`     // as the server renders it
	Rendered bool   `json:"rendered"` // false: no server could render it; Text holds role-labelled messages
}

// Section opens or closes a part of an answer.
type Section struct {
	ID    string `json:"id"`    // "reasoning", "plan", ...
	Title string `json:"title"` // as shown
	State State  `json:"state"` // Begin, Done, Missing
	Why   string `json:"why,omitempty"`
	Text  string `json:"text,omitempty"` // with Done: all that is kept of what streamed
}

// Text is a piece of an answer as it streams.
type Text struct {
	Section  string `json:"section,omitempty"`
	Text     string `json:"text"`
	Thinking bool   `json:"thinking,omitempty"`
}

// PlanStep is one file of a plan.
type PlanStep struct {
	Path   string `json:"path"`
	Action string `json:"action"` // "create", "change", "test", "document"
	Why    string `json:"why"`
	Block  string `json:"block,omitempty"` // building block that covers it
}

// Plan is the list of files to carry out.
type Plan struct {
	Steps []PlanStep `json:"steps"`
}

// Call is the ledger of one model call.
type Call struct {
	Name          string        `json:"name"` // the signature or section asked for
	Model         string        `json:"model"`
	PromptTokens  int           `json:"prompt_tokens"`  // as the server reports
	CountedTokens int           `json:"counted_tokens"` // as cf counted before sending
	ReusedTokens  int           `json:"reused_tokens"`  // prefix the server did not have to read again
	OutputTokens  int           `json:"output_tokens"`
	ThinkTokens   int           `json:"thinking_tokens,omitempty"`
	Load          time.Duration `json:"load_ns"`
	Reloaded      bool          `json:"reloaded"`
	Prefill       time.Duration `json:"prefill_ns"`
	Decode        time.Duration `json:"decode_ns"`
	FirstToken    time.Duration `json:"first_token_ns"`
	Total         time.Duration `json:"total_ns"`
	Retries       int           `json:"retries,omitempty"`
	Stop          string        `json:"stop"` // "stop", "length", ...
}

// Saved tells that a session or a file was written.
type Saved struct {
	What string `json:"what"` // "session", "export"
	ID   string `json:"id,omitempty"`
	Path string `json:"path"`
}

// Type returns "note".
func (Note) Type() string { return "note" }

// Type returns "step".
func (Step) Type() string { return "step" }

// Type returns "progress".
func (Progress) Type() string { return "progress" }

// Type returns "read".
func (Read) Type() string { return "read" }

// Type returns "model".
func (Model) Type() string { return "model" }

// Type returns "prompt".
func (Prompt) Type() string { return "prompt" }

// Type returns "section".
func (Section) Type() string { return "section" }

// Type returns "text".
func (Text) Type() string { return "text" }

// Type returns "plan".
func (Plan) Type() string { return "plan" }

// Type returns "call".
func (Call) Type() string { return "call" }

// Type returns "saved".
func (Saved) Type() string { return "saved" }
