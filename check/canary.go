package check

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"sync"

	"github.com/bitactor/cf/event"
	"github.com/bitactor/cf/fault"
	"github.com/bitactor/cf/workspace"
)

// proven is the outcome of a checker's canaries, found once a Run.
type proven struct {
	once sync.Once
	why  string // "" where each was found
	err  error  // what ends the run
}

// prove lets a checker find its own canaries, with the tools and the isolation
// of this machine, and says in words what it missed. A success is kept for as
// long as cf, the tools and the isolation stay the same. Canaries that are tests
// prove tests: without them they cost time for nothing.
func (r *running) prove(ctx context.Context, c Checker, tools []ToolFound) (why string, err error) {
	canaries := c.Canaries()
	if !r.Tests {
		canaries = slices.DeleteFunc(slices.Clone(canaries), func(c Canary) bool { return c.Test != "" })
	}
	if len(canaries) == 0 {
		return "", nil
	}
	v, _ := r.proof.LoadOrStore(c.Name(), &proven{})
	p := v.(*proven)
	p.once.Do(func() {
		key := r.keep.proofKey(string(r.Stage.Box().Tier()), c, tools, r.Tests)
		if _, ok := r.keep.read(key); ok {
			return
		}
		id, title := "canary."+c.Name(), c.Name()+": proves itself on a planted fault"
		r.Events.Emit(event.Step{ID: id, Title: title, State: event.Begin})
		if p.why, p.err = r.plant(ctx, c, canaries, tools); p.why == "" && p.err == nil {
			r.Events.Emit(event.Step{ID: id, Title: title, State: event.Done})
			r.keep.write(key, []byte(c.Name()))
			r.keep.prune(filepath.Join(r.keep.dir, "canary"))
			return
		}
		r.Events.Emit(event.Step{ID: id, Title: title, State: event.Failing, Detail: p.why})
	})
	return p.why, p.err
}

func (s *store) proofKey(tier string, c Checker, tools []ToolFound, tests bool) string {
	text := fmt.Sprintf("%s\n%s\n%s\n%v\n", s.self, tier, c.Name(), tests)
	for _, t := range tools {
		text += t.Program + " " + identity(t.Path) + "\n"
	}
	return "canary/" + workspace.Hash([]byte(text))
}

// plant runs the canaries one after another.
func (r *running) plant(ctx context.Context, c Checker, canaries []Canary, tools []ToolFound) (why string, err error) {
	gone := map[string]bool{}
	for _, t := range tools {
		gone[t.Program] = t.Path == ""
	}
	for i, canary := range canaries {
		if gone[canary.Tool] {
			continue
		}
		o, err := r.look(ctx, c, canary)
		if err != nil {
			if ends(ctx, err) {
				return "", err
			}
			return fmt.Sprintf("its canary could not be checked: %v", err), nil
		}
		if !canary.foundIn(&o) {
			return missed(i, canary, &o), nil
		}
	}
	return "", nil
}

// look checks one canary in a tree of its own, with the same sandbox. The
// folder is the same each time, so that the tools' build caches, which go by
// folder, serve again.
func (r *running) look(ctx context.Context, c Checker, canary Canary) (o Outcome, err error) {
	dir, done, err := r.canaryDir(c.Name(), canary)
	if err != nil {
		return o, err
	}
	defer done()
	tree, err := workspace.OpenFolder(dir)
	if err != nil {
		return o, err
	}
	defer func() { err = errors.Join(err, tree.Close()) }()
	stage, err := tree.Stage(ctx, &workspace.Set{}, r.Stage.Box())
	if err != nil {
		return o, err
	}
	defer func() { err = errors.Join(err, stage.Close()) }()
	inner := &running{Request: Request{Stage: stage, Checkers: []Checker{c}, Tests: canary.Test != ""}, keep: openStore("", "")}
	inner.setDefaults()
	todo, err := choose(ctx, &inner.Request)
	if err != nil {
		return o, err
	}
	for _, j := range todo.jobs {
		t := Target{Stage: stage, Project: j.project, Files: j.files, Changed: j.changed, Tests: canary.Test != ""}
		found, err := r.check(ctx, c, t)
		if err != nil {
			return o, err
		}
		p := Part{Checker: c.Name(), Project: j.project, Files: j.files, Outcome: found}
		inner.tidy(&p)
		o.Diagnostics = append(o.Diagnostics, p.Diagnostics...)
		o.Tests = append(o.Tests, p.Tests...)
		o.Gaps = append(o.Gaps, p.Gaps...)
	}
	return o, nil
}

// canaryDir returns a folder that holds the canary's files and nothing else. In
// cf's cache it stays; two cf may use it at one time, so that a file which is
// there already is not written.
func (r *running) canaryDir(checker string, canary Canary) (dir string, done func(), err error) {
	done = func() {}
	if r.Cache != "" {
		dir = r.planted(checker, canary)
	} else if dir, err = os.MkdirTemp("", "cf-canary-"); err != nil {
		return "", nil, canaryFault(err)
	} else {
		done = func() { _ = os.RemoveAll(dir) } // a folder of the system's that is emptied anyway
	}
	for name, text := range canary.Files {
		full := filepath.Join(dir, filepath.FromSlash(path.Clean(name)))
		if there, err := os.ReadFile(full); err == nil && string(there) == text {
			continue
		}
		if err := os.MkdirAll(filepath.Dir(full), 0o700); err != nil {
			return "", nil, canaryFault(err)
		}
		if err := os.WriteFile(full, []byte(text), 0o600); err != nil {
			return "", nil, canaryFault(err)
		}
	}
	return dir, done, nil
}

// planted is where a canary lies in cf's cache: by its content.
func (r *running) planted(checker string, canary Canary) string {
	text := fmt.Sprint(canary.Files) // in the order of the names
	return filepath.Join(r.Cache, "check", "planted", checker+"-"+workspace.Hash([]byte(text))[:16])
}

func canaryFault(err error) error {
	return fault.New(fault.Failed, CodeCanary, "%w", err).On("plant", "canary")
}

// CodeCanary is the fault of a canary that can't be written [Failed].
const CodeCanary = "canary-not-planted"

func (c Canary) foundIn(o *Outcome) bool {
	if c.Test != "" {
		return slices.ContainsFunc(o.Tests, func(t Test) bool { return t.Name == c.Test && t.State == Failed })
	}
	return slices.ContainsFunc(o.Diagnostics, func(d Diagnostic) bool {
		return d.File == c.File && d.Line == c.Line && d.Code == c.Code
	})
}

// missed says what was planted and what was seen instead.
func missed(i int, c Canary, o *Outcome) string {
	want := fmt.Sprintf("%s at %s:%d", c.Code, c.File, c.Line)
	if c.Test != "" {
		want = "the failing test " + c.Test
	}
	seen := "nothing"
	switch {
	case len(o.Diagnostics) > 0:
		d := o.Diagnostics[0]
		seen = fmt.Sprintf("%s at %s:%d (%s)", d.Code, d.File, d.Line, clip(d.Message, 200))
	case len(o.Gaps) > 0:
		seen = o.Gaps[0].What + " not checked: " + o.Gaps[0].Why
	case len(o.Tests) > 0:
		seen = fmt.Sprintf("%d tests, %s %s", len(o.Tests), o.Tests[0].Name, o.Tests[0].State)
	}
	return fmt.Sprintf("it missed canary %d, %s; it saw %s", i+1, want, seen)
}
