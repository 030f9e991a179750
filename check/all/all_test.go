package all

import (
	"testing"

	"github.com/bitactor/cf/check"
)

// TestCheckersKeepTheirPromises holds for every checker, whoever adds one.
func TestCheckersKeepTheirPromises(t *testing.T) {
	names := map[string]bool{}
	for _, c := range All() {
		if c.Name() == "" || names[c.Name()] {
			t.Errorf("%q: a name is missing or used twice", c.Name())
		}
		names[c.Name()] = true
		if len(c.Canaries()) == 0 {
			t.Errorf("%s has no canary: nothing proves it", c.Name())
		}
		for i, canary := range c.Canaries() {
			if canary.Test == "" && (canary.Code == "" || canary.Files[canary.File] == "") {
				t.Errorf("%s: canary %d expects nothing, or in a file that it does not plant", c.Name(), i)
			}
			if !matchesOne(c, canary) {
				t.Errorf("%s: canary %d holds no file of its kind", c.Name(), i)
			}
		}
		for _, tool := range c.Tools() {
			if tool.Program == "" || tool.For == "" || tool.Hint == "" {
				t.Errorf("%s: the tool %q says not what it is for or how to get it", c.Name(), tool.Program)
			}
		}
	}
}

func matchesOne(c check.Checker, canary check.Canary) bool {
	for name, text := range canary.Files {
		if c.Match(name, nil) || c.Match(name, []byte(text)) {
			return true
		}
	}
	return false
}
