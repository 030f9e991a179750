package precision

import (
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/bitactor/cf/lazyregexp"
)

// kind is one sort of fault: how a person would make it in code that is there. The
// spellings were written down from what people write, without the patterns of package
// clean, so that a pattern that knows only its own examples misses some.
type kind struct {
	name string
	end  string             // of the files' names
	at   *lazyregexp.Regexp // a line that the fault may begin at
	// plant returns the lines that take the place of some from the first on, and how
	// many; nil where this place does not suit.
	plant func(lines []string, r *rand.Rand) (now []string, of int)
}

var (
	goCheck   = lazyregexp.New(`^\t+(?:if|\} else if) (?:.*; )?err != nil \{$`)
	goReturn  = lazyregexp.New(`^(\t+return (?:[\w.]+(?:\{\})?, )*)(?:err|fmt\.Errorf\(.*\)|errors\.Wrap.*\))$`)
	goFunc    = lazyregexp.New(`^func .*\{$`)
	goResult  = lazyregexp.New(`\) (error|bool|string|int)? ?\{$`)
	pyExcept  = lazyregexp.New(`^\s+except\b.*:$`)
	pyFrom    = lazyregexp.New(`^(\s+raise \w[\w.]*\(.*\)) from (\w+)$`)
	words     = lazyregexp.New(`\w+`)
	pyDef     = lazyregexp.New(`^\s*(?:async )?def \w+\(.*:$`)
	exDef     = lazyregexp.New(`^  defp? \w+[?!]?(?:\(.*\))? do$`)
	exArm     = lazyregexp.New(`^(\s+)\{:error, [^}]*\} -> \S.*$`)
	cCheck    = lazyregexp.New(`^\s+if \(.*(?:\b(?:rc|err|error|status|result)\b|NULL|< 0|!= 0|== -1).*\) \{$`)
	goWrapped = lazyregexp.New(`^\t+return .*fmt\.Errorf\(".*%w", .*err\)$`)
)

