// Package secret keeps credentials out of prompts, logs and recordings: it
// names the files that are never read, and redacts what looks like a secret in
// any other text.
//
// It must never return, log or keep the secret itself: what it tells is kinds
// and counts. It is a net, not a proof: a secret that looks like ordinary text
// passes.
//
// Invariants:
//  1. Redact takes time linear in the text (package regexp, and scans by line).
//  2. Redacting twice changes nothing more.
//  3. Text without a secret comes back byte for byte.
package secret

import (
	"fmt"
	"slices"
	"strings"
	"sync"
)

// Found counts the secrets of one kind.
type Found struct {
	Kind  string `json:"kind"` // a rule's id, such as "github-pat"
	Count int    `json:"count"`
}

// Redact returns text with each secret replaced by "[redacted: KIND]", and how
// many of each kind there were, sorted by kind; nil when there were none. name
// is the file that the text comes from ("" for text without one): in source
// code only quoted values are taken for secrets, in lock files only known key
// formats. Safe for concurrent use.
func Redact(name, text string) (string, []Found) {
	counts := map[string]int{}
	text = redactKeys(text, counts)
	for _, r := range formats() {
		text = r.apply(text, counts)
	}
	if !lockFile(name) {
		text = redactAssignments(text, sourceCode(name), counts)
	}
	if len(counts) == 0 {
		return text, nil
	}
	found := make([]Found, 0, len(counts))
	for kind, n := range counts {
		found = append(found, Found{Kind: kind, Count: n})
	}
	slices.SortFunc(found, func(a, b Found) int { return strings.Compare(a.Kind, b.Kind) })
	return text, found
}

// Describe puts counts into words for a reader: "2 github-pat, 1 password",
// "" for none.
func Describe(found []Found) string {
	var parts []string
	for _, f := range found {
		parts = append(parts, fmt.Sprintf("%d %s", f.Count, f.Kind))
	}
	return strings.Join(parts, ", ")
}

func mark(kind string) string { return "[redacted: " + kind + "]" }

// formats returns the compiled rules; compiling waits for the first use, since
// most runs of cf read no file.
var formats = sync.OnceValue(compile)

// apply replaces the rule's first group, or the whole match where there is
// none.
func (r *rule) apply(text string, counts map[string]int) string {
	if !slices.ContainsFunc(r.words, func(w string) bool { return strings.Contains(text, w) }) {
		return text
	}
	var out strings.Builder
	at := 0
	for _, m := range r.pattern.FindAllStringSubmatchIndex(text, -1) {
		from, to := m[0], m[1]
		if len(m) > 2 {
			from, to = m[2], m[3]
		}
		if from < 0 || r.except != nil && r.except(text[from:to]) {
			continue
		}
		out.WriteString(text[at:from])
		out.WriteString(mark(r.kind))
		counts[r.kind]++
		at = to
	}
	if at == 0 {
		return text
	}
	out.WriteString(text[at:])
	return out.String()
}
