package rust

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bitactor/cf/check"
	"github.com/bitactor/cf/check/checktest"
	"github.com/bitactor/cf/process"
	"github.com/bitactor/cf/workspace/sandbox"
)

func needCargo(t *testing.T) {
	t.Helper()
	checktest.Need(t, "cargo", hint)
	checktest.Need(t, "cc", "apt-get install gcc")
}

// cart is a package whose tests pass; the cases change some of its files.
var cart = map[string]string{
	"Cargo.toml": "[package]\nname = \"cart\"\nversion = \"0.1.0\"\nedition = \"2021\"\n",
	"src/lib.rs": `//! Carts.

/// Adds.
///
/// ` + "```" + `
/// assert_eq!(cart::total(&[1]), 1);
/// ` + "```" + `
pub fn total(items: &[i32]) -> i32 {
    items.iter().sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums() {
        assert_eq!(total(&[1, 2]), 3);
    }

    #[test]
    #[ignore]
    fn later() {}

    #[test]
    #[should_panic]
    fn panics() {
        panic!("x")
    }
}
`,
	"tests/it.rs": "#[test]\nfn outside() {\n    assert_eq!(cart::total(&[]), 0);\n}\n",
}

// with returns files with others laid over; an empty text takes a file out.
func with(files map[string]string, others ...string) map[string]string {
	all := maps.Clone(files)
	for i := 0; i < len(others); i += 2 {
		if all[others[i]] = others[i+1]; others[i+1] == "" {
			delete(all, others[i])
		}
	}
	return all
}

func instead(files map[string]string, name, old, text string) map[string]string {
	return with(files, name, strings.Replace(files[name], old, text, 1))
}

func TestCanaries(t *testing.T) {
	needCargo(t)
	checktest.Canaries(t, New())
}

func TestGoldens(t *testing.T) {
	needCargo(t)
	lib := "src/lib.rs"
	for name, files := range map[string]map[string]string{
		"good":     cart,
		"bad":      instead(cart, lib, "{\n    items.iter().sum()", "{ let ä = 1; let b: i32 = nope(); \n    \"ü\""),
		"warnings": instead(cart, lib, "    items", "    let rest = 1;\n    items"),
		"syntax":   instead(cart, lib, "pub fn total(", "pub fn ö total("),
		"format":   instead(cart, lib, "{\n    items.iter().sum()\n}", "{ items.iter().sum() }"),
		"failing":  instead(cart, lib, "1, 2]), 3)", "1, 2]), 4)"),
		"badtest":  instead(cart, "tests/it.rs", "cart::total", "cart::totals"),
		"notests":  with(cart, lib, "pub fn f() {}\n", "tests/it.rs", ""),
		"control":  instead(cart, lib, "assert_eq!(total(&[1, 2]), 3)", `panic!("\x1b[31mred\x1b[0m \x07 bell")`),
		"exits":    with(cart, lib, "#[test]\nfn leaves() {\n    std::process::exit(0)\n}\n", "tests/it.rs", ""),
		"broken":   with(cart, "Cargo.toml", "[package]\nname = \"cart\nversion = 1\n"),
		"deps":     with(cart, "Cargo.toml", cart["Cargo.toml"]+"\n[dependencies]\nno-such-crate-xyz = \"1\"\n"),
		"lone":     {"a/main.rs": "fn main() {\n    let x = 1;\n}\n", "b.rs": "pub fn f() -> i32 {\n    \"x\"\n}\n", "-c.rs": "fn unused() {}\n", "d.rs": "fn (\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			checktest.Golden(t, name, checktest.Check(t, New(), files))
		})
	}
}

// TestManifest: older versions of cargo do not tell the line of a wrong value.
func TestManifest(t *testing.T) {
	needCargo(t)
	out := checktest.Check(t, New(), with(cart, "Cargo.toml", "[package]\nname = \"cart\"\nversion = 1\n"))
	if len(out.Diagnostics) != 1 || len(out.Tests)+len(out.Gaps) > 0 {
		t.Fatalf("%+v", out)
	}
	if d := out.Diagnostics[0]; d.File != "Cargo.toml" || d.Code != "manifest" || d.Severity != check.Error || d.Line != 3 && d.Line != 0 {
		t.Errorf("%+v", d)
	}
}

