package readiness

import (
	"bytes"
	"fmt"
	"path"
	"strings"

	"github.com/bitactor/cf/check"
	"github.com/bitactor/cf/lazyregexp"
)

// emits asks for telemetry where there is code.
func (j *judging) emits() Point {
	e := j.emitted
	p := pass(fmt.Sprintf("%s, %s, %s, %s", count(e.Metrics, "metric"), count(e.Events, "event"), count(e.Spans, "span"), count(e.LogKeys, "log key")), "cf telemetry")
	if e.Emitted() == 0 {
		p.State, p.Why = Fail, "nothing here emits telemetry that cf can read"
	}
	return p
}

// ofTelemetry is about what package telemetry finds. Where it has met no telemetry at
// all, nothing agrees and nothing is bounded.
func ofTelemetry(is func(code string) bool) func(*judging) Point {
	return func(j *judging) Point {
		p := ofChecker("telemetry", "--check-telemetry did not run", is)(j)
		for _, part := range j.parts(func(p check.Part) bool { return p.Checker == "telemetry" }) {
			for _, g := range part.Gaps {
				if p.State == Pass && g.File == "" && g.What == "telemetry" {
					p = Point{State: NoSubject, Why: g.Why}
				}
			}
		}
		return p
	}
}

func (j *judging) alerts() Point {
	p := ofTelemetry(isAlert)(j)
	if p.State == Pass && j.emitted.Alerts == 0 {
		return Point{State: NoSubject, Why: "there are no alerts"}
	}
	if p.State == Pass {
		p.Figure = count(j.emitted.Alerts, "alert")
	}
	return p
}

// locks are the files that name dependencies, with a text that they hold where there
// are some, and the files that fix their versions. A lock may lie in a folder above.
var locks = map[string]struct {
	needs *lazyregexp.Regexp
	lock  []string
}{
	"go.mod":         {lazyregexp.New(`(?m)^\s*require\b`), []string{"go.sum", "vendor/modules.txt"}},
	"mix.exs":        {lazyregexp.New(`\{:\w+,\s*(?:"|~|git:|github:)`), []string{"mix.lock"}},
	"package.json":   {lazyregexp.New(`"(?:d|devD)ependencies"\s*:\s*\{\s*"`), []string{"package-lock.json", "yarn.lock", "pnpm-lock.yaml", "bun.lockb", "npm-shrinkwrap.json"}},
	"Cargo.toml":     {lazyregexp.New(`(?m)^\[(?:[\w.-]*\.)?dependencies\]\s*\n\s*\w`), []string{"Cargo.lock"}},
	"rebar.config":   {lazyregexp.New(`\{deps,\s*\[\s*[\w{]`), []string{"rebar.lock"}},
	"pyproject.toml": {lazyregexp.New(`(?m)^dependencies\s*=\s*\[\s*["']`), []string{"poetry.lock", "uv.lock", "pdm.lock", "requirements.txt", "requirements.lock"}},
}

// locked holds every file that names dependencies against its lock.
func (j *judging) locked() Point {
	n := 0
	var places, evidence []string
	for _, f := range j.files {
		rule, known := locks[path.Base(f)]
		if !known {
			if path.Base(f) == "requirements.txt" {
				n++
				evidence = append(evidence, f)
				places = append(places, j.unpinned(f)...)
			}
			continue
		}
		text, err := j.Stage.Read(f)
		if err != nil || !rule.needs.MatchString(string(text)) {
			continue
		}
		n++
		if lock := j.lockOf(path.Dir(f), rule.lock); lock != "" {
			evidence = append(evidence, lock)
		} else {
			places = append(places, f)
		}
	}
	switch {
	case n == 0:
		return Point{State: NoSubject, Why: "nothing here names dependencies"}
	case len(places) > 0:
		return Point{State: Fail, Figure: count(len(places), "place") + " without a fixed version", Why: "what is built tomorrow may be other code", Places: first(places)}
	}
	return pass(count(n, "list")+" of dependencies", strings.Join(first(evidence), ", "))
}

func (j *judging) lockOf(dir string, names []string) string {
	for at := dir; ; at = path.Dir(at) {
		for _, name := range names {
			if p := path.Join(at, name); j.Stage.Kind(p) == "file" {
				return p
			}
		}
		if at == "." {
			return ""
		}
	}
}

// pinned matches a line of requirements.txt that names one version, or none at all.
var pinned = lazyregexp.New(`^\s*(?:#.*|-.*|[^#]*(?:==|@ ).*)?$`)

func (j *judging) unpinned(file string) []string {
	text, err := j.Stage.Read(file)
	if err != nil {
		return nil
	}
	var out []string
	for i, line := range bytes.Split(text, []byte("\n")) {
		if !pinned.MatchString(string(line)) {
			out = append(out, fmt.Sprintf("%s:%d", file, i+1))
		}
	}
	return out
}

// measures matches code that is a benchmark.
var measures = lazyregexp.New(`(?m)^func Benchmark\w*\(|\bBenchee\.run\(|\bpytest[-_]benchmark\b|\bcriterion_main!\(|^\s*def test_\w*\(.*\bbenchmark\b`)

// measured asks for benchmarks or load tests, by where they lie and what they hold.
func (j *judging) measured() Point {
	n, at := 0, ""
	for _, f := range j.files {
		if isMeasure(f) || isBenchmark(j, f) {
			if n++; at == "" {
				at = f
			}
		}
	}
	if n == 0 {
		return Point{State: Fail, Figure: "0 benchmarks", Why: "there is no benchmark and no load test"}
	}
	return pass(count(n, "file"), at)
}

// isMeasure tells whether a file lies where benchmarks and load tests do.
func isMeasure(file string) bool {
	for part := range strings.SplitSeq(path.Dir(file), "/") {
		switch part {
		case "bench", "benches", "benchmark", "benchmarks", "performance", "loadtest", "load_test":
			return path.Ext(file) != ".md"
		}
	}
	return false
}

func isBenchmark(j *judging, file string) bool {
	switch path.Ext(file) {
	case ".go", ".exs", ".py", ".rs":
		text, err := j.Stage.Read(file)
		return err == nil && measures.MatchString(string(text))
	}
	return false
}
