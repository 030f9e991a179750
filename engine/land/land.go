// Package land is the one way of a change into the user's tree: checked on a
// stage against the unchanged tree, judged, committed as a whole, with a receipt.
// cf apply and the engine call the very same.
//
// It must never write a file that was not judged, and never land a change that
// the gate refused.
//
// Invariants:
//  1. Nothing in the tree changes before Land, and Land takes only a Trial whose
//     verdict lets it.
//  2. A Trial is for one Set: the bytes that were checked are those that land.
//  3. What could not be checked is in the receipt.
package land

import (
	"context"
	"errors"
	"strings"

	"github.com/bitactor/cf/check"
	"github.com/bitactor/cf/event"
	"github.com/bitactor/cf/fault"
	"github.com/bitactor/cf/workspace"
	"github.com/bitactor/cf/workspace/sandbox"
)

// CodeRefused is the fault of a change that the gate refuses, of kind
// fault.Refused.
const CodeRefused = "change-refused"

// Lander holds what a landing needs. Its methods are safe for one caller at a
// time.
type Lander struct {
	Tree     *workspace.Tree
	Box      *sandbox.Box
	Ledger   *workspace.Ledger
	Checkers []check.Checker
	Cache    string           // cf's cache folder, absolute; "" keeps nothing between runs
	Events   event.Sink       // steps and progress of the checks
	Rules    check.Rules      // what the user allows
	NoTests  bool             // check without tests: then nothing is "tested"
	Limits   workspace.Limits // of a set
	Beside   []string         // files that are checked with every set, see check.GateRequest
}

// Trial is a set that was checked.
type Trial struct {
	Set *workspace.Set
	*check.Gated
}

// Try checks what the set would do, on a stage; nothing in the tree changes. That
// it may not land is no error, but in the verdict. Errors: those of
// Set.CheckWithin, Ledger.Ready, Tree.Stage and check.Gate.
func (l *Lander) Try(ctx context.Context, set *workspace.Set) (t *Trial, err error) {
	if err := set.CheckWithin(l.Tree, l.Limits); err != nil {
		return nil, err
	}
	if err := l.Ledger.Ready(); err != nil {
		return nil, err
	}
	base, err := l.Tree.Stage(ctx, &workspace.Set{}, l.Box)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, base.Close()) }()
	now, err := l.Tree.Stage(ctx, set, l.Box)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, now.Close()) }()
	gated, err := check.Gate(ctx, check.GateRequest{
		Base: base, Now: now, Checkers: l.Checkers, Cache: l.Cache, Events: l.Events, Rules: l.Rules, NoTests: l.NoTests, Beside: l.Beside,
	})
	if err != nil {
		return nil, err
	}
	return &Trial{Set: set, Gated: gated}, nil
}

// Options say how a trial lands.
type Options struct {
	Title string   // what the change is for, one line
	Git   bool     // land as a git commit too
	Env   []string // the user's environment, for git
}

// Land commits what Try checked. A trial that may not land is refused with
// CodeRefused; the other errors are those of Ledger.Commit.
func (l *Lander) Land(ctx context.Context, t *Trial, o Options) (*Receipt, error) {
	r := &Receipt{Title: o.Title, Trial: t}
	if !t.Verdict.Land {
		return nil, Refusal(t.Verdict)
	}
	commit := workspace.CommitOptions{Title: o.Title, Limits: l.Limits}
	if o.Git {
		commit.Git = &workspace.GitCommit{Message: r.Message(), Environ: o.Env}
	}
	var err error
	if r.Landed, err = l.Ledger.Commit(ctx, t.Set, commit); err != nil {
		return nil, err
	}
	return r, nil
}

// Refusal is the error of a change that may not land.
func Refusal(v check.Verdict) error {
	why := "the checks said no"
	if len(v.Why) > 0 {
		why = strings.Join(v.Why, ", ")
	}
	e := fault.New(fault.Refused, CodeRefused, "%s; nothing was changed", why).On("land", "")
	hinted := map[string]bool{}
	for _, g := range v.NotChecked {
		if g.Blocks && g.Hint != "" && !hinted[g.Hint] && len(hinted) < 3 {
			hinted[g.Hint] = true
			_ = e.Hint(g.Hint)
		}
	}
	return e
}
