package witness

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const (
	taskWords = "design a production queue with retries and a dead letter store for failed jobs"
	ownWords  = "Each worker takes one job at a time. A supervisor starts it again after a crash."
)

func TestPartsCountOnlyTheModelsOwnSentences(t *testing.T) {
	seen := []Exchange{{Prompt: "You are careful.\n\n" + taskWords, Reply: ownWords + " " + taskWords + ".", Done: true}}
	for name, c := range map[string]struct {
		text string
		held int
	}{
		"own":           {ownWords, 2},
		"echo":          {"I will " + taskWords + ". " + taskWords + ".", 0},
		"made up":       {"This sentence was never sent by any model. Nor was this other one here.", 0},
		"one own":       {ownWords[:37] + " Nobody ever wrote this other sentence.", 1},
		"too short":     {"Yes. It is. Fine.", 0},
		"other spacing": {strings.ReplaceAll(ownWords, " ", "\n"), 2},
	} {
		got := gradeParts(map[string]string{"plan": c.text}, seen)[1]
		if got.Held != c.held {
			t.Errorf("%s: %d sentences held, want %d %s", name, got.Held, c.held, got.Why)
		}
	}
}

func TestAReplyThatNeverEndedProvesNothing(t *testing.T) {
	seen := []Exchange{{Prompt: taskWords, Reply: ownWords}}
	if got := gradeParts(map[string]string{"plan": ownWords}, seen)[1]; got.Held != 0 {
		t.Errorf("%d sentences held", got.Held)
	}
}

func TestLatestReadsTheStoredTurn(t *testing.T) {
	root := t.TempDir()
	dir := filepath.Join(root, ".cf", "sessions", "abc")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	stored := `{"task":"x","sections":[{"id":"plan","text":"` + ownWords + `"}],"steps":[{"path":"queue.go","why":"holds jobs"}]}`
	if err := os.WriteFile(filepath.Join(dir, "000.json"), []byte(stored), 0o600); err != nil {
		t.Fatal(err)
	}
	g, err := Latest(root, []Exchange{{Prompt: "p", Reply: ownWords + `{"path":"queue.go","why":"holds jobs"}`, Done: true}})
	if err != nil {
		t.Fatal(err)
	}
	if g.Held() != 1 || g.Parts[6].Held != 1 || g.Session != "abc" {
		t.Errorf("grade %+v", g)
	}
}

func TestProxyRecordsWhatPassed(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, `{"message":{"content":"one "},"done":false}`+"\n"+`{"message":{"content":"two"},"done":true}`+"\n")
	}))
	defer server.Close()
	p, err := Watch(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	body := `{"messages":[{"role":"system","content":"s"},{"role":"user","content":"u"},{"role":"assistant","content":"a"}]}`
	request, err := http.NewRequestWithContext(context.Background(), http.MethodPost, p.URL+"/api/chat", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	reply, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	io.Copy(io.Discard, reply.Body)
	reply.Body.Close()
	p.server.CloseClientConnections()
	p.server.Close() // waits for the handler, which closes the body
	seen := p.Take()
	if len(seen) != 1 || seen[0].Prompt != "s\n\nu" || seen[0].Reply != "one two" || !seen[0].Done {
		t.Errorf("recorded %+v", seen)
	}
}
