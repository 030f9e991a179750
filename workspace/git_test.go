package workspace_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bitactor/cf/fault"
	"github.com/bitactor/cf/workspace"
)

// runGit runs the real git as a user would.
func runGit(t testing.TB, dir string, args ...string) string {
	t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir = dir
	cmd.Env = gitEnviron(t)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

func gitEnviron(t testing.TB) []string {
	return []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + filepath.Dir(t.TempDir()), "GIT_CONFIG_NOSYSTEM=1",
		"GIT_AUTHOR_NAME=A U Thor", "GIT_AUTHOR_EMAIL=a@example.org", "GIT_COMMITTER_NAME=C O Mitter", "GIT_COMMITTER_EMAIL=c@example.org",
	}
}

// repository plants files and commits them.
func repository(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := plant(t, files)
	runGit(t, dir, "init", "-q", "-b", "main")
	runGit(t, dir, "add", "-A")
	runGit(t, dir, "commit", "-q", "--allow-empty", "-m", "first")
	return dir
}

func write(t testing.TB, dir, name, content string) {
	t.Helper()
	must(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755))
	must(t, os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644))
}

func TestCommitRefusesAmidAMerge(t *testing.T) {
	tests := []struct {
		name, word string
		make       func(t *testing.T, dir string)
	}{
		{"merge", "a merge", func(t *testing.T, dir string) {
			runGit(t, dir, "checkout", "-q", "-b", "other", "HEAD~1")
			write(t, dir, "a", "theirs")
			runGit(t, dir, "commit", "-q", "-am", "theirs")
			_ = exec.Command("git", "-C", dir, "-c", "user.name=x", "-c", "user.email=x", "merge", "main").Run() // conflicts
		}},
		{"rebase", "a rebase", func(t *testing.T, dir string) {
			runGit(t, dir, "checkout", "-q", "-b", "other", "HEAD~1")
			write(t, dir, "a", "theirs")
			runGit(t, dir, "commit", "-q", "-am", "theirs")
			_ = exec.Command("git", "-C", dir, "-c", "user.name=x", "-c", "user.email=x", "rebase", "main").Run() // conflicts
		}},
		{"cherry-pick", "a cherry-pick", func(t *testing.T, dir string) {
			runGit(t, dir, "checkout", "-q", "-b", "other", "HEAD~1")
			write(t, dir, "a", "theirs")
			runGit(t, dir, "commit", "-q", "-am", "theirs")
			_ = exec.Command("git", "-C", dir, "-c", "user.name=x", "-c", "user.email=x", "cherry-pick", "main").Run() // conflicts
		}},
		{"bisect", "a bisect", func(t *testing.T, dir string) { runGit(t, dir, "bisect", "start") }},
		{"revert", "a revert", func(t *testing.T, dir string) { runGit(t, dir, "revert", "--no-commit", "HEAD") }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := repository(t, map[string]string{"a": "1"})
			write(t, dir, "a", "2")
			runGit(t, dir, "commit", "-q", "-am", "second")
			// A work tree keeps these marks in a folder of its own.
			linked := filepath.Join(t.TempDir(), "linked")
			runGit(t, dir, "worktree", "add", "-q", "-b", "linked", linked)
			for _, at := range []string{dir, linked} {
				tt.make(t, at)
				before := snapshot(t, at)
				l := ledger(t, open(t, at))
				_, err := l.Commit(t.Context(), reading(t, at, workspace.Change{Path: "b", Content: []byte("b")}), workspace.CommitOptions{})
				if fault.CodeOf(err) != workspace.CodeMerging || fault.KindOf(err) != fault.Refused || !strings.Contains(err.Error(), tt.word) {
					t.Errorf("%v, want %s", err, tt.word)
				}
				same(t, "refused", snapshot(t, at), before)
				if at == dir && tt.name != "bisect" {
					_ = exec.Command("git", "-C", dir, tt.name, "--abort").Run()
					_ = exec.Command("git", "-C", dir, "checkout", "-q", "main").Run()
					_ = exec.Command("git", "-C", dir, "branch", "-q", "-D", "other").Run()
				}
			}
		})
	}
}

