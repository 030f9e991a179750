package llmtest

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/gofrs/flock"
)

// RealModel is the model that a real server under test must hold.
const RealModel = "smollm2:135m"

// RealServer returns the URL of a real Ollama that holds RealModel. `make test`
// starts one and sets CF_TEST_OLLAMA; without it the test is skipped, unless
// CF_TEST_REQUIRE says that nothing may be skipped.
//
// The server has one slot, and a test may count on what its cache holds: until
// the test ends, tests of other packages wait for the server.
func RealServer(t testing.TB) string {
	t.Helper()
	url := os.Getenv("CF_TEST_OLLAMA")
	if url == "" {
		if os.Getenv("CF_TEST_REQUIRE") != "" {
			t.Fatal("CF_TEST_REQUIRE is set and CF_TEST_OLLAMA is not")
		}
		t.Skip("make test sets up a real server")
	}
	if err := slot.take(url); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(slot.give)
	return url
}

// RealBinary returns the path of a real ollama program, for tests that start a
// server of their own. `make test` sets CF_TEST_OLLAMA_BINARY; without it the
// test is skipped, unless CF_TEST_REQUIRE says that nothing may be skipped.
func RealBinary(t testing.TB) string {
	t.Helper()
	path := os.Getenv("CF_TEST_OLLAMA_BINARY")
	if path == "" {
		if os.Getenv("CF_TEST_REQUIRE") != "" {
			t.Fatal("CF_TEST_REQUIRE is set and CF_TEST_OLLAMA_BINARY is not")
		}
		t.Skip("make test sets up a real server")
	}
	return path
}

// slot is this process's share in the server: a lock between processes, taken by
// the first test and given back by the last.
var slot realSlot

type realSlot struct {
	mu    sync.Mutex
	users int
	lock  *flock.Flock
}

func (s *realSlot) take(url string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.users == 0 {
		name := fmt.Sprintf("cf-test-%x.lock", sha256.Sum256([]byte(url)))
		s.lock = flock.New(filepath.Join(os.TempDir(), name))
		if err := s.lock.Lock(); err != nil {
			return err
		}
	}
	s.users++
	return nil
}

func (s *realSlot) give() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.users--; s.users == 0 {
		s.lock.Unlock()
	}
}
