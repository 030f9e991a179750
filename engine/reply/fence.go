package reply

import (
	"path"
	"slices"
	"strings"

	"github.com/bitactor/cf/lazyregexp"
)

// block is fenced code of a reply.
type block struct {
	language string // the first word of the fence's info string, lower case
	path     string // the file that the reply says it is for, "" if it does not
	code     string
	closed   bool
}

// fence is a line that can open or close code, as CommonMark has it (section
// 4.5), but for the indentation: models put fences into lists.
type fence struct {
	line int
	mark byte
	size int
	info string
}

// closes tells whether f can end what open began.
func (f fence) closes(open fence) bool {
	return f.info == "" && f.mark == open.mark && f.size >= open.size
}

var fenceLine = lazyregexp.New("^[ \t]*(`{3,}|~{3,})[ \t]*([^`\r\n]*)")

func fences(lines []string) []fence {
	var out []fence
	for i, line := range lines {
		if m := fenceLine.FindStringSubmatch(line); m != nil {
			out = append(out, fence{i, m[1][0], len(m[1]), strings.TrimSpace(m[2])})
		}
	}
	return out
}

// blocks cuts the lines of a reply at its fences. A documentation comment may
// hold a fence of its own, so a block ends at the first closing fence at which
// its code parses; where there is none, at the first.
func (s *search) blocks(lines []string) []block {
	all := fences(lines)
	var out []block
	for i := 0; i < len(all); {
		open := all[i]
		end, next := s.end(lines, all, i)
		language, file := label(open.info)
		if file == "" {
			file = announced(lines, open.line)
		}
		stop, closed := len(lines), end >= 0
		if closed {
			stop = all[end].line
		}
		code := strings.Join(lines[open.line+1:stop], "")
		if wraps(language) && !s.wants(language) {
			if inner := s.blocks(lines[open.line+1 : stop]); len(inner) > 0 {
				out = append(out, inner...)
				i = next
				continue
			}
		}
		if file == "" {
			file = titled(code)
		}
		out = append(out, block{language, file, code, closed})
		i = next
	}
	return out
}

// wraps tells whether a fence of this kind may hold an answer with fences of its
// own.
func wraps(language string) bool { return language == "markdown" || language == "md" }

func (s *search) wants(language string) bool { return slices.Contains(s.want.Languages, language) }

// end returns the index of the fence that closes all[i], or -1, and that of the
// next fence to look at.
func (s *search) end(lines []string, all []fence, i int) (end, next int) {
	if language, _ := label(all[i].info); wraps(language) {
		return nested(all, i)
	}
	first := -1
	for k := i + 1; k < len(all); k++ {
		if !all[k].closes(all[i]) {
			continue
		}
		if first < 0 {
			first = k
		}
		if s.left <= 0 {
			break
		}
		if s.parses(strings.Join(lines[all[i].line+1:all[k].line], "")) {
			return k, k + 1
		}
	}
	if first < 0 {
		return -1, len(all)
	}
	return first, first + 1
}

// nested is end for Markdown, which holds fences of its own, and which anything
// is: a fence with an info string opens, one without closes what was opened last.
func nested(all []fence, i int) (end, next int) {
	depth := 1
	for k := i + 1; k < len(all); k++ {
		if all[k].info != "" {
			depth++
		} else if depth--; depth == 0 {
			return k, k + 1
		}
	}
	return -1, len(all)
}

// label reads the info string of a fence: "go", "go:limiter.go",
// "go path=limiter.go", "limiter.go".
func label(info string) (language, file string) {
	for i, word := range strings.FieldsFunc(info, func(r rune) bool { return strings.ContainsRune(" \t,;{}", r) }) {
		key, value, found := strings.Cut(word, "=")
		switch name := strings.Trim(value, `"'`); {
		case found && (key == "path" || key == "file" || key == "filename" || key == "title" || key == "name"):
			file = asPath(name)
		case found:
		case asPath(word) != "":
			file = asPath(word)
		case i == 0:
			tongue, rest, _ := strings.Cut(word, ":")
			language = strings.ToLower(tongue)
			if p := asPath(rest); p != "" {
				file = p
			}
		}
	}
	return language, file
}

var (
	pathWord  = lazyregexp.New(`^(?:~?/)?[\w.@+-]+(?:/[\w.@+-]+)*\.[A-Za-z][A-Za-z0-9]{0,9}$`)
	announces = lazyregexp.New("^(?:#{1,6}[ \t]+|[-*][ \t]+|\\d+[.)][ \t]+)?(?:\\*\\*|__)?(?:(?i:file|path|filename|in)[: \t]+)?(?:\\*\\*|__)?`?([^`*\\s:]+)`?(?:\\*\\*|__)?[ \t]*:?(?:\\*\\*|__)?[ \t]*$")
	titles    = lazyregexp.New(`^(?://|#|--|%+|;+|/\*|<!--)[ \t]*(?:(?i:file|path|filename)[: \t]+)?([^\s*]+)[ \t]*(?:\*/|-->)?[ \t]*$`)
)

// asPath returns word as a path if it looks like one, else "".
func asPath(word string) string {
	word = strings.TrimPrefix(word, "./")
	if pathWord.MatchString(word) || leadsOut(word) {
		return word
	}
	return ""
}

// leadsOut tells whether a word is a path that leaves the project, with or without
// an extension: no file that could be asked for.
func leadsOut(word string) bool {
	return strings.HasPrefix(word, "../") || strings.HasPrefix(word, "~/") || strings.HasPrefix(word, "/") && strings.Count(word, "/") > 1
}

// announced returns the path that the line before a fence consists of, as in
// "**limiter.go**" or "### File: `limiter.go`".
func announced(lines []string, fenceAt int) string {
	for i := fenceAt - 1; i >= 0 && i >= fenceAt-2; i-- {
		line := strings.TrimSpace(lines[i])
		if line == "" {
			continue
		}
		if m := announces.FindStringSubmatch(line); m != nil {
			return asPath(m[1])
		}
		return ""
	}
	return ""
}

// titled returns the path that a comment in the first line of code consists of.
func titled(code string) string {
	line, _, _ := strings.Cut(strings.TrimLeft(code, "\r\n"), "\n")
	if m := titles.FindStringSubmatch(strings.TrimSpace(line)); m != nil {
		return asPath(m[1])
	}
	return ""
}

// samePath tells whether a path in a reply means the file asked for: models
// name it in full, from some folder on, or by its last element.
func samePath(said, wanted string) bool {
	said, wanted = path.Clean(said), path.Clean(wanted)
	return said == wanted || strings.HasSuffix(wanted, "/"+said) || strings.HasSuffix(said, "/"+wanted)
}

// splitLines cuts text behind each line end.
func splitLines(text string) []string {
	lines := strings.SplitAfter(text, "\n")
	if lines[len(lines)-1] == "" {
		lines = lines[:len(lines)-1]
	}
	return lines
}
