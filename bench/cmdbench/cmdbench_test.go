package cmdbench_test

import (
	"os"
	"strings"
	"testing"

	"github.com/bitactor/cf/bench"
	"github.com/bitactor/cf/bench/cmdbench"
)

func TestRun(t *testing.T) {
	told := 0
	r, err := cmdbench.Run(t.Context(), []cmdbench.Program{{"short", []string{"sleep", "0"}}, {"long", []string{"sleep", "0.02"}}}, cmdbench.Options{
		Title: "sleep", Dir: t.TempDir(), Env: os.Environ(), Quick: true, Progress: func(done, total int) { told = done * 100 / total },
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Measures) != 2 || len(r.Measures[0].Samples) != cmdbench.QuickRounds || told != 100 {
		t.Fatalf("%+v, told %d", r.Measures, told)
	}
	if c := bench.Compare("sleep", r.Measures[0].Samples, r.Measures[1].Samples); c.Call != bench.Slower || c.Ratio < 1.5 {
		t.Errorf("%+v", c)
	}
}

// TestFailingProgramsAreNotTimed tries what can't be timed.
func TestFailingProgramsAreNotTimed(t *testing.T) {
	for name, argv := range map[string][]string{"fails": {"false"}, "is not there": {"no-such-program-at-all"}, "without words": nil} {
		if _, err := cmdbench.Run(t.Context(), []cmdbench.Program{{name, argv}}, cmdbench.Options{Dir: t.TempDir(), Env: os.Environ(), Quick: true}); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
