package ollama

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// SystemMemory returns the memory of this machine: main memory from
// sysinfo(2), bounded by the control group, and the largest AMD GPU's from
// sysfs (mem_info_vram_total,
// https://docs.kernel.org/gpu/amdgpu/driver-misc.html). NVIDIA's driver tells
// its memory only through nvidia-smi or a library: who may start processes
// passes Options.Memory.
func SystemMemory(context.Context) Memory {
	var m Memory
	var info unix.Sysinfo_t
	if unix.Sysinfo(&info) == nil {
		m.Main = int64(uint64(info.Totalram) * uint64(info.Unit))
	}
	if limit := readInt("/sys/fs/cgroup/memory.max"); limit > 0 && (m.Main == 0 || limit < m.Main) {
		m.Main = limit
	}
	cards, _ := filepath.Glob("/sys/class/drm/card*/device/mem_info_vram_total")
	for _, card := range cards {
		m.GPU = max(m.GPU, readInt(card))
	}
	// Less than 2 GiB is the carve-out of an integrated GPU: Ollama runs there
	// on the CPU.
	if m.GPU < 2<<30 {
		m.GPU = 0
	}
	return m
}

// readInt returns the number in a small file, 0 if there is none.
func readInt(path string) int64 {
	data, err := os.ReadFile(path)
	if err != nil {
		return 0
	}
	n, err := strconv.ParseInt(strings.TrimSpace(string(data)), 10, 64)
	if err != nil {
		return 0
	}
	return n
}
