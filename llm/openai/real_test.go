package openai

import (
	"testing"

	"github.com/bitactor/cf/llm"
	"github.com/bitactor/cf/llm/llmtest"
)

func TestSuiteOnRealServer(t *testing.T) {
	url := llmtest.RealServer(t) + "/v1"
	llmtest.Suite{
		New: func(t testing.TB) llm.Provider {
			c, err := New(Options{URL: url})
			if err != nil {
				t.Fatal(err)
			}
			return c
		},
		Model: llmtest.RealModel, NoRender: true, NoVersion: true, NoRunning: true, NoDigest: true, NoPull: true, FillsSchema: true,
	}.Run(t)
}
