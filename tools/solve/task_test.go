package main

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

const tasksFolder = "../../testdata/tasks"

// programs are what the tests of each language need.
var programs = map[string][]string{"go": {"go"}, "python": {"python3"}, "elixir": {"elixir"}, "c": {"make", "cc"}}

// TestTasks proves of each task that it can be solved and is not solved yet. What
// held is kept by content, so that only tasks that changed run again.
func TestTasks(t *testing.T) {
	tasks, err := loadTasks(tasksFolder, nil)
	if err != nil {
		t.Fatal(err)
	}
	j, err := newJudge(cacheFolder(t), false)
	if err != nil {
		t.Fatal(err)
	}
	for _, task := range tasks {
		t.Run(task.Name, func(t *testing.T) {
			t.Parallel()
			for _, program := range programs[task.Language] {
				if _, err := exec.LookPath(program); err != nil && os.Getenv("CF_TEST_REQUIRE") != "1" {
					t.Skipf("%s is missing", program)
				}
			}
			stamp := stampOf(t, j.folder, task)
			if _, err := os.Stat(stamp); err == nil {
				return
			}
			if task.Kind == kindTests {
				proveTests(t, j, task)
			} else {
				proveChange(t, j, task)
			}
			if !t.Failed() {
				if err := os.WriteFile(stamp, nil, 0o644); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

// proveChange checks that the reference passes and that the start fails a test
// that is seen or hidden.
func proveChange(t *testing.T, j *judge, task *task) {
	solution, err := task.solved()
	if err != nil {
		t.Fatal(err)
	}
	if ok, output, err := j.hidden(t.Context(), task, solution); err != nil || !ok {
		t.Errorf("the reference solution does not pass: %v\n%s", err, output)
	}
	if ok, _, err := j.hidden(t.Context(), task, task.Files[task.Path]); err != nil || ok {
		t.Errorf("the task is solved from the start (%v)", err)
	}
}

// proveTests checks that the reference tests pass and find every mutant.
func proveTests(t *testing.T, j *judge, task *task) {
	if ok, output, err := j.visible(t.Context(), task, task.Solution); err != nil || !ok {
		t.Fatalf("the reference tests do not pass: %v\n%s", err, output)
	}
	if _, survivors, err := j.kills(t.Context(), task, task.Solution); err != nil || len(survivors) > 0 {
		t.Errorf("mutants that the reference tests do not find (%v): %q", err, survivors)
	}
}

// TestSpread holds the suite to what it is said to be.
func TestSpread(t *testing.T) {
	tasks, err := loadTasks(tasksFolder, nil)
	if err != nil {
		t.Fatal(err)
	}
	counts := map[string]int{}
	for _, task := range tasks {
		counts[task.Language]++
		counts[task.Language+" "+task.Kind]++
	}
	if len(tasks) < 60 {
		t.Errorf("%d tasks, want 60 at the least", len(tasks))
	}
	for _, language := range []string{"go", "python", "elixir", "c"} {
		if counts[language] < 15 {
			t.Errorf("%d tasks in %s, want 15 at the least", counts[language], language)
		}
		for _, kind := range []string{kindFunction, kindLarge, kindFix, kindTests} {
			if counts[language+" "+kind] < 3 {
				t.Errorf("%d tasks of kind %s in %s, want 3 at the least", counts[language+" "+kind], kind, language)
			}
		}
	}
}

// TestJudgeRefuses shows that the judge can say no: tests that test nothing, a
// wrong solution that passes the visible tests, and a loop without an end.
func TestJudgeRefuses(t *testing.T) {
	t.Parallel()
	j, err := newJudge(cacheFolder(t), false)
	if err != nil {
		t.Fatal(err)
	}
	j.seconds = 1
	one := func(pattern string) *task {
		tasks, err := loadTasks(tasksFolder, []string{pattern})
		if err != nil || len(tasks) != 1 {
			t.Fatalf("%d tasks named %s: %v", len(tasks), pattern, err)
		}
		return tasks[0]
	}
	empty := "import unittest\n\nimport sign\n\n\nclass SignTest(unittest.TestCase):\n    def test_sign(self):\n        sign.sign(1)\n"
	if ok, output, err := j.hidden(t.Context(), one("python/tests-sign"), empty); err != nil || ok {
		t.Errorf("tests that assert nothing are accepted (%v) %s", err, output)
	}
	endless := "def total(numbers):\n    while True:\n        pass\n"
	total := one("python/total")
	if ok, _, err := j.visible(t.Context(), total, endless); err != nil || ok {
		t.Errorf("a loop without an end is accepted (%v)", err)
	}
	gamed := "def total(numbers):\n    return 6 if numbers else 0\n"
	if ok, output, err := j.visible(t.Context(), total, gamed); err != nil || !ok {
		t.Errorf("the visible tests do not pass: %v\n%s", err, output)
	}
	if ok, _, err := j.hidden(t.Context(), total, gamed); err != nil || ok {
		t.Errorf("a solution for the visible tests alone is accepted (%v)", err)
	}
	if ok, _, err := j.visible(t.Context(), total, ""); err != nil || ok {
		t.Errorf("no file is accepted (%v)", err)
	}
}

// cacheFolder is kept between runs where there is a cache folder.
func cacheFolder(t *testing.T) string {
	user, err := os.UserCacheDir()
	if err != nil {
		return t.TempDir()
	}
	return filepath.Join(user, "cf-solve", "check")
}

// stampOf names the file that says that the task held, by its content and the
// judge's own.
func stampOf(t *testing.T, folder string, task *task) string {
	t.Helper()
	source, err := os.ReadFile("judge.go")
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(append(source, task.content()...))
	return filepath.Join(folder, hex.EncodeToString(sum[:12])+".held")
}
