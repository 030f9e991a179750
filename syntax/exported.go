package syntax

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// The rules by which languages show a symbol to other files. They get the words of the declaration before the name.

func always(*Symbol, []string) bool { return true }

func upperCase(s *Symbol, _ []string) bool {
	r, _ := utf8.DecodeRuneInString(s.Name)
	return unicode.IsUpper(r)
}

func notUnderscored(s *Symbol, _ []string) bool {
	return !strings.HasPrefix(s.Name, "_") || strings.HasPrefix(s.Name, "__") && strings.HasSuffix(s.Name, "__")
}

func notStatic(_ *Symbol, before []string) bool { return !slices.Contains(before, "static") }

func hasExport(s *Symbol, before []string) bool {
	if s.Parent != "" {
		return !strings.HasPrefix(s.Name, "#") && !slices.Contains(before, "private")
	}
	return len(before) > 0 && (before[0] == "export" || strings.Contains(before[0], "exports."))
}

func hasPub(_ *Symbol, before []string) bool {
	return len(before) > 0 && strings.HasPrefix(before[0], "pub")
}

func notPrivateDef(s *Symbol, before []string) bool {
	if len(before) == 0 {
		return true
	}
	switch before[0] {
	case "defp", "defmacrop", "defguardp", "@typep":
		return false
	}
	return s.Kind != Constant
}
