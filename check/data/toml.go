package data

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/pelletier/go-toml/v2"

	"github.com/bitactor/cf/check/source"
)

// keysMax bounds the keys of one table: the library takes time in proportion to
// the square of their number, and heeds no context.
const keysMax = 20_000

var errCrowded = fmt.Errorf("a table of more than %d keys", keysMax)

// crowded tells whether a table may have more keys than keysMax, by its equals
// signs, or the file so many tables.
func crowded(text []byte) bool {
	keys, tables := 0, 0
	for line := range bytes.Lines(text) {
		line = bytes.TrimLeft(line, " \t")
		switch {
		case bytes.HasPrefix(line, []byte("[[")):
			keys = 0
		case bytes.HasPrefix(line, []byte("[")):
			keys = 0
			tables++
		}
		keys += bytes.Count(line, []byte("="))
		if keys > keysMax || tables > keysMax {
			return true
		}
	}
	return false
}

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
