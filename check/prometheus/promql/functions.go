package promql

import (
	_ "embed"
	"strconv"
	"strings"
	"sync"

	"github.com/agnivade/levenshtein"
)

// functionsText lists the functions of Prometheus, one a line: name, type of
// its value, least and most number of arguments (-1: any), "experimental" or
// "stable", and the types of the arguments. TestFunctionsAreCurrent -update
// writes it.
//
//go:embed functions.txt
var functionsText string

type function struct {
	returns      Type
	least, most  int
	experimental bool
	args         []Type
}

var typeNames = map[string]Type{"scalar": Scalar, "vector": Vector, "matrix": Matrix, "string": String}

var functions = sync.OnceValue(func() map[string]function {
	all := map[string]function{}
	for line := range strings.Lines(functionsText) {
		words := strings.Fields(line)
		if len(words) < 5 || words[0] == "#" {
			continue
		}
		f := function{returns: typeNames[words[1]], experimental: words[4] == "experimental"}
		f.least, _ = strconv.Atoi(words[2])
		f.most, _ = strconv.Atoi(words[3])
		for _, t := range words[5:] {
			f.args = append(f.args, typeNames[t])
		}
		all[words[0]] = f
	}
	return all
})

// meant returns a hint at the function that was meant, if one is near.
func meant(name string) string {
	best, least := "", len(name)/3+2
	for f := range functions() {
		if n := levenshtein.ComputeDistance(name, f); n < least || n == least && f < best {
			best, least = f, n
		}
	}
	if best == "" {
		return ""
	}
	return "; did you mean " + best + "?"
}
