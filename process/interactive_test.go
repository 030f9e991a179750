package process

import (
	"testing"

	"github.com/bitactor/cf/fault"
)

func TestInteractiveEnds(t *testing.T) {
	for script, code := range map[string]string{"exit 0": "", "exit 3": CodeExit, "kill -TERM $$": CodeExit} {
		err := Interactive(Command{Path: "/bin/sh", Args: []string{"-c", script}}, Files{})
		if fault.CodeOf(err) != code {
			t.Errorf("%s: %v", script, err)
		}
	}
	for _, path := range []string{"sh", "/none/such"} {
		if err := Interactive(Command{Path: path}, Files{}); fault.CodeOf(err) != CodeStart {
			t.Errorf("%s: %v", path, err)
		}
	}
}
