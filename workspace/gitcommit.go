package workspace

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/bitactor/cf/fault"
	"github.com/bitactor/cf/process"
)

// gitLanding is a git commit of a set, made of objects only until publish.
type gitLanding struct {
	g       *git
	before  string // HEAD's commit, "" on a branch without one
	commit  string
	entries []byte // of the index, as update-index --index-info reads them
	zero    string // the object name of all zeros
}

// commitWithGit lands the files, then the git commit that was made ready
// before; if git refuses then, the files are taken back.
func (l *Ledger) commitWithGit(ctx context.Context, j *journal, p *prepared, o *GitCommit) (*Landed, error) {
	g, err := l.tree.openGit(ctx, o.Environ)
	if err != nil {
		return nil, err
	}
	c, err := g.prepare(ctx, l, p, o.Message)
	if err != nil {
		return nil, err
	}
	landed, err := j.finish(ctx, p)
	if err != nil {
		return nil, err
	}
	// From here on the commit is carried through, whatever becomes of ctx.
	if err := c.publish(context.WithoutCancel(ctx)); err != nil {
		return nil, j.takeBackDone(landed.ID, err)
	}
	landed.Git = c.commit
	if err := j.addNote(landed.ID, note{Git: c.commit}); err != nil {
		landed.Notes = append(landed.Notes, "the ledger could not note the git commit: "+bare(err).Error())
	}
	return landed, nil
}

func (j *journal) addNote(id string, n note) error {
	text, err := json.Marshal(n)
	if err != nil {
		return err
	}
	f, err := j.load(id)
	if err != nil {
		return err
	}
	f.close()
	return j.appendRecord(id, f.end, recordNote, text)
}

// prepare writes blobs, tree and commit into git's object store, where they are
// garbage until a branch points to them. It uses an index of its own.
func (g *git) prepare(ctx context.Context, l *Ledger, p *prepared, message string) (*gitLanding, error) {
	if err := g.refuseFilters(ctx, l.tree, p); err != nil {
		return nil, err
	}
	format, err := g.line(ctx, "rev-parse", "--show-object-format")
	if err != nil {
		return nil, err
	}
	c := &gitLanding{g: g, zero: strings.Repeat("0", map[string]int{"sha256": 64}[format])}
	if c.zero == "" {
		c.zero = strings.Repeat("0", 40)
	}
	if c.before, err = g.line(ctx, "rev-parse", "--verify", "--quiet", "HEAD^{commit}"); err != nil {
		if fault.CodeOf(err) != CodeGit {
			return nil, err
		}
		c.before = "" // no commit yet
	}
	for i, f := range p.in.Files {
		if err := c.addEntry(ctx, f, p.content[i]); err != nil {
			return nil, err
		}
	}
	index := filepath.Join(l.dir, "index")
	defer os.Remove(index)
	own := *g
	own.env = process.Setenv(g.env, "GIT_INDEX_FILE="+index)
	tree, err := own.tree(ctx, c)
	if err != nil {
		return nil, err
	}
	args := []string{"commit-tree", tree, "-F", "-"}
	if c.before != "" {
		args = append(args, "-p", c.before)
	}
	out, err := g.run(ctx, []byte(message), args...)
	c.commit = strings.TrimSpace(string(out))
	return c, err
}

// tree writes the tree of HEAD with the entries of c.
func (g *git) tree(ctx context.Context, c *gitLanding) (string, error) {
	start := []string{"read-tree", "--empty"}
	if c.before != "" {
		start = []string{"read-tree", c.before}
	}
	if _, err := g.run(ctx, nil, start...); err != nil {
		return "", err
	}
	if _, err := g.run(ctx, c.entries, "update-index", "-z", "--index-info"); err != nil {
		return "", err
	}
	return g.line(ctx, "write-tree")
}

// addEntry stores one file's new content as git would: line ends are converted
// as the repository wants it, but no program is run on it.
func (c *gitLanding) addEntry(ctx context.Context, f filePlan, content func(io.Writer) error) error {
	name := c.g.prefix + f.Path
	if f.Post.absent() {
		c.entries = fmt.Appendf(c.entries, "0 %s\t%s\x00", c.zero, name)
		return nil
	}
	var data bytes.Buffer
	if err := content(&data); err != nil {
		return err
	}
	out, err := c.g.run(ctx, data.Bytes(), "hash-object", "-w", "--stdin", "--path="+name)
	if err != nil {
		return err
	}
	mode := "100644"
	if f.Post.Mode&0o100 != 0 {
		mode = "100755"
	}
	c.entries = fmt.Appendf(c.entries, "%s %s\t%s\x00", mode, strings.TrimSpace(string(out)), name)
	return nil
}

// refuseFilters refuses files that git stores through a program of the user's
// (such as Git LFS), and files of another repository.
func (g *git) refuseFilters(ctx context.Context, t *Tree, p *prepared) error {
	args := []string{"check-attr", "-z", "filter", "--"}
	for _, f := range p.in.Files {
		if t.nested(f.Path) {
			return fault.New(fault.Refused, CodeGit, "it lies in a repository of its own").On("git commit", quote(f.Path))
		}
		args = append(args, g.prefix+f.Path)
	}
	out, err := g.run(ctx, nil, args...)
	if err != nil {
		return err
	}
	fields := strings.Split(string(out), "\x00") // path, attribute, value, ...
	for i := 2; i < len(fields); i += 3 {
		if g.filters[fields[i]] {
			return fault.New(fault.Refused, CodeGit, "git stores it through the filter %q, a program that cf does not run", fields[i]).
				On("git commit", quote(fields[i-2])).Hint("land it without a git commit, then commit it yourself")
		}
	}
	return nil
}

// publish brings the user's index up to date for the set's files and moves HEAD,
// if it still is where it was. Everything else in the index stays.
func (c *gitLanding) publish(ctx context.Context) error {
	was, err := c.indexed(ctx)
	if err != nil {
		return err
	}
	if _, err := c.g.run(ctx, c.entries, "update-index", "-z", "--index-info"); err != nil {
		return err
	}
	old := c.before
	if old == "" {
		old = c.zero
	}
	if _, err := c.g.run(ctx, nil, "update-ref", "-m", "cf: commit", "HEAD", c.commit, old); err != nil {
		_, back := c.g.run(ctx, was, "update-index", "-z", "--index-info")
		return errors.Join(err, back)
	}
	return nil
}

// indexed returns what gives the user's index its present entries back.
func (c *gitLanding) indexed(ctx context.Context) ([]byte, error) {
	args := []string{"ls-files", "--stage", "-z", "--full-name", "--"}
	var remove []byte
	for entry := range strings.SplitSeq(strings.TrimSuffix(string(c.entries), "\x00"), "\x00") {
		_, name, _ := strings.Cut(entry, "\t")
		args = append(args, name)
		remove = fmt.Appendf(remove, "0 %s\t%s\x00", c.zero, name)
	}
	staged, err := c.g.run(ctx, nil, args...)
	return append(remove, staged...), err
}
