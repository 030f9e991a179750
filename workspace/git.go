package workspace

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/bitactor/cf/fault"
	"github.com/bitactor/cf/process"
)

// gitFileBytes is the longest ".git" file that is read; real ones hold a path.
const gitFileBytes = 8 << 10

// gitDir finds the repository that the root lies in, by Find's rules, without
// asking git: its top folder and its git folder. Both are "" where there is none.
func (t *Tree) gitDir() (top, dir string) {
	top = ascend(t.dir, holdsGit)
	if top == "" {
		return "", ""
	}
	dir = filepath.Join(top, ".git")
	info, err := os.Lstat(dir)
	if err != nil || info.IsDir() {
		return top, dir
	}
	// A work tree or a submodule: gitrepository-layout(5).
	text, err := opener{os.Stat, os.OpenFile}.read(dir, gitFileBytes)
	name, ok := strings.CutPrefix(strings.TrimSpace(string(text)), "gitdir:")
	if err != nil || !ok {
		return "", ""
	}
	if name = strings.TrimSpace(name); !filepath.IsAbs(name) {
		name = filepath.Join(top, name)
	}
	return top, name
}

// underWay are the marks that git leaves in its folder while a longer command
// waits for the user (git's wt-status.c, wt_status_get_state).
var underWay = []struct{ name, what string }{
	{"MERGE_HEAD", "a merge"},
	{"rebase-merge", "a rebase"},
	{"rebase-apply", "a rebase or git am"},
	{"CHERRY_PICK_HEAD", "a cherry-pick"},
	{"REVERT_HEAD", "a revert"},
	{"BISECT_LOG", "a bisect"},
}

// notMerging refuses while a merge, rebase, cherry-pick, revert or bisect is
// under way: a change of cf's would end up in its commit.
func (t *Tree) notMerging() error {
	_, dir := t.gitDir()
	if dir == "" {
		return nil
	}
	for _, m := range underWay {
		if _, err := os.Lstat(filepath.Join(dir, m.name)); err == nil {
			return fault.New(fault.Refused, CodeMerging, "%s is in progress", m.what).On("write", quote(t.dir)).
				Hint("finish it or give it up first (git status says how)")
		}
	}
	return nil
}

// git runs git in the root's repository, with everything off that would run
// another program or leave the machine: hooks, filters, fsmonitor, remotes.
type git struct {
	program string
	top     string
	prefix  string // the root below top, with a slash at the end, or ""
	env     []string
	filters map[string]bool // names of the filter drivers that are configured
}

// gitSettings stand above the repository's own, which may come from anybody.
var gitSettings = [][2]string{
	{"safe.bareRepository", "explicit"},
	{"core.fsmonitor", "false"},
	{"core.hooksPath", os.DevNull},
	{"core.untrackedCache", "false"},
	{"core.sshCommand", "false"},
	{"core.alternateRefsCommand", "false"},
	{"protocol.allow", "never"},
	{"credential.helper", ""},
	{"submodule.recurse", "false"},
	{"gc.auto", "0"},
	{"maintenance.auto", "false"},
}

// gitPassed are the variables of the user's that git gets.
var gitPassed = []string{
	"PATH", "HOME", "USER", "LOGNAME", "EMAIL", "TZ", "TMPDIR", "XDG_CONFIG_HOME",
	"GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL",
}

// openGit returns git for the root's repository. CodeNoGit where the root is in
// none, or git is not installed.
func (t *Tree) openGit(ctx context.Context, environ []string) (*git, error) {
	top, _ := t.gitDir()
	if top == "" {
		return nil, fault.New(fault.Failed, CodeNoGit, "not in a git repository").On("git", quote(t.dir))
	}
	program, err := process.Look("git", environ)
	if err != nil {
		return nil, fault.New(fault.Failed, CodeNoGit, "%w", err).On("git", quote(t.dir)).Hint("install git")
	}
	g := &git{program: program, top: top, env: gitEnv(environ, top), filters: map[string]bool{}}
	if rel, err := filepath.Rel(top, t.dir); err == nil && rel != "." {
		g.prefix = filepath.ToSlash(rel) + "/"
	}
	// core.worktree could name another folder.
	said, err := g.line(ctx, "rev-parse", "--show-toplevel")
	if err != nil {
		return nil, err
	}
	if real, err := physical(said); err != nil || real != top {
		return nil, fault.New(fault.Failed, CodeNoGit, "git takes %s for the top of the repository", quote(said)).On("git", quote(top))
	}
	return g, g.disarmFilters(ctx)
}

