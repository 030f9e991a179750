package setup

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/bitactor/cf/fault"
	"github.com/bitactor/cf/process"
)

// built is the Source of an install record for a server built here.
const built = "built"

// buildDir names the folder of a build: by version, flags and CPU, so that a
// home folder shared by machines holds one for each.
func buildDir(o Options) string {
	key := strings.Join(append(cpuFlags(o.Portable), linkFlags), " ")
	if !o.Portable {
		key += " " + cpuID(context.Background(), o.Environ)
	}
	sum := sha256.Sum256([]byte(key))
	return filepath.Join(o.Paths.Cache, "ollama", "built-"+ollamaVersion+"-"+hex.EncodeToString(sum[:6]))
}

// builder builds Ollama from its pinned module.
type builder struct {
	j      *job
	goTool string
	module string // folder of the scratch module
	env    []string
	weight map[string]float64 // of each package: its share of the work
	total  float64
}

func (j *job) newBuilder() (*builder, error) {
	b := &builder{j: j, module: filepath.Join(j.o.Paths.Cache, "ollama", "module")}
	var err error
	if b.goTool, err = process.Look("go", j.o.Environ); err != nil {
		return nil, needs(err, "Go 1.24 or later (https://go.dev/dl)")
	}
	for _, compiler := range [][2]string{{"CC", "gcc"}, {"CXX", "g++"}} {
		if _, err := lookCompiler(j.o.Environ, compiler[0], compiler[1]); err != nil {
			return nil, needs(err, "a C and a C++ compiler (Debian: apt-get install gcc g++; macOS: xcode-select --install)")
		}
	}
	b.env = process.Setenv(j.o.Environ, "LC_ALL=C", "GOWORK=off", "GO111MODULE=on", "GOFLAGS=-mod=mod",
		"CGO_ENABLED=1", "GOOS="+runtime.GOOS, "GOARCH="+runtime.GOARCH, "GOEXPERIMENT=", "CGO_CPPFLAGS=", "CGO_LDFLAGS=")
	if j.o.Offline {
		b.env = process.Setenv(b.env, "GOPROXY=off", "GOTOOLCHAIN=local")
	}
	return b, nil
}

func needs(err error, what string) error {
	return fault.New(fault.Failed, CodeTool, "%w", err).On("build Ollama", "").
		Hint("install "+what, "or install Ollama itself: https://ollama.com/download")
}

// lookCompiler finds the user's compiler: a variable's first word, a usual name,
// or clang's.
func lookCompiler(env []string, variable, name string) (string, error) {
	if words := strings.Fields(process.Getenv(env, variable)); len(words) > 0 {
		return process.Look(words[0], env)
	}
	path, err := process.Look(name, env)
	if err != nil {
		clang := map[string]string{"gcc": "clang", "g++": "clang++"}[name]
		if other, e := process.Look(clang, env); e == nil {
			return other, nil
		}
	}
	return path, err
}

// source fetches the modules, checked by the sums of pin.go and the Go checksum
// database, and returns the folder of the one with miniaudio.h.
func (b *builder) source(ctx context.Context) (malgo string, err error) {
	if err := os.MkdirAll(b.module, 0o700); err != nil {
		return "", err
	}
	for name, text := range map[string]string{"go.mod": goModText, "go.sum": goSumText} {
		if err := os.WriteFile(filepath.Join(b.module, name), []byte(text), 0o600); err != nil {
			return "", err
		}
	}
	r, err := b.run(ctx, nil, "mod", "download", "-json", malgoModule+"@"+malgoVersion)
	if err != nil {
		return "", err
	}
	var module struct{ Dir string }
	if err := json.Unmarshal(r.Stdout.Head, &module); err != nil || module.Dir == "" {
		return "", buildError("go mod download", "it names no folder")
	}
	// Modules come one by one as the list of packages needs them.
	m := newMeter(b.j.o.Events, stepSource.ID, "modules", 0, 0)
	modules := int64(0)
	r, err = b.run(ctx, func(line string) {
		if strings.HasPrefix(line, "go: downloading ") {
			modules++
			m.set(modules, 0)
		}
	}, "list", "-deps", "-f", "{{.ImportPath}} {{len .CFiles}} {{len .CXXFiles}}", ollamaModule)
	if err != nil {
		return "", err
	}
	b.weigh(r.Stdout.String())
	return module.Dir, nil
}

// weigh notes each package's share of the work, in units of a usual Go package.
// A whole build was timed: a C++ file took the time of some 8 of them, a C file
// that of some 4.
func (b *builder) weigh(list string) {
	b.weight = map[string]float64{}
	for line := range strings.Lines(list) {
		f := strings.Fields(line)
		if len(f) != 3 {
			continue
		}
		c, _ := strconv.Atoi(f[1])
		cxx, _ := strconv.Atoi(f[2])
		b.weight[f[0]] = 1 + 4*float64(c) + 8*float64(cxx)
		b.total += b.weight[f[0]]
	}
}

