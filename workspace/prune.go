package workspace

import (
	"cmp"
	"errors"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"
)

// Prune removes the oldest landings until what is left is within o. What it
// removes can't be undone any more. The newest landing stays unless o.All.
func (l *Ledger) Prune(o PruneOptions) (*Pruned, error) {
	if _, err := os.Lstat(l.dir); errors.Is(err, fs.ErrNotExist) {
		return &Pruned{}, nil
	}
	var p *Pruned
	err := l.locked("prune", func(j *journal) (err error) {
		p, err = j.prune(o, time.Now())
		return err
	})
	if err != nil {
		return nil, err
	}
	return p, nil
}

// prune also removes what was put aside. All landings here are done: what was
// cut short has been taken back before.
func (j *journal) prune(o PruneOptions, now time.Time) (*Pruned, error) {
	keepBytes, oldest := cmp.Or(o.Bytes, KeepBytes), now.Add(-cmp.Or(o.Age, KeepAge))
	names, err := j.store.names()
	if err != nil {
		return nil, err
	}
	slices.Sort(names)
	p := &Pruned{}
	var kept int64
	for i, name := range slices.Backward(stored(names)) {
		m, err := j.store.lstat(name)
		if err != nil {
			return p, err
		}
		id, _, _ := strings.Cut(name, ".")
		made, err := timeOf(id)
		newest := i == len(stored(names))-1
		if !o.All && (newest || err == nil && !made.Before(oldest) && kept+m.size <= keepBytes) {
			kept += m.size
			continue
		}
		if err := j.store.remove(name); err != nil {
			return p, err
		}
		kept = max(kept, keepBytes) // all older ones go too: an undo must not outlive what it undid
		p.Entries++
		p.Bytes += m.size
	}
	if p.Entries == 0 {
		return p, nil
	}
	return p, j.store.sync()
}

// stored keeps the names of what was once a landing.
func stored(names []string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool {
		return !strings.HasSuffix(name, landingSuffix) && !strings.HasSuffix(name, keptSuffix) && !strings.HasSuffix(name, damagedSuffix)
	})
}
