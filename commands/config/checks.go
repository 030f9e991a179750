package config

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/bitactor/cf/fault"
	"github.com/bitactor/cf/lazyregexp"
)

// Check is a check of the user's own: a table [check.NAME].
type Check struct {
	Name  string   `json:"name"`
	Run   []string `json:"run"`   // program and arguments; no shell reads them
	Files []string `json:"files"` // patterns of the files that it is for; see path.Match
	Kind  string   `json:"kind"`  // "check", or "tests": left out where tests are
	Where string   `json:"where"` // file:line:column of its table
}

// ChecksMax is how many tables one file may hold.
const ChecksMax = 32

// Bounds of a command: more is no check, and not worth showing to somebody who
// is asked to approve it.
const (
	argsMax     = 64
	argBytesMax = 4096
)

// checkKeys is the table of keys of [check.NAME]. Scope Repo: a repository may
// bring them, and nothing runs them before the user has approved that very file.
var checkKeys = []Key{
	{Name: "run", Kind: List, Scope: Repo, Doc: "program and arguments, without a shell; an exit code other than 0 is a finding"},
	{Name: "files", Kind: List, Scope: Repo, Doc: "patterns of the files that it checks, such as \"*.ts\"; one without a slash goes by the file's last name"},
	{Name: "kind", Kind: Text, Default: "check", Scope: Repo, Choices: []string{"check", "tests"}, Doc: "tests: not run where --no-tests is given"},
}

// CheckKeys returns the keys of a table [check.NAME] in the order of
// documentation.
func CheckKeys() []Key { return slices.Clone(checkKeys) }

var checkName = lazyregexp.New(`^[a-z0-9][a-z0-9_-]{0,31}$`)

// readChecks makes checks of the decoded tables: of each, its keys' values in
// the order of checkKeys, nil for one that is not there.
func readChecks(file string, tables map[string][]any, places map[string]place) ([]Check, error) {
	if len(tables) > ChecksMax {
		return nil, fault.New(fault.Usage, CodeValue, "more than %d tables [check.NAME]", ChecksMax).On("config", file)
	}
	var out []Check
	for _, name := range slices.Sorted(maps.Keys(tables)) {
		table := "check." + strings.ToLower(name) // as the decoder, which takes keys in any case
		where := func(key string) string {
			for _, at := range []string{table + "." + key, table, "check"} {
				if p, found := places[at]; found {
					return position(file, p.line, p.column)
				}
			}
			return file
		}
		c := Check{Name: name, Where: where("")}
		values := tables[name]
		c.Run, _ = values[0].([]string)
		c.Files, _ = values[1].([]string)
		c.Kind, _ = values[2].(string)
		if c.Kind == "" {
			c.Kind = checkKeys[2].Default
		}
		if key, why := c.wrong(); why != "" {
			return nil, fault.New(fault.Usage, CodeValue, "check %q: %s", name, why).On("config", where(key))
		}
		out = append(out, c)
	}
	return out, nil
}

// wrong returns the key that is wrong, and why; "" for none.
func (c Check) wrong() (key, why string) {
	switch {
	case !checkName.MatchString(c.Name):
		return "", "a name is made of a-z, 0-9, - and _, at most 32 of them"
	case len(c.Run) == 0 || strings.TrimSpace(c.Run[0]) == "":
		return "run", `run is missing: the program and its arguments, such as ["npx", "tsc"]`
	case len(c.Run) > argsMax:
		return "run", fmt.Sprintf("run has more than %d words", argsMax)
	case len(c.Files) == 0:
		return "files", `files is missing: the patterns of the files that it checks, such as ["*.ts"]`
	case len(c.Files) > argsMax:
		return "files", fmt.Sprintf("files has more than %d patterns", argsMax)
	}
	for _, arg := range c.Run {
		if len(arg) > argBytesMax || strings.ContainsRune(arg, 0) {
			return "run", "a word of run is too long or holds a NUL byte"
		}
	}
	for _, pattern := range c.Files {
		if _, err := path.Match(pattern, "x"); err != nil || pattern == "" {
			return "files", fmt.Sprintf("%q is no pattern such as \"*.ts\"", pattern)
		}
	}
	if _, err := checkKeys[2].check(c.Kind); err != nil {
		return "kind", err.Error()
	}
	return "", ""
}
