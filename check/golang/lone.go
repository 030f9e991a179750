package golang

import (
	"bytes"
	"path"
	"slices"
	"strings"

	"github.com/bitactor/cf/check"
	"github.com/bitactor/cf/workspace"
)

// lone checks Go files that no go.mod is above of: those of a folder together,
// or one by one where several hold a main function, as scripts do.
func (r *run) lone() error {
	groups, err := r.folders()
	if err != nil {
		return err
	}
	for _, files := range groups {
		if err := r.loneFiles(files); err != nil {
			return err
		}
	}
	return nil
}

// folders groups the files to be compiled together: those of each folder that
// holds one that was asked about.
func (r *run) folders() ([][]string, error) {
	var dirs []string
	for _, f := range r.Present(r.Target.Files) {
		if path.Ext(f) == ".go" && !ignoredByGo(r.Target.Project, f) {
			dirs = append(dirs, path.Dir(f))
		}
	}
	slices.Sort(dirs)
	var out [][]string
	for _, dir := range slices.Compact(dirs) {
		l, err := r.Target.Stage.List(r.ctx, workspace.ListOptions{Under: dir})
		if err != nil {
			return nil, err
		}
		var files []string
		for _, f := range l.Files {
			if path.Dir(f.Path) == dir && path.Ext(f.Path) == ".go" && !ignoredByGo(r.Target.Project, f.Path) {
				files = append(files, f.Path)
			}
		}
		if r.countMains(files) < 2 {
			out = append(out, files)
			continue
		}
		for _, f := range files {
			out = append(out, []string{f})
		}
	}
	return out, nil
}

func (r *run) countMains(files []string) int {
	n := 0
	for _, f := range files {
		if src, err := r.Target.Stage.Read(f); err == nil && bytes.Contains(src, []byte("\nfunc main()")) {
			n++
		}
	}
	return n
}

// loneFiles compiles, vets and tests files as one package.
func (r *run) loneFiles(files []string) error {
	if slices.ContainsFunc(files, func(f string) bool { return r.broken[f] }) {
		return nil
	}
	if !slices.ContainsFunc(files, func(f string) bool { return slices.Contains(r.Target.Changed, f) }) {
		return nil
	}
	args := make([]string, len(files))
	for i, f := range files {
		args[i] = "./" + strings.TrimPrefix(f, r.Target.Project+"/")
	}
	g, ok, err := r.list(args...)
	if !ok || err != nil {
		return err
	}
	if len(r.Target.Only) == 0 {
		g.report(r)
		if len(g.errors) > 0 {
			return nil
		}
		if err := r.compileLone(args); err != nil {
			return err
		}
	}
	if !r.Target.Tests || !slices.ContainsFunc(args, isTest) {
		return nil
	}
	return r.testLone(g, args)
}

// compileLone leaves tests to vet: go build takes none.
func (r *run) compileLone(args []string) error {
	if slices.ContainsFunc(args, func(a string) bool { return !isTest(a) }) {
		return r.compile(args)
	}
	out, ok, err := r.call("vet", append([]string{"vet", "-json", "--"}, args...)...)
	if ok {
		r.buildErrors(out.stdout+"\n"+out.stderr, "go vet")
	}
	return err
}

func (r *run) testLone(g *graph, args []string) error {
	all := []string{"test", "-json", "-vet=off", "-count=1", "-timeout=" + testTimeout}
	if len(r.Target.Only) > 0 {
		names, pattern := only(r.Target.Only, []string{lonePackage})
		if len(names) == 0 {
			return nil
		}
		all = append(all, "-run="+pattern)
	}
	out, ok, err := r.call("tests", append(all, args...)...)
	if err != nil || !ok {
		return err
	}
	p := g.byPath[lonePackage]
	if p == nil {
		r.Gap(check.Gap{What: "tests", Why: "the go command names no package for these files", Blocks: true})
		return nil
	}
	r.testResults(out, map[string]*goPackage{lonePackage: p})
	return nil
}

// lonePackage is how the go command calls a package of files named one by one.
const lonePackage = "command-line-arguments"

func isTest(file string) bool { return strings.HasSuffix(file, "_test.go") }
