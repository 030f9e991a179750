package ollama

import (
	"testing"

	"github.com/bitactor/cf/llm"
	"github.com/bitactor/cf/llm/llmtest"
)

func realClient(t testing.TB, o Options) *Client {
	t.Helper()
	o.URL = llmtest.RealServer(t)
	c, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestSuiteOnRealServer(t *testing.T) {
	llmtest.RealServer(t)
	cache := t.TempDir()
	llmtest.Suite{
		New:   func(t testing.TB) llm.Provider { return realClient(t, Options{CacheDir: cache}) },
		Model: llmtest.RealModel, FillsSchema: true,
	}.Run(t)
}
