package solvebench

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bitactor/cf/testdata/tasks"
)

func all(t *testing.T) []*Task {
	t.Helper()
	list, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	if len(list) != 64 {
		t.Fatalf("%d tasks", len(list))
	}
	return list
}

func TestPick(t *testing.T) {
	list := all(t)
	quick := pick(list, kinds, quickTasks)
	var languages []string
	for _, q := range quick {
		languages = append(languages, q.Language)
		if q.Kind != "function" || q.hidden == nil || q.files[q.Path] == "" {
			t.Errorf("%+v", q)
		}
	}
	slices.Sort(languages)
	if !slices.Equal(languages, []string{"c", "elixir", "go", "python"}) {
		t.Errorf("quick: %v", languages)
	}
	if whole := pick(list, kinds, 0); len(whole) != len(list) || whole[4].Kind != "fix" {
		t.Errorf("%d of %d, the fifth is of kind %s", len(whole), len(list), whole[4].Kind)
	}
}

// reference is the solution that a task's archive holds.
func reference(t *testing.T, task *Task) string {
	t.Helper()
	own, err := archive(tasks.Files, task.Name+".txtar")
	if err != nil {
		t.Fatal(err)
	}
	text := task.files[task.Path]
	if whole := own["solution"]; whole != "" {
		return whole
	}
	for name, old := range own {
		if suffix, ok := strings.CutPrefix(name, "old"); ok {
			text = strings.Replace(text, strings.TrimSuffix(old, "\n"), strings.TrimSuffix(own["new"+suffix], "\n"), 1)
		}
	}
	return text
}

// TestJudge: by cf's own checks the reference solves a task, and its start does not; of
// tests, one that finds nothing does not. CF_SOLVE_ALL=1 judges all tasks.
func TestJudge(t *testing.T) {
	cf := filepath.Join(t.TempDir(), "cf")
	if out, err := exec.Command("go", "build", "-o", cf, "../../cmd/cf").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	r := &run{Options: Options{Tasks: all(t), Self: cf, Environ: os.Environ()}, folder: t.TempDir()}
	list := pick(r.present(), []string{"function", "tests"}, quickTasks)
	list = append(list, pick(r.present(), []string{"tests"}, 1)...)
	if os.Getenv("CF_SOLVE_ALL") == "1" {
		list = r.present()
	}
	for _, task := range list {
		if right, err := r.judge(t.Context(), task, reference(t, task)); err != nil || !right {
			t.Errorf("%s: the reference does not solve it (%v)", task.Name, err)
		}
		if right, err := r.judge(t.Context(), task, task.files[task.Path]); err != nil || right {
			t.Errorf("%s: it is solved from the start (%v)", task.Name, err)
		}
	}
}

// fake stands for a cf that does not end, or ends with a code.
func fake(t *testing.T, script string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "cf")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestStopped: with the context's end come the tasks until then, and no folder stays.
func TestStopped(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	ctx, stop := context.WithCancel(t.Context())
	o := Options{Tasks: all(t), Self: fake(t, `echo '{"error":"no"}'; exit 3`), Environ: os.Environ(), Progress: func(done, _ int) {
		if done == 2 {
			stop()
		}
	}}
	report, err := Run(ctx, o)
	if !errors.Is(err, context.Canceled) || report == nil || len(report.Measures[0].Samples) != 2 {
		t.Fatalf("%v, %+v", err, report)
	}
	if rows := report.Tables[1].Rows; len(rows) != 2 || rows[0][1] != refused || rows[0][3] != "no" {
		t.Errorf("%v", rows)
	}
	if left, err := os.ReadDir(os.Getenv("TMPDIR")); err != nil || len(left) > 0 {
		t.Errorf("left: %v %v", left, err)
	}
}

// TestCutOff: a task that the context's end cuts off is no outcome, and its program is
// ended with what it started.
func TestCutOff(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	mark := filepath.Join(t.TempDir(), "alive")
	ctx, stop := context.WithCancel(t.Context())
	done := time.AfterFunc(300*time.Millisecond, stop)
	defer done.Stop()
	began := time.Now()
	report, err := Run(ctx, Options{Tasks: all(t), Self: fake(t, "(sleep 3; touch "+mark+") & wait"), Environ: os.Environ()})
	if !errors.Is(err, context.Canceled) || report != nil {
		t.Errorf("%v, %+v", err, report)
	}
	time.Sleep(3*time.Second - time.Since(began) + 500*time.Millisecond)
	if _, err := os.Stat(mark); err == nil {
		t.Error("what the program started went on")
	}
	if left, err := os.ReadDir(os.Getenv("TMPDIR")); err != nil || len(left) > 0 {
		t.Errorf("left: %v %v", left, err)
	}
}

// TestBudget: a task begins only within the budget, the first always.
func TestBudget(t *testing.T) {
	report, err := Run(t.Context(), Options{Tasks: all(t), Self: fake(t, "sleep 0.05; exit 13"), Environ: os.Environ(), Budget: 20 * time.Millisecond})
	if err != nil || len(report.Measures[0].Samples) != 1 {
		t.Errorf("%v %+v", err, report)
	}
}

// TestFault: a cf that fails otherwise is no outcome of a task.
func TestFault(t *testing.T) {
	if _, err := Run(t.Context(), Options{Tasks: all(t), Self: fake(t, `echo '{"error":"no server"}'; exit 69`), Environ: os.Environ()}); err == nil || !strings.Contains(err.Error(), "no server") {
		t.Error(err)
	}
}
