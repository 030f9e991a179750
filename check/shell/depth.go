package shell

// stackMax bounds what the parser may need of the stack, in bytes. Go ends the
// whole program at 1 GB, and no recover helps.
const stackMax = 96 << 20

// costs holds the stack that one more byte of source can take, at most, in the
// parser of mvdan.cc/sh v3.14: measured with 20,000 and 200,000 of each
// opening in a row, where a stack is the power of two above what is used.
var costs = [256]int{
	'(': 6400, '[': 6400, '{': 1600,
	'?': 700, '=': 700, '*': 700, '!': 700, '~': 700, '-': 700, '+': 700,
}

// wordCost is what one more word can take: "if if if".
const wordCost = 1600

// deep tells whether a script could be nested too deep to be parsed.
func deep(text []byte) bool { return cost(text) > stackMax }

// cost returns the most stack that parsing text can take. It counts what opens
// and not what closes: that can hide in comments and strings.
func cost(text []byte) int {
	total := 0
	for i, c := range text {
		total += costs[c]
		if (c == ' ' || c == '\t' || c == '\n' || c == ';') && keywordEnds(text[:i]) {
			total += wordCost
		}
	}
	return total
}

var keywords = map[string]bool{
	"if": true, "then": true, "elif": true, "else": true, "while": true, "until": true, "do": true, "for": true,
	"case": true, "in": true, "select": true, "time": true, "coproc": true, "function": true,
}

func keywordEnds(text []byte) bool {
	start := len(text)
	for start > 0 && len(text)-start < 9 && text[start-1] >= 'a' && text[start-1] <= 'z' {
		start--
	}
	return keywords[string(text[start:])]
}
