package setup

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/bitactor/cf/llm/embedded"
)

// script writes an executable shell script called name into dir.
func script(t *testing.T, dir, name, text string) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+text), 0o700); err != nil {
		t.Fatal(err)
	}
}

func TestFindGPU(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the files of Linux drivers")
	}
	const driver = "proc/driver/nvidia/version"
	const smi = "echo 'NVIDIA T4, 15360'\necho 'NVIDIA L4, 23034'\n"
	for name, test := range map[string]struct {
		file, smi string
		want      GPU
	}{
		"none":                    {"", "", GPU{}},
		"a program, no driver":    {"", smi, GPU{}},
		"driver":                  {driver, smi, GPU{Name: "NVIDIA L4", Bytes: 23034 << 20}},
		"device":                  {"dev/nvidiactl", smi, GPU{Name: "NVIDIA L4", Bytes: 23034 << 20}},
		"driver, no program":      {driver, "", GPU{Name: "NVIDIA"}},
		"driver that fails":       {driver, "echo 'Failed to initialize NVML, 9'\nexit 9\n", GPU{Name: "NVIDIA"}},
		"driver that hangs":       {driver, "exec sleep 60\n", GPU{Name: "NVIDIA"}},
		"WSL":                     {"dev/dxg", smi, GPU{Name: "NVIDIA L4", Bytes: 23034 << 20}},
		"WSL on another GPU":      {"dev/dxg", "", GPU{}},
		"memory that is not told": {driver, "echo 'NVIDIA GB10, [N/A]'\n", GPU{Name: "NVIDIA GB10"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			root := t.TempDir()
			bin := filepath.Join(root, "bin")
			if test.file != "" {
				script(t, filepath.Dir(filepath.Join(root, test.file)), filepath.Base(test.file), "")
			}
			if test.smi != "" {
				script(t, bin, "nvidia-smi", test.smi)
			}
			begin := time.Now()
			if got := findGPU([]string{"PATH=" + bin + ":/usr/bin:/bin"}, root); got != test.want {
				t.Errorf("got %+v, want %+v", got, test.want)
			}
			if took := time.Since(begin); took > gpuWait+time.Second {
				t.Errorf("it took %s", took)
			}
		})
	}
}

// A server built for the CPU leaves the GPU idle: it is said, and no model is
// chosen for the GPU's sake.
func TestGPUBesideACPUBuild(t *testing.T) {
	gpu := GPU{Name: "NVIDIA L4", Bytes: 23034 << 20}
	private := facts{gpu: gpu, memory: 64 << 30, made: true, install: embedded.Install{CPUOnly: true}}
	if name, _ := pullName(Options{}, private); name != "qwen3:4b" {
		t.Errorf("pulls %s for a server on the CPU", name)
	}
	own := facts{gpu: gpu, memory: 64 << 30, made: true, install: embedded.Install{CPUOnly: true}, server: Server{URL: deadURL, Source: Running}}
	if name, _ := pullName(Options{}, own); name != "qwen3:30b" {
		t.Errorf("pulls %s for a server on the GPU", name)
	}
	if w := gpu.unused(Server{CPUOnly: true}); len(w) != 1 || !strings.Contains(w[0], "NVIDIA L4") {
		t.Errorf("warnings %q", w)
	}
	if w := append(gpu.unused(Server{}), GPU{}.unused(Server{CPUOnly: true})...); len(w) != 0 {
		t.Errorf("warnings %q without a reason", w)
	}
	report, err := private.report(Options{})
	if err != nil || len(report.Server.Warnings) != 1 {
		t.Errorf("a machine made ready: %+v, %v", report, err)
	}
	if m := Memory(t.Context(), nil, true); m.GPU != 0 || m.Main == 0 {
		t.Errorf("memory %+v of a server on the CPU", m)
	}
}

func FuzzParseNVIDIA(f *testing.F) {
	f.Add("NVIDIA T4, 15360\n")
	f.Add("a, b, 99999999999999999999\n, 4\nx, -1\n")
	f.Fuzz(func(t *testing.T, text string) {
		if g := parseNVIDIA(text); g.Bytes < 0 || g.Name == "" && g.Bytes != 0 || strings.Contains(g.Name, "\n") {
			t.Fatalf("got %+v", g)
		}
	})
}
