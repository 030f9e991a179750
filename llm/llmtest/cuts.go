package llmtest

import (
	"bytes"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/bitactor/cf/llm"
)

// The ways in which a stream is cut: the body ends as if it were whole, the
// connection closes inside the body, the connection is reset.
var cutModes = []string{"end", "fin", "rst"}

// cutWorkers is how many cuts are tried at a time: Ollama's client takes 8 MB a
// stream.
const cutWorkers = 8

// RunCuts serves a recorded stream of a chat cut after every byte, in each of
// three ways, and checks that the provider takes none of them for a whole reply:
// it may succeed only where every byte up to the last line's end mark came, and
// then with text equal to that of the whole stream. connect makes a provider for
// a server's URL (without /v1). With -short only every seventh byte and the line
// ends are tried.
func RunCuts(t *testing.T, stream []byte, connect func(t testing.TB, url string) llm.Provider) {
	server := NewFaultServer(t, Fault{NoVocabulary: true, serve: func(x *exchange) { serveCut(x, stream) }})
	provider := connect(t, server.URL)
	whole, err := provider.Chat(t.Context(), cutRequest(len(stream), "end"), nil)
	if err != nil || whole.Text == "" {
		t.Fatalf("the whole stream: %q, %v", whole.Text, err)
	}
	enough := len(bytes.TrimRight(stream, "\r\n"))
	type cut struct {
		n    int
		mode string
	}
	work := make(chan cut)
	var group sync.WaitGroup
	var done, successes atomic.Int64
	for range cutWorkers {
		group.Go(func() {
			for c := range work {
				// With a listener, a stream that broke after its first chunk is not
				// asked for again.
				reply, err := provider.Chat(t.Context(), cutRequest(c.n, c.mode), func(llm.Chunk) error { return nil })
				done.Add(1)
				switch {
				case err == nil && (c.n < enough || reply.Text != whole.Text):
					t.Errorf("cut after byte %d of %d (%s): success with %q", c.n, len(stream), c.mode, reply.Text)
				case err == nil:
					successes.Add(1)
				case reply.Text != "":
					t.Errorf("cut after byte %d of %d (%s): text with the error %v", c.n, len(stream), c.mode, err)
				case c.n == len(stream) && c.mode == "end":
					t.Errorf("the whole stream: %v", err)
				}
			}
		})
	}
	for n := range len(stream) + 1 {
		if testing.Short() && n%7 != 0 && n < enough-2 && stream[min(n, len(stream)-1)] != '\n' {
			continue
		}
		for _, mode := range cutModes {
			work <- cut{n, mode}
		}
	}
	close(work)
	group.Wait()
	t.Logf("%d cuts of a stream of %d bytes, %d true successes", done.Load(), len(stream), successes.Load())
}

// cutRequest tells the server by its text where to cut.
func cutRequest(n int, mode string) llm.Request {
	return llm.Request{
		Model: FaultModel, Name: "cut", MaxTokens: 1024,
		Messages: []llm.Message{{Role: llm.User, Content: fmt.Sprintf("cut %d %s", n, mode)}},
	}
}

// serveCut sends as much of stream as the prompt names.
func serveCut(x *exchange, stream []byte) {
	var n int
	var mode string
	at := max(strings.Index(x.prompt, "cut "), 0)
	if _, err := fmt.Sscanf(strings.ReplaceAll(x.prompt[at:], "<", " "), "cut %d %s", &n, &mode); err != nil {
		panic(fmt.Sprintf("llmtest: no cut in %q: %v", x.prompt, err))
	}
	x.w.Header().Set("Content-Type", x.d.contentType())
	x.w.WriteHeader(200)
	x.begun = true
	if n > 0 && !x.send(string(stream[:n])) {
		return
	}
	switch mode {
	case "fin":
		_ = x.hijack().Close()
	case "rst":
		x.reset()
	}
}
