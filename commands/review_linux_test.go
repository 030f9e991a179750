package commands

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/creack/pty"

	"github.com/bitactor/cf/llm/llmtest"
)

// array is a JSON file whose first and last line, far from one another, hold marks.
func array(first, last string) string {
	return "[\n  " + first + ",\n" + strings.Repeat("  0,\n", 12) + "  " + last + "\n]\n"
}

// TestReview answers the questions about hunks on a terminal: what is taken lands,
// checked anew, what is not stays as it was; where nothing is taken, nothing lands.
func TestReview(t *testing.T) {
	answers := []llmtest.Answer{
		{When: "the whole file a.json", Text: "```json\n" + array("2", "2") + "```\n"},
		{When: "the whole file b.json", Text: "```json\n[\"b\"]\n```\n"},
	}
	broken := map[string]string{"a.json": strings.Replace(array("1", "1"), "1,", "1,,", 1), "b.json": "[\"b\",]\n"}
	sound := map[string]string{"a.json": array("1", "1"), "b.json": "[]\n"}
	for _, test := range []struct {
		name    string
		args    []string
		files   map[string]string
		answers string // to the questions, in order
		code    int
		want    map[string]string
	}{
		{"implement, one of two", []string{"implement", "a.json", "-i", "count"}, sound, "yn", 0, map[string]string{"a.json": array("2", "1"), "b.json": "[]\n"}},
		{"implement, none", []string{"implement", "a.json", "-i", "count"}, sound, "nn", 3, sound},
		{"custom, hunks of two files", []string{"custom", "count", "a.json", "b.json"}, sound, "nyy", 0, map[string]string{"a.json": array("1", "2"), "b.json": "[\"b\"]\n"}},
		{"custom, one file", []string{"custom", "count", "a.json", "b.json"}, sound, "nny", 0, map[string]string{"a.json": array("1", "1"), "b.json": "[\"b\"]\n"}},
		{"custom, none", []string{"custom", "count", "a.json", "b.json"}, sound, "nnn", 3, sound},
		{"fix, all", []string{"fix"}, broken, "yyy", 0, map[string]string{"a.json": array("2", "2"), "b.json": "[\"b\"]\n"}},
		{"fix, one file", []string{"fix"}, broken, "nny", 3, map[string]string{"a.json": broken["a.json"], "b.json": "[\"b\"]\n"}},
		{"fix, none", []string{"fix"}, broken, "nnn", 3, broken},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			dir, _, env := plantProject(t)
			err := os.Mkdir(filepath.Join(dir, ".cf"), 0o700)
			for name, text := range test.files {
				err = errors.Join(err, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644))
			}
			if err != nil {
				t.Fatal(err)
			}
			server := llmtest.NewFaultServer(t, llmtest.Answers(answers...))
			cmd := asCF(t, append(env, "OLLAMA_HOST="+server.URL, "TERM=dumb"), append(test.args, "--review")...)
			cmd.Dir = dir
			terminal, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 24, Cols: 200})
			if err != nil {
				t.Fatal(err)
			}
			defer terminal.Close()
			seen, err := answerAll(terminal, strings.Split(test.answers, ""))
			if code := exitCodeOf(t, errors.Join(err, cmd.Wait())); code != test.code {
				t.Errorf("exit code %d, want %d: %s", code, test.code, seen)
			}
			if n := strings.Count(seen, "take hunk "); n != len(test.answers) {
				t.Errorf("%d questions, want %d: %s", n, len(test.answers), seen)
			}
			for name, want := range test.want {
				if got, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(got) != want {
					t.Errorf("%s holds %q, want %q; %v\n%s", name, got, want, err, seen)
				}
			}
		})
	}
}

// answerAll gives one answer to each question of cf, and returns all that it
// wrote.
func answerAll(terminal io.ReadWriter, answers []string) (string, error) {
	var seen strings.Builder
	buf := make([]byte, 4096)
	for i, answer := range answers {
		for strings.Count(seen.String(), "[y/N]") <= i {
			n, err := terminal.Read(buf)
			seen.Write(buf[:n])
			if err != nil {
				return seen.String(), fmt.Errorf("%w after %d questions", err, i)
			}
		}
		if _, err := io.WriteString(terminal, answer+"\n"); err != nil {
			return seen.String(), err
		}
	}
	rest, _ := io.ReadAll(terminal) // ends with EIO when cf is gone
	seen.Write(rest)
	return seen.String(), nil
}
