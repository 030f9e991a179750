package llmtest

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
)

func TestAnswers(t *testing.T) {
	s := NewFaultServer(t, Answers(Answer{Text: "any"}, Answer{When: "file a", Text: "a1"}, Answer{When: "file a", Text: "a2"}, Answer{When: "file b", Text: "b"}))
	for _, tt := range []struct{ prompt, want string }{
		{"write file a", "a1"}, {"write file b", "b"}, {"file b was written; write file a", "a2"}, {"write file a", "a2"}, {"what?", "any"}, {"what?", "any"},
	} {
		body, err := json.Marshal(map[string]any{"model": FaultModel, "messages": []map[string]string{{"role": "user", "content": tt.prompt}}})
		if err != nil {
			t.Fatal(err)
		}
		reply, err := http.Post(s.URL+"/api/chat", "application/json", strings.NewReader(string(body)))
		if err != nil {
			t.Fatal(err)
		}
		stream, err := io.ReadAll(reply.Body)
		if err != nil || reply.Body.Close() != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(stream), `"`+tt.want+`"`) {
			t.Errorf("%q is answered with %s, want %s", tt.prompt, stream, tt.want)
		}
	}
}
