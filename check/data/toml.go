package data

import (
	"errors"
	"strings"

	"github.com/pelletier/go-toml/v2"

	"github.com/bitactor/cf/check/source"
)

// CheckTOML records what is wrong with f as TOML 1.0: the first error.
func CheckTOML(f *source.File) {
	var into map[string]any
	err := toml.Unmarshal(f.Data, &into)
	if err == nil {
		return
	}
	at, code := 0, "syntax"
	text := strings.TrimPrefix(err.Error(), "toml: ")
	var decode *toml.DecodeError
	if errors.As(err, &decode) {
		line, column := decode.Position()
		at = f.Offset(line, column)
		text = strings.TrimPrefix(decode.Error(), "toml: ")
	}
	switch {
	case strings.Contains(text, "nested more than"):
		code = "nesting"
	case strings.Contains(text, "already"), strings.Contains(text, "redefine"), strings.Contains(text, "duplicate"):
		code = "duplicate-key"
	}
	f.Error(at, code, "%s", text)
}
