package deploytest

import (
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const (
	dockerignorePath = "docker/Dockerfile.bitactor.dockerignore"
	helperPath       = "bitactor_otp/test/test_helper.exs"
)

// results are what builds and tests leave in bitactor_otp.
var results = []string{"_build/prod/x", "_plt/x", "deps/x", "doc/x", "cover/x", "priv/bitactor_nif.so", "a.beam", "erl_crash.dump"}

// TestBuildResultsAreKeptOut wants what builds leave behind in no commit and in no
// image, secrets and the history in no image either, and all that a release is made
// of in both.
func TestBuildResultsAreKeptOut(t *testing.T) {
	need(t, "git", "git")
	p := whole(t)
	dir := p.write(t)
	if out, err := run(t, dir, nil, "git", "init", "--quiet"); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	committed := func(name string) bool {
		_, err := run(t, dir, nil, "git", "check-ignore", "--quiet", name)
		return err != nil
	}
	patterns := strings.Split(p[dockerignorePath], "\n")
	for _, name := range results {
		name = path.Join("bitactor_otp", name)
		if committed(name) || sent(patterns, name) {
			t.Errorf("%s: in a commit: %v, in the image's build: %v", name, committed(name), sent(patterns, name))
		}
	}
	for _, name := range []string{".git/config", "bitactor_otp/tls.key", "bitactor_otp/config/ca.pem", "bitactor_otp/.env", "src/.env.production", "ci/deploy.sh", manifestPath, "cookie"} {
		if sent(patterns, name) {
			t.Errorf("the image's build sees %s", name)
		}
	}
	part := regexp.MustCompile(`^(bitactor_otp/(lib|config|rel)/|bitactor_otp/mix\.exs$|src/)`)
	for name := range p {
		if part.MatchString(name) && !sent(patterns, name) {
			t.Errorf("the image is built without %s", name)
		}
	}
	out, err := run(t, dir, nil, "git", "ls-files", "--others", "--ignored", "--exclude-standard")
	must(t, err)
	if out != "" {
		t.Errorf("files of the project are in no commit:\n%s", out)
	}
}

// sent tells whether the build sees a file: the last pattern that fits it, or a
// folder above it, decides. The rules are those of
// https://docs.docker.com/build/concepts/context/#syntax, as far as they are used.
func sent(patterns []string, name string) bool {
	seen := true
	for _, pattern := range patterns {
		if pattern == "" || strings.HasPrefix(pattern, "#") {
			continue
		}
		form, exception := strings.CutPrefix(pattern, "!")
		form = regexp.QuoteMeta(form)
		form = strings.NewReplacer(`\*\*/`, `(.*/)?`, `\*`, `[^/]*`).Replace(form)
		if regexp.MustCompile(`^` + form + `(/.*)?$`).MatchString(name) {
			seen = exception
		}
	}
	return seen
}

// TestSlowTestsWaitToBeAsked: the tags of whole test files are those that do not run
// by default, and what the pipeline and the documents ask for by tag is there.
func TestSlowTestsWaitToBeAsked(t *testing.T) {
	p := whole(t)
	list := regexp.MustCompile(`exclude: \[([^\]]*)\]`).FindStringSubmatch(p[helperPath])
	if list == nil {
		t.Fatalf("%s excludes nothing", helperPath)
	}
	excluded := strings.Split(strings.ReplaceAll(list[1], ":", ""), ", ")
	slices.Sort(excluded)
	tagged := map[string]bool{}
	tag := regexp.MustCompile(`(?m)^\s*@(?:module)?tag :(\w+)$`)
	whole := regexp.MustCompile(`(?m)^\s*@moduletag :(\w+)$`)
	asked := regexp.MustCompile(`--(?:include|only) (\w+)`)
	for name, text := range p {
		if strings.HasSuffix(name, "_test.exs") {
			for _, m := range tag.FindAllStringSubmatch(text, -1) {
				tagged[m[1]] = true
			}
			for _, m := range whole.FindAllStringSubmatch(text, -1) {
				if m[1] != "tmp_dir" && !slices.Contains(excluded, m[1]) {
					t.Errorf("%s runs by default, though it is tagged %s", name, m[1])
				}
			}
		}
	}
	for _, name := range excluded {
		if !tagged[name] {
			t.Errorf("no test is tagged %s, which is excluded", name)
		}
	}
	for name, text := range p {
		if name != workflowPath && !strings.HasPrefix(name, "docs/") {
			continue
		}
		for _, m := range asked.FindAllStringSubmatch(text, -1) {
			if !slices.Contains(excluded, m[1]) {
				t.Errorf("%s asks for the tests tagged %s, which are not set apart", name, m[1])
			}
		}
	}
}
