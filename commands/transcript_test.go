package commands

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"github.com/bitactor/cf/llm/llmtest"
)

// transcripts are the sessions of the README in their order: the project, below
// testdata/readme, and the recording that answers in the model's place. Where there
// is neither a recording nor a file of replies, no model may be asked.
var transcripts = []struct {
	project, recording string
	words              bool // of a model: what it said then is not compared
}{
	{project: "../demo", words: true},
	{project: "validate"},
	{project: "../recordings/implement-refused/project", recording: "implement-refused"},
	{project: "../recordings/implement-lands/project", recording: "implement-lands"},
	{project: "scaffold"},
	{project: "fix"},
	{project: "custom"},
}

var consoleBlock = regexp.MustCompile("(?ms)^```console\n(.*?)^```$")

// TestTranscripts runs every command of the README's sessions and wants what stands
// there, but for times, IDs, white space, lines of progress and what `[...]` leaves
// out.
func TestTranscripts(t *testing.T) {
	blocks := consoleBlock.FindAllStringSubmatch(page(t, "README.md"), -1)
	if len(blocks) != len(transcripts) {
		t.Fatalf("README.md has %d sessions, want %d", len(blocks), len(transcripts))
	}
	for i, tr := range transcripts {
		t.Run(strings.Fields(blocks[i][1])[2]+" "+tr.project, func(t *testing.T) {
			t.Parallel()
			dir, env := transcriptProject(t, tr.project)
			switch {
			case tr.words:
				env = append(env, "OLLAMA_HOST="+llmtest.NewFaultServer(t, llmtest.Sound()).URL)
			case tr.recording != "":
				list, err := llmtest.ReadRecordings(filepath.Join(recordings, tr.recording))
				if err != nil {
					t.Fatal(err)
				}
				env = append(env, "OLLAMA_HOST="+llmtest.NewReplay(t, list...))
			default:
				env = append(env, "OLLAMA_HOST="+scriptedReplies(t, filepath.Dir(dir)))
			}
			for _, said := range strings.Split("\n"+blocks[i][1], "\n$ ")[1:] {
				line, want, _ := strings.Cut(said, "\n")
				cmd := exec.Command("sh", "-c", line)
				cmd.Dir, cmd.Env = dir, env
				out, err := cmd.CombinedOutput()
				if fails := strings.Contains(want, "cf: error:"); fails != (err != nil) && !tr.words {
					t.Errorf("%s: %v", line, err)
				}
				if missing := notSaid(string(out), want); missing != "" && !tr.words {
					t.Errorf("%s does not say\n%s\nbut\n%s", line, missing, out)
				}
			}
		})
	}
}

// transcriptProject makes the project and what lies beside it.
func transcriptProject(t *testing.T, name string) (dir string, env []string) {
	t.Helper()
	top := t.TempDir()
	dir = filepath.Join(top, "p")
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + filepath.Join(top, "home"),
		"CF_MODEL=" + llmtest.RealModel, "XDG_CACHE_HOME=" + filepath.Join(top, "cache"),
	}
	// Compilers' caches are kept between runs; what was learned of a model is not: how a
	// prompt is counted and what is said of its time would follow from other tests' calls.
	for _, kept := range []string{"build", "check"} {
		shared, own := filepath.Join(cache, "cf-test", "checks", "cf", kept), filepath.Join(top, "cache", "cf", kept)
		if err := errors.Join(os.MkdirAll(shared, 0o700), os.MkdirAll(filepath.Dir(own), 0o700), os.Symlink(shared, own)); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join("../testdata/readme", name)
	err = errors.Join(os.MkdirAll(filepath.Join(dir, ".cf"), 0o700), os.Mkdir(filepath.Join(top, "home"), 0o700))
	if info, failed := os.Stat(path); failed == nil && info.IsDir() {
		if err = errors.Join(err, os.CopyFS(dir, os.DirFS(path))); err != nil {
			t.Fatal(err)
		}
		return dir, env
	}
	archive, failed := txtar.ParseFile(path + ".txtar")
	if err = errors.Join(err, failed); err != nil {
		t.Fatal(err)
	}
	for _, f := range archive.Files {
		to := filepath.Join(top, f.Name)
		if !strings.Contains(f.Name, "/") && filepath.Base(path) == "project" {
			to = filepath.Join(dir, f.Name)
		}
		err = errors.Join(err, os.MkdirAll(filepath.Dir(to), 0o700), os.WriteFile(to, f.Data, 0o644))
	}
	if err != nil {
		t.Fatal(err)
	}
	return dir, env
}

// scriptedReplies serves the answers of the folder replies; where there is none,
// nobody listens.
func scriptedReplies(t *testing.T, top string) string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(top, "replies", "*"))
	if err != nil {
		t.Fatal(err)
	}
	if len(names) == 0 {
		return "127.0.0.1:1"
	}
	var list []llmtest.Answer
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, answerOf(string(text)))
	}
	return llmtest.NewFaultServer(t, llmtest.Answers(list...)).URL
}

var changing = []struct {
	form *regexp.Regexp
	as   string
}{
	{regexp.MustCompile(`(?m)^\.\.\. .*$`), ""},
	{regexp.MustCompile(`\s+`), " "}, // before what may stand on two lines
	{regexp.MustCompile(`\b\d{8}T?-?\d{6}Z?(?:-\d{3})?(?:-[0-9a-f]{6})?\b`), "ID"},
	{regexp.MustCompile(`\b[0-9.]+ ?(?:s|ms|min)\b`), "TIME"},
	{regexp.MustCompile(`go version \S+ [a-z]+/[a-z0-9]+`), "GO"},
	{regexp.MustCompile(`http://127\.0\.0\.1:\d+`), "URL"},
}

func constant(text string) string {
	for _, c := range changing {
		text = c.form.ReplaceAllString(text, c.as)
	}
	return strings.TrimSpace(text)
}

// notSaid returns the first piece of a transcript that a command did not say after
// the one before.
func notSaid(out, want string) string {
	out = constant(out)
	for _, piece := range strings.Split(want, "[...]") {
		_, rest, found := strings.Cut(out, constant(piece))
		if !found {
			return piece
		}
		out = rest
	}
	return ""
}
