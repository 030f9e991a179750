package readiness

import (
	"path"
	"strings"

	"github.com/bitactor/cf/check"
	"github.com/bitactor/cf/lazyregexp"
)

// isPipeline tells whether a file lies where a service looks for its pipelines.
func isPipeline(file string) bool {
	dir, base := path.Dir(file), path.Base(file)
	switch base {
	case ".gitlab-ci.yml", "Jenkinsfile", ".travis.yml", "azure-pipelines.yml", ".drone.yml", "bitbucket-pipelines.yml":
		return true
	}
	yaml := strings.HasSuffix(base, ".yml") || strings.HasSuffix(base, ".yaml")
	return yaml && (dir == ".github/workflows" || dir == ".circleci" || dir == ".forgejo/workflows" || dir == ".gitea/workflows" || strings.HasSuffix(dir, "/.github/workflows"))
}

// testCommand matches what a pipeline says to run the tests of a project.
var testCommand = lazyregexp.New(`\b(?:go|mix|cargo|npm|pnpm|yarn|rebar3|make|gradle|ctest|bazel)\b[^\n]*\btest|\b(?:pytest|ctest|tox|nox|npm t|eunit|unittest)\b|\bmake (?:check|ci)\b`)

// scriptsMax bounds the scripts that are read for one pipeline.
const scriptsMax = 64

// word matches what may be the path of a script in a pipeline or a script.
var word = lazyregexp.New(`[\w./-]+`)

// runsTests tells whether a pipeline's text, a script that it names, or one that such a
// script names, runs tests. Paths are relative to the root, as pipelines start there.
func (j *judging) runsTests(text []byte) bool {
	seen := map[string]bool{}
	for left := [][]byte{text}; len(left) > 0; left = left[1:] {
		if testCommand.Match(left[0]) {
			return true
		}
		for _, found := range word.FindAll(left[0], -1) {
			file := path.Clean(string(found))
			if seen[file] || len(seen) == scriptsMax || !isScript(file) || j.Stage.Kind(file) != "file" {
				continue
			}
			seen[file] = true
			if more, err := j.Stage.Read(file); err == nil {
				left = append(left, more)
			}
		}
	}
	return false
}

func isScript(file string) bool {
	switch path.Ext(file) {
	case ".sh", ".bash":
		return true
	}
	return path.Ext(file) == "" && strings.Contains(file, "/")
}

// pipeline asks for a pipeline that runs tests, without a finding in it. It may
// lie above what was asked about.
func (j *judging) pipeline() Point {
	all := j.files
	for _, dir := range j.above() {
		for _, name := range []string{".gitlab-ci.yml", "Jenkinsfile"} {
			if at := path.Join(dir, name); j.Stage.Kind(at) == "file" {
				all = append(all, at)
			}
		}
	}
	last := ""
	for _, f := range all {
		text, err := j.Stage.Read(f)
		if !isPipeline(f) || err != nil {
			continue
		}
		if last = f; !j.runsTests(text) {
			continue
		}
		p := pass("1 pipeline", f)
		for _, d := range j.Report.Diagnostics() {
			if d.File == f && d.Severity != check.Note && !across(d.Checker) {
				p.State, p.Why = Fail, "findings in it"
				p.Places = append(p.Places, place(d))
			}
		}
		p.Places = first(p.Places)
		return p
	}
	if last != "" {
		return Point{State: Fail, Figure: "0 pipelines that run tests", Evidence: last, Why: "nothing in it runs tests that cf knows"}
	}
	return Point{State: Fail, Figure: "0 pipelines", Why: "there is no pipeline"}
}
