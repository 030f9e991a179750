package sandbox_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bitactor/cf/fault"
	"github.com/bitactor/cf/process"
	"github.com/bitactor/cf/workspace/sandbox"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// folder returns a new folder, without symbolic links in its path.
func folder(t testing.TB) string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	must(t, err)
	return dir
}

// open opens a Box in the environment of the test, with env besides.
func open(t testing.TB, env ...string) *sandbox.Box {
	t.Helper()
	return openWith(t, sandbox.Options{Environ: env})
}

// openWith opens a Box with a cache folder of its own.
func openWith(t testing.TB, o sandbox.Options) *sandbox.Box {
	t.Helper()
	o.Environ, o.Cache = process.Setenv(os.Environ(), o.Environ...), folder(t)
	b, err := sandbox.Open(t.Context(), o)
	must(t, err)
	return b
}

// bwrapThatFails returns a folder with a bwrap that fails, as where user
// namespaces are forbidden.
func bwrapThatFails(t testing.TB) string {
	t.Helper()
	dir := folder(t)
	must(t, os.Symlink("/bin/false", filepath.Join(dir, "bwrap")))
	return dir
}

// tiers calls test with a Box of each tier that isolates on this machine.
func tiers(t *testing.T, test func(t *testing.T, b *sandbox.Box)) {
	t.Helper()
	for _, path := range []string{os.Getenv("PATH"), bwrapThatFails(t) + ":" + os.Getenv("PATH")} {
		b, err := sandbox.Open(t.Context(), sandbox.Options{Environ: process.Setenv(os.Environ(), "PATH="+path), Cache: folder(t)})
		if fault.KindOf(err) == fault.NoSandbox {
			t.Logf("a tier that this machine lacks: %v", err)
			continue
		}
		must(t, err)
		t.Run(string(b.Tier()), func(t *testing.T) { test(t, b) })
	}
}

// Every toolchain that the checkers use starts in both tiers.
func TestToolchainsRun(t *testing.T) {
	tiers(t, func(t *testing.T, b *sandbox.Box) {
		root := folder(t)
		must(t, os.WriteFile(filepath.Join(root, "main.c"), []byte("#include <stdio.h>\nint main(void) { puts(\"compiled\"); }\n"), 0o644))
		must(t, os.WriteFile(filepath.Join(root, "main.go"), []byte("package main\n\nfunc main() {}\n"), 0o644))
		must(t, os.WriteFile(filepath.Join(root, "go.mod"), []byte("module example\n"), 0o644)) // else go looks for one in the folders above
		cache, err := b.Cache(root, "go")
		must(t, err)
		for _, c := range []struct {
			program string
			args    []string
			want    string
		}{
			{"gcc", []string{"-o", "/dev/null", "main.c", "-v"}, "cc1"},
			{"go", []string{"list", "main.go"}, "command-line-arguments"},
			{"python3", []string{"-c", "print(6 * 7)"}, "42"},
			{"elixir", []string{"-e", "IO.puts(6 * 7)"}, "42"},
			{"erl", []string{"-noshell", "-eval", "io:format(\"~b~n\", [6 * 7]), halt()."}, "42"},
			{"sh", []string{"-c", "echo $((6 * 7))"}, "42"},
		} {
			if _, err := b.Look(c.program); err != nil {
				t.Logf("not installed here: %s", c.program)
				continue
			}
			r, err := b.Run(t.Context(), sandbox.View{Root: root}, sandbox.Command{Program: c.program, Args: c.args, Env: []string{"GOCACHE=" + cache}})
			if out := r.Stdout.String() + r.Stderr.String(); err != nil || !strings.Contains(out, c.want) {
				t.Errorf("%s: %v: %s", c.program, err, out)
			}
		}
	})
}

func TestFailures(t *testing.T) {
	b := open(t)
	root := folder(t)
	must(t, os.WriteFile(filepath.Join(root, "own"), []byte("#!/bin/sh\n"), 0o755))
	must(t, os.Mkdir(filepath.Join(root, "bin"), 0o755))
	for name, tt := range map[string]struct {
		c      sandbox.Command
		code   string
		status int
	}{
		"status":           {sandbox.Command{Program: "sh", Args: []string{"-c", "exit 7"}}, process.CodeExit, 7},
		"signal":           {sandbox.Command{Program: "sh", Args: []string{"-c", "kill -SEGV $$"}}, process.CodeExit, -1},
		"missing":          {sandbox.Command{Program: "no-such-program"}, process.CodeNotFound, -1},
		"from the tree":    {sandbox.Command{Program: filepath.Join(root, "own")}, sandbox.CodeInTree, -1},
		"folder outside":   {sandbox.Command{Program: "true", Dir: "../x"}, sandbox.CodePolicy, -1},
		"home shown":       {sandbox.Command{Program: "true", ReadOnly: []string{os.Getenv("HOME")}}, sandbox.CodePolicy, -1},
		"everything shown": {sandbox.Command{Program: "true", ReadOnly: []string{"/"}}, sandbox.CodePolicy, -1},
	} {
		r, err := b.Run(t.Context(), sandbox.View{Root: root}, tt.c)
		if fault.CodeOf(err) != tt.code || r.Code != tt.status {
			t.Errorf("%s: code %d, %v", name, r.Code, err)
		}
	}
	if _, err := b.Run(t.Context(), sandbox.View{Root: "/"}, sandbox.Command{Program: "/bin/true"}); fault.CodeOf(err) != sandbox.CodePolicy {
		t.Errorf("the whole machine as the tree: %v", err)
	}
}
