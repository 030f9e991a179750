package data_test

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/bitactor/cf/check"
	"github.com/bitactor/cf/check/data"
	"github.com/bitactor/cf/check/source"
	"github.com/bitactor/cf/check/source/sourcetest"
)

var jsonSeeds = []string{
	"", " ", "{}", "[]", "[1,2.5e-3,-0,0.1]", `{"a":{"b":[true,false,null]}}`, `{"a":1,"a":2}`, `[1,]`, `{"a":1,}`, `{,}`, `[,]`, "01", "-", "1.", "1e", "+1",
	`"\ud83d\ude00"`, `"\u12"`, `"\x"`, "\"a\nb\"", "\"a", "tru", "nullx", "// c\n1", "/* c */ 1", "1 // c", "1 2", "\xef\xbb\xbf{}", "\"\xff\"", "{\"a\"\r\n:\r\n1}", "'a'", "[1 2]", `{"a" 1}`, `{1:1}`,
}

// FuzzJSONPosition holds CheckJSON and encoding/json together: the same texts
// are JSON to both, and where both see a syntax error, ours is not behind the
// byte at which the other one stopped.
func FuzzJSONPosition(f *testing.F) {
	for _, s := range jsonSeeds {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		file := source.New("json", "cf json", "a.json", text)
		data.CheckJSON(file, data.Strict)
		sourcetest.Inside(t, string(text), check.Outcome{Diagnostics: file.Findings()})
		if file.Mark {
			return // encoding/json refuses it, RFC 8259 lets a reader pass it over
		}
		ours := false
		var first check.Diagnostic
		for _, d := range file.Findings() {
			if d.Code != "duplicate-key" && d.Code != "not-utf8" {
				ours, first = true, d
			}
		}
		var into any
		err := json.Unmarshal(text, &into)
		var syntax *json.SyntaxError
		theirs := errors.As(err, &syntax)
		if ours != theirs {
			t.Fatalf("%q: ours says wrong=%v (%v), encoding/json says %v", text, ours, first, err)
		}
		if ours && int64(file.Offset(first.Line, first.Column)) > syntax.Offset {
			t.Fatalf("%q: ours stopped at %d:%d, encoding/json at byte %d", text, first.Line, first.Column, syntax.Offset)
		}
	})
}

// FuzzYAMLPosition feeds the YAML checks: no panic, no place outside the file.
func FuzzYAMLPosition(f *testing.F) {
	for _, s := range []string{"", "a: 1\n", "a: [", "a:\n\tb: 1", "- a\nb: 1\n", "a: &x [*x]\n", "a: *y\n", "---\n---\n", "é: ü: 1\r\n", "a: 'it's'\n", "\xff", "{{ x }}: 1", "? a\n: b", "a: 1\na: 2\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		file := source.New("yaml", "cf yaml", "a.yaml", text)
		data.CheckYAML(file)
		sourcetest.Inside(t, string(text), check.Outcome{Diagnostics: file.Findings()})
	})
}

// FuzzTOMLPosition is FuzzYAMLPosition for TOML.
func FuzzTOMLPosition(f *testing.F) {
	for _, s := range []string{"", "a = 1\n", "a = [", "[a]\n[a]\n", "a = 1\na = 2", "a.b = 1\r\n[a]\r\n", "a = \"\\q\"", "\xff", "a = 1979-13-01"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		file := source.New("toml", "cf toml", "a.toml", text)
		data.CheckTOML(file)
		sourcetest.Inside(t, string(text), check.Outcome{Diagnostics: file.Findings()})
	})
}