// build compiles and returns the program.
func (b *builder) build(ctx context.Context, include []string) (string, error) {
	dir := buildDir(b.j.o)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	flags := strings.Join(b.supported(ctx, cpuFlags(b.j.o.Portable)), " ")
	// The folders go in by CPATH, not by -I: the go command keys its cache by
	// the flags, and a build for another cache folder would start anew.
	path := strings.Join(include, string(os.PathListSeparator))
	if old := process.Getenv(b.env, "CPATH"); old != "" {
		path += string(os.PathListSeparator) + old
	}
	b.env = process.Setenv(b.env, "CGO_CFLAGS="+flags, "CGO_CXXFLAGS="+flags, "CPATH="+path)
	fresh := filepath.Join(dir, "ollama.new")
	defer os.Remove(fresh)
	progress := b.progress()
	if _, err := b.run(ctx, progress, "build", "-v", "-trimpath", "-ldflags", linkFlags, "-o", fresh, ollamaModule); err != nil {
		return "", err
	}
	binary := filepath.Join(dir, "ollama")
	if err := os.Rename(fresh, binary); err != nil {
		return "", buildError("go build", "it left no program: "+err.Error())
	}
	return binary, nil
}

// progress returns what follows `go build -v`: it names a package when it begins
// to compile it, so the last few named, one for each core, are not done.
func (b *builder) progress() func(line string) {
	m := newMeter(b.j.o.Events, stepBuild.ID, "packages", 0, int64(len(b.weight)))
	begin, begun, weight := time.Now(), int64(0), 0.0
	var open []float64
	return func(line string) {
		w, ok := b.weight[line]
		if !ok {
			return // a warning of the compiler
		}
		begun++
		if open = append(open, w); len(open) > runtime.NumCPU() {
			weight += open[0]
			open = open[1:]
		}
		done := weight // the open ones count half
		for _, o := range open {
			done += o / 2
		}
		m.setLeft(begun, timeLeft(done, b.total, time.Since(begin)))
	}
}

// unitsPerSecond is how many units of weigh a core of 2.6 GHz does.
const unitsPerSecond = 3

// timeLeft estimates from the speed so far. The first packages are slower than
// most, so a tenth of the work counts as done before, at the usual speed.
func timeLeft(done, total float64, elapsed time.Duration) time.Duration {
	usual := total / 10
	speed := (done + usual) / (elapsed.Seconds() + usual/(unitsPerSecond*float64(runtime.NumCPU())))
	return time.Duration((total - done) / speed * float64(time.Second))
}

// supported leaves out the flags that the compiler does not know.
func (b *builder) supported(ctx context.Context, flags []string) []string {
	cc, err := lookCompiler(b.env, "CC", "gcc")
	if err != nil {
		return flags
	}
	var known []string
	for _, f := range flags {
		c := process.Command{Path: cc, Args: []string{"-Werror", f, "-x", "c", "-fsyntax-only", "/dev/null"}, Env: b.env}
		if _, err := process.Run(ctx, c); err == nil {
			known = append(known, f)
		}
	}
	return known
}

// run runs the go command in the scratch module. line, which may be nil, gets
// its error output; the last lines of that explain a failure. Were cf killed,
// the go command would get SIGINT: it then starts no more compilers.
func (b *builder) run(ctx context.Context, line func(string), args ...string) (process.Result, error) {
	var last []string
	r, err := process.Run(ctx, process.Command{Path: b.goTool, Args: args, Dir: b.module, Env: b.env, OutputMax: 4 << 20, ParentDeath: syscall.SIGINT, Stderr: func(l string) {
		if line != nil {
			line(l)
		}
		if l = strings.TrimSpace(l); l != "" {
			last = append(last[max(0, len(last)-2):], l)
		}
	}})
	switch {
	case err == nil:
		return r, nil
	case ctx.Err() != nil:
		return r, interrupted(ctx, "go "+args[0])
	}
	return r, buildError("go "+args[0], strings.Join(last, " | "))
}

func buildError(op, text string) error {
	if text == "" {
		text = "it failed without a word"
	}
	return fault.New(fault.Failed, CodeBuild, "%s", text).On(op, ollamaModule).
		Hint("or install Ollama itself: https://ollama.com/download")
}

// buildOllama fetches, completes and builds, each as a step of its own.
func (j *job) buildOllama(ctx context.Context) (binary string, err error) {
	b, err := j.newBuilder()
	if err != nil {
		return "", err
	}
	var malgo string
	var include []string
	steps := []struct {
		step PlanStep
		do   func(context.Context) (string, error)
	}{
		{stepSource, func(ctx context.Context) (string, error) {
			malgo, err = b.source(ctx)
			return strconv.Itoa(len(b.weight)) + " packages", err
		}},
		{stepHeaders, func(ctx context.Context) (string, error) {
			include, err = j.headers(ctx, malgo)
			return strings.Join(include, ", "), err
		}},
		{stepBuild, func(ctx context.Context) (string, error) {
			begin := time.Now()
			binary, err = b.build(ctx, include)
			return "built in " + time.Since(begin).Round(time.Second).String(), err
		}},
	}
	for _, s := range steps {
		if err := j.step(ctx, s.step, s.do); err != nil {
			return "", err
		}
	}
	return binary, nil
}
