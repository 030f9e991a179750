package workspace

import (
	"bytes"
	"path"
	"slices"
	"strings"
)

// Sensitive is a change that makes something run without being called: at build
// time, on commit, when an editor or a shell opens the folder, on a server. It
// is not refused; the caller shows it.
type Sensitive struct {
	Path string `json:"path"`
	Why  string `json:"why"`
}

// sensitiveRule names files by their last name or by a folder in their path; a
// "*" in a pattern is path.Match's. All are compared in lower case.
type sensitiveRule struct {
	why     string
	names   []string
	folders []string
}

var sensitiveRules = []sensitiveRule{
	{
		why:     "runs on a build server",
		names:   []string{".gitlab-ci.yml", "jenkinsfile", ".travis.yml", "azure-pipelines.yml", "appveyor.yml", ".drone.yml", "bitbucket-pipelines.yml", "cloudbuild.yaml"},
		folders: []string{".github/workflows", ".github/actions", ".circleci", ".buildkite", ".ci", ".forgejo", ".gitea"},
	},
	{
		why: "runs when git is used",
		names: []string{
			".gitattributes", ".gitmodules", ".gitconfig", ".pre-commit-config.yaml", "lefthook.yml", ".lintstagedrc*",
			"pre-commit", "prepare-commit-msg", "commit-msg", "post-commit", "pre-push", "pre-rebase", "post-checkout", "post-merge", "post-rewrite",
		},
		folders: []string{".husky", ".githooks"},
	},
	{
		why: "runs when the project is built or tested",
		names: []string{
			"makefile", "gnumakefile", "*.mk", "cmakelists.txt", "*.cmake", "meson.build", "configure", "configure.ac", "build", "build.bazel", "workspace", "*.bzl", ".bazelrc",
			"build.rs", "cargo.toml", "build.gradle", "build.gradle.kts", "settings.gradle", "settings.gradle.kts", "gradlew", "pom.xml", "mvnw", "rakefile", "gemfile", "justfile", "taskfile.yml",
			"package.json", ".npmrc", ".yarnrc", ".yarnrc.yml", ".pnpmfile.cjs", "*.config.js", "*.config.ts", "*.config.mjs", "*.config.cjs", "gulpfile.js", "gruntfile.js",
			"setup.py", "setup.cfg", "pyproject.toml", "conftest.py", "tox.ini", "noxfile.py", "sitecustomize.py", "*.pth",
			"mix.exs", "rebar.config", "rebar.config.script", "erlang.mk", ".formatter.exs", "go.mod", "go.work", "dockerfile", "dockerfile.*", "*.dockerfile", "compose.y*ml", "docker-compose*.y*ml",
		},
		folders: []string{".cargo", ".mvn"},
	},
	{
		why:     "runs or rules when the folder is opened",
		names:   []string{".envrc", ".env", ".iex.exs", ".gdbinit", ".lldbinit", ".vimrc", ".exrc", ".nvim.lua", ".dir-locals.el", ".bashrc", ".bash_profile", ".profile", ".zshrc", ".zshenv", "*.code-workspace", ".tool-versions", "mise.toml"},
		folders: []string{".vscode", ".idea", ".devcontainer", ".ssh"},
	},
	{
		why:     "instructs programs that write code",
		names:   []string{"claude.md", "agents.md", "gemini.md", ".mcp.json", ".cursorrules", ".windsurfrules"},
		folders: []string{".claude", ".cursor", ".codex", ".gemini"},
	},
}

// sensitiveText are lines of source code that name programs or linker flags.
var sensitiveText = []struct{ mark, why string }{
	{"//go:generate ", "names a program for go generate"},
	{"// #cgo ", "passes flags to the C compiler and linker"},
	{"#cgo ", "passes flags to the C compiler and linker"},
	{"//go:linkname ", "reaches into another package"},
}

// Sensitive lists the changes that make something run by itself, in the order
// of the set, one line a change.
func (s *Set) Sensitive() []Sensitive {
	var found []Sensitive
	for _, c := range s.Changes {
		if why := sensitive(c); why != "" {
			found = append(found, Sensitive{Path: c.Path, Why: why})
		}
	}
	return found
}

func sensitive(c Change) string {
	lower := strings.ToLower(c.Path)
	for _, r := range sensitiveRules {
		if slices.ContainsFunc(r.names, func(p string) bool { ok, _ := path.Match(p, path.Base(lower)); return ok }) ||
			slices.ContainsFunc(r.folders, func(f string) bool { return strings.Contains("/"+lower, "/"+f+"/") }) {
			return r.why
		}
	}
	if c.Delete {
		return ""
	}
	if c.Mode&0o111 != 0 || bytes.HasPrefix(c.Content, []byte("#!")) {
		return "can be run as a program"
	}
	for _, t := range sensitiveText {
		if bytes.HasPrefix(c.Content, []byte(t.mark)) || bytes.Contains(c.Content, []byte("\n"+t.mark)) {
			return t.why
		}
	}
	return ""
}
