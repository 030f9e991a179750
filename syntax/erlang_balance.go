package syntax

import "slices"

// erlEnds are what closes an opening token.
var erlEnds = map[string]string{
	"(": ")", "[": "]", "{": "}", "<<": ">>",
	"begin": "end", "case": "end", "if": "end", "receive": "end", "try": "end", "fun": "end", "maybe": "end",
}

// balance checks that brackets and words that end with "end" pair up; without
// words, as in attributes, only brackets count: types have a "fun" of their own
// and macros may hold half a case.
func (m *erlModule) balance(tokens []erlToken, words bool) bool {
	var open []erlToken
	perhaps := 0 // ends taken by a "maybe", which may have been an atom
	top := func() string { return open[len(open)-1].text }
	for i, t := range tokens {
		if t.kind != erlPunct && (!words || t.kind != erlWord) {
			continue
		}
		if _, ok := erlEnds[t.text]; ok {
			if t.text != "fun" || funHasEnd(tokens[i+1:]) {
				open = append(open, t)
			}
			continue
		}
		if t.text != ")" && t.text != "]" && t.text != "}" && t.text != ">>" && t.text != "end" {
			continue
		}
		for len(open) > 0 && top() == "maybe" && t.text != "end" { // it was an atom
			open = open[:len(open)-1]
		}
		if len(open) == 0 {
			m.problem(t.at.Start, "unexpected %q: nothing is open that it closes", t.text)
			return false
		}
		if erlEnds[top()] != t.text {
			m.problem(open[len(open)-1].at.Start, "%q is never closed", top())
			return false
		}
		if top() == "maybe" {
			perhaps++
		}
		open = open[:len(open)-1]
	}
	open = slices.DeleteFunc(open, func(t erlToken) bool { return t.text == "maybe" })
	if len(open) > perhaps {
		m.problem(open[len(open)-1].at.Start, "%q is never closed", top())
		return false
	}
	return true
}

// wordBalance counts the words that want an "end" less the ends.
func wordBalance(tokens []erlToken) int {
	n := 0
	for i, t := range tokens {
		switch {
		case t.kind != erlWord || t.text == "fun" && !funHasEnd(tokens[i+1:]):
		case t.text == "end":
			n--
		case erlEnds[t.text] != "":
			n++
		}
	}
	return n
}

// funHasEnd tells fun(X) -> ... end and fun Name(X) -> ... end, which rest
// follows on "fun", from fun name/1.
func funHasEnd(rest []erlToken) bool {
	if len(rest) == 0 {
		return false
	}
	if rest[0].kind == erlVar && len(rest) > 1 {
		return rest[1].text == "("
	}
	return rest[0].text == "("
}

// neighbours checks that no two operands stand side by side: that is where a
// comma, a semicolon or the dot of the form before is missing.
func (m *erlModule) neighbours(tokens []erlToken) bool {
	for i := 1; i < len(tokens); i++ {
		if !operandEnds(tokens[i-1]) || !operandStarts(tokens, i) {
			continue
		}
		before, t := tokens[i-1], tokens[i]
		if _, first := m.f.indent(t.at.Start); first && m.f.Line(before.at.Start) < m.f.Line(t.at.Start) {
			m.problem(before.at.End, "missing %s before %s", `",", ";" or "."`, quoted(m.f.Text(t.at)))
		} else {
			m.problem(t.at.Start, "unexpected %s", quoted(m.f.Text(t.at)))
		}
		return false
	}
	return true
}

func operandEnds(t erlToken) bool {
	switch t.kind {
	case erlAtom, erlVar, erlNumber:
		return true
	case erlPunct:
		return t.text == ")" || t.text == "]" || t.text == "}" || t.text == ">>"
	case erlWord:
		return t.text == "end"
	}
	return false // a macro may stand for anything; strings side by side are one
}

func operandStarts(tokens []erlToken, i int) bool {
	t := tokens[i]
	switch t.kind {
	case erlAtom, erlVar, erlNumber:
		return true
	case erlString:
		return true
	case erlPunct:
		switch t.text {
		case "{": // of a record: #name{
			return i < 2 || tokens[i-2].text != "#" && tokens[i-2].kind != erlMacro
		case "[", "<<":
			return true
		}
	case erlWord:
		switch t.text {
		case "begin", "case", "receive", "try", "fun":
			return true
		}
	}
	return false
}
