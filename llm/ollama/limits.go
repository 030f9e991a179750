package ollama

import (
	"time"

	"github.com/bitactor/cf/llm/wire"
)

// Limits bounds one exchange with the server. Zero fields mean DefaultLimits.
type Limits = wire.Limits

// DefaultLimits are the limits of a Client. Ollama itself gives a load five
// minutes (envconfig.LoadTimeout) without progress; ours is longer, because its
// clock starts anew with every piece of progress. 40 ms a token is the prefill
// rate of a 30B model on a slow CPU; a streamed token is a line of about 150 bytes.
var DefaultLimits = Limits{
	Connect: 1500 * time.Millisecond,
	Greet:   1800 * time.Millisecond,
	Answer:  20 * time.Second,
	Load:    10 * time.Minute,
	First:   2 * time.Minute,
	Prefill: 40 * time.Millisecond,
	Idle:    2 * time.Minute,
	Total:   2 * time.Hour,

	LineBytes:          1 << 20,
	BodyBytes:          64 << 20,
	ReplyBytesPerToken: 1 << 10,
}