// TestWorkspace checks one member: paths are told relative to the workspace.
func TestWorkspace(t *testing.T) {
	needCargo(t)
	files := map[string]string{"Cargo.toml": "[workspace]\nmembers = [\"crates/*\"]\nresolver = \"2\"\n"}
	for name, text := range instead(instead(cart, "src/lib.rs", "1, 2]), 3)", "1, 2]), 4)"), "src/lib.rs", "    items", "    let rest = 1;\n    items") {
		files["crates/cart/"+name] = text
	}
	checker := New()
	out, err := checker.Check(t.Context(), checktest.Target(t, checker, checktest.Stage(t, files), "crates/cart"))
	if err != nil {
		t.Fatal(err)
	}
	checktest.Golden(t, "workspace", out)
}

// TestCompilesAnew shows why: the second content has an older time than what
// was built from the first, as a staged file may.
func TestCompilesAnew(t *testing.T) {
	needCargo(t)
	stage := checktest.Stage(t, cart)
	checker := New()
	target := checktest.Target(t, checker, stage, ".")
	for _, c := range []struct {
		to   string
		want check.TestState
	}{{"items.iter().sum()", check.Passed}, {"items.iter().max().copied().unwrap_or(0)", check.Failed}} {
		file := filepath.Join(stage.Root(), "src/lib.rs")
		checktest.Write(t, file, strings.Replace(cart["src/lib.rs"], "items.iter().sum()", c.to, 1), time.Now().Add(-time.Hour))
		out, err := checker.Check(t.Context(), target)
		if err != nil {
			t.Fatal(err)
		}
		if i := slices.IndexFunc(out.Tests, func(t check.Test) bool { return t.Name == "cart: tests::sums" }); i < 0 || out.Tests[i].State != c.want {
			t.Errorf("%s: %+v", c.to, out)
		}
	}
}

func TestRunsOnlyTheTestsThatChanged(t *testing.T) {
	needCargo(t)
	checker := New()
	out, err := checker.Check(t.Context(), checktest.Target(t, checker, checktest.Stage(t, cart), ".", "tests/it.rs"))
	if err != nil || len(out.Tests) != 1 || out.Tests[0].Name != "it: outside" {
		t.Errorf("%v %+v", err, out)
	}
}

func TestMissing(t *testing.T) {
	out := checktest.Check(t, New(), cart, checktest.Path(t.TempDir()))
	want := []check.Gap{{What: "compile", Why: "cargo is not installed", Hint: hint, Blocks: true}}
	if diff := cmp.Diff(want, out.Gaps); diff != "" {
		t.Error(diff)
	}
}

func TestHangsAndFloods(t *testing.T) {
	needCargo(t)
	limited := &checker{limits: sandbox.Limits{Wall: 15 * time.Second}}
	out := checktest.Check(t, limited, instead(cart, "src/lib.rs", "assert_eq!(total(&[1, 2]), 3)", "assert_eq!(total(&[1, 2]), 3);\n        std::thread::park()"))
	if len(out.Gaps) != 1 || !out.Gaps[0].Blocks || !strings.Contains(out.Gaps[0].Why, "time limit") || len(out.Diagnostics)+len(out.Tests) > 0 {
		t.Errorf("%+v", out)
	}
	// What a failing test prints is cut in the middle; what says how it ended is
	// not, and the bytes that are kept stay few.
	flood := "for _ in 0..20000 {\n            println!(\"{}\", \"x\".repeat(1000));\n        }\n        assert_eq!(total(&[1, 2]), 4)"
	out = checktest.Check(t, New(), instead(cart, "src/lib.rs", "assert_eq!(total(&[1, 2]), 3)", flood))
	i := slices.IndexFunc(out.Tests, func(t check.Test) bool { return t.Name == "cart: tests::sums" })
	if len(out.Tests) != 5 || i < 0 || out.Tests[i].State != check.Failed || len(out.Tests[i].Output) > outputMax || len(out.Gaps) > 0 {
		t.Errorf("%d tests, %+v", len(out.Tests), out.Gaps)
	}
}