// kinds are all faults in code.
var kinds = []kind{
	{"Go: failure returned as success", ".go", goCheck, func(l []string, _ *rand.Rand) ([]string, int) {
		if len(l) < 3 || strings.TrimSpace(l[2]) != "}" {
			return nil, 0
		}
		m := goReturn.FindStringSubmatch(l[1])
		if m == nil {
			return nil, 0
		}
		return []string{l[0], m[1] + "nil", l[2]}, 3
	}},
	{"Go: error looked at, then nothing", ".go", goCheck, func(l []string, _ *rand.Rand) ([]string, int) {
		n := block(l, 6)
		if n == 0 || strings.TrimSpace(l[n]) != "}" {
			return nil, 0
		}
		return []string{l[0], l[n]}, n + 1
	}},
	{"Go: cause made text", ".go", goWrapped, func(l []string, r *rand.Rand) ([]string, int) {
		return []string{strings.Replace(l[0], "%w", pick(r, "%v", "%s"), 1)}, 1
	}},
	{"Go: not implemented", ".go", goFunc, func(l []string, r *rand.Rand) ([]string, int) {
		return body(l, "\t"+pick(r, `panic("not implemented")`, `panic("not yet implemented")`, `panic("implement this")`, `panic("unimplemented")`))
	}},
	{"Go: sleeps and answers", ".go", goFunc, func(l []string, r *rand.Rand) ([]string, int) {
		m := goResult.FindStringSubmatch(l[0])
		value := map[string]string{"error": "nil", "bool": "true", "string": `"ok"`, "int": "7"}
		if m == nil || value[m[1]] == "" {
			return nil, 0
		}
		return body(l, "\t"+pick(r, "time.Sleep(20 * time.Millisecond)", "time.Sleep(time.Second)", "<-time.After(time.Second)"), "\treturn "+value[m[1]])
	}},
	{"Python: failure passed over", ".py", pyExcept, func(l []string, r *rand.Rand) ([]string, int) {
		in := indent(l[0])
		now := []string{in + pick(r, "except Exception:", "except:", "except Exception as e:"), in + "    " + pick(r, "pass", "pass", "...")}
		return now, indented(l)
	}},
	{"Python: cause dropped", ".py", pyFrom, func(l []string, _ *rand.Rand) ([]string, int) {
		m := pyFrom.FindStringSubmatch(l[0])
		// "from None" hides the cause on purpose, and an error that is named in the new one is told
		if m[2] == "None" || slices.Contains(words.FindAllString(m[1], -1), m[2]) {
			return nil, 0
		}
		return []string{m[1]}, 1
	}},
	{"Python: not implemented", ".py", pyDef, func(l []string, r *rand.Rand) ([]string, int) {
		return []string{l[0], indent(l[0]) + "    " + pick(r, "raise NotImplementedError", `raise NotImplementedError("to be done")`, `raise NotImplementedError()`)}, indented(l)
	}},
	{"Python: sleeps and answers", ".py", pyDef, func(l []string, r *rand.Rand) ([]string, int) {
		in := indent(l[0]) + "    "
		sleep := "time.sleep(0.3)"
		if strings.Contains(l[0], "async ") {
			sleep = "await asyncio.sleep(0.3)"
		}
		return []string{l[0], in + sleep, in + "return " + pick(r, "True", "{}", "[]", `"done"`)}, indented(l)
	}},
	{"Elixir: every failure becomes a value", ".ex", exDef, func(l []string, r *rand.Rand) ([]string, int) {
		n := block(l, 20)
		if n == 0 || l[n] != "  end" {
			return nil, 0
		}
		return append(append([]string{}, l[:n]...), "  rescue", "    "+pick(r, "_ -> nil", "_ -> :error", "_e -> []", "_error -> {:error, :failed}"), "  end"), n + 1
	}},
	{"Elixir: failure caught inside", ".ex", exDef, func(l []string, r *rand.Rand) ([]string, int) {
		n := block(l, 20)
		if n < 2 || l[n] != "  end" {
			return nil, 0
		}
		now := []string{l[0], "    try do"}
		for _, line := range l[1:n] {
			now = append(now, "  "+line)
		}
		return append(now, "    rescue", "      "+pick(r, "_ -> nil", "_ -> 0", "_e -> {:error, :failed}"), "    end", "  end"), n + 1
	}},
	{"Elixir: error turned into :ok", ".ex", exArm, func(l []string, r *rand.Rand) ([]string, int) {
		return []string{exArm.FindStringSubmatch(l[0])[1] + pick(r, "{:error, _} -> :ok", "{:error, _reason} -> :ok", "{:error, _} -> {:ok, nil}")}, 1
	}},
	{"Elixir: not implemented", ".ex", exDef, func(l []string, r *rand.Rand) ([]string, int) {
		return body(l, "    "+pick(r, `raise "not implemented"`, `raise "not implemented yet"`, `raise RuntimeError, "not implemented"`))
	}},
	{"Elixir: sleeps and answers", ".ex", exDef, func(l []string, r *rand.Rand) ([]string, int) {
		return body(l, "    "+pick(r, "Process.sleep(50)", ":timer.sleep(50)"), "    "+pick(r, ":ok", "{:ok, []}", "true"))
	}},
	{"C: error looked at, then nothing", ".c", cCheck, func(l []string, _ *rand.Rand) ([]string, int) {
		n := block(l, 6)
		if n == 0 || strings.TrimSpace(l[n]) != "}" {
			return nil, 0
		}
		return []string{l[0], l[n]}, n + 1
	}},
}

func pick(r *rand.Rand, of ...string) string { return of[r.IntN(len(of))] }

func indent(line string) string { return line[:len(line)-len(strings.TrimLeft(line, " \t"))] }

// block returns the line within bound that ends what the first one begins, by
// indentation; 0 where it is not there.
func block(lines []string, bound int) int {
	in := indent(lines[0])
	for i := 1; i < len(lines) && i <= bound; i++ {
		if lines[i] != "" && len(indent(lines[i])) <= len(in) {
			return i
		}
	}
	return 0
}

// body puts other lines between the first and the one that ends it.
func body(lines []string, now ...string) ([]string, int) {
	n := block(lines, 40)
	if n < 2 {
		return nil, 0
	}
	return append(append([]string{lines[0]}, now...), lines[n]), n + 1
}

// indented counts the first line and those below it that lie deeper, without blank
// ones at their end; 0 where there are none.
func indented(lines []string) int {
	n := 1
	for i := 1; i < len(lines); i++ {
		if strings.TrimSpace(lines[i]) == "" {
			continue
		}
		if len(indent(lines[i])) <= len(indent(lines[0])) {
			break
		}
		n = i + 1
	}
	if n == 1 {
		return 0
	}
	return n
}
