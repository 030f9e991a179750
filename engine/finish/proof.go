package finish

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/bitactor/cf/check"
	"github.com/bitactor/cf/fault"
	"github.com/bitactor/cf/lazyregexp"
)

// CodeLost is the fault of a union after which a test case does not run as before
// [Refused].
const CodeLost = "test-case-lost"

// Proof tells whether every test case that ran before runs now with the same result:
// under its own name, or, where its file or module has another one, under the last
// part of it. A case that the plan dropped or renamed counts so.
func (p *Plan) Proof(base, now *check.Report) error {
	dropped, renamed := map[string]int{}, map[string]string{}
	programs := map[string]string{} // of C: what one runs, another runs now
	for _, m := range p.Merged {
		if m.Why != "" {
			continue
		}
		if path.Ext(m.File) == ".c" {
			programs[m.File] = m.Into
		}
		for _, name := range m.Dropped {
			dropped[last(name)]++
		}
		for was, is := range m.Renamed {
			renamed[last(was)] = last(is)
		}
	}
	before, after := states(base), states(now)
	moved := map[string]int{} // last part and state of the names that are new
	for name, state := range after {
		if _, known := before[name]; !known {
			moved[last(name)+"\x00"+string(state)]++
		}
	}
	var lost []string
	for _, name := range sortedNames(before) {
		state := before[name]
		short := last(name)
		if is, still := after[name]; still {
			if is != state {
				lost = append(lost, fmt.Sprintf("%s (%s, was %s)", name, is, state))
			}
			continue
		}
		into, found := programs[name]
		if found && after[into] == state {
			continue
		}
		found = false
		for _, candidate := range []string{short, renamed[short]} {
			if key := candidate + "\x00" + string(state); candidate != "" && moved[key] > 0 {
				moved[key]--
				found = true
				break
			}
		}
		if !found && dropped[short] > 0 {
			dropped[short]--
			found = true
		}
		if !found {
			lost = append(lost, name)
		}
	}
	if len(lost) == 0 {
		return nil
	}
	return fault.New(fault.Refused, CodeLost, "after the union %d test cases do not run as before: %s; nothing was changed", len(lost), strings.Join(lost[:min(len(lost), 5)], ", ")).On("finish", "")
}

// states returns how the tests that ran ended, by name.
func states(r *check.Report) map[string]check.TestState {
	out := map[string]check.TestState{}
	for _, part := range r.Parts {
		for _, t := range part.Tests {
			if t.State != check.Skipped {
				out[t.Name] = t.State
			}
		}
	}
	return out
}

func sortedNames(m map[string]check.TestState) []string {
	names := make([]string, 0, len(m))
	for n := range m {
		names = append(names, n)
	}
	slices.Sort(names)
	return names
}

var ofModule = lazyregexp.New(`^[a-z]\w*:(\w+_test_? .+)$`)

// last is the part of a test's name that does not depend on its file: behind the
// module of ExUnit or of EUnit, whose cases may have words, or the last dot or colon.
func last(name string) string {
	if m := ofModule.FindStringSubmatch(name); m != nil {
		return m[1]
	}
	if _, words, ok := strings.Cut(name, ": "); ok {
		return words
	}
	if at := strings.LastIndexAny(name, ".:"); at >= 0 && !strings.Contains(name[at:], " ") {
		return name[at+1:]
	}
	return name
}
