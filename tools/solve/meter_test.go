package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"testing"
)

// TestMeterCounts takes a whole reply and one that breaks off: what the client
// has read is counted before it can ask.
func TestMeterCounts(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintln(w, `{"message":{"content":"a"}}`)
		fmt.Fprintln(w, `{"message":{"content":"b"}}`)
		if r.Header.Get("Accept-Language") == "" {
			fmt.Fprint(w, `{"message":{"content":""},"done":true,"prompt_eval_count":7,"eval_count":3}`)
		}
	}))
	defer server.Close()
	m, err := newMeter(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if text, err := shot(t.Context(), m.URL, "m", "p", 0); err != nil || text != "ab" {
		t.Fatalf("the reply is %q, %v", text, err)
	}
	want := usage{Calls: 1, Prompt: 7, Completion: 3, Replies: []string{"ab"}}
	if got := m.take(); !reflect.DeepEqual(got, want) {
		t.Errorf("counted %+v, want %+v", got, want)
	}
	broken(t, m.URL)
	want = usage{Calls: 1, Completion: 2, Replies: []string{"ab"}}
	if got := m.take(); !reflect.DeepEqual(got, want) {
		t.Errorf("counted %+v, want %+v", got, want)
	}
}

func broken(t *testing.T, url string) {
	t.Helper()
	request, err := http.NewRequestWithContext(context.Background(), http.MethodPost, url+"/api/chat", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Accept-Language", "broken")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if _, err := io.ReadAll(response.Body); err != nil {
		t.Fatal(err)
	}
}
