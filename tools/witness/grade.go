package witness

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// The seven parts of an answer, in order. The last is the list of files.
var parts = []string{"reasoning", "plan", "strategy", "value", "telemetry", "validation", "steps"}

// enough is how many sentences (or steps with a reason) a part must hold.
const enough = 2

// Part is the verdict on one part of an answer.
type Part struct {
	ID    string
	Held  int    // sentences of the model's own
	Total int    // sentences stored
	Why   string // what was rejected; "" when nothing was
}

// Grade is the verdict on a turn.
type Grade struct {
	Session string // id
	Task    string
	Parts   []Part
}

// Held counts the parts with enough sentences of the model's own text.
func (g Grade) Held() int {
	n := 0
	for _, p := range g.Parts {
		if p.Held >= enough {
			n++
		}
	}
	return n
}

// String is one line a part.
func (g Grade) String() string {
	var b strings.Builder
	for _, p := range g.Parts {
		mark := "  ok"
		if p.Held < enough {
			mark = "  --"
		}
		fmt.Fprintf(&b, "%s %-11s %d of %d sentences are the model's own %s\n", mark, p.ID, p.Held, p.Total, p.Why)
	}
	return b.String()
}

// turn is what is read of a stored turn: .cf/sessions/ID/NNN.json.
type turn struct {
	Task     string `json:"task"`
	Sections []struct {
		ID   string `json:"id"`
		Text string `json:"text"`
	} `json:"sections"`
	Steps []struct {
		Path string `json:"path"`
		Why  string `json:"why"`
	} `json:"steps"`
}

// Latest grades the newest turn stored under root against what was recorded.
func Latest(root string, seen []Exchange) (Grade, error) {
	files, err := filepath.Glob(filepath.Join(root, ".cf", "sessions", "*", "[0-9]*.json"))
	if err != nil || len(files) == 0 {
		return Grade{}, fmt.Errorf("no session is stored under %s", root)
	}
	newest := slices.MaxFunc(files, func(a, b string) int { return modified(a).Compare(modified(b)) })
	data, err := os.ReadFile(newest)
	if err != nil {
		return Grade{}, err
	}
	var t turn
	if err := json.Unmarshal(data, &t); err != nil {
		return Grade{}, fmt.Errorf("%s: %w", newest, err)
	}
	g := Grade{Session: filepath.Base(filepath.Dir(newest)), Task: t.Task}
	texts := map[string]string{}
	for _, s := range t.Sections {
		texts[s.ID] = s.Text
	}
	g.Parts = gradeParts(texts, seen)
	steps := Part{ID: "steps", Total: len(t.Steps)}
	for _, s := range t.Steps {
		if own(s.Path, seen) && own(s.Why, seen) {
			steps.Held++
		}
	}
	g.Parts[len(parts)-1] = steps
	return g, nil
}

// Printed grades an answer that was only printed: plain text under headings.
func Printed(out string, seen []Exchange) Grade {
	titles := map[string]string{
		"reasoning": "reasoning", "implementation plan": "plan", "code strategy": "strategy", "business value": "value",
		"telemetry points": "telemetry", "validation": "validation", "steps": "steps",
	}
	texts := map[string]string{}
	current := ""
	for line := range strings.Lines(out) {
		if id, ok := titles[strings.ToLower(strings.Trim(line, "#* :\r\n"))]; ok {
			current = id
		} else if current != "" {
			texts[current] += line
		}
	}
	g := Grade{Parts: gradeParts(texts, seen)}
	steps := Part{ID: "steps"}
	for line := range strings.Lines(texts["steps"]) {
		if fields := strings.Fields(line); len(fields) >= 3 {
			steps.Total++
			if slices.ContainsFunc(fields, func(f string) bool { return strings.ContainsAny(f, "./") && own(f, seen) }) {
				steps.Held++
			}
		}
	}
	g.Parts[len(parts)-1] = steps
	return g
}

func gradeParts(texts map[string]string, seen []Exchange) []Part {
	graded := make([]Part, len(parts))
	for i, id := range parts {
		p := Part{ID: id}
		for _, s := range sentences(texts[id]) {
			p.Total++
			switch {
			case !own(s, seen):
				p.Why = fmt.Sprintf("(not in the stream: %.40q)", s)
			case echo(s, seen):
				p.Why = fmt.Sprintf("(echo of the prompt: %.40q)", s)
			default:
				p.Held++
			}
		}
		graded[i] = p
	}
	return graded
}

// modified is the zero time for a file that is gone.
func modified(path string) time.Time {
	info, err := os.Stat(path)
	if err != nil {
		return time.Time{}
	}
	return info.ModTime()
}

var (
	sentenceEnd = regexp.MustCompile(`[.!?]["')\]]*(\s+|$)|\n\s*\n|\n\s*[-*0-9]`)
	wordRun     = regexp.MustCompile(`[\p{L}\p{N}]+`)
)

// sentences returns the sentences of at least four words.
func sentences(text string) []string {
	var list []string
	for _, s := range sentenceEnd.Split(text, -1) {
		if len(words(s)) >= 4 {
			list = append(list, s)
		}
	}
	return list
}

func words(s string) []string { return wordRun.FindAllString(strings.ToLower(s), -1) }

// own tells whether the words of s passed in one of the replies, in order.
func own(s string, seen []Exchange) bool {
	want := " " + strings.Join(words(s), " ") + " "
	if want == "  " {
		return false
	}
	return slices.ContainsFunc(seen, func(e Exchange) bool {
		return e.Done && strings.Contains(" "+strings.Join(words(e.Reply), " ")+" ", want)
	})
}

// echo tells whether most runs of five words of s stand in what was asked
// before any reply: the system text, the task and its context.
func echo(s string, seen []Exchange) bool {
	const run = 5
	w := words(s)
	n := max(len(w)-run+1, 1)
	hits := 0
	for i := range n {
		piece := " " + strings.Join(w[i:min(i+run, len(w))], " ") + " "
		if slices.ContainsFunc(seen, func(e Exchange) bool {
			return strings.Contains(" "+strings.Join(words(e.Prompt), " ")+" ", piece)
		}) {
			hits++
		}
	}
	return hits*2 > n
}
