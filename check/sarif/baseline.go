package sarif

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/bitactor/cf/check"
	"github.com/bitactor/cf/fault"
)

// CodeBaseline is the fault of a baseline that can't be read [Usage].
const CodeBaseline = "bad-baseline"

// printName names cf's fingerprint and its version.
const printName = "cfFinding/v1"

// Print identifies a finding by its rule, file, words and source line, whatever the
// line's number; digits in the words do not count.
func Print(d check.Diagnostic) string {
	return hash("diagnostic", d.Checker, d.Code, d.File, withoutDigits(d.Message), strings.TrimSpace(d.Source))
}

// PrintTest identifies a failing test.
func PrintTest(checker string, t check.Test) string { return hash("test", checker, t.Name) }

func hash(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return hex.EncodeToString(sum[:16])
}

func withoutDigits(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return -1
		}
		return r
	}, s)
}

// marks is a print with its number among equal ones.
func marks(print string, seen map[string]int) map[string]string {
	seen[print]++
	return map[string]string{printName: fmt.Sprintf("%s:%d", print, seen[print])}
}

// Baseline holds how many findings of each print were known.
type Baseline map[string]int

// ReadBaseline reads the findings of a SARIF log that cf wrote. CodeBaseline for
// anything else.
func ReadBaseline(data []byte) (Baseline, error) {
	var l struct {
		Version string `json:"version"`
		Runs    []struct {
			Tool    tool `json:"tool"`
			Results []struct {
				Fingerprints map[string]string `json:"partialFingerprints"`
			} `json:"results"`
		} `json:"runs"`
	}
	if err := json.Unmarshal(data, &l); err != nil || l.Version != "2.1.0" {
		return nil, fault.New(fault.Usage, CodeBaseline, "a baseline is what cf validate --format sarif wrote")
	}
	b := Baseline{}
	for _, r := range l.Runs {
		for _, found := range r.Results {
			print, _, ok := strings.Cut(found.Fingerprints[printName], ":")
			if !ok {
				return nil, fault.New(fault.Usage, CodeBaseline, "a finding of the baseline has no fingerprint of cf's: another program (%s) wrote it", r.Tool.Driver.Name)
			}
			b[print]++
		}
	}
	return b, nil
}

// Apply takes the findings that the baseline knows out of a report and returns how
// many they were. A finding that is there more often than before is new.
func (b Baseline) Apply(r *check.Report) int {
	left := Baseline{}
	for print, n := range b {
		left[print] = n
	}
	known := func(print string) bool {
		left[print]--
		return left[print] >= 0
	}
	return r.Drop(func(d check.Diagnostic) bool { return known(Print(d)) }, func(checker string, t check.Test) bool { return known(PrintTest(checker, t)) })
}
