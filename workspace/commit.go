package workspace

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/bitactor/cf/fault"
)

// Commit lands set: all of it or nothing. It takes the lock, hashes anew all
// that was read, and refuses with Conflict, CodeChanged, if something differs.
// Files that are so already are left alone; Landed.ID is "" when all are. ctx
// counts until the first file is changed. The set may not be altered meanwhile.
func (l *Ledger) Commit(ctx context.Context, set *Set, o CommitOptions) (*Landed, error) {
	if err := set.CheckWithin(l.tree, o.Limits); err != nil {
		return nil, err
	}
	for _, c := range set.Changes {
		if l.inside != "" && (l.inside == "." || c.Path == l.inside || strings.HasPrefix(c.Path, l.inside+"/")) {
			return nil, fault.New(fault.Refused, CodeTarget, "it is in cf's own state folder").On("write", quote(c.Path))
		}
	}
	if err := l.tree.notMerging(); err != nil {
		return nil, err
	}
	var landed *Landed
	err := l.locked("commit", func(j *journal) (err error) {
		landed, err = l.commit(ctx, j, set, o)
		return err
	})
	if err != nil {
		return nil, err
	}
	return landed, nil
}

func (l *Ledger) commit(ctx context.Context, j *journal, set *Set, o CommitOptions) (*Landed, error) {
	wants := set.wants()
	if err := l.tree.reread(ctx, set.Reads, wants); err != nil {
		return nil, err
	}
	p, err := j.prepare(wants)
	if err != nil {
		return nil, err
	}
	for _, f := range p.in.Files {
		if _, read := set.Reads[f.Path]; !read && !f.Pre.absent() {
			return nil, fault.New(fault.Conflict, CodeUnread, "it is there, and was not read when the change was made").On("commit", quote(f.Path))
		}
	}
	if len(p.in.Files) == 0 {
		return &Landed{}, nil
	}
	p.in.Title = o.Title
	if o.Git == nil {
		return j.finish(ctx, p)
	}
	return l.commitWithGit(ctx, j, p, o.Git)
}

// finish lands what was prepared and keeps the ledger small.
func (j *journal) finish(ctx context.Context, p *prepared) (*Landed, error) {
	if err := j.checkRoom(p); err != nil {
		return nil, err
	}
	last, err := j.lastID()
	if err != nil {
		return nil, err
	}
	now := time.Now()
	p.in.ID, p.in.Time = nextID(now, last), now.UTC().Round(0)
	if err := j.land(ctx, &p.in, func(i int, w io.Writer) error { return p.content[i](w) }); err != nil {
		return nil, err
	}
	landed := &Landed{ID: p.in.ID, Files: p.touches, Undoes: p.in.Undoes}
	pruned, err := j.prune(PruneOptions{}, now)
	if err != nil {
		landed.Notes = append(landed.Notes, "old entries of the ledger could not be removed: "+bare(err).Error())
	} else if pruned.Entries > 0 {
		landed.Pruned = pruned
	}
	return landed, nil
}

// lastID returns the newest ID that the store knows of, whatever became of it.
func (j *journal) lastID() (string, error) {
	names, err := j.store.names()
	if err != nil {
		return "", err
	}
	last := ""
	for _, name := range names {
		id, _, _ := strings.Cut(name, ".")
		if _, err := timeOf(id); err == nil {
			last = max(last, id)
		}
	}
	return last, nil
}

// wants turns the set into what prepare takes. Contents are not copied.
func (s *Set) wants() []want {
	wants := make([]want, 0, len(s.Changes))
	for _, c := range s.Changes {
		w := want{path: c.Path, drop: c.Delete, from: c.From}
		if !c.Delete {
			content := c.Content
			w.post = state{Hash: Hash(content), Size: int64(len(content)), Mode: c.Mode}
			w.content = func(to io.Writer) error { _, err := to.Write(content); return err }
		}
		if hash, ok := s.Reads[c.Path]; ok {
			w.expect = func(now state) bool { return now.Hash == hash }
		}
		wants = append(wants, w)
	}
	return wants
}

// reread compares what was read with what is there now, but for the targets,
// which prepare looks at.
func (t *Tree) reread(ctx context.Context, reads map[string]string, targets []want) error {
	var changed []string
	for _, rel := range slices.Sorted(maps.Keys(reads)) {
		if slices.ContainsFunc(targets, func(w want) bool { return w.path == rel }) {
			continue
		}
		if ctx.Err() != nil {
			return &endedError{context.Cause(ctx)}
		}
		now, err := t.hashFile(rel)
		if err != nil || now != reads[rel] {
			changed = append(changed, rel)
		}
	}
	if len(changed) > 0 {
		return &changedError{changed}
	}
	return nil
}

// hashFile returns the Hash of a file as Read finds it, of any size; "" for one
// that is absent.
func (t *Tree) hashFile(rel string) (string, error) {
	f, _, err := t.inside().regular(clean(rel))
	if err != nil {
		if fault.CodeOf(classify("read", rel, err)) == CodeAbsent {
			return "", nil
		}
		return "", err
	}
	defer f.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// takeBackDone takes a landing back that is done already.
func (j *journal) takeBackDone(id string, why error) error {
	if !j.disown(id) {
		return &stuckError{id: id, why: why, err: errors.New("the ledger can't be written")}
	}
	return j.giveUp(id, why, true)
}
