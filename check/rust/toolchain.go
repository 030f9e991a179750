package rust

import (
	"bytes"
	"cmp"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/bitactor/cf/check/tool"
	"github.com/bitactor/cf/lazyregexp"
	"github.com/bitactor/cf/workspace"
)

// toolchain is where a project's cargo, rustc and rustfmt are.
type toolchain struct {
	cargo, rustc tool.Program
	cargoFmt     tool.Program // Path "" where it is not installed
	missing      string       // in words, what is not there
	hint         string
}

// find returns the toolchain for a project. The programs on the PATH may be
// rustup's proxies, which need its home folder and may fetch a toolchain: then
// the one that they would choose is taken, if it is there.
func find(stage *workspace.Stage, project string) toolchain {
	cargo, found := tool.Look(stage, "cargo")
	rustc, foundRustc := tool.Look(stage, "rustc")
	if !found || !foundRustc {
		return toolchain{missing: "cargo is not installed", hint: hint}
	}
	if !isProxy(cargo.Path) {
		fmt, _ := tool.Look(stage, "cargo-fmt")
		return toolchain{cargo: cargo, rustc: rustc, cargoFmt: fmt}
	}
	home := cmp.Or(stage.Getenv("RUSTUP_HOME"), filepath.Join(stage.Getenv("HOME"), ".rustup"))
	name := chosen(stage, project, home)
	for _, dir := range matching(home, name) {
		if t, complete := in(stage, dir); complete {
			return t
		}
	}
	return toolchain{missing: "the toolchain " + cmp.Or(name, "of rustup") + " is not installed", hint: "rustup toolchain install " + name}
}

// isProxy tells whether a program is rustup under another name, linked or not.
func isProxy(program string) bool {
	real, err := filepath.EvalSymlinks(program)
	if err == nil && filepath.Base(real) == "rustup" {
		return true
	}
	one, err := os.Stat(program)
	if err != nil {
		return false
	}
	two, err := os.Stat(filepath.Join(filepath.Dir(program), "rustup"))
	return err == nil && os.SameFile(one, two)
}

// in returns the programs of the toolchain in dir.
func in(stage *workspace.Stage, dir string) (toolchain, bool) {
	var t toolchain
	for _, p := range []struct {
		name   string
		to     *tool.Program
		needed bool
	}{{"cargo", &t.cargo, true}, {"rustc", &t.rustc, true}, {"cargo-fmt", &t.cargoFmt, false}} {
		program, found := tool.Look(stage, filepath.Join(dir, "bin", p.name))
		if !found {
			if p.needed {
				return t, false
			}
			continue
		}
		program.ReadOnly = append(program.ReadOnly, dir)
		*p.to = program
	}
	bin := filepath.Join(dir, "bin")
	env := []string{
		"RUSTC=" + filepath.Join(bin, "rustc"), "RUSTDOC=" + filepath.Join(bin, "rustdoc"),
		"RUSTFMT=" + filepath.Join(bin, "rustfmt"), "CARGO=" + filepath.Join(bin, "cargo"),
	}
	t.cargo.Env, t.cargoFmt.Env = env, env
	return t, true
}

var (
	channel        = lazyregexp.New(`(?m)^\s*channel\s*=\s*["']([^"']+)["']`)
	defaultChannel = lazyregexp.New(`(?m)^\s*default_toolchain\s*=\s*"([^"]+)"`)
	channelName    = lazyregexp.New(`^\w[\w.-]*$`)
)

// chosen returns the name of the toolchain that rustup would choose: the
// environment's, that of the nearest rust-toolchain file, the default
// (https://rust-lang.github.io/rustup/overrides.html). A name that could be a
// path is none.
func chosen(stage *workspace.Stage, project, home string) string {
	names := []string{stage.Getenv("RUSTUP_TOOLCHAIN")}
	for dir := project; ; dir = path.Dir(dir) {
		for _, file := range []string{"rust-toolchain.toml", "rust-toolchain"} {
			data, err := stage.Read(path.Join(dir, file))
			if err != nil {
				continue
			}
			if m := channel.FindSubmatch(data); m != nil {
				names = append(names, string(m[1]))
			} else if line := bytes.TrimSpace(data); !bytes.ContainsAny(line, "\n[=") {
				names = append(names, string(line))
			}
		}
		if dir == "." {
			break
		}
	}
	if data, err := os.ReadFile(filepath.Join(home, "settings.toml")); err == nil {
		if m := defaultChannel.FindSubmatch(data); m != nil {
			names = append(names, string(m[1]))
		}
	}
	for _, name := range names {
		if channelName.MatchString(name) && !strings.Contains(name, "..") {
			return name
		}
	}
	return ""
}

// matching returns the folders of toolchains of that name: "1.90" and "stable"
// stand for "1.90.0-x86_64-unknown-linux-gnu" and the like.
func matching(home, name string) []string {
	if name == "" || !filepath.IsAbs(home) {
		return nil
	}
	base := filepath.Join(home, "toolchains")
	dirs := []string{filepath.Join(base, name)}
	for _, pattern := range []string{name + "-*", name + ".*"} {
		found, err := filepath.Glob(filepath.Join(base, pattern))
		if err == nil {
			dirs = append(dirs, found...)
		}
	}
	return dirs
}
