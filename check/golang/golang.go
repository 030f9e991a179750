// Package golang checks Go: syntax, form, types, vet and tests, with the go
// command of this machine.
//
// It must never let the go command fetch anything, change go.mod, run version
// control, use the user's build cache, or write outside cf's own folders.
//
// Invariants:
//  1. The go command runs without network (GOPROXY=off), with the toolchain that
//     is there (GOTOOLCHAIN=local), a read-only module cache and a build cache
//     of cf's own; flags and settings of the user's environment do not reach it.
//  2. A package that can't be loaded, because it imports what is not there, is a
//     finding and keeps only itself and its importers from being compiled.
//  3. What is compiled and vetted is what changed and everything in the module
//     that imports it, directly or not. What is tested is what changed and the
//     packages that import it directly, in their code or in their tests.
package golang

import (
	"context"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/bitactor/cf/check"
	"github.com/bitactor/cf/check/tool"
	"github.com/bitactor/cf/workspace/sandbox"
)

// Name of the checker.
const Name = "go"

// limits hold for one run of the go command. A first build compiles the
// standard library too; a big module's tests say more than a megabyte.
var limits = sandbox.Limits{Wall: 10 * time.Minute, CPU: 30 * time.Minute, OutputBytes: 16 << 20}

// testTimeout is what one package's tests may take, as the go command's
// -timeout: below Wall, so that the go command says which test hangs.
const testTimeout = "2m"

// New returns the checker.
func New() check.Checker { return checker{} }

type checker struct{}

func (checker) Name() string { return Name }

func (checker) Match(file string, _ []byte) bool {
	switch path.Base(file) {
	case "go.mod", "go.sum", "go.work", "go.work.sum":
		return true
	}
	return path.Ext(file) == ".go"
}

func (checker) Markers() []string { return []string{"go.mod"} }

func (checker) Tools() []check.Tool {
	return []check.Tool{{
		Program: "go", For: "compile", Needed: true, Version: []string{"version"},
		Hint: "install Go from go.dev/dl, or apt-get install golang",
	}}
}

func (checker) Canaries() []check.Canary {
	const mod = "module canary\n\ngo 1.21\n"
	return []check.Canary{
		{
			Files: map[string]string{"go.mod": mod, "a.go": "package canary\n\nfunc f() {\n\tvar unused int\n}\n"},
			File:  "a.go", Line: 4, Code: "unused-variable",
		},
		{
			Files: map[string]string{"go.mod": mod, "a.go": "package canary\n\nfunc f(n int) int {\n\tn = n\n\treturn n\n}\n"},
			File:  "a.go", Line: 4, Code: "assign",
		},
		{
			Files: map[string]string{"go.mod": mod, "a.go": "package canary\n\nvar  x = 1\n"},
			File:  "a.go", Line: 3, Code: "gofmt",
		},
		{
			Files: map[string]string{
				"go.mod": mod, "a.go": "package canary\n\nfunc f() int { return 1 }\n",
				"a_test.go": "package canary\n\nimport \"testing\"\n\nfunc TestF(t *testing.T) {\n\tif f() != 2 {\n\t\tt.Error(\"planted\")\n\t}\n}\n",
			},
			Test: "canary.TestF",
		},
	}
}

// Seeds names the build cache: the canary's test holds much of the standard
// library.
func (checker) Seeds() []string { return []string{buildCache} }

// buildCache is the name of the folder for GOCACHE.
const buildCache = "go-build"

// Depends names the folders beside the project that its outcome depends on:
// those that go.mod puts in the place of modules. A workspace may use any
// folder of the tree.
func (checker) Depends(t check.Target) []string {
	for at := t.Project; ; at = path.Dir(at) {
		if t.Stage.Kind(path.Join(at, "go.work")) == "file" {
			return []string{"."}
		}
		if at == "." {
			break
		}
	}
	data, err := t.Stage.Read(path.Join(t.Project, "go.mod"))
	if err != nil {
		return nil
	}
	return replaced(t.Project, data)
}

// Check runs the checks, see the package comment.
func (checker) Check(ctx context.Context, t check.Target) (check.Outcome, error) {
	s := tool.Begin(t, Name, limits)
	defer s.Close()
	s.Testable()
	program, ok := tool.Look(t.Stage, "go")
	if !ok {
		s.Missing(checker{}.Tools()[0])
		return s.Outcome(), nil
	}
	program, err := Environment(s, program)
	if err != nil {
		return s.Outcome(), err
	}
	r := &run{Session: s, ctx: ctx, program: program, broken: map[string]bool{}, said: map[fault]bool{}}
	if len(t.Only) == 0 {
		r.source()
	}
	if r.HasFile("go.mod") {
		err = r.module()
	} else {
		err = r.lone()
	}
	o := s.Outcome()
	o.Volatile = r.fetchable
	return o, err
}

