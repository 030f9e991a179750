package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"golang.org/x/tools/txtar"
)

// Kinds of task.
const (
	kindFunction = "function" // a stub to fill, in a small file
	kindLarge    = "large"    // a definition to change in a file of over 500 lines
	kindFix      = "fix"      // a bug to find
	kindTests    = "tests"    // tests to write for code that is right
)

// task is one archive of testdata/tasks; docs/solve.md describes the format.
type task struct {
	Name     string `toml:"-"` // language/name
	Language string `toml:"-"`

	Kind         string
	Base         string // archive of files that several tasks share, besides the language's own
	Path         string // file to write
	About        string // of kind tests: the file that is tested
	Symbol       string // what of it to write, as cf names it
	Instructions string
	Mutants      []edit

	Files    map[string]string `toml:"-"` // of the project, visible tests included
	Hidden   map[string]string `toml:"-"` // tests that no arm sees
	Edits    []edit            `toml:"-"` // of Path; they make the reference solution
	Solution string            `toml:"-"` // or the whole of it
}

// edit replaces a text that stands once in a file.
type edit struct{ Old, New string }

func (e edit) apply(text string) (string, error) {
	if n := strings.Count(text, e.Old); n != 1 {
		return "", fmt.Errorf("%q stands %d times in the file, not once", e.Old, n)
	}
	return strings.Replace(text, e.Old, e.New, 1), nil
}

// solved returns the reference solution of Path.
func (t *task) solved() (string, error) {
	if t.Solution != "" {
		return t.Solution, nil
	}
	text := t.Files[t.Path]
	for _, e := range t.Edits {
		var err error
		if text, err = e.apply(text); err != nil {
			return "", err
		}
	}
	return text, nil
}

// mutated returns the tested file of each mutant.
func (t *task) mutated() ([]string, error) {
	var all []string
	for _, m := range t.Mutants {
		text, err := m.apply(t.Files[t.About])
		if err != nil {
			return nil, err
		}
		all = append(all, text)
	}
	return all, nil
}

// loadTasks reads the tasks below dir whose name holds one of the patterns; no
// pattern takes all.
func loadTasks(dir string, patterns []string) ([]*task, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*", "*.txtar"))
	if err != nil {
		return nil, err
	}
	var tasks []*task
	for _, file := range files {
		language := filepath.Base(filepath.Dir(file))
		name := language + "/" + strings.TrimSuffix(filepath.Base(file), ".txtar")
		if language == "base" || len(patterns) > 0 && !slices.ContainsFunc(patterns, func(p string) bool { return strings.Contains(name, p) }) {
			continue
		}
		t, err := loadTask(dir, file, name, language)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		tasks = append(tasks, t)
	}
	if len(tasks) == 0 {
		return nil, fmt.Errorf("%s holds no such task", dir)
	}
	return tasks, nil
}

func loadTask(dir, file, name, language string) (*task, error) {
	archive, err := txtar.ParseFile(file)
	if err != nil {
		return nil, err
	}
	t := &task{Name: name, Language: language, Files: map[string]string{}, Hidden: map[string]string{}}
	own := map[string]string{}
	edits := map[string]*edit{}
	part := func(suffix string) *edit {
		if edits[suffix] == nil {
			edits[suffix] = &edit{}
		}
		return edits[suffix]
	}
	for _, f := range archive.Files {
		text := string(f.Data)
		hidden, isHidden := strings.CutPrefix(f.Name, "hidden/")
		switch {
		case f.Name == "task.toml":
			err = toml.Unmarshal(f.Data, t)
		case isHidden:
			t.Hidden[hidden] = text
		case f.Name == "solution":
			t.Solution = text
		case strings.HasPrefix(f.Name, "old"):
			part(f.Name[3:]).Old = strings.TrimSuffix(text, "\n")
		case strings.HasPrefix(f.Name, "new"):
			part(f.Name[3:]).New = strings.TrimSuffix(text, "\n")
		default:
			own[f.Name] = text
		}
		if err != nil {
			return nil, err
		}
	}
	for _, suffix := range slices.Sorted(maps.Keys(edits)) {
		t.Edits = append(t.Edits, *edits[suffix])
	}
	if err := t.share(filepath.Join(dir, "base")); err != nil {
		return nil, err
	}
	maps.Copy(t.Files, own)
	return t, t.complete()
}

// share adds what the language and the base hold.
func (t *task) share(dir string) error {
	names := []string{t.Language}
	if t.Base != "" {
		names = append(names, t.Language+"-"+t.Base)
	}
	for _, name := range names {
		archive, err := txtar.ParseFile(filepath.Join(dir, name+".txtar"))
		if err != nil {
			return err
		}
		for _, f := range archive.Files {
			t.Files[f.Name] = string(f.Data)
		}
	}
	return nil
}

// complete tells what the task lacks.
func (t *task) complete() error {
	if t.Symbol == "" || t.Instructions == "" {
		return errors.New("no symbol or no instructions")
	}
	_, there := t.Files[t.Path]
	switch t.Kind {
	case kindFunction, kindLarge, kindFix:
		if !there || len(t.Hidden) == 0 || len(t.Edits) == 0 {
			return errors.New("no file at path, no hidden test or no solution")
		}
		if lines := strings.Count(t.Files[t.Path], "\n"); t.Kind == kindLarge && lines <= 500 {
			return fmt.Errorf("a large file of %d lines", lines)
		}
	case kindTests:
		if there || t.Files[t.About] == "" || len(t.Mutants) < 3 || t.Solution == "" {
			return errors.New("tests that are there, no file that they are about, under 3 mutants or no solution")
		}
	default:
		return fmt.Errorf("kind %q", t.Kind)
	}
	return nil
}

// content is a hash of all that the task is.
func (t *task) content() string {
	whole, err := json.Marshal([]any{t.Kind, t.Path, t.About, t.Symbol, t.Instructions, t.Mutants, t.Files, t.Hidden, t.Edits, t.Solution})
	if err != nil {
		panic(err) // strings and maps of strings
	}
	sum := sha256.Sum256(whole)
	return hex.EncodeToString(sum[:8])
}

// write makes the project in a folder, with more files over its own.
func (t *task) write(dir string, more ...map[string]string) error {
	for _, files := range append([]map[string]string{t.Files}, more...) {
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

// result reads what an arm left at the task's path; "" if there is nothing.
func (t *task) result(dir string) (string, error) {
	text, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(t.Path)))
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	return string(text), err
}
