package clang

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bitactor/cf/check/checktest"
)

const header = "#ifndef RING_H\n#define RING_H\nint ring_next(int at, int slots);\nint ring_last(int at);\n#endif\n"

// good is a project with a header, two sources and tests.
func good() map[string]string {
	return map[string]string{
		"Makefile":            "CFLAGS := -std=c11 -DSLOTS=4 $(EXTRA)\ntest:\n\ttouch made-by-make\n",
		"include/ring/ring.h": header,
		"src/ring.c":          "#include \"ring/ring.h\"\n\nint ring_next(int at, int slots)\n{\n\tif (at + 1 == slots)\n\t\treturn 0;\n\treturn at + 1;\n}\n",
		"src/last.c":          "#include \"ring/ring.h\"\n\nint ring_last(int at)\n{\n\treturn ring_next(at, SLOTS);\n}\n",
		"src/main.c":          "#include \"ring/ring.h\"\n\nint main(void)\n{\n\treturn ring_last(3);\n}\n",
		"test/ring_test.c":    "#include <assert.h>\n\n#include \"ring/ring.h\"\n\nint main(void)\n{\n\tassert(ring_next(1, 4) == 2);\n\treturn 0;\n}\n",
		"test/test_last.c":    "#include \"ring/ring.h\"\n\nint main(void)\n{\n\treturn ring_last(3);\n}\n",
	}
}

func with(more map[string]string) map[string]string {
	files := good()
	for name, text := range more {
		files[name] = text
	}
	return files
}

func compilers(t *testing.T) {
	t.Helper()
	for _, program := range []string{"gcc", "gcov", "clang", "clang-format"} {
		checktest.Need(t, program, "apt-get install gcc clang clang-format")
	}
}

func TestCanaries(t *testing.T) {
	compilers(t)
	checktest.Canaries(t, New())
}

func TestGoldens(t *testing.T) {
	compilers(t)
	for name, files := range map[string]map[string]string{
		"good": good(),
		"warnings": with(map[string]string{
			"src/w.c": "#include \"ring/ring.h\"\n\nstatic int unused_function(void)\n{\n\tint x;\n\tunsigned u = 1;\n\treturn -1 < u;\n}\n",
		}),
		"errors": with(map[string]string{
			"src/e.c": "#include <stdio.h>\n#include \"nowhere.h\"\n",
			"src/f.c": "int f(void)\n{\n\treturn y\n}\n",
			"src/g.c": "#include \"ring/ring.h\"\n\nint ring_next(long at)\n{\n\treturn later(at);\n}\n",
		}),
		"header": {"lone.h": "#pragma once\nint f(int x;\n"},
		"format": {".clang-format": "BasedOnStyle: LLVM\n", "a.c": "int f(void);\nint f( void )\n{ return 1; }\n"},
		"cpp":    {"a.h": "namespace x {\nint f();\n}\n"},
		"tests": with(map[string]string{
			"test/ring_test.c": "#include <assert.h>\n\n#include \"ring/ring.h\"\n\nint main(void)\n{\n\tassert(ring_next(1, 4) == 3);\n\treturn 0;\n}\n",
			"test/over_test.c": "#include \"ring/ring.h\"\n\nint main(void)\n{\n\tint v[2] = {1, 2};\n\tint n = ring_next(1, 9);\n\treturn v[n];\n}\n",
			"test/test_last.c": "#include \"ring/ring.h\"\n\nint main(void)\n{\n\treturn ring_gone(3);\n}\n",
		}),
	} {
		t.Run(name, func(t *testing.T) {
			out := checktest.Check(t, New(), files)
			for i := range out.Tests { // addresses and paths differ from run to run
				out.Tests[i].Output = ""
			}
			for i := range out.Ran {
				out.Ran[i].Version = ""
			}
			checktest.Golden(t, name, out)
		})
	}
}

func TestMakeIsNotRun(t *testing.T) {
	stage := checktest.Stage(t, good())
	if _, err := New().Check(t.Context(), checktest.Target(t, New(), stage, ".")); err != nil {
		t.Fatal(err)
	}
	if stage.Kind("made-by-make") != "" {
		t.Error("make ran")
	}
}

func TestAHeaderReachesItsUsers(t *testing.T) {
	stage := checktest.Stage(t, with(map[string]string{"include/ring/ring.h": strings.Replace(header, "int slots", "long slots", 1)}))
	target := checktest.Target(t, New(), stage, ".", "include/ring/ring.h")
	target.Tests = false
	out, err := New().Check(t.Context(), target)
	if err != nil {
		t.Fatal(err)
	}
	if len(out.Diagnostics) != 1 || out.Diagnostics[0].File != "src/ring.c" || out.Diagnostics[0].Code != "conflicting-types" {
		t.Errorf("%s", checktest.Render(out))
	}
}

