package bench

import (
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// Machine is where a run took place. Fields that the system does not tell are
// empty.
type Machine struct {
	CPU    string `json:"cpu"`
	Cores  int    `json:"cores"`
	Kernel string `json:"kernel"`
	OS     string `json:"os"`
	Arch   string `json:"arch"`
	Go     string `json:"go"`
	Guest  bool   `json:"guest"` // runs under a hypervisor
}

// ThisMachine reads what Linux tells in /proc; elsewhere only what Go knows.
func ThisMachine() Machine {
	m := Machine{Cores: runtime.NumCPU(), OS: runtime.GOOS, Arch: runtime.GOARCH, Go: runtime.Version()}
	info, _ := os.ReadFile("/proc/cpuinfo")
	m.CPU = field(string(info), "model name")
	m.Guest = strings.Contains(field(string(info), "flags"), "hypervisor")
	kernel, _ := os.ReadFile("/proc/sys/kernel/osrelease")
	m.Kernel = strings.TrimSpace(string(kernel))
	return m
}

func field(info, name string) string {
	for line := range strings.Lines(info) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// Noise is what else the machine did during a run, in shares of all its cores'
// time (0 to 1), and the gaps in which a busy loop did not run.
type Noise struct {
	Busy      float64 `json:"busy"`   // this program included
	Stolen    float64 `json:"stolen"` // by the hypervisor
	Load      float64 `json:"load"`   // runnable tasks, mean of the last minute
	GapMaxUS  float64 `json:"gap_max_us"`
	GapShare  float64 `json:"gap_share"` // of a busy loop's time that went to gaps over 10 us
	Available bool    `json:"available"` // the system tells busy, stolen and load
}

// Watch begins to record noise; the function that it returns ends it. It spins for
// spin at the end to see the gaps.
func Watch(spin time.Duration) (end func() Noise) {
	before, ok := readCPU()
	return func() Noise {
		var n Noise
		if after, ok2 := readCPU(); ok && ok2 && after.all > before.all {
			all := float64(after.all - before.all)
			n.Busy = 1 - float64(after.idle-before.idle)/all
			n.Stolen = float64(after.steal-before.steal) / all
			n.Available = true
		}
		if text, err := os.ReadFile("/proc/loadavg"); err == nil {
			n.Load, _ = strconv.ParseFloat(strings.Fields(string(text))[0], 64)
		}
		n.GapMaxUS, n.GapShare = gaps(spin)
		return n
	}
}

type cpuTimes struct{ all, idle, steal uint64 }

// readCPU reads the first line of /proc/stat: user nice system idle iowait irq
// softirq steal (proc(5)).
func readCPU() (cpuTimes, bool) {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return cpuTimes{}, false
	}
	line, _, _ := strings.Cut(string(text), "\n")
	fields := strings.Fields(line)
	if len(fields) < 9 || fields[0] != "cpu" {
		return cpuTimes{}, false
	}
	var t cpuTimes
	for i, f := range fields[1:9] {
		v, err := strconv.ParseUint(f, 10, 64)
		if err != nil {
			return cpuTimes{}, false
		}
		t.all += v
		switch i {
		case 3, 4:
			t.idle += v
		case 7:
			t.steal = v
		}
	}
	return t, true
}

// gaps spins and returns the longest time between two looks at the clock, and the
// share of the time that lay in gaps over 10 us.
func gaps(spin time.Duration) (longestUS, share float64) {
	start := time.Now()
	var longest, lost time.Duration
	for last := time.Duration(0); last < spin; {
		now := time.Since(start)
		gap := now - last
		longest = max(longest, gap)
		if gap > 10*time.Microsecond {
			lost += gap
		}
		last = now
	}
	if spin > 0 {
		share = float64(lost) / float64(time.Since(start))
	}
	return float64(longest) / float64(time.Microsecond), share
}
