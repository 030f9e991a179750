package engine

import (
	"path"
	"slices"
	"strings"

	"github.com/bitactor/cf/lazyregexp"
	"github.com/bitactor/cf/prompts"
)

// section is one part of a Markdown document: a heading and what stands below it
// up to the next heading.
type section struct {
	title      string
	level      int
	start, end int // of what stands below the heading, in bytes
}

var heading = lazyregexp.New(`^ {0,3}(#{1,6})[ \t]+(.*?)[ \t]*#*[ \t]*$`)

// sectionsOf returns the sections of a document, by its ATX headings outside of
// fences (CommonMark 4.2, 4.5).
func sectionsOf(source string) []section {
	var out []section
	fence := ""
	at := 0
	for line := range strings.Lines(source) {
		text := strings.TrimRight(line, "\r\n")
		fence = fenceAfter(fence, text)
		if m := heading.FindStringSubmatch(text); m != nil && fence == "" {
			if n := len(out); n > 0 {
				out[n-1].end = at
			}
			out = append(out, section{m[2], len(m[1]), at + len(line), len(source)})
		}
		at += len(line)
	}
	return out
}

// fenceAfter returns the fence that is open behind a line, "" if none is.
func fenceAfter(open, line string) string {
	mark := strings.TrimLeft(line, " ")
	size := len(mark) - len(strings.TrimLeft(mark, "`"))
	if size < 3 {
		size = len(mark) - len(strings.TrimLeft(mark, "~"))
	}
	switch {
	case size < 3 || len(line)-len(mark) > 3:
		return open
	case open == "":
		return mark[:size]
	case strings.HasPrefix(mark, open) && strings.Trim(mark, mark[:1]+" \t") == "":
		return ""
	}
	return open
}

// outlines are the sections of a new document, by a word of its path.
var outlines = []struct {
	word   string
	titles []string
}{
	{"runbook", []string{"Purpose", "What Is Watched", "Alarms", "First Steps", "Recovery", "Escalation"}},
	{"monitoring", []string{"Purpose", "What Is Watched", "Alarms", "First Steps", "Recovery"}},
	{"deploy", []string{"Purpose", "Requirements", "Build", "Configuration", "Rollout", "Rollback", "Verification"}},
	{"operation", []string{"Purpose", "Start and Stop", "Scaling", "Troubleshooting", "Maintenance"}},
	{"architecture", []string{"Purpose", "Structure", "Data and Messages", "Behaviour under Failure", "Operation", "Limits"}},
	{"design", []string{"Purpose", "Structure", "Data and Messages", "Behaviour under Failure", "Limits"}},
	{"", []string{"Purpose", "Structure", "Use", "Limits"}},
}

// outlineOf returns the titles of a new document: the items of a list in the
// instructions, else those that are usual for its path.
func outlineOf(file, instructions string) []string {
	var titles []string
	for line := range strings.Lines(instructions) {
		item := strings.TrimSpace(line)
		if rest, ok := strings.CutPrefix(item, "- "); ok && len(rest) < 80 {
			titles = append(titles, strings.TrimSpace(rest))
		}
	}
	if len(titles) > 1 {
		return titles
	}
	for _, o := range outlines {
		if strings.Contains(strings.ToLower(file), o.word) {
			return o.titles
		}
	}
	return nil
}

// titleOf words a document's title from its path.
func titleOf(file string) string {
	name := strings.TrimSuffix(path.Base(file), path.Ext(file))
	words := strings.FieldsFunc(name, func(r rune) bool { return strings.ContainsRune("_- .", r) })
	for i, w := range words {
		words[i] = strings.ToUpper(w[:1]) + w[1:]
	}
	return strings.Join(words, " ")
}

var (
	wholeFence = lazyregexp.New("(?s)^(`{3,}|~{3,})(?:markdown|md)?[ \t]*\n(.*)\n(`{3,}|~{3,})$")
	link       = lazyregexp.New(`!?\[([^\]\n]*)\]\(\s*<?([^)\s>]*)>?[^)\n]*\)`)
	bareURL    = lazyregexp.New(`<(https?://[^>\s]*)>`)
	codeSpan   = lazyregexp.New("`([^`\n]+)`")
	fileName   = lazyregexp.New(`^\.{0,2}/?[\w.-]+(/[\w.-]+)*\.[A-Za-z][A-Za-z0-9]{0,5}$`)
)

// grounds is what a document may refer to.
type grounds struct {
	dir   string              // of the document
	there func(p string) bool // whether a file or folder is there
	shown string              // all that the model was shown
}

// sectionText makes of a reply the text below a heading: without a fence around
// all of it and its own heading, other headings one level below, nothing open at
// its end, and only links that lead somewhere. cut tells that the reply reached
// its longest.
func sectionText(reply string, s section, cut bool, g grounds) string {
	text := strings.TrimSpace(strings.ReplaceAll(reply, "\r\n", "\n"))
	if m := wholeFence.FindStringSubmatch(text); m != nil && !strings.Contains(m[2], m[1]) {
		text = strings.TrimSpace(m[2])
	}
	text, _ = prompts.CutLoop(text)
	text, _ = prompts.CutRepeats(text)
	if cut {
		text = prompts.CutToSentence(text)
	}
	var b strings.Builder
	fence, open := "", 0
	for line := range strings.Lines(text) {
		was := fence
		fence = fenceAfter(fence, strings.TrimRight(line, "\n"))
		if was == "" && fence != "" {
			open = b.Len()
		}
		m := heading.FindStringSubmatch(strings.TrimRight(line, "\n"))
		switch {
		case was != "" || fence != "":
			b.WriteString(line)
		case m != nil && (b.Len() == 0 || strings.EqualFold(m[2], s.title)):
		case m != nil:
			b.WriteString(strings.Repeat("#", min(s.level+1, 6)) + " " + m[2] + "\n")
		default:
			b.WriteString(g.links(line))
		}
	}
	text = b.String()
	if fence != "" {
		text = text[:open]
	}
	return strings.TrimSpace(text)
}

// links keeps a link of a line that leads to a file or was shown to the model, and
// of any other its text: models make addresses up.
func (g grounds) links(line string) string {
	keep := func(target string) bool {
		if strings.Contains(target, "://") || strings.HasPrefix(target, "mailto:") {
			return strings.Contains(g.shown, target)
		}
		file, _, anchored := strings.Cut(target, "#")
		return !anchored && file != "" && !strings.HasPrefix(file, "/") && g.there(path.Join(g.dir, file))
	}
	line = link.ReplaceAllStringFunc(line, func(whole string) string {
		m := link.FindStringSubmatch(whole)
		if keep(m[2]) {
			return whole
		}
		return m[1]
	})
	return bareURL.ReplaceAllStringFunc(line, func(whole string) string {
		if target := strings.Trim(whole, "<>"); !keep(target) {
			return target
		}
		return whole
	})
}

// invented returns names of files in code spans that are neither there nor in
// what the model was shown.
func (g grounds) invented(text string) []string {
	var out []string
	for _, m := range codeSpan.FindAllStringSubmatch(text, -1) {
		name := m[1]
		if fileName.MatchString(name) && !g.there(name) && !g.there(path.Join(g.dir, name)) && !strings.Contains(g.shown, name) && !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return out
}