// TestRustup chooses as rustup would, without running it.
func TestRustup(t *testing.T) {
	home, bin := t.TempDir(), t.TempDir()
	for _, file := range []string{"rustup", "cargo", "rustc"} {
		if file == "rustup" {
			checktest.Write(t, filepath.Join(bin, file), "#!/bin/sh\n", time.Now())
			must(t, os.Chmod(filepath.Join(bin, file), 0o755))
		} else {
			must(t, os.Link(filepath.Join(bin, "rustup"), filepath.Join(bin, file)))
		}
	}
	for _, name := range []string{"stable-x86_64-unknown-linux-gnu", "1.80.1-x86_64-unknown-linux-gnu"} {
		dir := filepath.Join(home, "toolchains", name, "bin")
		must(t, os.MkdirAll(dir, 0o755))
		for _, program := range []string{"cargo", "rustc"} {
			checktest.Write(t, filepath.Join(dir, program), "#!/bin/sh\n", time.Now())
			must(t, os.Chmod(filepath.Join(dir, program), 0o755))
		}
	}
	checktest.Write(t, filepath.Join(home, "settings.toml"), "default_toolchain = \"stable-x86_64-unknown-linux-gnu\"\n", time.Now())
	for _, c := range []struct{ file, text, want, missing string }{
		{"x", "", "stable-x86_64-unknown-linux-gnu", ""},
		{"rust-toolchain", "1.80\n", "1.80.1-x86_64-unknown-linux-gnu", ""},
		{"rust-toolchain.toml", "[toolchain]\nchannel = \"1.80.1\"\n", "1.80.1-x86_64-unknown-linux-gnu", ""},
		{"rust-toolchain.toml", "[toolchain]\nchannel = \"1.70\"\n", "", "the toolchain 1.70 is not installed"},
		{"rust-toolchain", "../../escape\n", "stable-x86_64-unknown-linux-gnu", ""},
	} {
		stage := checktest.Stage(t, map[string]string{c.file: c.text, "crates/a/Cargo.toml": ""}, checktest.Path(bin), func(e []string) []string {
			return process.Setenv(e, "RUSTUP_HOME="+home, "RUSTUP_TOOLCHAIN=")
		})
		got := find(stage, "crates/a")
		dir := filepath.Join(home, "toolchains", c.want)
		if got.missing != c.missing || c.missing == "" && (got.cargo.Path != filepath.Join(dir, "bin", "cargo") || !slices.Contains(got.cargo.ReadOnly, dir)) {
			t.Errorf("%+v: %+v", c, got)
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestParseTestsWithholdsWhatDoesNotAgree(t *testing.T) {
	const stderr = "     Running unittests src/lib.rs (target/debug/deps/cart-0123456789abcdef)\n"
	const whole = "\nrunning 1 test\ntest a ... ok\n\ntest result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s\n\n"
	for name, c := range map[string]struct {
		stdout, stderr string
		want           bool
	}{
		"agrees":          {whole, stderr, true},
		"one was lost":    {strings.Replace(whole, "test a ... ok\n", "", 1), stderr, false},
		"no summary":      {whole[:30], stderr, false},
		"nothing started": {whole, "", false},
		"nothing said":    {"", stderr, false},
		"no tests at all": {"", "", true},
	} {
		if _, complete := parseTests(c.stdout, c.stderr); complete != c.want {
			t.Errorf("%s: %v", name, complete)
		}
	}
}

func FuzzParseTests(f *testing.F) {
	f.Add("\nrunning 2 tests\ntest a ... ok\ntest b - should panic ... FAILED\n\nfailures:\n\n---- b stdout ----\nthread 'b' panicked at src/lib.rs:1:2:\nx\n\nfailures:\n    b\n\ntest result: FAILED. 1 passed; 1 failed; 0 ignored; 0 measured;\n",
		"   Running unittests src/lib.rs (target/debug/deps/cart-0123456789abcdef)\n   Doc-tests cart\n")
	f.Fuzz(func(t *testing.T, stdout, stderr string) {
		tests, _ := parseTests(stdout, stderr)
		for _, test := range tests {
			if test.State == "" || test.Line < 0 || len(test.Output) > outputMax+len(stdout) {
				t.Errorf("%+v", test)
			}
		}
	})
}

func FuzzParseMessages(f *testing.F) {
	f.Add([]byte(`{"reason":"compiler-message","message":{"message":"m","level":"error","code":{"code":"E0425"},"spans":[{"file_name":"a.rs","line_start":1,"column_start":2,"is_primary":true}],"children":[{"level":"help","message":"h"}]}}` + "\n" + `{"reason":"build-finished","success":false}` + "\n"))
	f.Add([]byte(`{"message":"m","level":"warning","code":null,"spans":[]}` + "\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		all, _ := parseCargo(data)
		for _, m := range append(all, parseRustc(data)...) {
			if m.Line < 0 || m.Column < 0 || m.Level == "" {
				t.Errorf("%+v", m)
			}
		}
	})
}

func FuzzParseFormat(f *testing.F) {
	f.Add([]byte("Diff in /a/b.rs:5:\n same\n-old\n+new\nDiff in c.rs at line 3:\n+x\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, p := range parseFormat(data) {
			if p.file == "" || p.line < 0 {
				t.Errorf("%+v", p)
			}
		}
	})
}
