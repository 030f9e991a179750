package engine

import (
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
)

// Right answers are not refused: the reference solutions of testdata/tasks, as a
// model gives them, come through Extract and guard.
func TestRightAnswersAreTaken(t *testing.T) {
	names, err := filepath.Glob("../testdata/tasks/*/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	taken := 0
	for _, name := range names {
		language := filepath.Base(filepath.Dir(name))
		request, files, solution := rightAnswer(t, name, language)
		if solution == "" {
			continue
		}
		t.Run(language+"/"+filepath.Base(name), func(t *testing.T) {
			engine := engineFor(t, project(t, files), script("Here is the code:\n\n```"+language+"\n"+solution+"```\n"), nil, 0)
			engine.Judge = takeAll{}
			out, err := engine.Implement(t.Context(), request)
			if err != nil {
				t.Fatalf("%v: %+v", err, out)
			}
		})
		taken++
	}
	if taken < 20 {
		t.Errorf("%d tasks with a solution: this shows nothing", taken)
	}
}

// rightAnswer reads a task whose solution is a whole file; "" for other tasks.
func rightAnswer(t *testing.T, name, language string) (r Request, files map[string]string, solution string) {
	t.Helper()
	archive, err := txtar.ParseFile(name)
	if err != nil {
		t.Fatal(err)
	}
	files = map[string]string{}
	edits := map[string]string{}
	head := map[string]string{}
	for _, f := range archive.Files {
		switch {
		case f.Name == "task.toml":
			for line := range strings.Lines(string(f.Data)) {
				if key, value, ok := strings.Cut(strings.TrimSpace(line), " = "); ok {
					head[key], _ = strconv.Unquote(value) // lists are no strings, and not asked for
				}
			}
		case f.Name == "solution":
			solution = string(f.Data)
		case strings.HasPrefix(f.Name, "old"), strings.HasPrefix(f.Name, "new"):
			edits[f.Name] = strings.TrimSuffix(string(f.Data), "\n")
		case !strings.HasPrefix(f.Name, "hidden/"):
			files[f.Name] = string(f.Data)
		}
	}
	if head["kind"] != "function" && head["kind"] != "fix" || head["base"] != "" {
		return r, nil, ""
	}
	if solution == "" {
		solution = files[head["path"]]
		for old, text := range edits {
			if suffix, ok := strings.CutPrefix(old, "old"); ok {
				solution = strings.Replace(solution, text, edits["new"+suffix], 1)
			}
		}
	}
	if solution == files[head["path"]] {
		return r, nil, ""
	}
	return Request{Path: head["path"], Symbol: head["symbol"], Instructions: head["instructions"]}, files, solution
}