func TestDirty(t *testing.T) {
	dir := repository(t, map[string]string{"clean": "c", "modified": "m", "staged": "s", "removed": "r", "landed": "l", "sub/x": "x", ".gitignore": "ignored\n", "odd name\tü": "o"})
	l := ledger(t, open(t, dir))
	environ := gitEnviron(t)
	landed, err := l.Commit(t.Context(), reading(t, dir, workspace.Change{Path: "landed", Content: []byte("by cf")}, workspace.Change{Path: "made", Content: []byte("by cf")}), workspace.CommitOptions{})
	must(t, err)
	for _, name := range []string{"modified", "staged", "untracked", "ignored", "odd name\tü"} {
		write(t, dir, name, "mine")
	}
	runGit(t, dir, "add", "staged")
	must(t, os.Remove(filepath.Join(dir, "removed")))
	all := []workspace.Change{
		{Path: "clean"},
		{Path: "modified"},
		{Path: "staged"},
		{Path: "removed"},
		{Path: "landed"},
		{Path: "made"},
		{Path: "sub/x"},
		{Path: "untracked"},
		{Path: "ignored"},
		{Path: "odd name\tü"},
		{Path: "absent"},
	}
	dirty := func() map[string]string {
		t.Helper()
		found, err := l.Dirty(t.Context(), &workspace.Set{Changes: all}, environ)
		must(t, err)
		got := map[string]string{}
		for _, d := range found {
			got[d.Path] = d.Why
		}
		return got
	}
	mine := map[string]string{"modified": "modified", "staged": "staged", "removed": "modified", "untracked": "untracked", "ignored": "ignored", "odd name\tü": "modified"}
	if diff := cmp.Diff(mine, dirty()); diff != "" {
		t.Error(diff)
	}
	// An edit on top of what cf landed is the user's again.
	write(t, dir, "landed", "mine now")
	if got := dirty()["landed"]; got != "modified" {
		t.Errorf("edited after landing: %q", got)
	}
	write(t, dir, "landed", "by cf")
	_, err = l.Undo(t.Context(), landed.ID, workspace.UndoOptions{})
	must(t, err)
	if diff := cmp.Diff(mine, dirty()); diff != "" {
		t.Error(diff)
	}
	// What an undo puts back was the user's.
	_, err = l.Commit(t.Context(), reading(t, dir, workspace.Change{Path: "modified", Content: []byte("by cf")}), workspace.CommitOptions{})
	must(t, err)
	if _, ok := dirty()["modified"]; ok {
		t.Error("what cf landed over an edit counts")
	}
	_, err = l.Undo(t.Context(), "", workspace.UndoOptions{})
	must(t, err)
	if diff := cmp.Diff(mine, dirty()); diff != "" {
		t.Error(diff)
	}
	// No git, no repository.
	if _, err := l.Dirty(t.Context(), &workspace.Set{Changes: all}, []string{"PATH=/none"}); fault.CodeOf(err) != workspace.CodeNoGit {
		t.Errorf("without git: %v", err)
	}
	plain := plant(t, map[string]string{"clean": "c"})
	if found, err := ledger(t, open(t, plain)).Dirty(t.Context(), &workspace.Set{Changes: all}, environ); err != nil || found != nil {
		t.Errorf("no repository: %v, %v", found, err)
	}
}

