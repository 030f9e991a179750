package event

import "time"

// Estimate tells, before a model is asked for code, what that may take. Times are
// 0 while the model's speed is not known; the checks come on top.
type Estimate struct {
	Path         string        `json:"path"`
	Symbols      []string      `json:"symbols,omitempty"` // what of it is written; none: the whole file
	PromptTokens int           `json:"prompt_tokens"`     // of one candidate
	ReplyTokens  int           `json:"reply_tokens"`      // of one candidate, at most
	Candidates   int           `json:"candidates"`        // at most
	First        time.Duration `json:"first_ns,omitempty"`
	Most         time.Duration `json:"most_ns,omitempty"`
}

// Type returns "estimate".
func (Estimate) Type() string { return "estimate" }
