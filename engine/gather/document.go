package gather

import (
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/bitactor/cf/fault"
	"github.com/bitactor/cf/lazyregexp"
	"github.com/bitactor/cf/workspace"
	"github.com/bitactor/cf/workspace/secret"
)

// document is a text ready for the prompt, before it is cut.
type document struct {
	label    string // Piece.Path
	kind     Kind
	text     string
	redacted []secret.Found
	notes    []string // what the reader is told about it
	cutNote  string   // set by fit
}

// errSecret is given for files that are never read.
var errSecret = errors.New("never sent to a model")

// load reads a file of the tree. The name decides whether it is secret, and so
// does the name of what a link points to.
func load(tree *workspace.Tree, rel, label string) (*document, error) {
	for _, name := range []string{rel, tree.Target(rel)} {
		if why, yes := secret.File(name); yes {
			return nil, fmt.Errorf("%s: %w", why, errSecret)
		}
	}
	data, err := tree.Read(rel)
	if err != nil {
		return nil, err
	}
	return prepare(label, File, rel, string(data)), nil
}

// loadOutside reads a file outside the root that the user named.
func loadOutside(name, label string) (*document, error) {
	target, err := filepath.EvalSymlinks(name)
	if err != nil {
		return nil, err
	}
	for _, n := range []string{name, target} {
		if why, yes := secret.File(filepath.ToSlash(n)); yes {
			return nil, fmt.Errorf("%s: %w", why, errSecret)
		}
	}
	data, err := workspace.ReadOutside(name)
	if err != nil {
		return nil, err
	}
	d := prepare(label, File, name, string(data))
	d.notes = append(d.notes, "outside the project")
	return d, nil
}

// prepare makes text fit for a prompt: UTF-8, LF, no byte-order mark, no
// secrets, no chat markers.
func prepare(label string, kind Kind, name, text string) *document {
	d := &document{label: label, kind: kind}
	text = strings.TrimPrefix(text, "\ufeff")
	text = strings.ReplaceAll(text, "\r\n", "\n")
	text = strings.ReplaceAll(text, "\r", "\n")
	if !utf8.ValidString(text) {
		text = strings.ToValidUTF8(text, "\ufffd")
		d.notes = append(d.notes, "not all of it is UTF-8")
	}
	if text, d.redacted = secret.Redact(name, text); len(d.redacted) > 0 {
		d.notes = append(d.notes, "redacted: "+secret.Describe(d.redacted))
	}
	text, markers := Disarm(text)
	if markers > 0 {
		d.notes = append(d.notes, fmt.Sprintf("%d chat-template markers made harmless", markers))
	}
	d.text = strings.TrimRight(text, "\n")
	return d
}

// chatMarker matches the control tokens of the chat templates in use (ChatML,
// Llama 2 and 3, Gemma, Mistral, DeepSeek, Phi): a server takes them for the
// border between two speakers wherever they stand in a prompt.
var chatMarker = lazyregexp.New(`<(?:\|[^|<>\n]{1,64}\||｜[^｜<>\n]{1,64}｜)>|</?(?:start_of_turn|end_of_turn|bos|eos|pad|unk|s|think)>|<<(/?)SYS>>|\[/?(?:INST|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_RESULTS|TOOL_CALLS)\]`)

// Disarm puts a space into each marker of a chat template and counts them. What
// it returns holds none.
func Disarm(text string) (string, int) {
	if !strings.ContainsAny(text, "<[") {
		return text, 0
	}
	n := 0
	text = chatMarker.ReplaceAllStringFunc(text, func(m string) string {
		n++
		return m[:1] + " " + m[1:]
	})
	return text, n
}

// Fence returns how many backticks fence text safely: one more than its
// longest run, at least 3 (CommonMark 0.31, section 4.5).
func Fence(text string) int {
	longest, run := 0, 0
	for i := range len(text) {
		if text[i] == '`' {
			run++
			longest = max(longest, run)
		} else {
			run = 0
		}
	}
	return max(3, longest+1)
}

// display makes a path fit for a prompt and for JSON: as it is, or quoted if
// it holds anything but printable UTF-8, or a backtick or quote.
func display(name string) string {
	odd := !utf8.ValidString(name) || chatMarker.MatchString(name) || strings.ContainsFunc(name, func(r rune) bool {
		return !unicode.IsPrint(r) || r == '`' || r == '"'
	})
	if !odd {
		return name
	}
	quoted, _ := Disarm(strings.ReplaceAll(strconv.QuoteToASCII(name), "`", `\x60`))
	return quoted
}

// reason puts why a file was not read into a few words.
func reason(err error) string {
	switch fault.CodeOf(err) {
	case workspace.CodeBinary:
		return "binary"
	case workspace.CodeTooBig:
		return fmt.Sprintf("larger than %d KiB", workspace.FileBytesMax>>10)
	case workspace.CodeAbsent:
		return "not there"
	case workspace.CodeOutside:
		return "leads out of the project"
	}
	var f *fault.Error
	if errors.As(err, &f) && f.Err != nil {
		return f.Err.Error()
	}
	return err.Error()
}
