package sandbox

import (
	"context"
	"time"

	"golang.org/x/sys/unix"

	"github.com/bitactor/cf/fault"
)

// How often a watcher looks: the closer to a limit, the more often, since a
// program can fill some gigabytes a second.
const (
	lookOftenest = 15 * time.Millisecond
	lookRarest   = 250 * time.Millisecond
	fillRate     = 4 << 30 // bytes a second that a program is expected to fill at most
	forkRate     = 2000    // processes a second
)

// diskFloor is what a run must leave free on the disk of the scratch folder, in
// bytes, or half of what was free when it began where that is less.
const diskFloor = 512 << 20

// memoryFloor is what a run must leave available on the machine, likewise. It
// catches memory that belongs to no process, such as files in memory.
const memoryFloor = 256 << 20

// watcher looks at everything that runs below one init and ends the run when
// a limit is passed.
type watcher struct {
	init   int
	p      policy
	disk   int64 // free bytes below which the run is ended
	memory int64 // available bytes below which the run is ended
	buf    []byte
}

func newWatcher(init int, p policy) *watcher {
	return &watcher{
		init: init, p: p, buf: make([]byte, 4096),
		disk: min(diskFloor, freeDisk(p.Scratch)/2), memory: min(memoryFloor, meminfo("MemAvailable:")/2),
	}
}

// run looks until ctx ends; end is told which limit was passed.
func (w *watcher) run(ctx context.Context, end context.CancelCauseFunc) {
	timer := time.NewTimer(lookOftenest)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		next, passed := w.look()
		if passed != nil {
			end(passed)
			return
		}
		timer.Reset(next)
	}
}

// look returns when to look again, or the fault of the limit that was passed.
func (w *watcher) look() (time.Duration, error) {
	pids := below(w.init)
	if len(pids) > w.p.Limits.Processes+helpers {
		return 0, fault.New(fault.Failed, CodeProcesses, "more than %d processes at one time", w.p.Limits.Processes)
	}
	var used int64
	for _, pid := range pids {
		used += resident(pid, w.buf)
	}
	if used > w.p.Limits.MemoryBytes {
		return 0, fault.New(fault.Failed, CodeMemory, "more than %d MiB of memory", w.p.Limits.MemoryBytes>>20)
	}
	if available := meminfo("MemAvailable:"); available < w.memory {
		return 0, fault.New(fault.Failed, CodeMemory, "the machine has only %d MiB of memory left", available>>20)
	}
	if free := freeDisk(w.p.Scratch); free < w.disk {
		return 0, fault.New(fault.Failed, CodeDisk, "the disk has only %d MiB left", free>>20).
			Hint("free space where " + w.p.Scratch + " lies")
	}
	next := min(time.Duration(w.p.Limits.MemoryBytes-used)*time.Second/fillRate,
		time.Duration(w.p.Limits.Processes+helpers-len(pids))*time.Second/forkRate)
	return min(max(next, lookOftenest), lookRarest), nil
}

// helpers is how many processes of the sandbox itself run below the init:
// bwrap, and bwrap as the first process of the sandbox.
const helpers = 2

func freeDisk(dir string) int64 {
	var s unix.Statfs_t
	if unix.Statfs(dir, &s) != nil {
		return 0
	}
	return int64(s.Bavail) * s.Frsize
}
