package commands

import (
	"slices"
	"testing"
)

func TestWords(t *testing.T) {
	for command, want := range map[string][]string{
		"go test ./...":              {"go", "test", "./..."},
		"  a\tb\n c ":                {"a", "b", "c"},
		`a 'b c' "d e" f\ g`:         {"a", "b c", "d e", "f g"},
		`a 'x\y' "x\y" "\"\\" x'y'z`: {"a", `x\y`, `x\y`, `"\`, "xyz"},
		`a '' ""`:                    {"a", "", ""},
		`a '$HOME; rm *' "&&" \|`:    {"a", "$HOME; rm *", "&&", "|"},
		"é ü":                        {"é", "ü"},
	} {
		if got, err := words(command); err != nil || !slices.Equal(got, want) {
			t.Errorf("%q: %q, %v, want %q", command, got, err, want)
		}
	}
	for _, command := range []string{"", " \t", "''", "a | b", "a && b", "a; b", "a > b", "a `b`", "a $B", "a (b)", `a "b`, "a 'b"} {
		if got, err := words(command); err == nil {
			t.Errorf("%q is accepted: %q", command, got)
		}
	}
}
