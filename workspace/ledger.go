package workspace

import (
	"context"
	"io/fs"
	"time"

	"github.com/bitactor/cf/fault"
)

// Codes of the faults of writing, by fault.Error.Code. Stable: the list may
// only grow.
const (
	CodeChanged     = "file-changed"       // Conflict: differs from what was read, or from what the landing left
	CodeUnread      = "file-unread"        // Conflict: the target exists and is not in Set.Reads
	CodeDirty       = "uncommitted-edits"  // Conflict: for the verb that finds Ledger.Dirty not empty
	CodeTarget      = "target-refused"     // Refused: a link, a mount, a device ... that is never written
	CodeBadSet      = "bad-change-set"     // Refused: the set itself can't land, see Set.Check
	CodeBusy        = "ledger-locked"      // Locked: another cf commits or undoes in this root
	CodeMerging     = "merge-in-progress"  // Refused: a merge, rebase, cherry-pick, revert or bisect is under way
	CodeReadOnly    = "read-only"          // Failed: the place can't be written
	CodeNoSpace     = "no-space"           // Failed: the disk, the quota or a file size limit is too small
	CodeWrite       = "write-failed"       // Failed: the file system refused; everything is as it was before
	CodeStuck       = "recovery-stuck"     // Failed: an interrupted commit could not be taken back yet
	CodeCorrupt     = "journal-corrupt"    // Failed: a record of the journal is damaged
	CodeNoEntry     = "no-such-landing"    // Usage: the ledger holds no landing of that ID
	CodeUndone      = "already-undone"     // Usage: that landing was undone before
	CodeNoGit       = "no-git"             // Failed: no git program, or the root is in no repository
	CodeGit         = "git-failed"         // Failed: git refused; nothing was landed
	CodeInterrupted = "commit-interrupted" // Interrupted: the context ended before the first file was changed
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
	ID    string
	Title string
	Files []string // put back, sorted
	Kept  []string // left as they are: changed by somebody since; their old content stays in the ledger
}

// Dirt is a target with edits that git has not committed and cf did not make.
type Dirt struct {
	Path string `json:"path"`
	Why  string `json:"why"` // "modified", "staged", "untracked", "ignored", "unmerged"
}

// Ledger is the one way to change the user's files. Its methods are safe for
// concurrent use, also by several processes.
type Ledger struct {
	tree  *Tree
	state string
}

// OpenLedger opens the ledger of t's root below stateDir, cf's state folder.
// It makes nothing there until something lands. A commit that had been cut
// short is taken back at once (see Recovered); while another process holds the
// lock it is left to that one.
func OpenLedger(t *Tree, stateDir string) (*Ledger, error) {
	return &Ledger{tree: t, state: stateDir}, nil
}

// Recovered returns what OpenLedger took back; nil when there was nothing.
func (l *Ledger) Recovered() []Recovered { return nil }

// Commit lands set: all of it or nothing.
func (l *Ledger) Commit(ctx context.Context, set *Set, o CommitOptions) (*Landed, error) {
	return nil, fault.New(fault.Failed, CodeWrite, "not built yet").On("commit", "")
}

// Undo puts back what stood before the landing id; "" is the newest that is
// neither undone nor an undo.
func (l *Ledger) Undo(ctx context.Context, id string, o UndoOptions) (*Landed, error) {
	return nil, fault.New(fault.Usage, CodeNoEntry, "nothing has landed").On("undo", id)
}

// List returns the landings, newest first.
func (l *Ledger) List() ([]Entry, error) { return nil, nil }

// Prune removes the oldest landings until what is left is within o.
func (l *Ledger) Prune(o PruneOptions) (*Pruned, error) { return &Pruned{}, nil }

// Dirty returns the targets of set that hold edits which git has not committed
// and which cf did not land. Outside a git repository it returns none. environ
// is the user's environment.
func (l *Ledger) Dirty(ctx context.Context, set *Set, environ []string) ([]Dirt, error) {
	return nil, nil
}