func TestGitCommit(t *testing.T) {
	for _, sub := range []string{"", "deep/er"} {
		dir := repository(t, map[string]string{"a": "1\n", "gone": "g", "other": "o", "deep/er/a": "1\n", "deep/er/gone": "g", "deep/er/.cf/x": ""})
		write(t, dir, "other", "the user's own")
		write(t, dir, "staged", "the user's own")
		write(t, dir, "loose", "the user's own")
		runGit(t, dir, "add", "staged")
		at := filepath.Join(dir, sub)
		tree := open(t, at)
		if tree.Root() != at {
			t.Fatalf("root %s", tree.Root())
		}
		l := ledger(t, tree)
		before, status := snapshot(t, dir), runGit(t, dir, "status", "--porcelain")
		set := reading(t, at, workspace.Change{Path: "a", Content: []byte("2\n")}, workspace.Change{Path: "gone", Delete: true}, workspace.Change{Path: "new/run", Content: []byte("#!x\n"), Mode: 0o755})
		landed, err := l.Commit(t.Context(), set, workspace.CommitOptions{Git: &workspace.GitCommit{Message: "a: two\n\nlonger\n", Environ: gitEnviron(t)}})
		must(t, err)
		if head := strings.TrimSpace(runGit(t, dir, "rev-parse", "main")); head != landed.Git || head == "" {
			t.Errorf("HEAD %s, landed %+v", head, landed)
		}
		if got := runGit(t, dir, "log", "-1", "--format=%an|%cn|%B"); got != "A U Thor|C O Mitter|a: two\n\nlonger\n\n" {
			t.Errorf("%q", got)
		}
		prefix := ""
		if sub != "" {
			prefix = sub + "/"
		}
		want := "M\t" + prefix + "a\nD\t" + prefix + "gone\nA\t" + prefix + "new/run\n"
		if got := runGit(t, dir, "diff-tree", "-r", "--name-status", "HEAD~1", "HEAD"); got != want {
			t.Errorf("committed:\n%s", got)
		}
		if got := runGit(t, dir, "ls-tree", "HEAD", prefix+"new/run"); !strings.HasPrefix(got, "100755 blob") {
			t.Errorf("%q", got)
		}
		if got := runGit(t, dir, "status", "--porcelain"); got != status {
			t.Errorf("the user's other changes: %q, before %q", got, status)
		}
		entries, err := l.List()
		must(t, err)
		if entries[0].Git != landed.Git {
			t.Errorf("%+v", entries[0])
		}
		_, err = l.Undo(t.Context(), "", workspace.UndoOptions{})
		must(t, err)
		same(t, "undone", snapshot(t, dir), before)
	}
}

func TestGitCommitOfTheFirst(t *testing.T) {
	dir := plant(t, map[string]string{"a": "1"})
	runGit(t, dir, "init", "-q", "-b", "main")
	l := ledger(t, open(t, dir))
	landed, err := l.Commit(t.Context(), reading(t, dir, workspace.Change{Path: "b", Content: []byte("b")}), workspace.CommitOptions{Git: &workspace.GitCommit{Message: "b", Environ: gitEnviron(t)}})
	must(t, err)
	if got := runGit(t, dir, "ls-tree", "-r", "--name-only", landed.Git); got != "b\n" {
		t.Errorf("%q", got)
	}
}

// TestGitFailsWhole has git refuse at each stage: nothing has landed then.
func TestGitFailsWhole(t *testing.T) {
	tests := []struct {
		name string
		make func(t *testing.T, dir string)
		env  func([]string) []string
		word string
	}{
		{"no name", func(t *testing.T, dir string) { runGit(t, dir, "config", "user.useConfigOnly", "true") }, func(e []string) []string { return append(e[:3:3], "GIT_AUTHOR_EMAIL=") }, "no email was given"},
		{"index is locked", func(t *testing.T, dir string) { write(t, dir, ".git/index.lock", "") }, nil, "index.lock"},
		{"branch is locked", func(t *testing.T, dir string) { write(t, dir, ".git/refs/heads/main.lock", "") }, nil, "main.lock"},
		{"a filter", func(t *testing.T, dir string) {
			write(t, dir, ".gitattributes", "a filter=evil\n")
			runGit(t, dir, "config", "filter.evil.clean", "touch pwned; cat")
		}, nil, "filter"},
		{"a repository below", func(t *testing.T, dir string) { runGit(t, dir, "init", "-q", "sub") }, nil, "of its own"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := repository(t, map[string]string{"a": "1", "sub/x": "x"})
			tt.make(t, dir)
			index, err := os.ReadFile(filepath.Join(dir, ".git", "index"))
			must(t, err)
			before, head := snapshot(t, dir), runGit(t, dir, "rev-parse", "HEAD")
			environ := gitEnviron(t)
			if tt.env != nil {
				environ = tt.env(environ)
			}
			l := ledger(t, open(t, dir))
			_, err = l.Commit(t.Context(), reading(t, dir, workspace.Change{Path: "a", Content: []byte("2")}, workspace.Change{Path: "sub/y", Content: []byte("y")}),
				workspace.CommitOptions{Git: &workspace.GitCommit{Message: "m", Environ: environ}})
			if fault.CodeOf(err) != workspace.CodeGit || !strings.Contains(err.Error(), tt.word) {
				t.Errorf("%v", err)
			}
			same(t, "refused", snapshot(t, dir), before)
			if got := runGit(t, dir, "rev-parse", "HEAD"); got != head {
				t.Errorf("HEAD moved to %s", got)
			}
			must(t, ignoreAbsent(os.Remove(filepath.Join(dir, ".git", "index.lock"))))
			if got := runGit(t, dir, "diff", "--cached", "--name-only"); got != "" {
				t.Errorf("left staged: %q (index was %d bytes)", got, len(index))
			}
			if entries, err := l.List(); err != nil || len(entries) > 0 {
				t.Errorf("the ledger has %+v, %v", entries, err)
			}
		})
	}
}

