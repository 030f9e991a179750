package deploytest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestDialyzer runs the pipeline's own script over every module and what the tests
// share, from cold; then over a module whose code is not what its specification
// says, which it must find.
func TestDialyzer(t *testing.T) {
	if !long(t) {
		return
	}
	need(t, "dialyzer", "erlang-dialyzer")
	need(t, "elixirc", "elixir")
	dir, plt := whole(t).write(t), t.TempDir()
	environ := []string{"HOME=" + t.TempDir()}
	script := filepath.Join(dir, "ci", "dialyzer.sh")
	out, err := run(t, dir, environ, script, plt)
	if err != nil || !strings.Contains(out, "done (passed successfully)") {
		t.Fatalf("%v\n%s", err, out[max(0, len(out)-20_000):])
	}
	const wrong = "defmodule BitActor.Wrong do\n  @spec size :: atom\n  def size, do: byte_size(\"\")\nend\n"
	for _, file := range []string{"bitactor_otp/lib/bitactor/wrong.ex", "bitactor_otp/test/support/wrong.exs"} {
		must(t, os.WriteFile(filepath.Join(dir, file), []byte(wrong), 0o644))
		if out, err := run(t, dir, environ, script, plt); err == nil || !strings.Contains(out, filepath.Base(file)+":") {
			t.Errorf("%s is not found: %v\n%s", file, err, out)
		}
		must(t, os.Remove(filepath.Join(dir, file)))
	}
}
