// Package rust checks Rust with cargo: what the compiler says of all targets,
// the format, and the tests. A file of no package is compiled by rustc alone.
//
// It must never fetch a crate or a toolchain, or write the user's target
// folder.
//
// Invariants:
//  1. The crates of the tree are compiled anew in every check: cargo decides by
//     times what is fresh, and a staged file may be older than what was built
//     from another one. Their dependencies stay built, in cf's own cache.
//  2. Of the user's cargo home only the fetched sources are seen: no
//     configuration, no credentials.
//  3. Tests count only where their number agrees with the summary of each
//     test program.
package rust

import (
	"cmp"
	"context"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bitactor/cf/check"
	"github.com/bitactor/cf/check/tool"
	"github.com/bitactor/cf/fault"
	"github.com/bitactor/cf/lazyregexp"
	"github.com/bitactor/cf/workspace"
	"github.com/bitactor/cf/workspace/sandbox"
)

const hint = "apt-get install cargo, or https://rustup.rs"

// New returns the checker of Rust.
func New() check.Checker { return &checker{} }

type checker struct{ limits sandbox.Limits }

func (*checker) Name() string { return "rust" }

func (*checker) Match(file string, _ []byte) bool { return path.Ext(file) == ".rs" }

func (*checker) Markers() []string { return []string{"Cargo.toml"} }

func (*checker) Tools() []check.Tool {
	return []check.Tool{
		{Program: "cargo", For: "compile", Hint: hint, Needed: true, Version: []string{}},
		{Program: "rustc", For: "compile", Hint: hint, Needed: true, Version: []string{}},
	}
}

func (*checker) Canaries() []check.Canary {
	files := map[string]string{
		"Cargo.toml": "[package]\nname = \"canary\"\nversion = \"0.1.0\"\nedition = \"2021\"\n",
		"src/lib.rs": "pub fn sing(a: i32) -> i32 {\n    let b = 1;\n    a\n}\n\n#[test]\nfn sings() {\n    assert_eq!(sing(1), 2);\n}\n",
	}
	return []check.Canary{
		{Files: map[string]string{"canary.rs": "pub fn sing(\n"}, File: "canary.rs", Line: 1, Code: "syntax-error"},
		{Files: files, File: "src/lib.rs", Line: 2, Code: "unused_variables"},
		{Files: files, Test: "canary: sings"},
	}
}

// run is one check.
type run struct {
	*tool.Session
	tools toolchain
	env   []string
}

func (c *checker) Check(ctx context.Context, t check.Target) (check.Outcome, error) {
	s := tool.Begin(t, c.Name(), c.limits)
	defer s.Close()
	r := &run{Session: s, tools: find(t.Stage, t.Project)}
	if r.tools.missing != "" {
		s.Gap(check.Gap{What: "compile", Why: r.tools.missing, Hint: r.tools.hint, Blocks: true})
		return s.Outcome(), nil
	}
	s.Testable()
	err := r.version(ctx)
	switch {
	case err != nil:
	case s.HasFile("Cargo.toml"):
		err = r.cargo(ctx)
	default:
		err = r.lone(ctx)
	}
	return s.Outcome(), err
}

// version asks the compiler which one it is; the programs of a toolchain share
// its version. The PATH's may be rustup's proxies, so Tools can't ask.
func (r *run) version(ctx context.Context) error {
	result, ended, err := r.Run(ctx, tool.Call{Step: "compile", Tool: "rustc", Program: r.tools.rustc, Args: []string{"--version"}, Dir: "."})
	if err != nil || !ended {
		return err
	}
	version := tool.Line(result.Stdout.String())
	if words := strings.Fields(version); len(words) > 1 { // "rustc 1.95.0 (59807616e 2026-04-14)"
		version = words[1]
	}
	r.SetVersion(version)
	r.tools.cargo.Version, r.tools.rustc.Version, r.tools.cargoFmt.Version = version, version, version
	return nil
}

// lone compiles files of no package, each by itself.
func (r *run) lone(ctx context.Context) error {
	folder, err := r.Folder()
	if err != nil {
		return err
	}
	for i, file := range r.Present(r.Target.Changed) {
		kind := "lib"
		if text, err := r.Target.Stage.Read(file); err == nil && hasMain.Match(text) {
			kind = "bin"
		}
		result, ended, err := r.Run(ctx, tool.Call{
			Step: "compile", Tool: "rustc", Program: r.tools.rustc, Dir: ".",
			Args: []string{
				"--edition=2021", "--crate-name=lone", "--crate-type=" + kind, "--error-format=json",
				"--emit=metadata=" + filepath.Join(folder, "lone"+string(rune('a'+i%26))), "--", file,
			},
		})
		if err != nil || !ended {
			return err
		}
		r.messages(parseRustc(slices.Concat(result.Stderr.Head, result.Stderr.Tail)), "rustc")
		if result.Stderr.Dropped > 0 || result.Code != 0 && !r.Failing() {
			r.Gap(check.Gap{File: file, What: "compile", Why: "rustc did not say what is wrong: " + result.Describe(), Blocks: true})
		}
	}
	return nil
}

