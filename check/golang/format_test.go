package golang

import (
	"testing"

	"github.com/bitactor/cf/check"
	"github.com/bitactor/cf/check/checktest"
)

func TestFormat(t *testing.T) {
	c := New()
	f := c.(check.Formatter)
	stage := checktest.Stage(t, map[string]string{"go.mod": "module p\n", "a.go": "package p\n\nvar  x = 1\n", "b.go": "package\n"})
	for file, want := range map[string]string{"a.go": "package p\n\nvar x = 1\n", "b.go": "", "none.go": ""} {
		text, err := f.Format(t.Context(), checktest.Target(t, c, stage, ".", "a.go"), file)
		if err != nil || string(text) != want {
			t.Errorf("%s: %q, %v", file, text, err)
		}
	}
}
