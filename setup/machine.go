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
