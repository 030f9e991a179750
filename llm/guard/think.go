package guard

import "strings"

// The tags around thoughts that leak into the text of a reply. DeepSeek-R1 and
// Qwen3 write think, some finetunes thinking
// (https://github.com/ollama/ollama/blob/v0.17.4/thinking/parser.go).
var (
	openTags  = []string{"<think>", "<thinking>"}
	closeTags = []string{"</think>", "</thinking>"}
)

// Think splits a reply into thought and text. A thought opens only where
// nothing but white space came before it, so that an answer that writes about
// the tag keeps it; the text after a thought starts without white space. The
// zero value is ready.
type Think struct {
	inside bool   // a thought is open
	begun  bool   // text came: tags are text from here on
	after  bool   // a thought was closed: white space before the text is dropped
	held   string // may be the start of a tag, or white space before one
}

// Add takes a piece and returns the thought and the text that are certain now.
func (t *Think) Add(piece string) (thought, text string) {
	var thoughts, texts strings.Builder
	t.held += piece
	for t.held != "" {
		if t.begun {
			texts.WriteString(t.held)
			t.held = ""
			break
		}
		if t.inside {
			if !t.close(&thoughts) {
				break
			}
		} else if !t.open(&texts) {
			break
		}
	}
	return thoughts.String(), texts.String()
}

// close looks for the end of an open thought; false means more is needed.
func (t *Think) close(thoughts *strings.Builder) bool {
	at, tag := -1, ""
	for _, c := range closeTags {
		if i := strings.Index(t.held, c); i >= 0 && (at < 0 || i < at) {
			at, tag = i, c
		}
	}
	if at >= 0 {
		thoughts.WriteString(t.held[:at])
		t.held = t.held[at+len(tag):]
		t.inside, t.after = false, true
		return true
	}
	keep := 0
	for _, c := range closeTags {
		keep = max(keep, overlap(t.held, c))
	}
	thoughts.WriteString(t.held[:len(t.held)-keep])
	t.held = t.held[len(t.held)-keep:]
	return false
}

// open looks for the start of a thought before any text; false means more is needed.
func (t *Think) open(texts *strings.Builder) bool {
	body := strings.TrimLeft(t.held, " \t\r\n")
	if body == "" {
		return false
	}
	for _, o := range openTags {
		if strings.HasPrefix(body, o) {
			t.held = body[len(o):]
			t.inside = true
			return true
		}
	}
	for _, o := range openTags {
		if strings.HasPrefix(o, body) {
			return false
		}
	}
	if t.after {
		t.held = body
	}
	t.begun = true
	texts.WriteString(t.held)
	t.held = ""
	return true
}

// End returns what was held back: a tag that was never finished is no tag.
func (t *Think) End() (thought, text string) {
	held := t.held
	t.held = ""
	switch {
	case t.inside:
		return held, ""
	case t.after:
		return "", strings.TrimLeft(held, " \t\r\n")
	}
	return "", held
}

// Open says that the prompt ended with an opening tag: the reply starts inside a
// thought. To be called before the first Add.
func (t *Think) Open() { t.inside = true }

// Closed says that a thought just ended which nobody saw open: white space before
// the text to come is dropped.
func (t *Think) Closed() { *t = Think{after: true} }

// Opens tells whether a prompt leaves the model inside a thought.
func Opens(prompt string) bool {
	tail := strings.TrimRight(prompt, " \t\r\n")
	return strings.HasSuffix(tail, openTags[0]) || strings.HasSuffix(tail, openTags[1])
}

// Orphan splits a text that was taken for an answer and turned out to have begun
// inside a thought: it holds a closing tag and none that opened before it. Quoted
// tags are what an answer writes about and split nothing. It is false for any
// other text.
func Orphan(text string) (thought, rest string, ok bool) {
	for i, tag := range closeTags {
		before, after, found := strings.Cut(text, tag)
		quoted := strings.HasSuffix(before, "`") || strings.HasSuffix(before, `"`) || strings.HasPrefix(after, "`") || strings.HasPrefix(after, `"`)
		if found && !quoted && !strings.Contains(before, openTags[i]) {
			return before, strings.TrimLeft(after, " \t\r\n"), true
		}
	}
	return "", "", false
}

// Inside tells whether a thought is open.
func (t *Think) Inside() bool { return t.inside }

// overlap returns how long the longest end of s is that starts tag.
func overlap(s, tag string) int {
	for n := min(len(s), len(tag)-1); n > 0; n-- {
		if strings.HasSuffix(s, tag[:n]) {
			return n
		}
	}
	return 0
}