// run is one Check.
type run struct {
	*tool.Session
	ctx     context.Context // of this Check
	program tool.Program
	broken  map[string]bool // files with a syntax error, already reported
	said    map[fault]bool  // errors of the go command so far

	failures  int  // failed tests so far
	fetchable bool // a module is missing that the user may fetch
}

// call runs the go command in the project's folder.
func (r *run) call(step string, args ...string) (out result, ok bool, err error) {
	res, ok, err := r.Run(r.ctx, tool.Call{
		Step: step, Tool: "go " + args[0], Program: r.program, Args: args, Dir: r.Target.Project,
	})
	if n := res.Stdout.Dropped + res.Stderr.Dropped; ok && n > 0 {
		r.Gap(check.Gap{What: step, Why: "the output of go " + args[0] + " is too long to be read", Blocks: true})
	}
	return result{code: res.Code, stdout: res.Stdout.String(), stderr: res.Stderr.String()}, ok, err
}

type result struct {
	code           int
	stdout, stderr string
}

// Environment gives a program that runs the go command what this checker gives to
// it: every variable that its behaviour depends on, and the folders that it reads. The
// user's own settings belong to other work. The errors are those of Stage.Cache.
func Environment(s *tool.Session, program tool.Program) (tool.Program, error) {
	build, err := s.Target.Stage.Cache(buildCache)
	if err != nil {
		return program, err
	}
	modules, shown := moduleCache(s.Target.Stage.Getenv)
	if !shown {
		if modules, err = s.Target.Stage.Cache("go-mod"); err != nil {
			return program, err
		}
	} else {
		program.ReadOnly = append(program.ReadOnly, modules)
	}
	if command, ok := tool.Look(s.Target.Stage, "go"); ok {
		program.ReadOnly = append(program.ReadOnly, command.ReadOnly...)
		if root := goroot(command.Path); root != "" && !tool.Below(root, "/usr", "/opt", "/nix") {
			program.ReadOnly = append(program.ReadOnly, root)
		}
	}
	mode := "readonly"
	if s.HasFile("vendor/modules.txt") {
		mode = "vendor"
	}
	program.Env = append(program.Env,
		"GOFLAGS=-buildvcs=false -mod="+mode, "GOPROXY=off", "GOTOOLCHAIN=local", "GOENV=off", "GOVCS=*:off",
		"GOCACHE="+build, "GOMODCACHE="+modules, "GOWORK="+goWork(s.Target),
		"GOROOT=", "GOEXPERIMENT=", "GODEBUG=", "GOOS=", "GOARCH=", "GO111MODULE=", "GOPATH=", "GOBIN=", "GOTMPDIR=", "GOINSECURE=", "GOPRIVATE=",
	)
	if !s.HasFile("go.mod") {
		program.Env = append(program.Env, "GOFLAGS=-buildvcs=false", "GO111MODULE=off")
	}
	return program, nil
}

// goWork returns the go.work that holds for the project: one inside the
// tree, or none. The go command would look above the tree too.
func goWork(t check.Target) string {
	for at := t.Project; ; at = path.Dir(at) {
		if rel := path.Join(at, "go.work"); t.Stage.Kind(rel) == "file" {
			return filepath.Join(t.Stage.Root(), filepath.FromSlash(rel))
		}
		if at == "." {
			return "off"
		}
	}
}

// goroot returns the folder that a go command outside the system's folders
// belongs to.
func goroot(program string) string {
	real, err := filepath.EvalSymlinks(program)
	if err != nil || filepath.Base(filepath.Dir(real)) != "bin" {
		return ""
	}
	return filepath.Dir(filepath.Dir(real))
}

// ignoredByGo tells whether the go command passes over a file because of a
// folder's name (go help packages).
func ignoredByGo(project, file string) bool {
	rel := strings.TrimPrefix(file, project+"/")
	for _, part := range strings.Split(path.Dir(rel), "/") {
		if part == "testdata" || part != "." && (strings.HasPrefix(part, ".") || strings.HasPrefix(part, "_")) {
			return true
		}
	}
	return strings.HasPrefix(path.Base(rel), "_") || strings.HasPrefix(path.Base(rel), ".")
}
