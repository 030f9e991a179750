package workspace

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"

	"github.com/bitactor/cf/fault"
	"github.com/bitactor/cf/process"
)

// lockName is the lock file of a ledger. The lock is the kernel's (flock(2)):
// it goes with the last process that holds the file open, so a lock that is
// held is never stale, and none is ever broken. The note inside only tells a
// person who holds it.
const lockName = "lock"

// holder is the note.
type holder struct {
	PID   int       `json:"pid"`
	Start string    `json:"start"` // process.StartTime, since pids are used again
	Since time.Time `json:"since"`
}

// lock takes the lock of the ledger in dir, or returns a fault of kind Locked.
func lock(dir string) (release func(), err error) {
	name := filepath.Join(dir, lockName)
	l := flock.New(name, flock.SetPermissions(0o600))
	got, err := l.TryLock()
	if err != nil {
		return nil, err
	}
	if !got {
		return nil, busy(name)
	}
	// Somebody may have removed the folder between the two: then another
	// process may hold another file of that name.
	held, err := l.Stat()
	if err == nil {
		var named os.FileInfo
		if named, err = os.Lstat(name); err == nil && !os.SameFile(held, named) {
			err = busy(name)
		}
	}
	if err != nil {
		_ = l.Close()
		return nil, err
	}
	leaveNote(name)
	return func() { _ = l.Close() }, nil // the lock goes with the file
}

// leaveNote never fails a landing: the note only helps a person.
func leaveNote(name string) {
	start, err := process.StartTime(os.Getpid())
	if err != nil {
		return
	}
	text, err := json.Marshal(holder{PID: os.Getpid(), Start: start, Since: time.Now().UTC().Truncate(time.Second)})
	if err == nil {
		_ = os.WriteFile(name, text, 0o600)
	}
}

func busy(name string) error {
	f := fault.New(fault.Locked, CodeBusy, "another cf is changing files in this root").On("lock", quote(name))
	var h holder
	text, err := os.ReadFile(name)
	if err != nil || json.Unmarshal(text, &h) != nil {
		return f
	}
	if process.Alive(h.PID, h.Start) {
		f.Err = fmt.Errorf("process %d is changing files in this root since %s", h.PID, h.Since.Format(time.TimeOnly))
		return f.Hint("wait for it to end")
	}
	f.Err = fmt.Errorf("process %d is gone, but a program that it started holds the lock", h.PID)
	return f.Hint("end the program that has the file open")
}
