package finish_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/bitactor/cf/check/checktest"
)

// written is a file of tests: cases by name, each with a number that it prints with
// its result, and how its helper is written.
type written struct {
	names  []string
	bodies []int // even ones pass
	helper int
}

// harness is how one language writes and runs tests.
type harness struct {
	files   []string // the first is canonical
	program string
	render  func(file string, w written) string
	extra   map[string]string // other files that a run needs
	args    func(file string) []string
	binary  bool // args make the program "program.bin", which is then run
}

var harnesses = map[string]harness{
	"go": {
		files: []string{"q_test.go", "q_extra_test.go", "q_2_test.go"}, program: "go",
		extra: map[string]string{"go.mod": "module q\n\ngo 1.21\n", "helper_test.go": "package q\n\nfunc helper(n int) int { return n + 1 }\n"},
		args:  func(string) []string { return []string{"test", "-v", "-vet=off", "./..."} },
		render: func(file string, w written) string {
			text := "package q\n\nimport (\n\t\"fmt\"\n\t\"testing\"\n)\n"
			for i, n := range w.names { // one package: names differ by file
				text += fmt.Sprintf("\nfunc Test_%s_%s(t *testing.T) {\n\tok := helper(%d)%%2 == 1\n\tfmt.Println(\"case\", %[3]d, ok)\n\tif !ok {\n\t\tt.Fail()\n\t}\n}\n", n, strings.TrimSuffix(file, "_test.go"), w.bodies[i])
			}
			return text
		},
	},
	"python": {
		files: []string{"test_q.py", "test_q_extra.py", "test_q_2.py"}, program: "python3",
		args: func(file string) []string {
			return []string{"-m", "unittest", "-q", strings.TrimSuffix(file, ".py")}
		},
		render: func(_ string, w written) string {
			text := fmt.Sprintf("import unittest\n\n\ndef helper(n):\n    return n + %d\n", w.helper)
			for i, n := range w.names {
				text += fmt.Sprintf("\n\nclass Test%s(unittest.TestCase):\n    def test_it(self):\n        ok = helper(%d) %% 2 == 1\n        print(\"case\", %[2]d, ok)\n        self.assertTrue(ok)\n", n, w.bodies[i])
			}
			return text
		},
	},
	"elixir": {
		files: []string{"q_test.exs", "q_extra_test.exs", "q_2_test.exs"}, program: "elixir",
		args: func(file string) []string { return []string{"-e", "ExUnit.start()", "-r", file} },
		render: func(_ string, w written) string {
			text := fmt.Sprintf("defmodule QTest do\n  use ExUnit.Case\n\n  defp helper(n), do: n + %d\n", w.helper)
			for i, n := range w.names {
				text += fmt.Sprintf("\n  test \"%s\" do\n    ok = rem(helper(%d), 2) == 1\n    IO.puts(\"case %[2]d #{ok}\")\n    assert ok\n  end\n", n, w.bodies[i])
			}
			return text + "end\n"
		},
	},
	"erlang": {
		files: []string{"q_tests.erl", "q_extra_tests.erl", "q_2_tests.erl"}, program: "erl",
		args: func(file string) []string {
			return []string{"-noshell", "-eval", fmt.Sprintf("{ok, M} = c:c(%q), eunit:test(M), halt().", file)}
		},
		render: func(file string, w written) string {
			text := fmt.Sprintf("-module(%s).\n-include_lib(\"eunit/include/eunit.hrl\").\n\nhelper(N) -> N + %d.\n", strings.TrimSuffix(file, ".erl"), w.helper)
			for i, n := range w.names {
				text += fmt.Sprintf("\n%%%% of %s\n%[1]s_test() ->\n    Ok = helper(%d) rem 2 == 1,\n    io:format(user, \"case ~p ~p~n\", [%[2]d, Ok]),\n    ?assert(Ok).\n", n, w.bodies[i])
			}
			return text
		},
	},
	"common test": {
		files: []string{"q_SUITE.erl", "q_extra_SUITE.erl", "q_2_SUITE.erl"}, program: "erl",
		args: func(file string) []string {
			run := "{ok, M} = c:c(%q), [try M:F([]) catch _:_ -> ok end || F <- M:all()], halt()."
			return []string{"-noshell", "-eval", fmt.Sprintf(run, file)}
		},
		render: func(file string, w written) string {
			var all, exports []string
			text := fmt.Sprintf("\nhelper(N) -> N + %d.\n", w.helper)
			for i, n := range w.names {
				all, exports = append(all, n), append(exports, n+"/1")
				text += fmt.Sprintf("\n%s(_Config) ->\n    Ok = helper(%d) rem 2 == 1,\n    io:format(user, \"case ~p ~p~n\", [%[2]d, Ok]),\n    true = Ok.\n", n, w.bodies[i])
			}
			return fmt.Sprintf("-module(%s).\n-export([all/0, %s]).\n\nall() -> [%s].\n", strings.TrimSuffix(file, ".erl"), strings.Join(exports, ", "), strings.Join(all, ", ")) + text
		},
	},
	"c": {
		files: []string{"test_q.c", "test_q_extra.c", "test_q_2.c"}, program: "gcc", binary: true,
		args: func(file string) []string { return []string{"-Wall", "-Werror", "-o", "program.bin", file} },
		render: func(_ string, w written) string {
			text := fmt.Sprintf("#include <stdio.h>\n\nstatic int helper(int n)\n{\n\treturn n + %d;\n}\n", w.helper)
			calls := ""
			for i, n := range w.names {
				text += fmt.Sprintf("\n/* of %s */\nstatic int test_%[1]s(void)\n{\n\tint ok = helper(%d) %% 2 == 1;\n\tprintf(\"case %%d %%s\\n\", %[2]d, ok ? \"true\" : \"false\");\n\treturn !ok;\n}\n", n, w.bodies[i])
				calls += fmt.Sprintf("\tfailed += test_%s();\n", n)
			}
			return text + "\nint main(void)\n{\n\tint failed = 0;\n" + calls + "\treturn failed;\n}\n"
		},
	},
}

