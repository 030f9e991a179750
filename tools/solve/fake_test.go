package main

import (
	"bytes"
	"os"
	"os/exec"
	"testing"
)

// TestReferenceRaw has the raw arm solve one task of each kind with the model that
// knows the answer: what a task is asked for and what is pasted fit together.
func TestReferenceRaw(t *testing.T) {
	if err := exec.Command("bwrap", "--ro-bind", "/", "/", "--unshare-all", "true").Run(); err != nil && os.Getenv("CF_TEST_REQUIRE") != "1" {
		t.Skipf("bubblewrap does not work here: %v", err)
	}
	tasks, err := loadTasks(tasksFolder, []string{"python/add", "python/units-mean", "python/fix-range", "python/tests-sign"})
	if err != nil {
		t.Fatal(err)
	}
	home := t.TempDir()
	r, err := openResults(home, referenceModel)
	if err != nil {
		t.Fatal(err)
	}
	o := options{model: referenceModel, home: home, arms: []string{"raw"}}
	for range 2 { // the second time all is there
		if err := measure(t.Context(), o, tasks, r); err != nil {
			t.Fatal(err)
		}
	}
	if r, err = openResults(home, referenceModel); err != nil {
		t.Fatal(err)
	}
	if sum := r.tally("raw", tasks); sum.tasks != 4 || sum.solved != 4 || sum.calls != 4 {
		t.Errorf("%d of %d solved in %d calls, want 4 of 4 in 4", sum.solved, sum.tasks, sum.calls)
	}
	lines, err := os.ReadFile(r.path)
	if err != nil {
		t.Fatal(err)
	}
	if n := bytes.Count(lines, []byte("\n")); n != 4 {
		t.Errorf("%d records, want 4: what is there is not run again", n)
	}
}
