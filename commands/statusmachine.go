package commands

import (
	"bufio"
	"context"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"github.com/bitactor/cf/process"
	"github.com/bitactor/cf/setup"
	"github.com/bitactor/cf/workspace/sandbox"
	"golang.org/x/sys/cpu"
)

// Machine is what limits the models that can run.
type Machine struct {
	OS          string `json:"os"`
	Arch        string `json:"arch"`
	CPU         string `json:"cpu"`
	Cores       int    `json:"cores"`
	Vector      string `json:"vector,omitempty"` // widest vector unit a model server can use
	Memory      int64  `json:"memory_bytes"`     // 0 = unknown
	MemoryFree  int64  `json:"memory_available_bytes"`
	Disk        string `json:"disk"` // folder whose file system was asked
	DiskFree    int64  `json:"disk_free_bytes"`
	GPU         string `json:"gpu"` // "none" if there is none
	GPUMemory   int64  `json:"gpu_memory_bytes,omitempty"`
	Sandbox     string `json:"sandbox"` // "bubblewrap", "landlock" or "none"
	SandboxWhy  string `json:"sandbox_why"`
	SandboxFix  string `json:"sandbox_fix,omitempty"`
	LandlockABI int    `json:"landlock_abi"`
}

// machine asks the system; only the programs it starts can take time.
func (a *App) machine(ctx context.Context) Machine {
	env := a.environ()
	m := Machine{OS: runtime.GOOS, Arch: runtime.GOARCH, CPU: runtime.GOARCH, Cores: runtime.NumCPU(), GPU: "none"}
	if name := procField("/proc/cpuinfo", "model name"); name != "" {
		m.CPU = name
	}
	switch {
	case cpu.X86.HasAVX512F:
		m.Vector = "AVX-512"
	case cpu.X86.HasAVX2:
		m.Vector = "AVX2"
	case cpu.X86.HasAVX:
		m.Vector = "AVX"
	case cpu.ARM64.HasASIMD:
		m.Vector = "NEON"
	}
	m.Memory, m.MemoryFree = memory()
	m.Disk = a.diskFolder()
	m.DiskFree = diskFree(m.Disk)
	if gpu := setup.FindGPU(env); gpu.Name != "" {
		m.GPU, m.GPUMemory = gpu.Name, gpu.Bytes
	}
	m.LandlockABI = landlockABI()
	m.Sandbox, m.SandboxWhy, m.SandboxFix = a.isolation(ctx)
	return m
}

// diskFolder is the nearest existing folder to where models are kept.
func (a *App) diskFolder() string {
	dir := a.Env.Paths.Data
	if dir == "" {
		dir = os.TempDir()
	}
	for dir != filepath.Dir(dir) {
		if _, err := os.Stat(dir); err == nil {
			return dir
		}
		dir = filepath.Dir(dir)
	}
	return dir
}

// memory returns the machine's memory and what of it is available, in bytes.
func memory() (total, available int64) {
	kib := func(name string) int64 {
		n, _ := strconv.ParseInt(strings.TrimSuffix(procField("/proc/meminfo", name), " kB"), 10, 64)
		return n << 10
	}
	return kib("MemTotal"), kib("MemAvailable")
}

// procField returns the first "name : value" of a file under /proc, "" if it
// has none, as on other systems than Linux.
func procField(file, name string) string {
	f, err := os.Open(file)
	if err != nil {
		return ""
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		key, value, ok := strings.Cut(lines.Text(), ":")
		if ok && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// isolation says which sandbox code that a model wrote would get here, by
// trying it.
func (a *App) isolation(ctx context.Context) (tier, why, fix string) {
	box, err := sandbox.Open(ctx, sandbox.Options{Environ: a.Env.Environ, Cache: a.Env.Paths.Cache})
	if err != nil {
		return string(sandbox.None), oneLine(err.Error()), sandboxFix(a.environ())
	}
	if box.Tier() != sandbox.Bubblewrap {
		fix = sandboxFix(a.environ())
	}
	return string(box.Tier()), oneLine(box.Why()), fix
}

// sandboxFix says what would give the strongest isolation.
func sandboxFix(env []string) string {
	if _, err := process.Look("bwrap", env); err == nil {
		return "allow user namespaces: sysctl kernel.unprivileged_userns_clone=1, or on Ubuntu kernel.apparmor_restrict_unprivileged_userns=0"
	}
	return probe{debian: "bubblewrap", other: "install bubblewrap (Linux)"}.fix(env)
}