// TestHostileRepository plants programs wherever git would run one.
func TestHostileRepository(t *testing.T) {
	dir := repository(t, map[string]string{"a": "1", "b": "1"})
	pwned := filepath.Join(dir, ".git", "pwned")
	evil := filepath.Join(dir, ".git", "evil")
	must(t, os.WriteFile(evil, []byte("#!/bin/sh\necho \"$0 $*\" >>"+pwned+"\ncat\n"), 0o755))
	hooks := filepath.Join(dir, "hooks-of-the-repo")
	for _, h := range []string{"pre-commit", "commit-msg", "post-commit", "reference-transaction", "post-index-change", "prepare-commit-msg"} {
		must(t, os.MkdirAll(hooks, 0o755))
		for _, at := range []string{hooks, filepath.Join(dir, ".git", "hooks")} {
			must(t, os.WriteFile(filepath.Join(at, h), []byte("#!/bin/sh\necho "+h+" >>"+pwned+"\n"), 0o755))
		}
	}
	for key, value := range map[string]string{
		"core.hooksPath": hooks, "core.fsmonitor": evil, "core.pager": evil, "core.editor": evil, "core.sshCommand": evil, "diff.external": evil,
		"filter.evil.clean": evil, "filter.evil.smudge": evil, "filter.evil.process": evil, "filter.evil.required": "true",
		"filter.e=v.clean": evil, "gpg.program": evil, "commit.gpgSign": "true", "credential.helper": evil, "core.askPass": evil,
	} {
		runGit(t, dir, "config", key, value)
	}
	write(t, dir, ".gitattributes", "b filter=evil\nc filter=e=v\n")
	write(t, dir, "git", "#!/bin/sh\necho git >>"+pwned+"\n")
	must(t, os.Chmod(filepath.Join(dir, "git"), 0o755))
	write(t, dir, "b", "2")
	l := ledger(t, open(t, dir))
	environ := gitEnviron(t)
	environ[0] = "PATH=.:" + os.Getenv("PATH")
	must(t, os.Chmod(evil, 0o755))
	if _, err := l.Dirty(t.Context(), &workspace.Set{Changes: []workspace.Change{{Path: "a"}, {Path: "b"}}}, environ); err != nil {
		t.Error(err)
	}
	_, err := l.Commit(t.Context(), reading(t, dir, workspace.Change{Path: "a", Content: []byte("2")}), workspace.CommitOptions{Git: &workspace.GitCommit{Message: "m", Environ: environ}})
	if err != nil {
		t.Error(err)
	}
	if said, err := os.ReadFile(pwned); err == nil {
		t.Errorf("ran:\n%s", said)
	}
	// The fixture is live: plain git runs it.
	cmd := exec.Command("git", "status")
	cmd.Dir, cmd.Env = dir, gitEnviron(t)
	_ = cmd.Run() // whatever it says
	if _, err := os.Stat(pwned); err != nil {
		t.Error("the planted programs do not work")
	}
}
