package value

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/bitactor/cf/lazyregexp"
)

// FileName is what a value file is called.
const FileName = "value.yaml"

// Bounds of a draft.
const (
	draftGoals   = 12
	draftIDWords = 4
	draftRunes   = 300 // of a goal; a longer one is a text, not a goal
)

var (
	listItem    = lazyregexp.New(`^\s*(?:[-*+]|[0-9]{1,3}[.)])\s+(.+)$`)
	sentenceEnd = lazyregexp.New(`[.!?]\s+`)
)

// Draft makes a value file of what a text says that something is worth: a goal an item
// of its lists, or, where it has none, a sentence. Nothing is made up: owner, measure,
// target and evidence stay empty, and the check names each of them until it is filled
// in. It is nil where the text says nothing.
func Draft(text string) []byte {
	var b strings.Builder
	var ids []string
	for _, goal := range worths(text) {
		id := draftID(goal)
		for n := 2; slices.Contains(ids, id); n++ {
			id = fmt.Sprintf("%s-%d", draftID(goal), n)
		}
		ids = append(ids, id)
		quoted, err := json.Marshal(goal) // a string of JSON is one of YAML
		if err != nil {
			continue // no string fails
		}
		fmt.Fprintf(&b, "  - id: %s\n    goal: %s\n    owner: \"\"\n    measure: \"\"\n    target: \"\"\n    serves: []\n", id, quoted)
	}
	if len(ids) == 0 {
		return nil
	}
	return []byte("# Drafted from a Business Value section: what is empty is still to be said.\nversion: 1\ngoals:\n" + b.String())
}

// worths are the goals that a text holds, in its order.
func worths(text string) []string {
	var items, prose []string
	fenced := false
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "```") {
			fenced = !fenced
			continue
		}
		if fenced || line == "" || strings.HasPrefix(line, "#") || strings.HasPrefix(line, "|") {
			continue
		}
		if m := listItem.FindStringSubmatch(line); m != nil {
			items = append(items, m[1])
		} else {
			prose = append(prose, line)
		}
	}
	if len(items) == 0 {
		items = strings.Split(sentenceEnd.ReplaceAllString(strings.Join(prose, " "), "\n"), "\n")
	}
	var goals []string
	for _, item := range items {
		item = strings.NewReplacer("**", "", "__", "", "`", "").Replace(item)
		words := strings.FieldsFunc(item, func(r rune) bool { return !unicode.IsPrint(r) || r == ' ' }) // YAML takes no control characters
		goal := strings.TrimRight(strings.Join(words, " "), ".")
		if goal != "" && len([]rune(goal)) <= draftRunes && !slices.Contains(goals, goal) && len(goals) < draftGoals {
			goals = append(goals, goal)
		}
	}
	return goals
}

// draftID is a name of the first words of a goal.
func draftID(goal string) string {
	words := strings.FieldsFunc(strings.ToLower(goal), func(r rune) bool { return r > unicode.MaxASCII || !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	if len(words) == 0 {
		return "goal"
	}
	return "goal-" + strings.Join(words[:min(len(words), draftIDWords)], "-")
}
