package sandbox

import (
	"bytes"
	"encoding/binary"
	"os"
	"strconv"
	"unsafe"

	"golang.org/x/sys/unix"
)

func itoa(n int) string { return strconv.Itoa(n) }

// pidOf returns si_pid, which lies behind si_signo, si_errno and si_code and,
// on 64-bit systems, four bytes of padding (siginfo_t, asm-generic/siginfo.h).
func pidOf(info *unix.Siginfo) int {
	raw := (*[20]byte)(unsafe.Pointer(info))
	return int(int32(binary.NativeEndian.Uint32(raw[16:])))
}

// parents returns the parent of every process of the system.
func parents() map[int]int {
	dir, err := os.Open("/proc")
	if err != nil {
		return nil
	}
	defer dir.Close()
	names, _ := dir.Readdirnames(-1)
	of := make(map[int]int, len(names))
	buf := make([]byte, 512)
	for _, name := range names {
		pid, err := strconv.Atoi(name)
		if err != nil {
			continue
		}
		// Field 4 of stat, behind the name, which is in brackets and may hold
		// anything (proc_pid_stat(5)).
		stat := readInto("/proc/"+name+"/stat", buf)
		if fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:]); len(fields) > 1 {
			if parent, err := strconv.Atoi(string(fields[1])); err == nil {
				of[pid] = parent
			}
		}
	}
	return of
}

// below returns the processes that descend from root, itself left out.
func below(root int) []int {
	of := parents()
	known := map[int]bool{root: true}
	var found []int
	for pid := range of {
		var line []int
		at := pid
		for at > 1 && len(line) <= len(of) {
			state, seen := known[at]
			if seen {
				for _, p := range line {
					known[p] = state
				}
				break
			}
			line = append(line, at)
			at = of[at]
		}
		if at <= 1 {
			for _, p := range line {
				known[p] = false
			}
		}
	}
	for pid, is := range known {
		if is && pid != root {
			found = append(found, pid)
		}
	}
	return found
}

// readInto returns the head of a small file, "" where it can't be read.
func readInto(path string, buf []byte) []byte {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil
	}
	defer func() { _ = unix.Close(fd) }()
	n, err := unix.Read(fd, buf)
	if err != nil || n < 0 {
		return nil
	}
	return buf[:n]
}

// resident returns a process's memory that is its own: anonymous pages and
// shared memory, without the files it maps, in bytes (proc_pid_status(5)).
func resident(pid int, buf []byte) int64 {
	text := readInto("/proc/"+strconv.Itoa(pid)+"/status", buf)
	return kib(text, "RssAnon:") + kib(text, "RssShmem:") + kib(text, "VmSwap:")
}

// kib returns the value of a line "NAME   N kB" in bytes, 0 without one.
func kib(text []byte, name string) int64 {
	_, rest, ok := bytes.Cut(text, []byte("\n"+name))
	if !ok {
		return 0
	}
	fields := bytes.Fields(rest[:min(len(rest), 64)])
	if len(fields) == 0 {
		return 0
	}
	n, _ := strconv.ParseInt(string(fields[0]), 10, 64)
	return n << 10
}

// machineMemory returns the machine's memory in bytes, 0 where unknown.
func machineMemory() int64 { return meminfo("MemTotal:") }

func meminfo(name string) int64 {
	return kib(append([]byte("\n"), readInto("/proc/meminfo", make([]byte, 4096))...), name)
}
