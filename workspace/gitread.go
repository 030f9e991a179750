package workspace

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bitactor/cf/fault"
)

// CodeNoRef is the fault of a name that git knows no commit by [Usage].
const CodeNoRef = "no-such-commit"

// ChangedSince returns the files below the root that differ from the commit called
// ref, those that git does not know yet and is not told to ignore included, sorted;
// files that are gone are left out. environ is the user's environment. CodeNoGit
// outside a repository, CodeNoRef for a ref that is none.
func (t *Tree) ChangedSince(ctx context.Context, ref string, environ []string) ([]string, error) {
	g, err := t.openGit(ctx, environ)
	if err != nil {
		return nil, err
	}
	commit, err := g.line(ctx, "rev-parse", "--verify", "--quiet", "--end-of-options", ref+"^{commit}")
	if err != nil {
		if ctx.Err() != nil {
			return nil, err
		}
		return nil, fault.New(fault.Usage, CodeNoRef, "git knows no commit called %s", quote(ref)).On("git", quote(t.dir))
	}
	scope := g.prefix
	if scope == "" {
		scope = "."
	}
	changed, err := g.run(ctx, nil, "diff", "--name-only", "--no-renames", "--diff-filter=d", "-z", commit, "--", scope)
	if err != nil {
		return nil, err
	}
	fresh, err := g.run(ctx, nil, "ls-files", "--others", "--exclude-standard", "-z", "--", scope)
	if err != nil {
		return nil, err
	}
	var files []string
	for name := range strings.SplitSeq(string(changed)+string(fresh), "\x00") {
		if rel, ok := strings.CutPrefix(name, g.prefix); ok && rel != "" && t.Kind(rel) == "file" {
			files = append(files, rel)
		}
	}
	slices.Sort(files)
	return slices.Compact(files), nil
}

// Committed tells when the newest commit was made that changed one of some files or
// folders, relative to the root; the zero time where no commit did, or outside a
// repository. The errors are those of running git.
func (t *Tree) Committed(ctx context.Context, paths []string, environ []string) (time.Time, error) {
	if top, _ := t.gitDir(); top == "" || len(paths) == 0 {
		return time.Time{}, nil
	}
	g, err := t.openGit(ctx, environ)
	if err != nil {
		return time.Time{}, err
	}
	args := []string{"log", "-1", "--format=%ct", "--"}
	for _, p := range paths {
		args = append(args, g.prefix+p)
	}
	said, err := g.line(ctx, args...)
	if err != nil {
		if ctx.Err() != nil {
			return time.Time{}, err
		}
		return time.Time{}, nil //nolint:nilerr // a repository without a commit
	}
	seconds, err := strconv.ParseInt(said, 10, 64)
	if err != nil {
		return time.Time{}, nil //nolint:nilerr // nothing was said: no commit has them
	}
	return time.Unix(seconds, 0), nil
}
