package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// safeGoalMiB is what cf may hold for any tree, diff or output of a tool.
const safeGoalMiB = 128

// hostileBytes is the size of the largest files that cf reads, less a little for
// what must close them.
const hostileBytes = 1<<20 - 64

// measureSafeMemory takes the largest resident set of the cf process itself, not
// of the programs it runs, over what is made to be large.
func measureSafeMemory(cf string) ([]figure, error) {
	dir, err := os.MkdirTemp("", "cf-figures-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	s := &safe{validating{cf: cf, root: filepath.Join(dir, "tree"), home: filepath.Join(dir, "home")}}
	if err := plantHostile(s.root); err != nil {
		return nil, err
	}
	diff, bytes := largestDiff()
	if err := os.WriteFile(filepath.Join(dir, "large.diff"), []byte(diff), 0o644); err != nil {
		return nil, err
	}
	flood := "seq --format=a.go:%.0f:1:_no 1 20000000"
	var figures []figure
	for _, c := range []struct {
		name, conditions string
		args             []string
	}{
		{
			"`cf validate` of a hostile tree", "10,000 small files, and for each of 15 kinds the largest and the most nested file that is read, JSON, YAML and Markdown of brackets alone among them; no tests",
			[]string{"validate", "--no-tests"},
		},
		{
			"`cf apply` of the largest diff", fmt.Sprintf("%.1f MiB, 8 new files", float64(bytes)/(1<<20)),
			[]string{"apply", filepath.Join(dir, "large.diff"), "--dry-run", "--no-tests", "--allow-unchecked", "--yes"},
		},
		{
			"`cf validate` with a check that floods", "`--test` prints 20,000,000 findings, some 350 MB",
			[]string{"validate", "--test", flood, "small/00/f0000.json"},
		},
	} {
		var peaks []float64
		for range safeRuns {
			peak, err := s.peak(c.args...)
			if err != nil {
				return nil, err
			}
			peaks = append(peaks, peak)
		}
		spread := spreadOf(peaks)
		figures = append(figures, figure{
			Name: c.name + ": peak memory", Goal: fmt.Sprintf("under %d MiB", safeGoalMiB), Measured: spread.in("MiB", 1),
			Pass: spread.max < safeGoalMiB, Conditions: c.conditions + fmt.Sprintf("; resident set of cf alone, %d runs", safeRuns),
		})
	}
	return figures, nil
}

const safeRuns = 3

// safe runs cf over the hostile tree with folders of its own.
type safe struct{ validating }

// peak runs cf and returns the high-water mark of its resident set in MiB. The
// kernel forgets it with the process, so it is read while cf runs; what wait4(2)
// reports would be that of the programs that cf ran.
func (s *safe) peak(args ...string) (float64, error) {
	if err := os.RemoveAll(s.home); err != nil { // what was checked once is not checked again
		return 0, err
	}
	cmd := exec.Command(s.cf, append(args, "--json")...)
	cmd.Dir, cmd.Env = s.root, s.environ()
	var out strings.Builder
	cmd.Stdout = &out
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	peak := 0.0
	for {
		select {
		case err := <-ended:
			var exit *exec.ExitError
			if err != nil && (!errors.As(err, &exit) || exit.ExitCode() != 3) { // findings are what was planted
				return 0, fmt.Errorf("cf %s: %w: %s", args[0], err, lastLine([]byte(out.String())))
			}
			return peak, nil
		case <-time.After(2 * time.Millisecond):
			peak = max(peak, highWater(cmd.Process.Pid))
		}
	}
}

// highWater returns VmHWM of a process in MiB, 0 once it has ended.
func highWater(pid int) float64 {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	for line := range strings.Lines(string(text)) {
		if fields := strings.Fields(line); len(fields) > 1 && fields[0] == "VmHWM:" {
			kib, _ := strconv.ParseFloat(fields[1], 64)
			return kib / 1024
		}
	}
	return 0
}

// hostileFile is a file of one kind: unit again and again between head and tail,
// each "#" in it a number of its own, up to so many bytes.
type hostileFile struct {
	name, head, unit, tail string
	bytes                  int
}

// hostileFiles are the largest that each checker reads, by what its parser needs
// most memory for.
var hostileFiles = []hostileFile{
	{"go/go.mod", "module example.com/x\n\ngo 1.24\n", "", "", 0},
	{"go/a.go", "package x\n\n", "func F#(a int) int {\n\tif a > # {\n\t\treturn a\n\t}\n\treturn 0\n}\n\n", "", hostileBytes},
	{"c/a.c", "", "int f#(int a);\nint f#(int a) { return a + #; }\n", "", hostileBytes},
	{"py/a.py", "", "def f#(a):\n    return a + #\n\n\n", "", hostileBytes},
	{"js/a.js", "", "function f#(a) { return a + # }\n", "", hostileBytes},
	{"js/deep.js", "", "(", "", hostileBytes},
	{"ts/a.ts", "", "export function f#(a: number) { return a }\n", "", hostileBytes / 8}, // tsc takes minutes
	{"sh/a.sh", "#!/bin/sh\n", "echo \"$HOME/#\"\n", "", hostileBytes / 8},                // shellcheck too
	{"json/list.json", "[", "1,", "1]\n", hostileBytes},
	{"json/deep.json", "", "[", "", hostileBytes},
	{"json/object.json", "{", "\"k#\":{},", "\"z\":0}\n", hostileBytes},
	{"yaml/list.yaml", "", "- 1\n", "", hostileBytes},
	{"yaml/flow.yaml", "[", "1,", "1]\n", 590_000},
	{"yaml/deep.yaml", "a: ", "[", "", hostileBytes},
	{"yaml/map.yaml", "", "k#: {}\n", "", hostileBytes},
	{"toml/list.toml", "a = [", "1,", "1]\n", hostileBytes},
	{"toml/map.toml", "", "k# = 1\n", "", 200_000},
	{"md/emphasis.md", "# T\n\n", "*a _b ", "", 384<<10 - 64},
	{"md/links.md", "# T\n\n", "[a#](b) ", "", 384<<10 - 64},
	{"md/fence.md", "# T\n\n```js\n", "f(1,2)\n", "```\n", 384<<10 - 64},
	{"docker/Dockerfile", "FROM debian:12\n", "RUN echo #\n", "", 256<<10 - 64},
	{".github/workflows/w.yml", "on: push\njobs:\n", "  j#:\n    runs-on: ubuntu-latest\n    steps:\n      - run: echo ${{ github.sha }}\n", "", hostileBytes},
	{"k8s/list.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: c\ndata:\n", "  a#: b\n", "", hostileBytes},
	{"k8s/many.yaml", "", "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: c#\n---\n", "", hostileBytes},
	{"prometheus/rules.yml", "groups:\n- name: a\n  rules:\n", "  - alert: A#\n    expr: up == 0\n", "", hostileBytes},
}

func (h hostileFile) text() string {
	var b strings.Builder
	b.WriteString(h.head)
	for i := 0; ; i++ {
		unit := strings.ReplaceAll(h.unit, "#", strconv.Itoa(i))
		if b.Len()+len(unit)+len(h.tail) > h.bytes {
			break
		}
		b.WriteString(unit)
	}
	b.WriteString(h.tail)
	return b.String()
}

// plantHostile writes the hostile tree: 10,000 small files, the large ones, and a
// file a hundred folders deep.
func plantHostile(root string) error {
	write := func(name, text string) error {
		full := filepath.Join(root, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
			return err
		}
		return os.WriteFile(full, []byte(text), 0o644)
	}
	small := []struct{ ending, text string }{{"json", "{\"a\": [1, 2]}\n"}, {"yaml", "a: [1, 2]\n"}, {"toml", "a = [1, 2]\n"}, {"md", "# A\n\nSee [a](#a).\n"}}
	for i := range 10_000 {
		s := small[i%len(small)]
		if err := write(fmt.Sprintf("small/%02d/f%04d.%s", i/100, i, s.ending), s.text); err != nil {
			return err
		}
	}
	for _, h := range hostileFiles {
		if err := write(h.name, h.text()); err != nil {
			return err
		}
	}
	return write(strings.Repeat("d/", 100)+"a.json", "{}\n")
}

// largestDiff returns a diff that makes new files, close to the most that is read
// of one, 8 MiB, and its size.
func largestDiff() (diff string, bytes int) {
	var b strings.Builder
	for i := range 8 {
		h := []hostileFile{
			{"new.json", "[", "1,\n", "1]\n", hostileBytes / 2},
			{"new.yaml", "", "- 1\n", "", hostileBytes * 3 / 5},
			{"new.txt", "", "line #\n", "", hostileBytes * 3 / 4},
			{"new.toml", "a = [\n", "1,\n", "]\n", hostileBytes / 2},
		}[i%4]
		lines := strings.SplitAfter(strings.TrimSuffix(h.text(), "\n"), "\n")
		fmt.Fprintf(&b, "--- /dev/null\n+++ b/large%d/%s\n@@ -0,0 +1,%d @@\n", i, h.name, len(lines))
		for _, l := range lines {
			b.WriteString("+" + l)
		}
		b.WriteString("\n")
	}
	return b.String(), b.Len()
}
