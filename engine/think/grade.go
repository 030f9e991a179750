package think

import (
	"strings"

	"github.com/bitactor/cf/engine/session"
	"github.com/bitactor/cf/event"
	"github.com/bitactor/cf/llm"
	"github.com/bitactor/cf/prompts"
)

// Graded is what Grade found of one section.
type Graded struct {
	ID       string `json:"id"`
	Own      int    `json:"own"`      // sentences of the model's own
	Foreign  int    `json:"foreign"`  // sentences that the stream does not hold
	Answered bool   `json:"answered"` // at least two own ones and none foreign
}

// Report is the outcome of Grade.
type Report struct {
	Sections []Graded `json:"sections"` // all seven, the steps last
	Answered int      `json:"answered"`
}

// Type names the event.
func (Report) Type() string { return "grade" }

// Grade checks how much of a reasoning turn the model really answered. stream
// holds its replies as recorded on the wire, raw; nil takes those that the turn
// stored. A sentence counts if it stands in the stream and repeats neither what
// the model was shown nor an earlier section. A step counts as a sentence if
// both its path and its reason stand in the stream.
func Grade(turn *session.Turn, stream []string) Report {
	var seen prompts.Seen
	seen.Add(turn.Task)
	var stored []string
	for _, m := range turn.Messages {
		if m.Role == llm.Assistant {
			stored = append(stored, m.Content)
			continue
		}
		seen.Add(m.Content)
	}
	if stream == nil {
		stream = stored
	}
	recorded := flat(strings.Join(stream, "\n"))
	var report Report
	for _, s := range prompts.Sections() {
		g := Graded{ID: s.ID}
		if section := turn.Section(s.ID); section != nil && section.State == event.Done {
			for _, sentence := range seen.Own(section.Text) {
				if strings.Contains(recorded, flat(sentence)) {
					g.Own++
				} else {
					g.Foreign++
				}
			}
			seen.Add(section.Text)
		}
		report.add(g)
	}
	g := Graded{ID: prompts.Steps.ID}
	for _, step := range turn.Steps {
		if strings.Contains(recorded, flat(step.Path)) && strings.Contains(recorded, flat(step.Why)) {
			g.Own++
		} else {
			g.Foreign++
		}
	}
	report.add(g)
	return report
}

func (r *Report) add(g Graded) {
	g.Answered = g.Own >= sentencesMin && g.Foreign == 0
	if g.Answered {
		r.Answered++
	}
	r.Sections = append(r.Sections, g)
}

// flat makes texts comparable whose white space or JSON escapes differ.
func flat(text string) string {
	text = strings.NewReplacer(`\n`, " ", `\"`, `"`, `\\`, `\`, `\t`, " ", `\u003c`, "<", `\u003e`, ">", `\u0026`, "&").Replace(text)
	return strings.Join(strings.Fields(text), " ")
}
