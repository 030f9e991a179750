package setup

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bitactor/cf/process"
)

// cpuID returns a short text that is the same on machines whose CPUs run the
// same code: the model's name and features. A server built for one CPU may
// crash on another.
func cpuID(ctx context.Context, env []string) string {
	text := runtime.GOARCH
	if f, err := os.Open("/proc/cpuinfo"); err == nil {
		defer f.Close()
		text += cpuinfo(bufio.NewScanner(f))
	} else if sysctl, err := process.Look("sysctl", env); err == nil {
		ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
		defer cancel()
		if r, err := process.Run(ctx, process.Command{Path: sysctl, Args: []string{"-n", "machdep.cpu.brand_string"}, Env: env}); err == nil {
			text += r.Stdout.String()
		}
	}
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:6])
}

// cpuinfo reads the first processor of /proc/cpuinfo. Features are sorted, for
// their order is the kernel's.
func cpuinfo(lines *bufio.Scanner) string {
	lines.Buffer(nil, 1<<20)
	var text string
	for lines.Scan() {
		key, value, _ := strings.Cut(lines.Text(), ":")
		switch strings.TrimSpace(key) {
		case "":
			return text
		case "model name", "CPU implementer", "CPU part":
			text += "\n" + strings.TrimSpace(value)
		case "flags", "Features":
			features := strings.Fields(value)
			slices.Sort(features)
			text += "\n" + strings.Join(features, " ")
		}
	}
	return text
}

// memoryBytes returns what this machine may use: main memory, or less where a
// control group says so; 0 = unknown.
func memoryBytes(ctx context.Context, env []string) int64 {
	if b, err := os.ReadFile("/proc/meminfo"); err == nil {
		total := meminfoTotal(string(b))
		if limit := number("/sys/fs/cgroup/memory.max"); limit > 0 && limit < total {
			return limit
		}
		return total
	}
	sysctl, err := process.Look("sysctl", env)
	if err != nil {
		return 0
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	r, err := process.Run(ctx, process.Command{Path: sysctl, Args: []string{"-n", "hw.memsize"}, Env: env})
	if err != nil {
		return 0
	}
	n, _ := strconv.ParseInt(strings.TrimSpace(r.Stdout.String()), 10, 64)
	return n
}

func meminfoTotal(text string) int64 {
	for line := range strings.Lines(text) {
		if rest, ok := strings.CutPrefix(line, "MemTotal:"); ok {
			kib, _ := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
			return kib << 10
		}
	}
	return 0
}

func number(path string) int64 {
	b, err := os.ReadFile(path)
	if err != nil {
		return 0
	}
	n, _ := strconv.ParseInt(strings.TrimSpace(string(b)), 10, 64)
	return n
}

// gpuName returns a word for a GPU that Ollama could use, "" if none is seen:
// NVIDIA's driver, or AMD's compute device. macOS on ARM has Metal, which a
// build from source uses too.
func gpuName() string {
	for _, probe := range []struct{ path, name string }{
		{"/proc/driver/nvidia/version", "NVIDIA"},
		{"/dev/nvidiactl", "NVIDIA"},
		{"/dev/kfd", "AMD"},
	} {
		if _, err := os.Stat(probe.path); err == nil {
			return probe.name
		}
	}
	return ""
}

// hasManifest tells whether the model store holds a model's manifest
// (manifests/HOST/NAMESPACE/NAME/TAG, as Ollama lays it out).
func hasManifest(store, model string) bool {
	name, tag, _ := strings.Cut(model, ":")
	if tag == "" {
		tag = "latest"
	}
	if store == "" || name == "" || strings.ContainsAny(name+tag, `/\*?[`) {
		return false
	}
	found, err := filepath.Glob(filepath.Join(store, "manifests", "*", "library", name, tag))
	return err == nil && len(found) > 0
}
