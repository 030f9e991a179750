package workspace

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/bitactor/cf/fault"
)

// Limits bound a Set. 0 means the default.
type Limits struct {
	Files     int   // changes; SetFilesMax
	FileBytes int64 // of one change's content; SetFileBytesMax
}

// CommitOptions say how a Set lands.
type CommitOptions struct {
	Title  string     // what the change is for, one line; shown by List
	Limits Limits     // what Set.CheckWithin is called with
	Git    *GitCommit // land as a git commit too; nil: files only
}

// GitCommit asks for a git commit that holds the set's files and nothing else.
type GitCommit struct {
	Message string   // of the commit
	Environ []string // the user's environment: PATH, HOME and the author's name are taken from it
}

// Landed tells what a Commit or an Undo did.
type Landed struct {
	ID     string   // of the ledger's entry, for Undo; "" when the tree was so already
	Files  []Touch  // sorted by path; without those that were so already
	Undoes string   // the entry that was undone
	Git    string   // the git commit's hash, where one was made
	Pruned *Pruned  // what was removed to keep the ledger small; nil: nothing
	Notes  []string // in words, what did not go as wished and changed nothing of the outcome
}

// Touch is what a landing did to one file.
type Touch struct {
	Path   string      `json:"path"`
	Action string      `json:"action"` // "create", "change", "delete", "mode"
	Mode   fs.FileMode `json:"mode"`   // permission bits afterwards; 0 when deleted
	Bytes  int64       `json:"bytes"`  // size afterwards
}

// Entry is a landing that the ledger holds.
type Entry struct {
	ID       string    `json:"id"`
	Time     time.Time `json:"time"`
	Title    string    `json:"title,omitempty"`
	Files    []Touch   `json:"files"`
	Undoes   string    `json:"undoes,omitempty"`    // it undid that entry
	UndoneBy string    `json:"undone_by,omitempty"` // that entry undid it, and stands
	Git      string    `json:"git,omitempty"`       // the git commit it became
	Bytes    int64     `json:"bytes"`               // on disk
	Damaged  string    `json:"damaged,omitempty"`   // why it can't be undone any more
}

// UndoOptions say how an entry is undone.
type UndoOptions struct {
	DryRun bool // find out whether it can be, and what it would do; change nothing
}

// PruneOptions bound what is kept. 0 means the default.
type PruneOptions struct {
	Bytes int64         // KeepBytes
	Age   time.Duration // KeepAge
	All   bool          // keep nothing
}

// What a ledger keeps by default.
const (
	KeepBytes = 1 << 30
	KeepAge   = 90 * 24 * time.Hour
)

// Pruned tells what Prune removed.
type Pruned struct {
	Entries int
	Bytes   int64
}

// Recovered tells of a commit or undo that had been cut short and that
// OpenLedger took back.
type Recovered struct {
	ID      string
	Title   string
	Files   []string // put back, sorted
	Kept    []string // left as they are: changed by somebody since, or damaged in the ledger; what the ledger holds of them stays there
	Damaged string   // why the ledger's file can't be used; it was put aside
}

// Dirt is a target with edits that git has not committed and cf did not make.
type Dirt struct {
	Path string `json:"path"`
	Why  string `json:"why"` // "modified", "staged", "untracked", "ignored", "unmerged"
}

// Ledger is the one way to change the user's files. Its methods are safe for
// concurrent use, also by several processes.
type Ledger struct {
	tree      *Tree
	dir       string // absolute
	inside    string // where the state folder lies below the root: nothing lands there; "" when it lies elsewhere
	mu        sync.Mutex
	recovered []Recovered
	failpoint func(step string)
}

// OpenLedger opens the ledger of t's root below stateDir, cf's state folder.
// It makes nothing there until something lands. A commit that had been cut
// short is taken back at once (see Recovered); while another process holds the
// lock it is left to that one.
func OpenLedger(t *Tree, stateDir string) (*Ledger, error) {
	if !filepath.IsAbs(stateDir) {
		return nil, fault.New(fault.Failed, CodeNoState, "there is no state folder: HOME and XDG_STATE_HOME are unset").On("open ledger", "")
	}
	l := &Ledger{tree: t, dir: filepath.Join(stateDir, "roots", rootKey(t.dir))}
	if real, err := physical(stateDir); err == nil {
		if rel, ok := t.below(real); ok {
			l.inside = rel
		}
	}
	if _, err := os.Lstat(l.dir); errors.Is(err, fs.ErrNotExist) {
		return l, nil
	}
	cut, err := l.cutShort()
	if err == nil && cut {
		err = l.locked("recover", func(*journal) error { return nil })
	}
	if err != nil && fault.KindOf(err) != fault.Locked {
		return nil, err
	}
	return l, nil
}

// cutShort tells whether there may be something to take back. It asks without
// the lock: whoever only opens a ledger must not stand in another's way.
func (l *Ledger) cutShort() (bool, error) {
	if err := l.makeDir(); err != nil { // it is there: its owner and mode are looked at
		return false, l.fault("open ledger", err)
	}
	j, err := l.journal()
	if err != nil {
		return false, l.fault("open ledger", err)
	}
	defer j.close()
	names, err := j.store.names()
	if err != nil {
		return false, l.fault("open ledger", err)
	}
	newest := ""
	for _, name := range names {
		id, isLanding := strings.CutSuffix(name, landingSuffix)
		if isLanding {
			newest = max(newest, id)
		}
		if strings.HasSuffix(name, newSuffix) || strings.HasSuffix(name, disownedSuffix) {
			return true, nil
		}
	}
	if newest == "" {
		return false, nil
	}
	f, err := j.load(newest)
	if err != nil {
		return true, nil // damaged, or renamed this moment: recovery finds out under the lock
	}
	f.close()
	return !f.done, nil
}

