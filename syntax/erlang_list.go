package syntax

import (
	"context"
	"fmt"
)

// TokenKind says what an Erlang token is.
type TokenKind string

// The kinds of tokens that a form holds.
const (
	AtomToken     TokenKind = "atom" // also a quoted one
	WordToken     TokenKind = "word" // reserved
	VariableToken TokenKind = "variable"
	NumberToken   TokenKind = "number" // also a character
	StringToken   TokenKind = "string"
	MacroToken    TokenKind = "macro"
	PunctToken    TokenKind = "punct"
)

var tokenKinds = map[erlKind]TokenKind{
	erlAtom: AtomToken, erlWord: WordToken, erlVar: VariableToken, erlNumber: NumberToken, erlString: StringToken, erlMacro: MacroToken, erlPunct: PunctToken,
}

// Token is a token of an Erlang form; Text is as written, without the quotes of an
// atom and the marks of a macro, and empty for numbers and strings.
type Token struct {
	Kind  TokenKind
	Range Range
	Text  string
}

// Form is an attribute or a function of an Erlang source.
type Form struct {
	Attribute string // its name without the dash; "" for a function
	Range     Range  // with its dot
	Tokens    []Token
}

// ErlangForms cuts an Erlang source into its forms, without comments and dots:
// there is no grammar that Query works on. What is no Erlang gives forms that make
// no sense; Parse tells. The errors are those of Parse.
func ErlangForms(ctx context.Context, src []byte) ([]Form, error) {
	if len(src) > MaxBytes {
		return nil, fmt.Errorf("erlang: %d bytes: %w", len(src), ErrTooLarge)
	}
	f := &File{language: ByName("erlang"), src: src, lines: lineStarts(src)}
	s := newErlScanner(f, &harvest{})
	var forms []Form
	for {
		tokens, err := s.form(ctx)
		if err != nil {
			return nil, err
		}
		if len(tokens) == 0 {
			return forms, nil
		}
		form := Form{Range: Range{tokens[0].at.Start, tokens[len(tokens)-1].at.End}}
		for _, t := range tokens {
			if t.kind != erlDot {
				form.Tokens = append(form.Tokens, Token{tokenKinds[t.kind], t.at, t.text})
			}
		}
		if n := form.Tokens; len(n) > 1 && n[0].Text == "-" && n[0].Kind == PunctToken {
			form.Attribute = n[1].Text
		}
		forms = append(forms, form)
	}
}
