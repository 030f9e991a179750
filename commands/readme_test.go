package commands

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/bitactor/cf/llm/llmtest"
)

// documents are the pages whose commands and links are checked.
var documents = []string{"README.md", "CONTRIBUTING.md", "SECURITY.md", "docs/how-to/calibrate.md", "docs/how-to/session.md", "docs/how-to/undo.md", "docs/reference/faults.md", "docs/reference/json.md"}

func page(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

var shellBlock = regexp.MustCompile("(?ms)^```sh\n(.*?)^```$")

// TestDocumentedCommandsRun runs every line of every sh block: cf in a small
// project against a sound model server, where each must end with 0; make lines
// must name targets of the Makefile.
func TestDocumentedCommandsRun(t *testing.T) {
	s := llmtest.NewFaultServer(t, llmtest.Sound())
	dir, home := t.TempDir(), t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "src"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"src/limiter.go", "src/bucket.go"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("package src\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	makefile, ran := page(t, "Makefile"), 0
	for _, name := range documents {
		for _, block := range shellBlock.FindAllStringSubmatch(page(t, name), -1) {
			for _, line := range strings.Split(strings.TrimSpace(block[1]), "\n") {
				words := strings.Fields(line)
				switch words[0] {
				case "make":
					for _, target := range words[1:] {
						if !strings.Contains(makefile, "\n"+target+":") {
							t.Errorf("%s: %q: the Makefile has no target %s", name, line, target)
						}
					}
				case "cf":
					ran++
					cmd := exec.Command("sh", "-c", line)
					cmd.Dir = dir
					cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + home, "CF_HOST=" + s.URL}
					if out, err := cmd.CombinedOutput(); err != nil {
						t.Errorf("%s: %q: %v\n%s", name, line, err, out)
					}
				default:
					if line != "git clone https://github.com/bitactor/cf && cd cf" {
						t.Errorf("%s: %q is no command that this test knows", name, line)
					}
				}
			}
		}
	}
	if ran < 4 {
		t.Errorf("only %d commands were run", ran)
	}
}

var (
	namedVerb = regexp.MustCompile("(?m)(?:`|^\\$ )cf ([a-z][a-z-]*)((?: [a-z]+)?)((?:[^`\n])*)")
	namedFlag = regexp.MustCompile(`(?: |^)--([a-z-]+)`)
)

// TestDocumentedVerbsExist: each verb and flag that a page names is there, and
// those that README says are not there yet are not.
func TestDocumentedVerbsExist(t *testing.T) {
	root := newRoot(testApp(t))
	readme := page(t, "README.md")
	_, after, _ := strings.Cut(readme, "**Not there yet:**")
	planned, _, found := strings.Cut(after, "\n\n")
	if !found {
		t.Fatal("README.md does not say what is not there yet")
	}
	for _, m := range namedVerb.FindAllStringSubmatch(planned, -1) {
		if cmd, _, err := root.Find(m[1:2]); err == nil && cmd != root {
			t.Errorf("README.md says that cf %s is not there yet", m[1])
		}
	}
	for _, name := range documents {
		for _, m := range namedVerb.FindAllStringSubmatch(strings.Replace(page(t, name), planned, "", 1), -1) {
			cmd, _, err := root.Find(append([]string{m[1]}, strings.Fields(m[2])...))
			if err != nil || cmd == root {
				if strings.Contains(planned, "`cf "+m[1]+"`") {
					continue
				}
				t.Errorf("%s names cf %s, which does not exist", name, m[1])
				continue
			}
			for _, flag := range namedFlag.FindAllStringSubmatch(m[3], -1) {
				if cmd.Flag(flag[1]) == nil {
					t.Errorf("%s names %s --%s, which does not exist", name, cmd.CommandPath(), flag[1])
				}
			}
		}
	}
	for _, cmd := range root.Commands() {
		if (cmd.IsAvailableCommand() || cmd.Name() == "help") && !strings.Contains(readme, "`cf "+cmd.Name()+"`") {
			t.Errorf("README.md does not name cf %s", cmd.Name())
		}
	}
}

// TestTheGuidesNumber: README states the number that make guide does not let fall.
func TestTheGuidesNumber(t *testing.T) {
	want := "at least " + strings.TrimSpace(page(t, "testdata/guide/floor")) + " of its 65 commands"
	if !strings.Contains(strings.Join(strings.Fields(page(t, "README.md")), " "), want) {
		t.Errorf("README.md does not say %q", want)
	}
}

// TestDocumentsLinkToWhatIsThere follows the relative links of the pages.
func TestDocumentsLinkToWhatIsThere(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)#]+)`)
	for _, name := range append(documents, "ARCHITECTURE.md", "docs/decisions/README.md") {
		for _, m := range link.FindAllStringSubmatch(page(t, name), -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			if _, err := os.Stat(filepath.Join("..", filepath.Dir(name), m[1])); errors.Is(err, os.ErrNotExist) {
				t.Errorf("%s links to %s, which is not there", name, m[1])
			}
		}
	}
}

// TestNamedTestsExist: the table of faults names tests that are there.
func TestNamedTestsExist(t *testing.T) {
	have := map[string]bool{}
	declared := regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w+)\(`)
	err := filepath.WalkDir("..", func(path string, _ os.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		for _, m := range declared.FindAllStringSubmatch(string(text), -1) {
			have[m[1]] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	text := page(t, "docs/reference/faults.md")
	names := regexp.MustCompile("`((?:Test|Fuzz)\\w+)`").FindAllStringSubmatch(text, -1)
	for _, m := range names {
		if !have[m[1]] {
			t.Errorf("docs/reference/faults.md names %s, which does not exist", m[1])
		}
	}
	for _, m := range regexp.MustCompile("`([a-z]+-[a-z]+\\.txtar)`").FindAllStringSubmatch(text, -1) {
		if _, err := os.Stat(filepath.Join(scriptDir, m[1])); err != nil {
			t.Errorf("docs/reference/faults.md names %s: %v", m[1], err)
		}
	}
	if len(names) < 20 {
		t.Errorf("only %d tests are named", len(names))
	}
}