// rootKey names a root's folder: 64 bits of its path's hash.
func rootKey(dir string) string { return Hash([]byte(dir))[:16] }

// Dir returns the absolute path of the ledger's own folder. It need not exist.
func (l *Ledger) Dir() string { return l.dir }

// Recovered returns what was taken back since OpenLedger, by it or by a later
// call that found a commit of another process cut short.
func (l *Ledger) Recovered() []Recovered {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.recovered)
}

// locked calls f with the journal while this process holds the lock, after
// anything that had been cut short was taken back.
func (l *Ledger) locked(op string, f func(*journal) error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.makeDir(); err != nil {
		return l.fault(op, err)
	}
	release, err := lock(l.dir)
	if err != nil {
		return l.fault(op, err)
	}
	defer release()
	j, err := l.journal()
	if err != nil {
		return l.fault(op, err)
	}
	defer j.close()
	back, err := j.recoverAll()
	l.recovered = append(l.recovered, back...)
	if err != nil {
		return l.fault("recover", &stuckError{why: errors.New("a commit that was cut short"), err: err})
	}
	return l.fault(op, f(j))
}

// makeDir makes the ledger's folder, for the user alone, and a file that says
// whose it is.
func (l *Ledger) makeDir() error {
	info, err := os.Lstat(l.dir)
	if err == nil {
		if !info.IsDir() || !ours(info) || info.Mode().Perm()&0o077 != 0 {
			return fault.New(fault.Failed, CodeNoState, "not a folder of yours alone (mode 0700)").On("open ledger", quote(l.dir))
		}
		return nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.MkdirAll(l.dir, 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(l.dir, "root"), []byte(l.tree.dir+"\n"), 0o600); err != nil {
		return err
	}
	for dir := filepath.Dir(l.dir); ; dir = filepath.Dir(dir) { // each may be new
		if err := syncDir(dir); err != nil {
			return err
		}
		if filepath.Base(dir) == "roots" {
			return syncDir(filepath.Dir(dir))
		}
	}
}

func syncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// journal opens the two folders.
func (l *Ledger) journal() (*journal, error) {
	tree, err := openFolder(l.tree.root)
	if err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(l.dir)
	if err != nil {
		return nil, errors.Join(err, tree.Close())
	}
	store, err := newRootFolder(root)
	if err != nil {
		return nil, errors.Join(err, tree.Close())
	}
	return &journal{tree: tree, store: store, failpoint: l.failpoint}, nil
}

// close closes what was opened; nothing was written through those handles.
func (j *journal) close() {
	_ = j.tree.Close()
	_ = j.store.Close()
}

// List returns the landings, newest first.
func (l *Ledger) List() ([]Entry, error) {
	if _, err := os.Lstat(l.dir); errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	j, err := l.journal()
	if err != nil {
		return nil, l.fault("list", err)
	}
	defer j.close()
	entries, err := j.entries()
	return entries, l.fault("list", err)
}

// entries reads what the store holds, newest first.
func (j *journal) entries() ([]Entry, error) {
	ids, err := j.ids()
	if err != nil {
		return nil, err
	}
	undoneBy := map[string]string{}
	var all []Entry
	for _, id := range slices.Backward(ids) {
		e, err := j.entry(id)
		if err != nil {
			return nil, err
		}
		if e == nil {
			continue
		}
		e.UndoneBy = undoneBy[id]
		if e.Undoes != "" && e.UndoneBy == "" {
			undoneBy[e.Undoes] = id
		}
		all = append(all, *e)
	}
	return all, nil
}

// entry reads one landing; nil for one that is not done, or gone since.
func (j *journal) entry(id string) (*Entry, error) {
	m, err := j.store.lstat(id + landingSuffix)
	if err != nil {
		return nil, ignoreAbsent(err)
	}
	e := &Entry{ID: id, Bytes: m.size}
	e.Time, _ = timeOf(id) // zero for a name that is not cf's
	f, err := j.load(id)
	if errors.Is(err, errCorrupt) {
		e.Damaged = bare(err).Error()
		return e, nil
	}
	if err != nil {
		return nil, ignoreAbsent(err)
	}
	defer f.close()
	if !f.done {
		return nil, nil
	}
	e.Time, e.Title, e.Undoes, e.Git = f.in.Time, f.in.Title, f.in.Undoes, f.note.Git
	for _, p := range f.in.Files {
		e.Files = append(e.Files, touchOf(p.Path, p.Pre, p.Post))
	}
	return e, nil
}

// idLayout is an entry's ID: its time in UTC, to the millisecond.
const idLayout = "20060102-150405.000"

// nextID returns the ID of a landing at now that sorts after last, even where
// the clock was set back.
func nextID(now time.Time, last string) string {
	if t, err := timeOf(last); err == nil && !now.Truncate(time.Millisecond).After(t) {
		now = t.Add(time.Millisecond)
	}
	return strings.Replace(now.UTC().Format(idLayout), ".", "-", 1)
}

func timeOf(id string) (time.Time, error) {
	if i := strings.LastIndexByte(id, '-'); i >= 0 {
		id = id[:i] + "." + id[i+1:]
	}
	return time.Parse(idLayout, id)
}
