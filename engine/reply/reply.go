// Package reply finds the code in what a model answered.
//
// Models wrap code in prose, forget to close a fence, put an example of use
// behind it, or answer for another file. Extract takes what can be told without
// guessing and names what can't be used, so that the caller can ask once more.
//
// Invariants:
//  1. Every byte that is returned came from the reply, in its order, as one
//     unbroken stretch of lines.
//  2. Where two stretches could be meant, none is taken.
//  3. Any text is taken without a panic; the work is bounded by triesMax calls
//     of Want.Parses.
package reply

import (
	"strings"

	"github.com/bitactor/cf/fault"
)

// Codes of the faults of Extract, all of kind Unusable. Stable: the list may
// only grow.
const (
	CodeEmpty     = "reply-empty"      // nothing but white space
	CodeNoCode    = "reply-no-code"    // no stretch of it is code of the wanted kind
	CodeAmbiguous = "reply-ambiguous"  // several stretches could be meant
	CodeOther     = "reply-other-file" // all code in it is for other files
	CodeCut       = "reply-cut"        // it ends inside its code
)

// triesMax bounds how many stretches of one reply are tried.
const triesMax = 400

// Want says what is looked for.
type Want struct {
	Path      string   // the file asked for, relative, with slashes
	Languages []string // names that a fence of this kind bears, lower case: "go", "golang"
	// Whole tells that the reply ended by itself, not at a limit: only then may
	// its last fence be open.
	Whole bool
	// Parses tells whether code is a well-formed file or part of one.
	Parses func(code string) bool
	// Defines tells whether code holds what was asked for; nil: any code does.
	Defines func(code string) bool
}

// How says where the code stood.
type How string

// The ways.
const (
	Fenced    How = "fenced"     // in a closed fence
	OpenFence How = "open-fence" // in a fence that the model forgot to close
	Bare      How = "bare"       // without a fence
)

// Found is the code of a reply.
type Found struct {
	Code string // with one line end at its end
	How  How
}

// Extract returns the one stretch of text that is the code wanted. It never
// joins stretches: a file in two parts is ambiguous.
func Extract(text string, w Want) (Found, error) {
	if strings.TrimSpace(text) == "" {
		return Found{}, unusable(CodeEmpty, "the reply is empty")
	}
	s := &search{want: w, left: triesMax}
	blocks := s.blocks(splitLines(text))
	if len(blocks) == 0 {
		return s.bare(text)
	}
	return s.choose(blocks)
}

// search is one Extract.
type search struct {
	want Want
	left int // tries
}

func (s *search) parses(code string) bool {
	if s.left <= 0 {
		return false
	}
	s.left--
	return s.want.Parses(code)
}

func (s *search) defines(code string) bool { return s.want.Defines == nil || s.want.Defines(code) }

// choose takes the one block that can be meant.
func (s *search) choose(blocks []block) (Found, error) {
	var ours, named []block
	others := 0
	for _, b := range blocks {
		switch {
		case strings.TrimSpace(b.code) == "" || s.foreign(b):
		case b.path != "" && !samePath(b.path, s.want.Path):
			others++
		default:
			ours = append(ours, b)
			if b.path != "" {
				named = append(named, b)
			}
		}
	}
	if len(named) > 0 {
		ours = named
	}
	fit := ours[:0:0]
	for _, b := range ours {
		if s.defines(b.code) {
			fit = append(fit, b)
		}
	}
	fit = distinct(fit)
	switch {
	case len(fit) == 1 && !fit[0].closed && (!s.want.Whole || !s.parses(fit[0].code)):
		return Found{}, unusable(CodeCut, "the reply ends inside its code")
	case len(fit) == 1:
		how := Fenced
		if !fit[0].closed {
			how = OpenFence
		}
		return Found{oneEnd(fit[0].code), how}, nil
	case len(fit) > 1:
		return Found{}, unusable(CodeAmbiguous, "the reply holds %d different answers", len(fit))
	case len(ours) == 0 && others > 0:
		return Found{}, unusable(CodeOther, "the reply holds code for other files only")
	case !blocks[len(blocks)-1].closed && !s.want.Whole:
		return Found{}, unusable(CodeCut, "the reply ends inside its code")
	}
	return Found{}, unusable(CodeNoCode, "no code in the reply is what was asked for")
}

// foreign tells whether a block's fence names another language.
func (s *search) foreign(b block) bool {
	return b.language != "" && !s.wants(b.language) && !unspecific[b.language]
}

// unspecific are names of fences that say nothing about the language.
var unspecific = map[string]bool{"code": true, "text": true, "txt": true, "plaintext": true, "file": true, "source": true, "none": true}

// paragraphsMax bounds the stretches of a reply without fences that are tried.
const paragraphsMax = 24

// bare looks for code in a reply without fences: all of it, else what is left
// when whole paragraphs are taken off its ends, as few as can be.
func (s *search) bare(text string) (Found, error) {
	if !s.want.Whole {
		return Found{}, unusable(CodeCut, "the reply reached its longest and holds no closed code")
	}
	parts := paragraphs(text)
	if len(parts) > paragraphsMax {
		parts = append(parts[:paragraphsMax-1:paragraphsMax-1], strings.Join(parts[paragraphsMax-1:], ""))
	}
	for dropped := range parts {
		for front := dropped; front >= 0; front-- {
			code := strings.Join(parts[front:len(parts)-(dropped-front)], "")
			if strings.TrimSpace(code) != "" && s.defines(code) && s.parses(code) {
				return Found{oneEnd(code), Bare}, nil
			}
		}
	}
	return Found{}, unusable(CodeNoCode, "no code in the reply is what was asked for")
}

// paragraphs cuts text behind each run of blank lines; joined they are text.
func paragraphs(text string) []string {
	var out []string
	var at strings.Builder
	blank := false
	for _, line := range splitLines(text) {
		empty := strings.TrimSpace(line) == ""
		if blank && !empty {
			out = append(out, at.String())
			at.Reset()
		}
		blank = empty
		at.WriteString(line)
	}
	return append(out, at.String())
}

// distinct drops blocks whose code was there before, but for white space at
// line ends.
func distinct(blocks []block) []block {
	seen := map[string]bool{}
	out := blocks[:0:0]
	for _, b := range blocks {
		key := trimLines(b.code)
		if !seen[key] {
			seen[key] = true
			out = append(out, b)
		}
	}
	return out
}

func trimLines(code string) string {
	lines := strings.Split(strings.TrimSpace(code), "\n")
	for i, l := range lines {
		lines[i] = strings.TrimRight(l, " \t\r")
	}
	return strings.Join(lines, "\n")
}

// oneEnd returns code without blank lines around it and with one line end.
func oneEnd(code string) string {
	code = strings.TrimRight(code, " \t\r\n")
	for {
		line, rest, found := strings.Cut(code, "\n")
		if !found || strings.TrimSpace(line) != "" {
			return code + "\n"
		}
		code = rest
	}
}

func unusable(code, format string, args ...any) *fault.Error {
	return fault.New(fault.Unusable, code, format, args...).On("read reply", "")
}
