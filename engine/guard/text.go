package guard

import (
	"fmt"
	"strings"

	"github.com/bitactor/cf/lazyregexp"
)

// marked are lines that are a comment in one of the usual forms, or that stand in
// brackets: what is left out of a file without a grammar is said so.
var marked = lazyregexp.New(`^\s*(#+|//|--|;+|<!--|\[|\(|\*{1,2})\s*(.*?)\s*(-->|\]|\)|\*{1,2})?\s*$`)

// Text is what Compare finds in a file of a kind that is not parsed: remarks in
// place of content, text that can't be seen, a file that shrank. before is nil for
// a new file.
func Text(before, after []byte, o Options) []Finding {
	known := map[string]bool{}
	for line := range strings.Lines(string(before)) {
		known[strings.TrimSpace(line)] = true
	}
	var found []Finding
	n, last := 0, strings.Count(strings.TrimSpace(string(after)), "\n")+1 // three dots there end a document of YAML
	for line := range strings.Lines(string(after)) {
		n++
		text := strings.TrimSpace(line)
		if known[text] {
			continue
		}
		m := marked.FindStringSubmatch(text)
		if m != nil && !(o.Prose && m[1][0] == '#') && isRemark(strings.ToLower(m[2])) || text == "…" || text == "..." && n < last {
			found = append(found, Finding{CodeElision, n, text})
		}
	}
	found = append(found, hiddenIn(before, after)...)
	if was, is := filled(before), filled(after); !o.Removals && was >= shrinkLinesMin && 2*is < was {
		found = append(found, Finding{CodeShrunk, 1, fmt.Sprintf("%d of %d lines are left", is, was)})
	}
	return found
}