func gitEnv(environ []string, top string) []string {
	var env []string
	for _, name := range gitPassed {
		if v := process.Getenv(environ, name); v != "" {
			env = append(env, name+"="+v)
		}
	}
	env = append(env, "LC_ALL=C", "GIT_TERMINAL_PROMPT=0", "GIT_OPTIONAL_LOCKS=0", "GIT_NO_LAZY_FETCH=1",
		"GIT_LITERAL_PATHSPECS=1", "GIT_PAGER=cat", "GIT_EDITOR=false", "GIT_CEILING_DIRECTORIES="+filepath.Dir(top))
	return withSettings(env, gitSettings)
}

// withSettings adds settings by variables: a key that holds "=" can't be given
// with -c (git-config(1), GIT_CONFIG_COUNT).
func withSettings(env []string, settings [][2]string) []string {
	n, _ := strconv.Atoi(process.Getenv(env, "GIT_CONFIG_COUNT")) // absent: 0
	env = append([]string{}, env...)
	for _, s := range settings {
		env = append(env, "GIT_CONFIG_KEY_"+strconv.Itoa(n)+"="+s[0], "GIT_CONFIG_VALUE_"+strconv.Itoa(n)+"="+s[1])
		n++
	}
	return process.Setenv(env, "GIT_CONFIG_COUNT="+strconv.Itoa(n))
}

// disarmFilters takes the programs off every filter driver (gitattributes(5)).
func (g *git) disarmFilters(ctx context.Context) error {
	out, err := g.run(ctx, nil, "config", "--name-only", "-z", "--get-regexp", `^filter\.`)
	if err != nil {
		var f *fault.Error
		if errors.As(err, &f) && f.Code == CodeGit && len(out) == 0 { // status 1: there are none
			return nil
		}
		return err
	}
	for key := range strings.SplitSeq(string(out), "\x00") {
		name := strings.TrimPrefix(key, "filter.")
		if i := strings.LastIndexByte(name, '.'); i > 0 {
			g.filters[name[:i]] = true
		}
	}
	var off [][2]string
	for name := range g.filters {
		base := "filter." + name + "."
		off = append(off, [2]string{base + "clean", ""}, [2]string{base + "smudge", ""}, [2]string{base + "process", ""}, [2]string{base + "required", "false"})
	}
	g.env = withSettings(g.env, off)
	return nil
}

// run runs one git command at the top and returns its output. CodeGit with
// git's own words where it fails.
func (g *git) run(ctx context.Context, stdin []byte, args ...string) ([]byte, error) {
	var out bytes.Buffer
	r, err := process.Run(ctx, process.Command{
		Path: g.program, Args: args, Dir: g.top, Env: g.env, Stdin: bytes.NewReader(stdin), StdoutTo: &out,
	})
	switch {
	case err == nil:
		return out.Bytes(), nil
	case fault.KindOf(err) != fault.Failed:
		return nil, &endedError{err}
	}
	return out.Bytes(), fault.New(fault.Failed, CodeGit, "%s", cmp.Or(complaint(r.Stderr.String()), err.Error())).On("git "+args[0], quote(g.top))
}

// complaint is the line of git's error output that says what is wrong; advice
// may follow it.
func complaint(said string) string {
	for line := range strings.Lines(said) {
		for _, mark := range []string{"fatal: ", "error: "} {
			if why, ok := strings.CutPrefix(strings.TrimSpace(line), mark); ok {
				return why
			}
		}
	}
	return strings.TrimSpace(said)
}

