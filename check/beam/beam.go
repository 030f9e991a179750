// Package beam checks Elixir and Erlang with the compilers and test frameworks
// of the machine, driven by scripts of our own that report what they find as
// data.
//
// It must never read what a compiler prints for people where the compiler
// gives it as data, take dependencies from the network, or write the user's
// build folders.
//
// Invariants:
//  1. The project's own code is compiled anew in every check: build tools
//     decide by times and sizes what is stale, and a staged file may be older
//     than a result that was built from another one.
//  2. A script's report that does not end with its "done" record is a gap.
//  3. Scripts (.exs outside a project) are never run, only their modules are
//     compiled.
package beam

import (
	"embed"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/bitactor/cf/check"
	"github.com/bitactor/cf/check/tool"
)

//go:embed scripts
var scripts embed.FS

// place writes scripts of ours into the session's folder and returns their
// absolute paths.
func place(s *tool.Session, names ...string) ([]string, error) {
	var paths []string
	for _, name := range names {
		text, err := scripts.ReadFile("scripts/" + name)
		if err != nil {
			return nil, err
		}
		full, err := s.Script(name, string(text))
		if err != nil {
			return nil, err
		}
		paths = append(paths, full)
	}
	return paths, nil
}

// listFile writes the absolute paths of root-relative files for a script. A
// name with a line break can't be listed, and is reported as a gap.
func listFile(s *tool.Session, name string, files []string) (string, error) {
	var b strings.Builder
	for _, f := range files {
		if strings.ContainsAny(f, "\n\r") {
			s.Gap(check.Gap{File: f, What: "compile", Why: "its name holds a line break", Blocks: true})
			continue
		}
		b.WriteString(filepath.Join(s.Target.Stage.Root(), filepath.FromSlash(f)) + "\n")
	}
	return s.Script(name, b.String())
}

// reportPath returns where a script shall write the report called name.
func reportPath(s *tool.Session, name string) (string, error) {
	dir, err := s.Folder()
	return filepath.Join(dir, name), err
}

// onlyTests tells whether all changed files are tests, as isTest says, so that
// no other test can be affected.
func onlyTests(changed []string, isTest func(string) bool) bool {
	for _, f := range changed {
		if !isTest(f) {
			return false
		}
	}
	return len(changed) > 0
}

// below returns file relative to the folder dir, both relative to the root; it may
// lie beside that.
func below(dir, file string) string {
	rel, err := filepath.Rel(filepath.FromSlash(dir), filepath.FromSlash(file))
	if err != nil { // both are relative: it can't be
		return file
	}
	return filepath.ToSlash(rel)
}

// finished tells whether a report has its last record.
func finished(records []tool.Record) bool {
	return len(records) > 0 && records[len(records)-1].Kind == "done"
}

// tested takes tests and executed lines from a report.
func tested(s *tool.Session, records []tool.Record) {
	for _, m := range records {
		switch m.Kind {
		case "test":
			file, _ := s.Rel(s.Target.Project, m.Field(2)) // a test may be from elsewhere
			s.Test(check.Test{State: check.TestState(m.Field(0)), Name: m.Field(1), File: file, Line: m.Number(3), Output: m.Field(4)})
		case "lines":
			if file, inside := s.Rel(s.Target.Project, m.Field(0)); inside {
				executed(s, file, m.Field(1), true)
				executed(s, file, m.Field(2), false)
			}
		}
	}
}

func executed(s *tool.Session, file, numbers string, hit bool) {
	for _, n := range strings.Fields(numbers) {
		if line, err := strconv.Atoi(n); err == nil && line > 0 {
			s.Executed(file, line, hit)
		}
	}
}
