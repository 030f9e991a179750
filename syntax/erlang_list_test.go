package syntax_test

import (
	"strings"
	"testing"

	"github.com/bitactor/cf/syntax"
)

func TestErlangForms(t *testing.T) {
	src := "-module(a). % a \"comment\". \n-if(X > 1).\na('b c', $.) ->\n\t\"one. two\" ++ ?M;\na(_, _) -> 1.5.\n"
	forms, err := syntax.ErlangForms(t.Context(), []byte(src))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range forms {
		var words []string
		for _, tok := range f.Tokens {
			words = append(words, string(tok.Kind)+" "+tok.Text)
		}
		got = append(got, f.Attribute+": "+strings.Join(words, ", ")+" | "+src[f.Range.Start:f.Range.End])
	}
	want := []string{
		"module: punct -, atom module, punct (, atom a, punct ) | -module(a).",
		"if: punct -, word if, punct (, variable X, punct >, number , punct ) | -if(X > 1).",
		": atom a, punct (, atom b c, punct ,, number , punct ), punct ->, string , punct ++, macro M, punct ;, atom a, punct (, variable _, punct ,, variable _, punct ), punct ->, number  | a('b c', $.) ->\n\t\"one. two\" ++ ?M;\na(_, _) -> 1.5.",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if _, err := syntax.ErlangForms(t.Context(), make([]byte, syntax.MaxBytes+1)); err == nil {
		t.Error("a source that is too large was read")
	}
}
