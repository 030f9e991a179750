package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// The module that is checked: folders of about a thousand lines that import one
// another.
const (
	validateRuns     = 15
	validatePackages = 50
	validateFuncs    = 110 // of a package, nine lines each
)

// measureValidate measures what cf itself takes to check one changed file of a
// Go module of 50,000 lines: the whole process less the time of the programs
// that it ran, as its report names them.
func measureValidate(cf string) ([]figure, error) {
	dir, err := os.MkdirTemp("", "cf-figures-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	root := filepath.Join(dir, "module")
	lines, err := writeModule(root)
	if err != nil {
		return nil, err
	}
	v := validating{cf: cf, root: root, home: filepath.Join(dir, "home")}
	var own, again []float64
	for i := range validateRuns + 3 { // the first three fill the build caches
		if err := changeOne(root, i); err != nil {
			return nil, err
		}
		changed, err := v.run()
		if err != nil {
			return nil, err
		}
		same, err := v.run()
		if err != nil {
			return nil, err
		}
		if i >= 3 {
			own = append(own, milliseconds(changed.wall-changed.tools))
			again = append(again, milliseconds(same.wall))
		}
	}
	spread, second := spreadOf(own), spreadOf(again)
	return []figure{
		{
			Name: "`cf validate` of one changed file: cf's own time", Goal: "under 150 ms",
			Measured: spread.in("ms", 0), Pass: spread.median < 150,
			Conditions: fmt.Sprintf("Go module of %d lines in %d packages, build caches warm, %d runs; the whole process less its tools, the sandbox's start counts as cf's", lines, validatePackages, validateRuns),
		},
		{
			Name: "`cf validate` again, nothing changed", Goal: "under 150 ms",
			Measured: second.in("ms", 0), Pass: second.median < 150,
			Conditions: "the same module, the whole process",
		},
	}, nil
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// validating runs cf validate with folders of its own.
type validating struct{ cf, root, home string }

func (v validating) environ() []string {
	env := os.Environ()
	for _, name := range []string{"CACHE", "STATE", "CONFIG", "DATA"} {
		env = append(env, "XDG_"+name+"_HOME="+filepath.Join(v.home, strings.ToLower(name)))
	}
	return env
}

type validated struct{ wall, tools time.Duration }

func (v validating) run() (validated, error) {
	cmd := exec.Command(v.cf, "validate", "--json", changedFile)
	cmd.Dir = v.root
	cmd.Env = v.environ()
	began := time.Now()
	out, err := cmd.Output()
	wall := time.Since(began)
	if err != nil {
		return validated{}, fmt.Errorf("cf validate: %w: %s", err, lastLine(out))
	}
	tools, err := toolTime(out)
	return validated{wall, tools}, err
}

// checks is what a report of cf validate says of all checks.
type checks struct {
	Type    string
	Checked int `json:"files_checked"`
	Not     int `json:"files_not_checked"`
	Parts   []struct {
		Cached bool
		Ran    []struct {
			Elapsed time.Duration `json:"elapsed_ns"`
		}
	}
}

func checksOf(report []byte) (checks, error) {
	for line := range bytes.Lines(report) {
		var c checks
		if json.Unmarshal(line, &c) == nil && c.Type == "checks" {
			return c, nil
		}
	}
	return checks{}, fmt.Errorf("cf validate reported no checks: %s", lastLine(report))
}

// toolTime adds up what the programs took that the report names.
func toolTime(report []byte) (time.Duration, error) {
	c, err := checksOf(report)
	var total time.Duration
	for _, p := range c.Parts {
		for _, r := range p.Ran {
			if !p.Cached {
				total += r.Elapsed
			}
		}
	}
	return total, err
}

func lastLine(text []byte) string {
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return lines[len(lines)-1]
}

const changedFile = "p25/p25.go"

// changeOne changes a constant in one file.
func changeOne(root string, to int) error {
	name := filepath.Join(root, changedFile)
	text, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	head, rest, ok := strings.Cut(string(text), "const changed = ")
	if !ok {
		return fmt.Errorf("%s holds no constant to change", name)
	}
	_, rest, _ = strings.Cut(rest, "\n")
	return os.WriteFile(name, []byte(fmt.Sprintf("%sconst changed = %d\n%s", head, to, rest)), 0o644)
}

// writeModule writes the module and returns how many lines it has.
func writeModule(root string) (lines int, err error) {
	write := func(name, text string) {
		if err != nil {
			return
		}
		full := filepath.Join(root, name)
		if err = os.MkdirAll(filepath.Dir(full), 0o755); err == nil {
			err = os.WriteFile(full, []byte(text), 0o644)
		}
		lines += strings.Count(text, "\n")
	}
	write("go.mod", "module example.com/large\n\ngo 1.24\n")
	for i := range validatePackages {
		name := fmt.Sprintf("p%d", i)
		write(name+"/"+name+".go", packageText(i))
		write(name+"/"+name+"_test.go", fmt.Sprintf("package %s\n\nimport \"testing\"\n\nfunc TestF0(t *testing.T) {\n\tif F0(1) == F0(2) {\n\t\tt.Error(\"the same\")\n\t}\n}\n", name))
	}
	return lines, err
}

// packageText is package i, which imports the one before it.
func packageText(i int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "// Package p%d is one of many.\npackage p%d\n\n", i, i)
	before := "n"
	if i > 0 {
		fmt.Fprintf(&b, "import \"example.com/large/p%d\"\n\n", i-1)
		before = fmt.Sprintf("p%d.F0(n %% 7)", i-1)
	}
	b.WriteString("const changed = 0\n\n")
	for f := range validateFuncs {
		called := "n + changed"
		if f == 0 {
			called = before
		}
		fmt.Fprintf(&b, "// F%d counts in steps of %d.\nfunc F%d(n int) int {\n\tsum := %s\n\tfor i := range n %% 10 {\n\t\tsum += i * %d\n\t}\n\treturn sum*31 + n\n}\n", f, f+1, f, called, f+1)
		if f+1 < validateFuncs {
			b.WriteByte('\n')
		}
	}
	return b.String()
}
