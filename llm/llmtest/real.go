package llmtest

import (
	"os"
	"testing"
)

// RealModel is the model that a real server under test must hold.
const RealModel = "smollm2:135m"

// RealServer returns the URL of a real Ollama that holds RealModel. `make test`
// starts one and sets CF_TEST_OLLAMA; without it the test is skipped, unless
// CF_TEST_REQUIRE says that nothing may be skipped.
func RealServer(t testing.TB) string {
	t.Helper()
	if url := os.Getenv("CF_TEST_OLLAMA"); url != "" {
		return url
	}
	if os.Getenv("CF_TEST_REQUIRE") != "" {
		t.Fatal("CF_TEST_REQUIRE is set and CF_TEST_OLLAMA is not")
	}
	t.Skip("make test sets up a real server")
	return ""
}
