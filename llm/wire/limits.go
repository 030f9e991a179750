package wire

import (
	"cmp"
	"time"
)

// Limits bounds one exchange with a server. A provider names the defaults of its
// protocol and leaves out what that protocol has no use for.
type Limits struct {
	Connect time.Duration // until the connection stands, name resolution and TLS included
	Greet   time.Duration // until the first request of a Client is answered at all
	Answer  time.Duration // until a call that runs no model has answered whole
	Load    time.Duration // until the first token, where the model may have to be loaded
	First   time.Duration // until the first token, where the model is loaded
	Prefill time.Duration // added to Load and First for every prompt token
	Idle    time.Duration // between two pieces of a stream
	Total   time.Duration // of one whole reply

	LineBytes int64 // longest line of a stream
	BodyBytes int64 // longest body of a call that streams no reply
	// ReplyBytesPerToken times MaxTokens, plus LineBytes, bounds the body of a
	// streamed reply: each token comes as a JSON line of its own.
	ReplyBytesPerToken int64
}

// Or returns l with its zero fields taken from d.
func (l Limits) Or(d Limits) Limits {
	return Limits{
		Connect:            cmp.Or(l.Connect, d.Connect),
		Greet:              cmp.Or(l.Greet, d.Greet),
		Answer:             cmp.Or(l.Answer, d.Answer),
		Load:               cmp.Or(l.Load, d.Load),
		First:              cmp.Or(l.First, d.First),
		Prefill:            cmp.Or(l.Prefill, d.Prefill),
		Idle:               cmp.Or(l.Idle, d.Idle),
		Total:              cmp.Or(l.Total, d.Total),
		LineBytes:          cmp.Or(l.LineBytes, d.LineBytes),
		BodyBytes:          cmp.Or(l.BodyBytes, d.BodyBytes),
		ReplyBytesPerToken: cmp.Or(l.ReplyBytesPerToken, d.ReplyBytesPerToken),
	}
}
