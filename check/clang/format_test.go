package clang

import (
	"strings"
	"testing"

	"github.com/bitactor/cf/check"
	"github.com/bitactor/cf/check/checktest"
)

// TestFormat: what clang-format finds is gone from what Format gives.
func TestFormat(t *testing.T) {
	checktest.Need(t, "clang-format", "apt-get install clang-format")
	files := map[string]string{".clang-format": "BasedOnStyle: LLVM\n", "a.c": "int   f(void){return 1;}\n"}
	c := New()
	f := c.(check.Formatter)
	stage := checktest.Stage(t, files)
	text, err := f.Format(t.Context(), checktest.Target(t, c, stage, ".", "a.c"), "a.c")
	if want := "int f(void) { return 1; }\n"; err != nil || string(text) != want {
		t.Fatalf("%q, %v; want %q", text, err, want)
	}
	files["a.c"] = string(text)
	for _, d := range checktest.Check(t, c, files).Diagnostics {
		if f.Formats(d) {
			t.Errorf("still found: %s", strings.TrimSpace(d.Message))
		}
	}
}
