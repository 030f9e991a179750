package workspace

import "io/fs"

// ReadToChange returns the content and the permission bits of the regular file
// rel, for one who is about to change it; limit is the largest size in bytes.
// Errors as Read.
func (t *Tree) ReadToChange(rel string, limit int64) ([]byte, fs.FileMode, error) {
	o := t.inside()
	data, err := o.read(clean(rel), limit)
	if err != nil {
		return nil, 0, classify("read", rel, err)
	}
	info, err := o.stat(clean(rel))
	if err != nil {
		return nil, 0, classify("read", rel, err)
	}
	return data, info.Mode().Perm(), nil
}

// Ready refuses, as Commit would, while a merge, rebase, cherry-pick, revert or
// bisect is under way: for who wants to know before minutes of checks.
func (l *Ledger) Ready() error { return l.tree.notMerging() }