var hasMain = lazyregexp.New(`(?m)^\s*(pub\s+)?(async\s+)?fn\s+main\s*\(`)

// cargo checks a package or workspace.
func (r *run) cargo(ctx context.Context) error {
	target, release, err := r.Build(ctx, "rust")
	if err != nil {
		return err
	}
	defer release()
	if err := r.forget(ctx, target); err != nil {
		return err
	}
	home := cmp.Or(r.Target.Stage.Getenv("CARGO_HOME"), filepath.Join(r.Target.Stage.Getenv("HOME"), ".cargo"))
	for _, sources := range []string{"registry", "git"} {
		if info, err := os.Stat(filepath.Join(home, sources)); filepath.IsAbs(home) && err == nil && info.IsDir() {
			r.tools.cargo.ReadOnly = append(r.tools.cargo.ReadOnly, filepath.Join(home, sources))
		}
	}
	r.env = []string{"CARGO_TARGET_DIR=" + target, "CARGO_HOME=" + home, "CARGO_NET_OFFLINE=true", "CARGO_INCREMENTAL=0", "CARGO_TERM_COLOR=never"}
	if len(r.Target.Only) == 0 {
		if complete, err := r.compile(ctx); err != nil || !complete {
			return err
		}
		if err := r.format(ctx); err != nil {
			return err
		}
	}
	if !r.Target.Tests || r.Failing() {
		return nil
	}
	return r.test(ctx)
}

var packageName = lazyregexp.New(`(?m)^\s*name\s*=\s*["']([\w-]+)["']`)

// forget drops from the target folder what tells cargo that a crate of the
// tree is fresh. What ran in the sandbox may have left links there: os.Root
// follows none out.
func (r *run) forget(ctx context.Context, target string) error {
	list, err := r.Target.Stage.List(ctx, workspace.ListOptions{})
	if err != nil {
		return err
	}
	root, err := os.OpenRoot(target)
	if err != nil {
		return fault.New(fault.Failed, "", "%w", err).On("open", target)
	}
	defer root.Close()
	fingerprints, err := root.Open("debug/.fingerprint")
	if err != nil {
		return nil // nothing was built yet
	}
	defer fingerprints.Close()
	built, err := fingerprints.Readdirnames(-1)
	if err != nil {
		return fault.New(fault.Failed, "", "%w", err).On("read", target)
	}
	for _, f := range list.Files {
		if path.Base(f.Path) != "Cargo.toml" {
			continue
		}
		text, err := r.Target.Stage.Read(f.Path)
		if err != nil {
			continue
		}
		for _, m := range packageName.FindAllSubmatch(text, -1) {
			for _, name := range built {
				if !strings.HasPrefix(name, string(m[1])+"-") {
					continue
				}
				if err := root.RemoveAll("debug/.fingerprint/" + name); err != nil {
					return fault.New(fault.Failed, "", "%w", err).On("remove", name)
				}
			}
		}
	}
	return nil
}

// locate turns a path that the compiler printed, relative to the workspace's
// root or absolute, into a root-relative one: the nearest that is there.
func (r *run) locate(printed string) (string, bool) {
	for dir := r.Target.Project; ; dir = path.Dir(dir) {
		if file, inside := r.Rel(dir, printed); inside && r.Target.Stage.Kind(file) == "file" {
			return file, true
		}
		if dir == "." {
			return "", false
		}
	}
}

// messages reports what the compiler says. What is about no place is said of
// the package where nothing else is.
func (r *run) messages(all []message, toolName string) {
	for _, m := range all {
		d := check.Diagnostic{Severity: check.Warning, Code: cmp.Or(m.Code, "warning"), Message: m.Text, Tool: toolName}
		if m.Level != "warning" {
			d.Severity, d.Code = check.Error, cmp.Or(m.Code, "syntax-error")
		}
		file, inside := r.locate(m.File)
		switch {
		case inside:
			d.File, d.Line, d.Column = file, m.Line, r.Column(file, m.Line, m.Column)
		case d.Severity == check.Error && !r.Failing():
			d.File, d.Code = r.Blame("Cargo.toml"), cmp.Or(m.Code, "compile-error")
		default:
			continue
		}
		r.Diagnose(d)
	}
}
