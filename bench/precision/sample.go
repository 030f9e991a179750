package precision

import (
	"bufio"
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"slices"
)

// Sample is a finding with what two readers said of it. A reader who has not judged
// it has said nothing.
type Sample struct {
	Finding
	Verdict1 string `json:"verdict1"` // True, False or ""
	Verdict2 string `json:"verdict2"`
	Why      string `json:"why"` // of the first reader
}

// The verdicts.
const (
	True  = "true"
	False = "false"
)

// Draw takes n of the findings: by turns one of each rule, so that a rule with many
// findings does not hide the others, and of each rule and repository those that
// chance gives. A finding's place is that of a hash of the seed and itself, so that a
// rule that is mended takes its findings out of a draw and leaves the others in it.
func Draw(findings []Finding, n int, seed uint64) []Finding {
	rank := make(map[Finding]string, len(findings))
	for _, f := range findings {
		sum := sha256.Sum256(fmt.Appendf(nil, "%d\x00%s\x00%s\x00%d\x00%s", seed, f.Repository, f.Path, f.Line, f.Rule))
		rank[f] = string(sum[:])
	}
	sorted := slices.SortedFunc(slices.Values(findings), func(a, b Finding) int {
		return cmp.Or(cmp.Compare(rank[a], rank[b]), less(a, b))
	})
	byRule := map[string][]Finding{}
	var rules []string
	for _, f := range sorted {
		if byRule[f.Rule] == nil {
			rules = append(rules, f.Rule)
		}
		byRule[f.Rule] = append(byRule[f.Rule], f)
	}
	slices.Sort(rules)
	var out []Finding
	for turn := 0; len(out) < n; turn++ {
		before := len(out)
		for _, r := range rules {
			if turn < len(byRule[r]) && len(out) < n {
				out = append(out, byRule[r][turn])
			}
		}
		if len(out) == before {
			break
		}
	}
	slices.SortFunc(out, less)
	return out
}

// ReadSamples reads one sample a line.
func ReadSamples(r io.Reader) ([]Sample, error) {
	var out []Sample
	for lines := bufio.NewScanner(r); lines.Scan(); {
		var s Sample
		if err := json.Unmarshal(lines.Bytes(), &s); err != nil {
			return nil, fmt.Errorf("line %d: %w", len(out)+1, err)
		}
		for _, v := range []string{s.Verdict1, s.Verdict2} {
			if v != "" && v != True && v != False {
				return nil, fmt.Errorf("line %d: the verdict %q is neither %s nor %s", len(out)+1, v, True, False)
			}
		}
		out = append(out, s)
	}
	return out, nil
}

// Judged is how the draws were judged.
type Judged struct {
	Drawn, Right, Unjudged int
	Differ                 int            // the readers do not agree
	Wrong                  map[string]int // by rule, those judged by both that are not right
}

// Judge holds findings against the verdicts: right is what both readers call true.
func Judge(drawn []Finding, verdicts []Sample) Judged {
	known := map[Finding]Sample{}
	for _, s := range verdicts {
		known[s.Finding] = s
	}
	j := Judged{Drawn: len(drawn), Wrong: map[string]int{}}
	for _, f := range drawn {
		switch s := known[f]; {
		case s.Verdict1 == "" || s.Verdict2 == "":
			j.Unjudged++
		case s.Verdict1 == True && s.Verdict2 == True:
			j.Right++
		default:
			j.Wrong[f.Rule]++
			if s.Verdict1 != s.Verdict2 {
				j.Differ++
			}
		}
	}
	return j
}

// Precision is the share of the draws that is right, in percent.
func (j Judged) Precision() float64 {
	if j.Drawn == 0 {
		return 0
	}
	return 100 * float64(j.Right) / float64(j.Drawn)
}
