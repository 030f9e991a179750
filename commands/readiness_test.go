package commands

import (
	"testing"

	"github.com/bitactor/cf/check/readiness"
)

func TestReadyState(t *testing.T) {
	for _, c := range []struct {
		passed, failed, unchecked int
		want                      string
	}{
		{3, 0, 0, readyYes},
		{3, 1, 0, readyNot},
		{0, 1, 9, readyNot},
		{3, 0, 1, readyPart},
		{0, 0, 5, readyNone},
		{0, 0, 0, readyNone},
	} {
		if got := readyState(&readiness.Card{Passed: c.passed, Failed: c.failed, NotChecked: c.unchecked, NoSubject: 4}); got != c.want {
			t.Errorf("%+v: %s", c, got)
		}
	}
}

// TestDenied is about sentences of a model that contradict the verdict in words.
func TestDenied(t *testing.T) {
	for sentence, want := range map[string]bool{
		"It is ready for production.":                      true,
		"The system looks ready":                           true,
		"All is well, ship it!":                            true,
		"It can be released today.":                        true,
		"It is not ready.":                                 false,
		"It isn't ready for production.":                   false,
		"Mend the tests before it can be released.":        false,
		"To make it ready, write a runbook.":               false,
		"The tests fail.":                                  false,
		"Already three of the documents are there.":        false,
		"It will be ready once the findings are mended.":   false,
		"Readiness is a matter of the runbook and alerts.": false,
	} {
		for _, state := range []string{readyNot, readyPart, readyNone} {
			if got := (Readiness{State: state}).denied(sentence); got != want {
				t.Errorf("%s, of what is %s: %t", sentence, state, got)
			}
		}
		if (Readiness{State: readyYes}).denied(sentence) {
			t.Errorf("%s, of what is ready", sentence)
		}
	}
}
