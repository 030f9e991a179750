package value_test

import (
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"
	"pgregory.net/rapid"

	"github.com/bitactor/cf/check/value"
)

func TestDraft(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		want []string
	}{
		"a list":        {"Who gains:\n\n- **Support staff** replay no orders.\n- Two people sleep: each night\n1. It saves \"much\"\n", []string{"Support staff replay no orders", "Two people sleep: each night", `It saves "much"`}},
		"sentences":     {"Staff no longer replay orders. That saves two people!\nIs it cheap", []string{"Staff no longer replay orders", "That saves two people", "Is it cheap"}},
		"the same name": {"- a b c d one\n- a b c d two\n", []string{"a b c d one", "a b c d two"}},
		"no words":      {"```\ncode.\n```\n# Title\n", nil},
	} {
		t.Run(name, func(t *testing.T) {
			text := value.Draft(c.text)
			goals := drafted(t, text)
			if len(goals) != len(c.want) || c.want == nil && text != nil {
				t.Fatalf("%d goals, want %d:\n%s", len(goals), len(c.want), text)
			}
			for i, g := range goals {
				if g.Goal != c.want[i] || g.Target != "" || g.Owner != "" {
					t.Errorf("goal %d is %+v, want %q", i, g, c.want[i])
				}
			}
		})
	}
}

// TestDraftsCanBeRead: whatever a model writes, the draft is YAML with names of its own
// for each goal.
func TestDraftsCanBeRead(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		lines := rapid.SliceOfN(rapid.OneOf(rapid.String(), rapid.StringMatching(`- [a-c"'#:{}\\]{0,12}`)), 0, 20).Draw(r, "lines")
		seen := map[string]bool{}
		for _, g := range drafted(r, value.Draft(strings.Join(lines, "\n"))) {
			if g.ID == "" || g.Goal == "" || seen[g.ID] {
				r.Fatalf("goal %+v", g)
			}
			seen[g.ID] = true
		}
	})
}

type draftedGoal struct{ ID, Goal, Owner, Target string }

func drafted(t interface{ Fatalf(string, ...any) }, text []byte) []draftedGoal {
	var file struct{ Goals []draftedGoal }
	if err := yaml.Unmarshal(text, &file); err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	return file.Goals
}
