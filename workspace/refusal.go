package workspace

import (
	"errors"
	"slices"
	"strings"

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

// fault turns what stopped op into a fault for the user.
func (l *Ledger) fault(op string, err error) error {
	if err == nil {
		return nil
	}
	var (
		known   *fault.Error
		stuck   *stuckError
		unsure  *unsureError
		ended   *endedError
		changed *changedError
		full    *roomError
	)
	f := &fault.Error{Kind: fault.Failed, Code: CodeWrite, Op: op, Who: quote(l.tree.dir), Err: err}
	switch {
	case errors.As(err, &stuck):
		f.Code = CodeStuck
		return f.Hint("nothing is lost: cf tries again when it is started next in this root", "what was there before lies in "+l.dir)
	case errors.As(err, &ended):
		f.Kind, f.Code = fault.Interrupted, CodeInterrupted
		if k := fault.KindOf(ended.cause); k == fault.Terminated {
			f.Kind = k
		}
		return f.Hint("nothing was changed")
	case errors.As(err, &known):
		return err
	case errors.As(err, &unsure):
		return f
	case errors.As(err, &changed):
		f.Kind, f.Code, f.Who = fault.Conflict, CodeChanged, quoteAll(changed.paths)
		f.Err = errors.New("changed meanwhile")
		return f.Hint("nothing was changed")
	case errors.As(err, &full), slices.ContainsFunc(fullErrors, func(e error) bool { return errors.Is(err, e) }):
		f.Code = CodeNoSpace
		return f.Hint("nothing was changed; make room and try again")
	case errors.Is(err, readOnlyError):
		f.Code = CodeReadOnly
		return f.Hint("nothing was changed")
	case errors.Is(err, errCorrupt):
		f.Code = CodeCorrupt
		return f
	}
	return f.Hint("nothing was changed")
}

// quoteAll names some of many paths.
func quoteAll(paths []string) string {
	const shown = 10
	all := make([]string, 0, shown+1)
	for i, p := range paths {
		if i == shown {
			all = append(all, "...")
			break
		}
		all = append(all, quote(p))
	}
	return strings.Join(all, ", ")
}