// line is run, for a command that answers with one line.
func (g *git) line(ctx context.Context, args ...string) (string, error) {
	out, err := g.run(ctx, nil, args...)
	return strings.TrimSuffix(string(out), "\n"), err
}

// Dirty returns the targets of set that hold edits which git has not committed
// and which cf did not land, sorted as the set is. Outside a git repository it
// returns none. environ is the user's environment. CodeNoGit where git is not
// installed.
func (l *Ledger) Dirty(ctx context.Context, set *Set, environ []string) ([]Dirt, error) {
	if top, _ := l.tree.gitDir(); top == "" || len(set.Changes) == 0 {
		return nil, nil
	}
	g, err := l.tree.openGit(ctx, environ)
	if err != nil {
		return nil, l.fault("git", err)
	}
	args := []string{"status", "--porcelain=v2", "-z", "--untracked-files=all", "--ignored=matching", "--no-renames", "--"}
	for _, c := range set.Changes {
		args = append(args, g.prefix+c.Path)
	}
	out, err := g.run(ctx, nil, args...)
	if err != nil {
		return nil, l.fault("git", err)
	}
	var dirt []Dirt
	for _, c := range set.Changes {
		why := uncommitted(out, g.prefix+c.Path)
		if why == "" {
			continue
		}
		landed, err := l.landed(c.Path)
		if err != nil {
			return nil, l.fault("git", err)
		}
		if !landed {
			dirt = append(dirt, Dirt{Path: c.Path, Why: why})
		}
	}
	return dirt, nil
}

// uncommitted finds a path in the output of git status --porcelain=v2 -z
// (git-status(1)) and says in which way it differs from the last commit.
func uncommitted(status []byte, p string) string {
	for line := range strings.SplitSeq(string(status), "\x00") {
		kind, rest, _ := strings.Cut(line, " ")
		name := rest
		switch kind {
		case "1": // XY sub mH mI mW hH hI path
			name = afterFields(rest, 7)
		case "u": // XY sub m1 m2 m3 mW h1 h2 h3 path
			name = afterFields(rest, 9)
		}
		if name != p && (!strings.HasSuffix(name, "/") || !strings.HasPrefix(p, name)) {
			continue
		}
		switch {
		case kind == "?":
			return "untracked"
		case kind == "!":
			return "ignored"
		case kind == "u":
			return "unmerged"
		case !strings.HasPrefix(rest, "."):
			return "staged"
		}
		return "modified"
	}
	return ""
}

// afterFields returns s without its first n fields.
func afterFields(s string, n int) string {
	for range n {
		_, s, _ = strings.Cut(s, " ")
	}
	return s
}

// landed tells whether the file is as some commit of cf's left it. What an undo
// put back is the user's own again.
func (l *Ledger) landed(p string) (bool, error) {
	if _, err := os.Lstat(l.dir); errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	j, err := l.journal()
	if err != nil {
		return false, err
	}
	defer j.close()
	dirs := openFolders(j.tree)
	defer dirs.close()
	now, err := j.target(dirs, p)
	if err != nil {
		return false, err
	}
	ids, err := j.ids()
	if err != nil {
		return false, err
	}
	for _, id := range ids {
		f, err := j.load(id)
		if errors.Is(err, errCorrupt) || errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return false, err
		}
		f.close()
		if !f.done || f.in.Undoes != "" {
			continue
		}
		for _, plan := range f.in.Files {
			if plan.Path == p && now.is(plan.Post) {
				return true, nil
			}
		}
	}
	return false, nil
}

// nested tells whether p lies in a repository of its own below the root.
func (t *Tree) nested(p string) bool {
	for dir := path.Dir(p); dir != "."; dir = path.Dir(dir) {
		if _, err := t.root.Lstat(filepath.FromSlash(path.Join(dir, ".git"))); err == nil {
			return true
		}
	}
	return false
}
