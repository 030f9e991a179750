package solvebench

import (
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"golang.org/x/tools/txtar"

	"github.com/bitactor/cf/testdata/tasks"
)

// Task is one archive of testdata/tasks; docs/solve.md describes the format.
type Task struct {
	Name     string `toml:"-"` // LANGUAGE/NAME
	Language string `toml:"-"`

	Kind         string // "function", "large", "fix" or "tests"
	Base         string // archive of files that several tasks share, besides the language's own
	Path         string // file to write
	About        string // of kind tests: the file that is tested
	Symbol       string // what of it to write, as cf names it
	Instructions string
	Mutants      []struct{ Old, New string } // of About; each text stands in it once

	files  map[string]string // of the project, visible tests included
	hidden map[string]string // tests that the model does not see
}

// Load reads all tasks, in the order of their names.
func Load() ([]*Task, error) {
	files := tasks.Files
	names, err := fs.Glob(files, "*/*.txtar")
	if err != nil {
		return nil, err
	}
	var out []*Task
	for _, name := range names {
		language := path.Dir(name)
		if language == "base" {
			continue
		}
		t := &Task{Name: strings.TrimSuffix(name, ".txtar"), Language: language, files: map[string]string{}, hidden: map[string]string{}}
		own, err := archive(files, name)
		if err != nil {
			return nil, err
		}
		if err := toml.Unmarshal([]byte(own["task.toml"]), t); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		shared := []string{language}
		if t.Base != "" {
			shared = append(shared, language+"-"+t.Base)
		}
		for _, s := range shared {
			more, err := archive(files, "base/"+s+".txtar")
			if err != nil {
				return nil, err
			}
			maps.Copy(t.files, more)
		}
		t.take(own)
		out = append(out, t)
	}
	return out, nil
}

// take sorts the files of the task's own archive; the reference solution is for others.
func (t *Task) take(own map[string]string) {
	for name, text := range own {
		hidden, isHidden := strings.CutPrefix(name, "hidden/")
		switch {
		case isHidden:
			t.hidden[hidden] = text
		case name == "task.toml" || name == "solution" || strings.HasPrefix(name, "old") || strings.HasPrefix(name, "new"):
		default:
			t.files[name] = text
		}
	}
}

func archive(files fs.FS, name string) (map[string]string, error) {
	data, err := fs.ReadFile(files, name)
	if err != nil {
		return nil, err
	}
	out := map[string]string{}
	for _, f := range txtar.Parse(data).Files {
		out[f.Name] = string(f.Data)
	}
	return out, nil
}

// write makes the project in a folder, with more files over its own.
func (t *Task) write(dir string, more ...map[string]string) error {
	for _, files := range append([]map[string]string{t.files}, more...) {
		for name, text := range files {
			full := filepath.Join(dir, filepath.FromSlash(name))
			if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
				return err
			}
			if err := os.WriteFile(full, []byte(text), 0o644); err != nil {
				return err
			}
		}
	}
	return nil
}

// pick orders tasks so that a run which ends early has seen all there is: the first of
// each kind in each language come before any second. most bounds how many; 0: all.
func pick(tasks []*Task, kinds []string, most int) []*Task {
	var rounds [][]*Task
	at := map[string]int{}
	for _, kind := range kinds {
		for _, t := range tasks {
			if t.Kind != kind {
				continue
			}
			n := at[t.Language+kind]
			at[t.Language+kind]++
			if n == len(rounds) {
				rounds = append(rounds, nil)
			}
			rounds[n] = append(rounds[n], t)
		}
	}
	var out []*Task
	for _, r := range rounds {
		out = append(out, r...)
	}
	if most > 0 && len(out) > most {
		out = out[:most]
	}
	return out
}
