package ollama

import (
	"testing"

	"github.com/bitactor/cf/llm"
	"github.com/bitactor/cf/llm/llmtest"
)

// connect makes a Client with the limits of the fault table.
func connect(t testing.TB, url string) llm.Provider {
	t.Helper()
	c, err := New(Options{URL: url, Limits: Limits{
		Answer: llmtest.FaultFirst, Load: llmtest.FaultFirst, First: llmtest.FaultFirst, Prefill: 1, Idle: llmtest.FaultIdle, Total: llmtest.FaultTotal,
	}})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestFaults(t *testing.T) { llmtest.RunFaults(t, "native", connect) }
