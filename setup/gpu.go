package setup

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/bitactor/cf/llm/ollama"
	"github.com/bitactor/cf/process"
)

// GPU is a graphics processor that Ollama can use; the zero GPU is none.
type GPU struct {
	Name  string // as its driver names it, else its maker
	Bytes int64  // memory of the largest; 0 = unknown
}

// gpuWait bounds the question to NVIDIA's driver, which answers in 30 ms, and
// hangs where it is broken.
const gpuWait = time.Second

var gpuFound struct {
	once sync.Once
	gpu  GPU
}

// FindGPU looks once per process. A program (nvidia-smi, on env's PATH) is
// started only where NVIDIA's driver is loaded. Safe for concurrent use.
func FindGPU(env []string) GPU {
	gpuFound.once.Do(func() { gpuFound.gpu = findGPU(env, "/") })
	return gpuFound.gpu
}

// findGPU looks below root: for NVIDIA's driver (/dev/dxg is that of Windows
// under WSL, where nvidia-smi alone tells whose GPU it is), or for AMD's compute
// device. Apple's ARM machines have one always.
func findGPU(env []string, root string) GPU {
	exists := func(path string) bool {
		_, err := os.Stat(filepath.Join(root, path))
		return err == nil
	}
	nvidia := exists("proc/driver/nvidia/version") || exists("dev/nvidiactl")
	if nvidia || exists("dev/dxg") {
		if gpu := askNVIDIA(env); gpu.Name != "" {
			return gpu
		}
	}
	switch {
	case nvidia:
		return GPU{Name: "NVIDIA"}
	case exists("dev/kfd"):
		return GPU{Name: "AMD", Bytes: ollama.SystemMemory(context.Background()).GPU}
	case runtime.GOOS == "darwin" && runtime.GOARCH == "arm64":
		return GPU{Name: "Apple", Bytes: ollama.SystemMemory(context.Background()).GPU}
	}
	return GPU{}
}

func askNVIDIA(env []string) GPU {
	path, err := process.Look("nvidia-smi", env)
	if err != nil {
		return GPU{}
	}
	ctx, cancel := context.WithTimeout(context.Background(), gpuWait)
	defer cancel()
	r, err := process.Run(ctx, process.Command{
		Path: path, Args: []string{"--query-gpu=name,memory.total", "--format=csv,noheader,nounits"}, Env: env, Dir: "/",
		OutputMax: 16 << 10, Grace: 50 * time.Millisecond, WaitDelay: 50 * time.Millisecond, ParentDeath: syscall.SIGKILL,
	})
	if err != nil {
		return GPU{}
	}
	return parseNVIDIA(r.Stdout.String())
}

// parseNVIDIA reads lines "NAME, MEBIBYTES" and returns the GPU of most memory.
func parseNVIDIA(text string) (best GPU) {
	for line := range strings.Lines(text) {
		i := strings.LastIndexByte(line, ',')
		if i < 0 {
			continue
		}
		name := strings.TrimSpace(line[:i])
		mib, err := strconv.ParseInt(strings.TrimSpace(line[i+1:]), 10, 32) // 2 PiB at most
		if err != nil || mib < 0 || name == "" {
			mib = 0 // "[N/A]": such as a GPU that shares the main memory
		}
		if name != "" && (best.Name == "" || mib<<20 > best.Bytes) {
			best = GPU{Name: name, Bytes: mib << 20}
		}
	}
	return best
}

// unused warns of a GPU that a server built for the CPU only leaves idle.
func (g GPU) unused(s Server) []string {
	if g.Name == "" || !s.CPUOnly {
		return nil
	}
	return []string{"this machine's GPU (" + g.Name + ") is not used: the private server was built here, for the CPU only; " +
		"to use it install Ollama from https://ollama.com/download, run cf setup --stop, then cf setup"}
}

// Memory is what the machine gives to the models of a server. One built for the
// CPU only has no use for the GPU's.
func Memory(ctx context.Context, env []string, cpuOnly bool) ollama.Memory {
	m := ollama.SystemMemory(ctx)
	if cpuOnly {
		m.GPU, m.Unified = 0, false
	} else {
		m.GPU = max(m.GPU, FindGPU(env).Bytes)
	}
	return m
}

// ModelMemory is what one model may fill, in bytes: the larger of main and GPU
// memory; 0 = unknown.
func ModelMemory(ctx context.Context, env []string, cpuOnly bool) int64 {
	m := Memory(ctx, env, cpuOnly)
	return max(m.Main, m.GPU)
}
