package telemetry_test

import (
	"strings"
	"testing"

	"github.com/bitactor/cf/check"
	"github.com/bitactor/cf/check/source/sourcetest"
	"github.com/bitactor/cf/check/telemetry"
)

func TestCanaries(t *testing.T) { sourcetest.Canaries(t, telemetry.New()) }

func TestGoldens(t *testing.T) { sourcetest.Goldens(t, telemetry.New(), "testdata") }

func TestPlanted(t *testing.T) {
	sourcetest.Planted(t, "testdata", "metric-never-emitted", "event-never-emitted", "span-never-emitted", "log-key-never-written", "measurement-never-sent",
		"event-declared-only", "handler-missing", "rate-of-gauge", "buckets-of-no-histogram", "unit-mismatch", "unbounded-label", "alert-without-runbook",
		"runbook-missing", "two-types", "event-type-reserved", "hot-path-without-telemetry", "emitted-but-unused", "counter-without-rate", "total-of-no-counter")
}

// TestPathsChooseWhatIsReported holds that uses are reported below the paths alone,
// and emissions are looked for everywhere.
func TestPathsChooseWhatIsReported(t *testing.T) {
	files := map[string]string{
		"lib/a.ex":        "defmodule A do\n  def a, do: :telemetry.execute([:shop, :sold], %{count: 1}, %{})\nend\n",
		"lib/b.ex":        "defmodule B do\n  def b, do: :telemetry.attach(\"b\", [:shop, :lost], &B.h/4, nil)\n  def h(_, _, _, _), do: :ok\nend\n",
		"test/a_test.exs": "defmodule T do\n  def b, do: :telemetry.attach(\"b\", [:shop, :gone], &T.h/4, nil)\n  def c, do: :telemetry.attach(\"c\", [:shop, :sold], &T.h/4, nil)\n  def h(_, _, _, _), do: :ok\nend\n",
	}
	for _, c := range []struct {
		paths []string
		want  string
	}{
		{nil, "lib/b.ex:2 test/a_test.exs:2"},
		{[]string{"."}, "lib/b.ex:2 test/a_test.exs:2"},
		{[]string{"test"}, "test/a_test.exs:2"},
		{[]string{"lib/a.ex"}, ""},
	} {
		out, err := telemetry.New().Check(t.Context(), check.Target{Stage: sourcetest.Stage(t, files), Project: ".", Paths: c.paths})
		if err != nil {
			t.Fatal(err)
		}
		if got := places(out); got != c.want {
			t.Errorf("%v: %s, want %s", c.paths, got, c.want)
		}
	}
}

func places(out check.Outcome) string {
	var list []string
	for _, d := range out.Diagnostics {
		if d.Severity != check.Note {
			list = append(list, d.File+":"+string(rune('0'+d.Line)))
		}
	}
	return strings.Join(list, " ")
}

// FuzzReaders gives hostile text to each reader: no panic, which would be a gap.
func FuzzReaders(f *testing.F) {
	for _, s := range []string{
		":telemetry.execute([:a, @b] ++ c, %{x: 1}, %{})", "telemetry:execute([a|B], #{})", "prometheus.NewGauge(prometheus.GaugeOpts{Name: \"a", "from prometheus_client import (Counter as C,\nC('a', 'b', ['c'",
		"groups:\n- rules:\n  - {alert: a, expr: 'rate(a[5m])'}", "{\"panels\":[{\"expr\":\"sum(a{b=\\\"$c\\\"}) by ($d)\"}]}", "`a_b_total{` `[:a, :b]`",
		"int f(struct ba_event e) { switch (e.type) { case A: return e.type == B; } e.type = 3; }",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for name, head := range map[string]string{
			"a.ex": "# telemetry Logger\n", "a.erl": "% telemetry:\n", "a.go": "package a // prometheus/client_golang/prometheus\n", "a.py": "# prometheus_client\n",
			"a.yml": "groups:\n- rules:\n  - expr: a\n#", "a.json": "", "a.md": "`", "a.c": "/* the hot path */ ba_event ba_telemetry_read\n",
		} {
			out := sourcetest.Check(t, telemetry.New(), map[string]string{name: head + text})
			for _, g := range out.Gaps {
				if strings.Contains(g.Why, "the reader failed") {
					t.Fatalf("%s: %q: %s", name, text, g.Why)
				}
			}
		}
	})
}
