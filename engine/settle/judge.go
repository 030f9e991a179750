package settle

import (
	"context"
	"fmt"
	"slices"

	"github.com/bitactor/cf/check"
	"github.com/bitactor/cf/engine/fix"
	"github.com/bitactor/cf/engine/land"
	"github.com/bitactor/cf/workspace"
)

// judge refuses, beyond what the landing refuses, a set that does not settle one
// group on top of a trial.
type judge struct {
	settler *Settler
	group   fix.Group
	on      *land.Trial // nil: the tree
}

// Try is engine.Judge.
func (j *judge) Try(ctx context.Context, set *workspace.Set) (*land.Trial, error) {
	t, err := j.settler.Judge.Try(ctx, set)
	if err != nil {
		return nil, err
	}
	left, err := j.left(ctx, t)
	if err != nil {
		return nil, err
	}
	if len(left) > 0 {
		t.Verdict.New = append(slices.Clone(t.Verdict.New), left...)
		refuse(t, fmt.Sprintf("still open: %s", left[0].Message))
	}
	if j.on != nil && t.Verdict.TestsNow < j.on.Verdict.TestsNow {
		refuse(t, fmt.Sprintf("%d of %d tests run", t.Verdict.TestsNow, j.on.Verdict.TestsNow))
	}
	if !j.ran(t) {
		refuse(t, "no test that passes runs what was written")
	}
	return t, nil
}

func refuse(t *land.Trial, why string) {
	t.Verdict.Land = false
	t.Verdict.Why = append(slices.Clone(t.Verdict.Why), why)
}

// left returns the places of the file that were to go, and those that came.
func (j *judge) left(ctx context.Context, t *land.Trial) ([]check.Diagnostic, error) {
	before, err := j.places(ctx, j.on)
	if err != nil {
		return nil, err
	}
	may := map[string]int{} // places of other functions
	for _, p := range before {
		if p.symbol != j.group.Symbol {
			may[p.Code+"\x00"+p.Message]++
		}
	}
	now, err := j.places(ctx, t)
	if err != nil {
		return nil, err
	}
	var left []check.Diagnostic
	for _, p := range now {
		if key := p.Code + "\x00" + p.Message; may[key] > 0 {
			may[key]--
			continue
		}
		left = append(left, p.Diagnostic)
	}
	return left, nil
}

// places are those of the group's file with the set of a trial.
func (j *judge) places(ctx context.Context, t *land.Trial) ([]place, error) {
	text, err := j.settler.read(j.group.File, t)
	if err != nil {
		return nil, err
	}
	return j.settler.find(ctx, j.group.File, text)
}

// ran tells whether tests ran changed lines of the file that the trial below did not
// change: those are of this group alone.
func (j *judge) ran(t *land.Trial) bool {
	now := verdict(t, j.group.File)
	if now.State != check.Tested {
		return false
	}
	return j.on == nil || now.Executed > verdict(j.on, j.group.File).Executed
}

func verdict(t *land.Trial, file string) check.FileVerdict {
	for _, f := range t.Verdict.Files {
		if f.File == file {
			return f
		}
	}
	return check.FileVerdict{}
}
