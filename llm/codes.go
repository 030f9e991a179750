package llm

// Codes of the faults a Provider returns, by fault.Error.Code. Stable: the
// list may only grow. The letters in brackets are the fault's kind.
const (
	CodeRefused       = "connection-refused"  // nothing listens [Unreachable]
	CodeNoHost        = "no-such-host"        // the name does not resolve [Unreachable]
	CodeConnect       = "connect-timeout"     // no connection in time [Unreachable]
	CodeRemoteHost    = "remote-host"         // not loopback, and not allowed [Usage]
	CodeNoModel       = "model-missing"       // [ModelMissing]
	CodeServer        = "server-error"        // the server says no: 4xx, 5xx, or {"error":...} in a stream [Failed]; a redirect, or a 404 of something else that listens there [Unreachable]
	CodeBusy          = "server-busy"         // 503 or 429 after all tries [Unreachable]
	CodeMemory        = "out-of-memory"       // the model does not fit, or its runner died [Failed]
	CodeTooLong       = "prompt-too-long"     // does not fit the window; nothing was sent or used [Failed]
	CodeTruncated     = "prompt-truncated"    // the server read less than was sent; nothing used [Unusable]
	CodeCut           = "stream-cut"          // reset, early EOF, no end mark [Unusable]
	CodeBadStream     = "bad-stream"          // not the protocol: bad JSON, wrong type [Unusable]; no HTTP at all [Unreachable]
	CodeLongLine      = "line-too-long"       // one line over the cap [Unusable]
	CodeTooManyBytes  = "too-many-bytes"      // whole body over the cap [Unusable]
	CodeTooManyTokens = "too-many-tokens"     // more than MaxTokens came [Unusable]
	CodeLoop          = "repetition-loop"     // the reply repeats itself [Unusable]
	CodeEmpty         = "empty-reply"         // [Unusable]
	CodeNoSchema      = "schema-mismatch"     // the reply does not satisfy the schema [Unusable]
	CodeFirstToken    = "first-token-timeout" // [Unreachable]
	CodeIdle          = "idle-timeout"        // the stream stood still [Unusable]
	CodeTotal         = "total-timeout"       // [Unusable]
	CodeNoRender      = "no-render"           // the server can't render a prompt [Failed]
	CodeNoPull        = "no-pull"             // the server can't pull [Failed]
	CodeCanceled      = "canceled"            // ctx was cancelled [Interrupted]
)