func TestDatabaseSpeaks(t *testing.T) {
	compilers(t)
	files := map[string]string{
		"a.c": "#include \"b.h\"\n\nint f(void);\nint f(void)\n{\n\treturn B + WORD;\n}\n", "deep/er/b.h": "#define B 1\n",
		"deep/sub/b.h": "#error not this one\n",
	}
	stage := checktest.Stage(t, files)
	db := `[{"directory": "ROOT", "file": "a.c", "command": "cc -c -DWORD='2' -Ideep/er -fplugin=evil.so -o x.o a.c"}]`
	must(t, os.WriteFile(filepath.Join(stage.Root(), "compile_commands.json"), []byte(strings.Replace(db, "ROOT", stage.Root(), 1)), 0o644))
	out, err := New().Check(t.Context(), checktest.Target(t, New(), stage, ".", "a.c"))
	must(t, err)
	if len(out.Diagnostics) > 0 {
		t.Errorf("%s", checktest.Render(out))
	}
	for _, r := range out.Ran {
		if slices.Contains(r.Argv, "-fplugin=evil.so") || slices.Contains(r.Argv, "x.o") {
			t.Errorf("it ran %q", r.Argv)
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestBadTools replaces the compilers by programs that misbehave.
func TestBadTools(t *testing.T) {
	none := checktest.Path(t.TempDir())
	out := checktest.Check(t, New(), good(), none)
	if len(out.Gaps) != 1 || !out.Gaps[0].Blocks {
		t.Errorf("no compiler: %s", checktest.Render(out))
	}
	for _, c := range []struct{ name, script, why string }{
		{"hangs", "exec sleep 1000\n", "time limit"},
		{"killed", "kill -9 $$\n", "signal"},
		{"floods", "head -c 30000000 /dev/zero | tr '\\0' '\\n'\n", "too long"},
	} {
		t.Run(c.name, func(t *testing.T) {
			limits.Wall = 300 * time.Millisecond
			if c.name != "hangs" {
				limits.Wall = time.Minute
			}
			defer func() { limits.Wall = 2 * time.Minute }()
			script := "#!/bin/sh\n" + c.script
			path := checktest.Path(checktest.PathWith(t, nil, map[string]string{"gcc": script, "clang": script}))
			stage := checktest.Stage(t, good(), path)
			target := checktest.Target(t, New(), stage, ".", "src/ring.c")
			target.Tests = false
			out, err := New().Check(t.Context(), target)
			must(t, err)
			if len(out.Gaps) == 0 || !out.Gaps[0].Blocks || !strings.Contains(out.Gaps[0].Why, c.why) {
				t.Errorf("%s", checktest.Render(out))
			}
		})
	}
}

func TestSplitCommand(t *testing.T) {
	for line, want := range map[string][]string{
		`cc -DX="a b" -I'c d' e\ f.c`: {"cc", "-DX=a b", "-Ic d", "e f.c"},
		`  cc   "" 'it"s' "q\"r" `:    {"cc", "", `it"s`, `q"r`},
		`$(rm -rf x); y`:              {"$(rm", "-rf", "x);", "y"},
	} {
		if diff := cmp.Diff(want, splitCommand(line)); diff != "" {
			t.Errorf("%s (-want +got)\n%s", line, diff)
		}
	}
}

func TestSafeFlags(t *testing.T) {
	args := []string{"cc", "-std=gnu99", "-I", "inc", "-Iabs", "-isystem", "/usr/x", "-DA=1", "-D", "B", "-o", "x", "-fplugin=p", "-wrapper", "sh", "@file", "-B.", "-specs=s"}
	want := []string{"-std=gnu99", "-I", "/r/inc", "-I/r/abs", "-isystem", "/usr/x", "-DA=1", "-D", "B"}
	if diff := cmp.Diff(want, safeFlags(args, "/r")); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func FuzzDecodeGCC(f *testing.F) {
	f.Add(`[{"kind": "error", "message": "m", "option": "-Werror=unused-variable", "locations": [{"caret": {"file": "a.c", "line": 3, "byte-column": 7, "column": 7}}], "children": [{"kind": "note", "message": "n"}]}]` + "\ncc1: all\n")
	f.Add("[]\n[1]\n[{}]")
	f.Fuzz(func(t *testing.T, text string) {
		for _, d := range decodeGCC(text) {
			if d.Line < 0 || d.Column < 0 {
				t.Fatalf("%+v", d)
			}
		}
	})
}

func FuzzDecodeGCOV(f *testing.F) {
	f.Add(`{"files": [{"file": "a.c", "lines": [{"line_number": 3, "count": 1}]}]}`)
	f.Fuzz(func(t *testing.T, text string) {
		for _, l := range decodeGCOV(text) {
			if l.line < 1 {
				t.Fatalf("%+v", l)
			}
		}
	})
}

func FuzzSplitCommand(f *testing.F) {
	f.Add(`cc -DX="a b" -I'c d' e\ f.c`)
	f.Fuzz(func(t *testing.T, line string) {
		n := 0
		for _, w := range splitCommand(line) {
			n += len(w)
		}
		if n > len(line) {
			t.Fatalf("%q grew to %d bytes", line, n)
		}
	})
}
