// Package llmtest holds what tests of model providers need: a conformance Suite
// that every llm.Provider must pass, a FaultServer that misbehaves in each way
// of a named table, recordings of real traffic (Recorder, Replay), Noisy, which
// spoils the replies of another provider, and Script, a provider in memory.
//
// It must never be linked into cf, never reach a host but loopback, and never
// keep a secret in a recording.
//
// Invariants:
//  1. Every fault has a name, says in words what the server does, and names the
//     outcome that a provider must give; the outcome is the same for every
//     provider unless the fault says otherwise.
//  2. What Noisy and Script do follows from their arguments alone: the same
//     seed and the same requests give the same replies.
//  3. No helper here waits by sleeping; a test that hangs is ended by its own
//     deadline.
package llmtest