func drawn(t *rapid.T) []written {
	var out []written
	for range 3 {
		names := rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"push", "pop", "peek", "drop"}), 1, 3, rapid.ID).Draw(t, "names")
		w := written{names: names, helper: rapid.SampledFrom([]int{1, 1, 1, 3}).Draw(t, "helper")}
		for range names {
			w.bodies = append(w.bodies, rapid.IntRange(1, 6).Draw(t, "body"))
		}
		out = append(out, w)
	}
	return out
}

// TestEveryCaseRunsAfterwards runs the files of random groups before and after they
// are united, with the tools of their languages: the same cases with the same results.
func TestEveryCaseRunsAfterwards(t *testing.T) {
	for name, h := range harnesses {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			checktest.Need(t, h.program, "make test installs it")
			united := 0
			for seed := range 3 {
				files := map[string]string{}
				for i, w := range rapid.Custom(drawn).Example(seed) {
					files[h.files[i]] = h.render(h.files[i], w)
				}
				plan := planned(t, files)
				before := h.run(t, files)
				for _, c := range plan.Set.Changes {
					if delete(files, c.Path); !c.Delete {
						files[c.Path] = string(c.Content)
					}
				}
				united += 3 - len(files)
				if diff := cmp.Diff(before, h.run(t, files)); diff != "" || len(before) == 0 {
					t.Errorf("seed %d: cases before and after (-before +after)\n%s\n%v", seed, diff, files)
				}
			}
			if united == 0 {
				t.Error("nothing was united")
			}
		})
	}
}

// run returns the distinct cases that ran, with their results.
func (h harness) run(t *testing.T, files map[string]string) []string {
	t.Helper()
	dir := t.TempDir()
	var names []string
	for _, set := range []map[string]string{files, h.extra} {
		for name, text := range set {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	for name := range files {
		names = append(names, name)
	}
	slices.Sort(names)
	if h.program == "go" {
		names = names[:1] // one package
	}
	var ran []string
	for _, name := range names {
		out := output(dir, h.program, h.args(name))
		if h.binary {
			out += output(dir, filepath.Join(dir, "program.bin"), nil)
		}
		n := len(ran)
		for line := range strings.Lines(out) {
			if at := strings.Index(line, "case "); at >= 0 { // dots of a runner may stand before it
				ran = append(ran, strings.TrimSpace(line[at:]))
			}
		}
		if len(ran) == n {
			t.Fatalf("%s ran nothing:\n%s\n%s", name, out, files[name])
		}
	}
	slices.Sort(ran)
	return slices.Compact(ran)
}

// output runs a program; failing tests give it a status of their own.
func output(dir, program string, args []string) string {
	cmd := exec.Command(program, args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		return string(out) + "\n" + err.Error() + "\n"
	}
	return string(out)
}
