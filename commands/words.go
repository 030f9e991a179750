package commands

import (
	"errors"
	"fmt"
	"strings"
)

// words splits a command as a shell would, as far as quotes go: single quotes
// keep everything, double quotes keep everything but a backslash before " or \.
// Nothing is expanded, and what only a shell could carry out is refused, so that
// nobody takes "a; b" for two commands.
func words(command string) ([]string, error) {
	var out []string
	var word strings.Builder
	inside, quote := false, rune(0)
	runes := []rune(command)
	for i := 0; i < len(runes); i++ {
		r := runes[i]
		switch {
		case quote != 0 && r == quote:
			quote = 0
		case quote == '\'':
			word.WriteRune(r)
		case r == '\\' && i+1 < len(runes) && (quote == 0 || strings.ContainsRune(`"\`, runes[i+1])):
			i++
			word.WriteRune(runes[i])
			inside = true
		case quote == '"':
			word.WriteRune(r)
		case r == '\'' || r == '"':
			quote, inside = r, true
		case strings.ContainsRune(" \t\n", r):
			if inside {
				out = append(out, word.String())
				word.Reset()
				inside = false
			}
		case strings.ContainsRune("|&;<>`$()", r):
			return nil, fmt.Errorf("%q in %q is for a shell, and none reads it; put it into a script", string(r), command)
		default:
			word.WriteRune(r)
			inside = true
		}
	}
	if quote != 0 {
		return nil, fmt.Errorf("a quote in %q is not closed", command)
	}
	if inside {
		out = append(out, word.String())
	}
	if len(out) == 0 || out[0] == "" {
		return nil, errors.New("the command is empty")
	}
	return out, nil
}
