package commands

import (
	"fmt"
	"strings"

	"github.com/bitactor/cf/check/readiness"
	"github.com/bitactor/cf/commands/view"
	"github.com/bitactor/cf/lazyregexp"
)

// Readiness is the scorecard of cf validate --readiness.
type Readiness struct {
	Paths []string `json:"paths"`         // what was asked about, relative to the root
	State string   `json:"state"`         // "ready", "not ready", "partly checked", "not checked"
	Cut   []string `json:"cut,omitempty"` // what had no time
	readiness.Card
}

// The states of a card.
const (
	readyYes  = "ready"          // all points that apply pass
	readyPart = "partly checked" // no point fails, and some could not be checked
	readyNot  = "not ready"      // a point fails
	readyNone = "not checked"    // no point was checked
)

func readyState(c *readiness.Card) string {
	switch {
	case c.Failed > 0:
		return readyNot
	case c.Passed == 0:
		return readyNone
	case c.NotChecked > 0:
		return readyPart
	}
	return readyYes
}

// Type names the event.
func (Readiness) Type() string { return "readiness" }

// PlainText renders a table for each area, then the count.
func (r Readiness) PlainText(width int) string {
	var b strings.Builder
	for _, a := range r.Areas {
		fmt.Fprintf(&b, "%s\n", a.Name)
		var rows [][]string
		for _, p := range a.Points {
			rows = append(rows, []string{"  " + string(p.State), strings.TrimPrefix(p.ID, a.Name+"."), pointText(p)})
		}
		b.WriteString(view.Table(rows, width))
		for _, p := range a.Points {
			for _, place := range p.Places {
				fmt.Fprintf(&b, "    %s: %s\n", p.ID, oneLine(place))
			}
		}
		b.WriteString("\n")
	}
	fmt.Fprintf(&b, "readiness: %s; %s\n", r.State, r.counts())
	return b.String()
}

// counts is how many points came to what, in words that a summary may use.
func (r Readiness) counts() string {
	text := fmt.Sprintf("%s passed, %s failed, %s not checked", count(r.Passed, "point"), count(r.Failed, "point"), count(r.NotChecked, "point"))
	if r.NoSubject > 0 {
		text += fmt.Sprintf(", %d not applicable", r.NoSubject)
	}
	return text
}

// ready matches a sentence that calls something ready, and unready one that does not.
var (
	ready   = lazyregexp.New(`(?i)\bready\b|\bgo(?:od)? (?:live|to go)\b|\bcan be (?:released|shipped|deployed)\b|\bship it\b`)
	unready = lazyregexp.New(`(?i)\b(?:not|never|cannot|hardly|un|before|until|once|when|if|to be|become|make|get)\b|n't\b`)
)

// denied tells whether a sentence calls ready what the card does not.
func (r Readiness) denied(sentence string) bool {
	return r.State != readyYes && ready.MatchString(sentence) && !unready.MatchString(sentence)
}

// pointText is what a point rests on.
func pointText(p readiness.Point) string {
	var parts []string
	for _, text := range []string{p.Figure, p.Why, p.Hint, p.Evidence} {
		if text != "" {
			parts = append(parts, text)
		}
	}
	return p.Asks + ": " + strings.Join(parts, "; ")
}

// facts is the card as lines for a model to word.
func (r Readiness) facts() string {
	var b strings.Builder
	fmt.Fprintf(&b, "verdict: %s\n%s\n", r.State, r.counts())
	for _, a := range r.Areas {
		for _, p := range a.Points {
			if p.State == readiness.NoSubject || p.State == readiness.NotChecked && a.Name == "security" {
				continue // a line for each scanner that is not there says nothing new
			}
			fmt.Fprintf(&b, "%s: %s: %s", p.ID, p.State, p.Asks)
			if p.Figure != "" {
				b.WriteString("; " + p.Figure)
			}
			if p.Why != "" {
				b.WriteString("; " + oneLine(p.Why))
			}
			b.WriteString("\n")
		}
	}
	return b.String()
}
