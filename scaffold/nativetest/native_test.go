// Package nativetest holds the C of the block nif against compilers, analysers and
// sanitizers. It has no code of its own: a rule that the C must keep is a test here.
package nativetest

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/bitactor/cf/check/checktest"
	"github.com/bitactor/cf/scaffold"
)

// include is where Debian's erlang-dev puts erl_nif.h.
const include = "/usr/lib/erlang/usr/include"

// warnings are what the C must be free of, with both compilers.
var warnings = []string{"-std=c11", "-Wall", "-Wextra", "-Wconversion", "-Werror", "-isystem", include}

// render writes the block nif with all that it needs and returns the folder.
func render(t *testing.T) string {
	t.Helper()
	c, err := scaffold.Own()
	must(t, err)
	ids, err := c.Closure("nif")
	must(t, err)
	files, err := c.Render(scaffold.Input{Blocks: ids, Profile: scaffold.ProfileOTP})
	must(t, err)
	dir := t.TempDir()
	for _, f := range files {
		name := filepath.Join(dir, filepath.FromSlash(f.Path))
		must(t, os.MkdirAll(filepath.Dir(name), 0o755))
		must(t, os.WriteFile(name, f.Content, f.Mode))
	}
	return dir
}

func TestCompiles(t *testing.T) {
	dir := filepath.Join(render(t), "src", "cns")
	for _, cc := range []string{"gcc", "clang"} {
		checktest.Need(t, cc, "it is one of the two compilers that the NIF is held to")
		for _, debug := range []string{"-DBA_DEBUG=0", "-DBA_DEBUG=1"} {
			out, err := run(dir, cc, append(warnings, "-O2", debug, "-c", "-o", "nif.o", "bitactor_nif.c")...)
			if err != nil {
				t.Errorf("%s %s: %v\n%s", cc, debug, err, out)
			}
		}
	}
}

// TestAnalysed: what finds null dereferences, leaks and bad arithmetic finds none.
func TestAnalysed(t *testing.T) {
	dir := filepath.Join(render(t), "src", "cns")
	checktest.Need(t, "gcc", "its -fanalyzer reads the NIF")
	if out, err := run(dir, "gcc", append(warnings, "-O2", "-fanalyzer", "-c", "-o", "nif.o", "bitactor_nif.c")...); err != nil {
		t.Errorf("-fanalyzer: %v\n%s", err, out)
	}
	checktest.Need(t, "cppcheck", "it reads the NIF")
	out, err := run(dir, "cppcheck", "--quiet", "--enable=warning,performance,portability", "--error-exitcode=1",
		"--suppress=toomanyconfigs", "-I"+include, "bitactor_nif.c")
	if err != nil {
		t.Errorf("cppcheck: %v\n%s", err, out)
	}
}

// TestObject: the library shows nothing but what Erlang looks for, and the flags of
// mix.exs close its tables after loading.
func TestObject(t *testing.T) {
	root := render(t)
	mix, err := os.ReadFile(filepath.Join(root, "bitactor_otp", "mix.exs"))
	must(t, err)
	link := []string{"-fPIC", "-shared", "-fvisibility=hidden", "-Wl,-z,relro", "-Wl,-z,now"}
	for _, flag := range link {
		if !strings.Contains(string(mix), flag) {
			t.Errorf("mix.exs does not build with %s", flag)
		}
	}
	dir := filepath.Join(root, "src", "cns")
	checktest.Need(t, "gcc", "it builds the NIF")
	if out, err := run(dir, "gcc", append(append(warnings, "-O2"), append(link, "bitactor.c", "bitactor_nif.c", "-o", "nif.so")...)...); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	out, err := run(dir, "nm", "-D", "--defined-only", "nif.so")
	must(t, err)
	if symbols := strings.Fields(out); len(symbols) != 3 || symbols[2] != "nif_init" {
		t.Errorf("the library shows more than nif_init:\n%s", out)
	}
	out, err = run(dir, "readelf", "-dlW", "nif.so")
	must(t, err)
	for _, want := range []string{"GNU_RELRO", "BIND_NOW"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %s in the library", want)
		}
	}
}

// TestSanitized runs the block's own script, which must pass, and must not when the
// C reads a byte that is not there. It takes a minute.
func TestSanitized(t *testing.T) {
	if os.Getenv("CF_SCAFFOLD_LONG") == "" {
		t.Log("make test-production runs it")
		return
	}
	checktest.Need(t, "mix", "it runs the project's tests")
	root := render(t)
	script := filepath.Join(root, "bitactor_otp", "bin", "sanitize")
	if out, err := run(root, script); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	source := filepath.Join(root, "src", "cns", "bitactor_nif.c")
	text, err := os.ReadFile(source)
	must(t, err)
	const good, bad = "memcpy(next[part], at, BA_SIGNAL_BYTES);", "memcpy(next[part], at, BA_SIGNAL_BYTES * 64);"
	if strings.Count(string(text), good) != 1 {
		t.Fatalf("%q is not in the NIF once", good)
	}
	must(t, os.WriteFile(source, []byte(strings.Replace(string(text), good, bad, 1)), 0o644))
	if out, err := run(root, script); err == nil || !strings.Contains(out, "AddressSanitizer") {
		t.Errorf("an overflow was not found: %v\n%s", err, out)
	}
}

func run(dir, program string, args ...string) (string, error) {
	cmd := exec.Command(program, slices.Clone(args)...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
