package commands

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bitactor/cf/event"
)

// seen collects events.
type seen struct{ list []event.Event }

func (s *seen) Emit(e event.Event) { s.list = append(s.list, e) }

// TestProgress: nothing for the first second, then what runs; a terminal's line
// each second, a pipe's rarely; with --json every step and nothing else.
func TestProgress(t *testing.T) {
	for _, tt := range []struct {
		name      string
		json, tty bool
		lasts     time.Duration
		want      int // events of progress
	}{
		{"short", false, true, 900 * time.Millisecond, 0},
		{"terminal", false, true, 4500 * time.Millisecond, 4},
		{"pipe", false, false, 31500 * time.Millisecond, 3},
		{"json", true, false, 31500 * time.Millisecond, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var out seen
				a := &App{Env: &Env{Now: time.Now, StderrTTY: tt.tty}, JSON: tt.json, sink: &out}
				p := a.progress("checking")
				steps := []event.Event{
					event.Step{ID: "check.go", Title: "go", State: event.Begin},
					event.Step{ID: "check.c", Title: "c", State: event.Begin},
					event.Step{ID: "check.c", Title: "c", State: event.Done},
					event.Progress{ID: "check", Done: 1, Total: 2},
				}
				for _, e := range steps {
					p.Emit(e)
				}
				time.Sleep(tt.lasts) // the bubble's clock
				p.Close()
				if tt.json {
					if !slices.Equal(out.list, steps) {
						t.Errorf("%v", out.list)
					}
					return
				}
				n := 0
				for _, e := range out.list {
					if e, ok := e.(event.Progress); ok {
						n++
						if e.ID != "check" || e.Done != 1 || !slices.Contains([]string{"of 2 checks done; running: go (1 s)", "of 2 checks done; running: go (15 s)", "of 2 checks done; running: go (30 s)"}, e.Unit) && !tt.tty {
							t.Errorf("%+v", e)
						}
					}
				}
				if n != tt.want {
					t.Errorf("%d events of progress, want %d: %v", n, tt.want, out.list)
				}
			})
		})
	}
}
