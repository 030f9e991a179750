package think

import (
	"fmt"
	"slices"
	"strings"

	"github.com/bitactor/cf/engine/gather"
	"github.com/bitactor/cf/workspace/secret"
)

// clean takes out of what the user typed or pasted what must not reach a model,
// a log or a stored session: secrets, and the markers of chat templates, which a
// server would take for the border between two speakers. It tells of each. Files
// and folders behind @ are read, and cleaned, by the Reader.
func (t *Thinker) clean(in Input) Input {
	in.Task = t.cleanText("the task", in.Task)
	in.Contexts = slices.Clone(in.Contexts)
	for i, c := range in.Contexts {
		if !strings.HasPrefix(c, "@") || strings.HasPrefix(c, "@@") {
			in.Contexts[i] = t.cleanText("--context", c)
		}
	}
	return in
}

func (t *Thinker) cleanText(where, text string) string {
	text, found := secret.Redact("", text)
	if len(found) > 0 {
		t.note("warn", fmt.Sprintf("%s holds secrets; they are replaced before it is used or kept: %s", where, secret.Describe(found)))
	}
	text, markers := gather.Disarm(text)
	if markers > 0 {
		t.note("warn", fmt.Sprintf("%s holds %d chat-template markers; they are made harmless", where, markers))
	}
	return text
}
