package llmtest

import (
	"github.com/bitactor/cf/fault"
	"github.com/bitactor/cf/llm"
)

// Fault is one way in which a model server misbehaves.
type Fault struct {
	Name    string  // stable, such as "cut-mid-line"
	Doc     string  // what the server does
	All     bool    // it strikes every request, not only chats
	Refuse  bool    // nothing listens at the server's address
	Only    string  // "native" or "openai" where the other protocol can't show it
	Version string  // what /api/version says; "" means FaultVersion
	Want    Outcome // what a provider must make of it

	// NoVocabulary leaves the vocabulary out of /api/show, so that a provider
	// has to estimate.
	NoVocabulary bool

	// Parameters is the size of the model; 0 means SmolLM2's.
	Parameters int64

	// Restart lets the provider start the reply over (llm.Request.Restart).
	Restart bool

	serve func(*exchange)
}

// Outcome is what a provider must make of a fault.
type Outcome struct {
	// Codes are the fault codes that are right; "" stands for success.
	Codes []string
	// Text is the whole reply on success; "" where only its being valid UTF-8
	// is asked for.
	Text string
	// Thinking is what must be kept apart from Text.
	Thinking string
	// Stop is the stop reason on success; "" means llm.StopEnd.
	Stop llm.Stop
	// Calls is how many chat requests the provider makes; 0 means any number
	// up to MaxTries.
	Calls int64
}

// MaxTries is the most chat requests a provider may make of one Chat.
const MaxTries = 3

// KindOf returns the kind that goes with a provider's code (llm/codes.go).
func KindOf(code string) fault.Kind {
	switch code {
	case llm.CodeRefused, llm.CodeNoHost, llm.CodeConnect, llm.CodeBusy, llm.CodeFirstToken:
		return fault.Unreachable
	case llm.CodeRemoteHost:
		return fault.Usage
	case llm.CodeNoModel:
		return fault.ModelMissing
	case llm.CodeServer, llm.CodeMemory, llm.CodeTooLong, llm.CodeNoRender, llm.CodeNoPull:
		return fault.Failed
	case llm.CodeCanceled:
		return fault.Interrupted
	default:
		return fault.Unusable
	}
}

// FaultRequest is the chat request that goes with the table of faults.
func FaultRequest() llm.Request {
	return llm.Request{
		Model: FaultModel, Name: "fault", MaxTokens: 1024,
		Messages: []llm.Message{{Role: llm.System, Content: faultSystem}, {Role: llm.User, Content: "How does a supervisor restart its children?"}},
	}
}

const faultSystem = `You are a careful engineer. You answer in plain sentences, name the trade-offs you see, and say what you do not know.
A supervisor starts its children in the order of its list and stops them in the reverse order. When a child ends, the supervisor looks at
the restart kind of the child and at its own strategy, and restarts one child, all of them, or the child and those after it. More than
intensity restarts within period end the supervisor itself, so that its own supervisor can decide what is to be done about it.`

// Faults returns the table, sorted as it is written: the connection first, then
// statuses, streams, limits, text.
func Faults() []Fault {
	var all []Fault
	for _, part := range [][]Fault{
		connectionFaults(), statusFaults(), cutFaults(), protocolFaults(), limitFaults(), countFaults(), textFaults(), loopFaults(),
	} {
		all = append(all, part...)
	}
	return all
}

// FaultNamed returns the fault of that name; it panics where there is none.
func FaultNamed(name string) Fault {
	for _, f := range Faults() {
		if f.Name == name {
			return f
		}
	}
	panic("llmtest: no fault named " + name)
}

// Sound is a server without fault.
func Sound() Fault {
	return Fault{
		Name: "sound", Doc: "answers as it should", Want: Outcome{Codes: ok, Text: FaultReply, Calls: 1},
		serve: func(x *exchange) { x.reply(words(FaultReply)...) },
	}
}

// Outcomes that many faults share.
var (
	ok      = []string{""}
	cut     = []string{llm.CodeCut}
	bad     = []string{llm.CodeBadStream}
	badOrOK = []string{llm.CodeBadStream, ""}
	limits  = []string{llm.CodeTooManyBytes, llm.CodeTooManyTokens, llm.CodeLongLine, llm.CodeTotal, llm.CodeIdle, llm.CodeFirstToken}
	refused = []string{llm.CodeServer, llm.CodeBadStream}
)

// anyOf joins codes with further ones.
func anyOf(codes []string, more ...string) []string {
	return append(append([]string(nil), codes...), more...)
}
