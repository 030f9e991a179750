package sandbox

import (
	"bytes"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// filesMost bounds the open files of a process.
const filesMost = 16384

// limit sets the limits that the kernel keeps, for this process and all it
// starts. RLIMIT_AS and RLIMIT_DATA are left alone: sanitizers, the BEAM and
// Go reserve far more than they use. Memory is watched instead (watcher).
func (p *policy) limit() error {
	cpu := uint64((p.Limits.CPU + time.Second - 1) / time.Second)
	tasks := p.tasks() // once: it counts what runs now, and the soft limit may not be above the hard one
	set := []struct {
		what       int
		soft, hard uint64
	}{
		{unix.RLIMIT_CPU, cpu, cpu + 2}, // SIGXCPU, then SIGKILL
		{unix.RLIMIT_FSIZE, uint64(p.Limits.FileBytes), uint64(p.Limits.FileBytes)},
		// 1, not 0: with 0 a core_pattern that is a pipe is still started, as
		// root; 1 stops both kinds (do_coredump, fs/coredump.c).
		{unix.RLIMIT_CORE, 1, 1},
		{unix.RLIMIT_NOFILE, filesMost, filesMost},
		{unix.RLIMIT_NPROC, tasks, tasks},
	}
	for _, l := range set {
		var now unix.Rlimit
		if err := unix.Getrlimit(l.what, &now); err != nil {
			return err
		}
		limit := unix.Rlimit{Cur: min(l.soft, now.Max), Max: min(l.hard, now.Max)}
		if err := unix.Setrlimit(l.what, &limit); err != nil {
			return err
		}
	}
	// Where memory runs out all the same, these processes go first.
	return os.WriteFile("/proc/self/oom_score_adj", []byte("1000"), 0)
}

// tasksPer is how many threads each allowed process may have on average before
// RLIMIT_NPROC, which counts threads, stops it.
const tasksPer = 8

// tasks is the limit on threads. In a user namespace the kernel counts those
// inside alone (since 5.14, ucounts); else all of the user's count, so those
// that run already are added. It does not bind root: there only the watcher
// counts.
func (p *policy) tasks() uint64 {
	limit := uint64(p.Limits.Processes * tasksPer)
	if p.Tier != Bubblewrap {
		limit += userTasks()
	}
	return limit
}

// userTasks estimates the threads that run now: those of the whole machine, as
// /proc/loadavg counts them ("running/all", proc_loadavg(5)).
func userTasks() uint64 {
	_, text, _ := bytes.Cut(readInto("/proc/loadavg", make([]byte, 128)), []byte("/"))
	digits, _, _ := bytes.Cut(text, []byte(" "))
	all, err := strconv.ParseUint(string(digits), 10, 64)
	if err != nil {
		return 4096
	}
	return all
}
