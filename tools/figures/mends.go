package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// mendModules are Go modules of others that build and are tested with what the module
// proxy has, and whose errors cf clean finds something about.
var mendModules = []string{
	"golang.org/x/crypto@v0.58.0",
	"golang.org/x/oauth2@v0.36.0",
	"sigs.k8s.io/structured-merge-diff/v6@v6.4.2",
	"github.com/rogpeppe/go-internal@v1.16.0",
	"github.com/prometheus/common@v0.70.0",
	"pgregory.net/rapid@v1.3.0",
}

// measureMends has cf clean mend code of others, and then builds it and runs all its
// tests as cf is not there: every test that passed before must pass.
func measureMends(cf string) ([]figure, error) {
	home, err := os.MkdirTemp("", "cf-figures-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(home)
	var landed, left, tests int
	var broken, said []string
	for i, module := range mendModules {
		root := filepath.Join(home, fmt.Sprint(i))
		if err := copyModule(module, root); err != nil {
			return nil, err
		}
		before, err := passing(root)
		if err != nil {
			return nil, fmt.Errorf("%s before: %w", module, err)
		}
		v := validating{cf: cf, root: root, home: home}
		files, findings, err := v.clean()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", module, err)
		}
		after, err := passing(root)
		if err != nil {
			broken = append(broken, module+": "+err.Error())
		}
		lost := slices.DeleteFunc(before, func(test string) bool { return slices.Contains(after, test) })
		for _, test := range lost {
			broken = append(broken, module+": "+test)
		}
		landed, left, tests = landed+files, left+findings, tests+len(after)
		said = append(said, fmt.Sprintf("%s %d", module, files))
	}
	return []figure{{
		Name: "`cf clean --target errors` on code of others: broken by what landed", Goal: "no build and no test",
		Measured: fmt.Sprintf("%d of %d tests, after %d files were mended", len(broken), tests, landed),
		Pass:     len(broken) == 0 && landed > 0,
		Conditions: fmt.Sprintf("built and tested without cf afterwards; files by module: %s; left or kept by cf: %d findings%s",
			strings.Join(said, ", "), left, strings.Join(append([]string{""}, broken[:min(len(broken), 5)]...), "; ")),
	}}, nil
}

// copyModule gets a module and puts a copy that can be written at root.
func copyModule(module, root string) error {
	out, err := exec.Command("go", "mod", "download", "-json", module).Output()
	if err != nil {
		return fmt.Errorf("go mod download %s: %w: %s", module, err, lastLine(out))
	}
	var got struct{ Dir string }
	if err := json.Unmarshal(out, &got); err != nil {
		return err
	}
	if err := os.CopyFS(root, os.DirFS(got.Dir)); err != nil {
		return err
	}
	return filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		return os.Chmod(path, info.Mode().Perm()|0o200)
	})
}

// passing runs all tests and returns those that pass, as "package test". A package that
// does not compile is an error; failing tests are not: some want what is not here.
func passing(root string) ([]string, error) {
	build := exec.Command("go", "build", "-mod=mod", "./...")
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("go build: %w: %s", err, lastLine(out))
	}
	test := exec.Command("go", "test", "-mod=mod", "-json", "-count=1", "-timeout=5m", "./...")
	test.Dir = root
	out, err := test.Output()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return nil, err
	}
	var list []string
	scanner := bufio.NewScanner(bytes.NewReader(out))
	scanner.Buffer(nil, 16<<20)
	for scanner.Scan() {
		var e struct{ Action, Package, Test string }
		if json.Unmarshal(scanner.Bytes(), &e) == nil && e.Action == "pass" && e.Test != "" {
			list = append(list, e.Package+" "+e.Test)
		}
	}
	slices.Sort(list)
	return slices.Compact(list), scanner.Err()
}

// clean runs cf clean and returns how many files it landed and how many findings it
// did not mend.
func (v validating) clean() (files, left int, err error) {
	cmd := exec.Command(v.cf, "clean", "--target", "errors", "--yes", "--json")
	cmd.Dir, cmd.Env = v.root, append(v.environ(), "GOFLAGS=-mod=mod")
	out, err := cmd.Output()
	var exit *exec.ExitError
	if err != nil && (!errors.As(err, &exit) || exit.ExitCode() != 3) {
		return 0, 0, fmt.Errorf("cf clean: %w: %s", err, lastLine(out))
	}
	for line := range bytes.Lines(out) {
		var e struct {
			Type, Text string
			Files      []struct{ Path string }
		}
		if json.Unmarshal(line, &e) != nil {
			continue
		}
		if e.Type == "landed" {
			files += len(e.Files)
		}
		if e.Type == "note" {
			var looked, mended, kept, rest int
			if n, _ := fmt.Sscanf(e.Text, "%d files looked at: %d mended, %d kept at boundaries, %d left", &looked, &mended, &kept, &rest); n == 4 {
				left += kept + rest
			}
		}
	}
	return files, left, nil
}
