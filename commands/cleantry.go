package commands

import (
	"context"
	"path"
	"slices"

	"github.com/bitactor/cf/engine/land"
	"github.com/bitactor/cf/workspace"
)

// passing returns the trial of as many mends as pass the checks together, nil where
// none does. Most often that is all of them, by one trial; else those of each
// language are tried at once, and what fails is halved until the files are found that
// have to stay as they are: a few trials for each of them, not one for each mend.
func (w *cleaning) passing(ctx context.Context) (*land.Trial, error) {
	all := w.result.Set.Changes
	trial, err := w.tryChanges(ctx, all)
	if err != nil || trial.Verdict.Land {
		return trial, err
	}
	var best *land.Trial
	parts := byLanguage(all)
	if len(all) > 1 {
		w.warn("together the mends do not pass the checks (" + land.Refusal(trial.Verdict).Error() + "); parts of them are tried")
	}
	if len(parts) == 1 { // it was just tried
		if len(all) == 1 {
			w.stays(all[0], trial)
			return nil, nil
		}
		parts = halves(all)
	}
	for _, part := range parts {
		if best, err = w.add(ctx, best, part); err != nil {
			return nil, err
		}
	}
	return best, nil
}

// add returns the trial of best and of what passes besides of a part.
func (w *cleaning) add(ctx context.Context, best *land.Trial, part []workspace.Change) (*land.Trial, error) {
	next := part
	if best != nil {
		next = slices.Concat(best.Set.Changes, part)
	}
	trial, err := w.tryChanges(ctx, next)
	switch {
	case err != nil:
		return nil, err
	case trial.Verdict.Land:
		return trial, nil
	case len(part) == 1:
		w.stays(part[0], trial)
		return best, nil
	}
	for _, half := range halves(part) {
		if best, err = w.add(ctx, best, half); err != nil {
			return nil, err
		}
	}
	return best, nil
}

func (w *cleaning) tryChanges(ctx context.Context, changes []workspace.Change) (*land.Trial, error) {
	return w.try(ctx, &workspace.Set{Reads: w.result.Set.Reads, Changes: changes})
}

// stays tells which mend the checks refuse.
func (w *cleaning) stays(c workspace.Change, t *land.Trial) {
	w.warn(c.Path + " stays as it is: " + land.Refusal(t.Verdict).Error())
}

// halves are of one file more or less; part has two at least.
func halves(part []workspace.Change) [][]workspace.Change {
	return [][]workspace.Change{part[:len(part)/2], part[len(part)/2:]}
}

// byLanguage parts changes by the ends of their names, in the order in which the ends
// come first.
func byLanguage(changes []workspace.Change) [][]workspace.Change {
	var out [][]workspace.Change
	at := map[string]int{}
	for _, c := range changes {
		i, there := at[path.Ext(c.Path)]
		if !there {
			i = len(out)
			at[path.Ext(c.Path)] = i
			out = append(out, nil)
		}
		out[i] = append(out[i], c)
	}
	return out
}
