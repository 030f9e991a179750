package commands

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"github.com/bitactor/cf/llm/llmtest"
)

var (
	recordURL   = flag.String("record", "", "record TestRecordedImplement anew from the model server at this `URL`")
	recordOnly  = flag.String("record.only", "", "record this `scenario` alone")
	recordModel = flag.String("record.model", llmtest.RealModel, "the `model` to record")
	recordFirst = flag.Int("record.first", 1, "the first `seed`")
	recordTries = flag.Int("record.tries", 20, "how many seeds are tried until a run ends as it should")
)

const recordings = "../testdata/recordings"

// recordedScenario is one request, of the project in project.txtar.
type recordedScenario struct {
	file, instructions, level string
	code                      int
}

// TestRecordedImplement runs cf implement on what a real model once answered: a
// function with a test that it wrote well enough to land, and one for which no
// answer passed. With -record the real model is asked, seed after seed, until a
// run ends so.
func TestRecordedImplement(t *testing.T) {
	for name, s := range map[string]recordedScenario{
		"implement-lands":   {"area.go", "return width * height", "high", 0},
		"implement-refused": {"roman.go", "", "normal", 3},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(recordings, name)
			if *recordURL != "" {
				if *recordOnly == "" || *recordOnly == name {
					recordImplement(t, dir, s)
				}
				return
			}
			list, err := llmtest.ReadRecordings(dir)
			if err != nil {
				t.Fatal(err)
			}
			ran := implementRecorded(t, dir, llmtest.NewReplay(t, list...), s, modelOf(t, list), "1")
			if ran.code != s.code {
				t.Fatalf("exit code %d, want %d\n%s", ran.code, s.code, ran.out)
			}
			if ran.changed != (s.code == 0) || s.code == 0 && !ran.passes {
				t.Errorf("the file changed: %t; its test passes: %t\n%s", ran.changed, ran.passes, ran.out)
			}
			if ran.kept != (s.code != 0) {
				t.Errorf("a rejected candidate was kept: %t\n%s", ran.kept, ran.out)
			}
		})
	}
}

// modelOf returns the model that the chats of recordings asked.
func modelOf(t *testing.T, list []llmtest.Recording) string {
	t.Helper()
	for _, rec := range list {
		if _, rest, ok := bytes.Cut(rec.Request.Body, []byte(`"model":"`)); ok && strings.HasSuffix(rec.Request.Line, "/chat") {
			name, _, _ := bytes.Cut(rest, []byte(`"`))
			return string(name)
		}
	}
	t.Fatal("no chat was recorded")
	return ""
}

// recordImplement keeps the first run that ends with the code.
func recordImplement(t *testing.T, dir string, s recordedScenario) {
	for seed := *recordFirst; seed < *recordFirst+*recordTries; seed++ {
		tried := t.TempDir()
		proxy := llmtest.NewRecordingProxy(t, *recordURL, tried)
		ran := implementRecorded(t, dir, proxy.URL, s, *recordModel, strconv.Itoa(seed))
		proxy.Close() // its last exchange is written then
		t.Logf("seed %d: exit code %d\n%s", seed, ran.code, ran.out)
		if ran.code != s.code || ran.kept != (s.code != 0) {
			continue
		}
		old, err := filepath.Glob(filepath.Join(dir, "*.http"))
		for _, name := range old {
			err = errors.Join(err, os.Remove(name))
		}
		if err = errors.Join(err, os.CopyFS(dir, os.DirFS(tried))); err != nil {
			t.Fatal(err)
		}
		return
	}
	t.Errorf("no run ended with %d", s.code)
}

// recordedRun is what one run of cf implement came to.
type recordedRun struct {
	code                  int
	out                   string
	changed, passes, kept bool
}

// implementRecorded runs cf implement on the project of a scenario.
func implementRecorded(t *testing.T, scenario, url string, s recordedScenario, model, seed string) recordedRun {
	t.Helper()
	archive, err := txtar.ParseFile(filepath.Join(scenario, "project.txtar"))
	if err != nil {
		t.Fatal(err)
	}
	top := t.TempDir()
	dir := filepath.Join(top, "p")
	err = errors.Join(os.MkdirAll(filepath.Join(dir, ".cf"), 0o700), os.Mkdir(filepath.Join(top, "home"), 0o700))
	was := ""
	for _, f := range archive.Files {
		if f.Name == s.file {
			was = string(f.Data)
		}
		err = errors.Join(err, os.WriteFile(filepath.Join(dir, f.Name), f.Data, 0o644))
	}
	cache, failed := os.UserCacheDir()
	if err = errors.Join(err, failed); err != nil {
		t.Fatal(err)
	}
	cmd := asCF(t, []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + filepath.Join(top, "home"), "OLLAMA_HOST=" + url,
		"XDG_CACHE_HOME=" + filepath.Join(cache, "cf-test", "checks"), // compilers' caches, kept between runs
	}, "implement", s.file, "--instructions", s.instructions, "--ai-level", s.level, "--model", model, "--seed", seed, "--no-memory", "--context-max", "4096", "--max-tokens", "160")
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	ran := recordedRun{code: exitCodeOf(t, err), out: string(out)}
	now, err := os.ReadFile(filepath.Join(dir, s.file))
	if err != nil {
		t.Fatal(err)
	}
	ran.changed = string(now) != was
	kept, err := filepath.Glob(filepath.Join(dir, ".cf", "rejected", "*", "change.diff"))
	if err != nil {
		t.Fatal(err)
	}
	ran.kept = len(kept) > 0
	test := exec.Command("go", "test", "./...") // without cf, on what lies there
	test.Dir = dir
	ran.passes = test.Run() == nil
	return ran
}
