package workspace

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// recoverAll takes back a landing that was cut short and removes what crashes
// left in the store. It may be cut short itself, any number of times: each step
// looks at what is there and not at what was done. Only the newest landing can
// have been cut short, or one that is disowned: each landing begins with this,
// and IDs only grow.
func (j *journal) recoverAll() ([]Recovered, error) {
	names, err := j.store.names()
	if err != nil {
		return nil, err
	}
	slices.Sort(names)
	slices.Reverse(names) // the newest first
	var all []Recovered
	newest := true
	for _, name := range names {
		id, isLanding := strings.CutSuffix(name, landingSuffix)
		disowned := slices.Contains(names, id+disownedSuffix)
		switch {
		case strings.HasSuffix(name, newSuffix): // nothing of the user's was touched yet
			if err := j.store.remove(name); err != nil {
				return all, err
			}
		case isLanding && (newest || disowned):
			newest = false
			r, err := j.recoverOne(id, disowned)
			if r != nil {
				all = append(all, *r)
			}
			if err != nil {
				return all, err
			}
		}
	}
	return all, j.removeDisowned(names)
}

// removeDisowned removes marks whose landing is gone.
func (j *journal) removeDisowned(names []string) error {
	for _, name := range names {
		id, ok := strings.CutSuffix(name, disownedSuffix)
		if !ok {
			continue
		}
		if _, err := j.store.lstat(id + landingSuffix); !errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err := ignoreAbsent(j.store.remove(name)); err != nil {
			return err
		}
	}
	return nil
}

func (j *journal) recoverOne(id string, disowned bool) (*Recovered, error) {
	f, err := j.load(id)
	if errors.Is(err, errCorrupt) {
		// Whether it had landed can't be told any more.
		why := bare(err).Error()
		if err := j.store.move(id+landingSuffix, id+damagedSuffix); err != nil {
			return nil, err
		}
		return &Recovered{ID: id, Damaged: why}, j.store.sync()
	}
	if err != nil {
		return nil, err
	}
	f.close()
	if f.done && !disowned {
		return nil, nil
	}
	r, err := j.takeBack(id, true)
	return &r, err
}

// taking is one landing being taken back.
type taking struct {
	j       *journal
	f       *openLanding
	dirs    *folders
	touched map[string]bool
	report  Recovered
}

// takeBack gives the tree the state before the landing id, and forgets the
// landing. Files that are neither as before nor as the landing wanted them are
// somebody's later work: they stay and are reported. begun tells that a file may
// have been changed; if none was, such files need no report.
func (j *journal) takeBack(id string, begun bool) (Recovered, error) {
	f, err := j.load(id)
	if err != nil {
		return Recovered{ID: id}, err
	}
	defer f.close()
	t := &taking{j: j, f: f, dirs: openFolders(j.tree), touched: map[string]bool{}, report: Recovered{ID: id, Title: f.in.Title}}
	defer t.dirs.close()
	for _, d := range slices.Backward(f.in.Drop) {
		if err := t.remake(d); err != nil {
			return t.report, where(d.Path, err)
		}
	}
	backs := make([]back, len(f.in.Files))
	for i, plan := range f.in.Files {
		if backs[i], err = t.look(plan); err != nil {
			return t.report, where(plan.Path, err)
		}
	}
	// All that needs room on the disk comes before the first rename: a full
	// disk must not leave half of it done.
	for i, plan := range f.in.Files {
		if backs[i].how == backImage {
			err := t.stageImage(i, plan)
			if errors.Is(err, errCorrupt) { // nothing will ever mend it: the others go back
				t.report.Damaged, backs[i].how, err = bare(err).Error(), backKeep, nil
			}
			if err != nil {
				return t.report, where(plan.Path, err)
			}
		}
	}
	for i, plan := range f.in.Files {
		if err := t.putBack(plan, backs[i]); err != nil {
			return t.report, where(plan.Path, err)
		}
	}
	if !begun {
		t.report.Kept = nil
	}
	return t.finish()
}

// remake makes a folder again that the landing may have removed.
func (t *taking) remake(d dirPlan) error {
	parent, err := t.dirs.at(path.Dir(d.Path))
	if err != nil {
		return ignoreGone(err)
	}
	t.touched[path.Dir(d.Path)] = true
	err = parent.mkdir(path.Base(d.Path), modeOf(d))
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	return err
}

// ignoreGone passes over a folder that is missing or no folder any more: then
// what was in it is somebody's later work.
func ignoreGone(err error) error {
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, errNoFolder) || errors.Is(err, errLink) || errors.Is(err, errMount) {
		return nil
	}
	return err
}

// how a file is put back.
type how int

const (
	backNothing how = iota // the landing has not changed it
	backSwap               // the file under the temporary name was taken out: put it in again
	backMove               // the same, where nothing is in its place
	backImage              // from the ledger
	backRemove             // the landing created it
	backKeep               // somebody's later work
)

// back is what look found.
type back struct {
	how      how
	dropTemp bool // what then lies under the temporary name is the landing's own, or in the ledger
	strange  bool // what lies there is neither, and stays
	target   bool // a file is in the place
}

// look decides how a file is put back, by what is there now.
func (t *taking) look(plan filePlan) (back, error) {
	dir, err := t.dirs.at(path.Dir(plan.Path))
	if err != nil {
		if ignoreGone(err) != nil {
			return back{}, err
		}
		if plan.Pre.absent() {
			return back{how: backNothing}, nil
		}
		return back{how: backKeep}, nil
	}
	if err := t.mend(dir, plan); err != nil {
		return back{}, err
	}
	now, err := anyState(dir, path.Base(plan.Path))
	if err != nil {
		return back{}, err
	}
	temp, err := anyState(dir, plan.Temp)
	if err != nil {
		return back{}, err
	}
	b := decide(plan, now, temp)
	b.target = !now.absent()
	b.strange = !temp.absent() && !b.dropTemp && b.how != backMove
	return b, nil
}

// anyState is stateOf, with a state that equals no file's for what is no
// regular file.
func anyState(f folder, name string) (state, error) {
	s, err := stateOf(f, name)
	if errors.Is(err, errLink) || errors.Is(err, errNoFile) {
		return state{Hash: "irregular"}, nil
	}
	return s, err
}

// mend ends renames that a crash split on file systems without exchange, and
// removes what an earlier try to put the file back left.
func (t *taking) mend(dir folder, plan filePlan) error {
	for _, name := range []string{plan.Temp + partSuffix, plan.Temp + backSuffix + keptMark, plan.Temp + backSuffix} {
		switch err := dir.remove(name); {
		case err == nil:
			t.touched[path.Dir(plan.Path)] = true
		case ignoreAbsent(err) != nil:
			return err
		}
	}
	if err := dir.mendSwap(plan.Temp); err != nil {
		return err
	}
	temp, err := dir.lstat(plan.Temp)
	if err != nil {
		return ignoreAbsent(err)
	}
	target, err := dir.lstat(path.Base(plan.Path))
	if err != nil {
		return ignoreAbsent(err)
	}
	if temp.same(target) { // a move that was split: it has both names
		t.touched[path.Dir(plan.Path)] = true
		return dir.remove(plan.Temp)
	}
	return nil
}

// decide is the whole rule of taking back, for one file: now is what is in its
// place, temp what is under its temporary name.
//
// Before the exchange temp is the new file, whole (stage sees to that); after it
// temp is the old file, with any edit that came at the last moment; at the end it
// is gone. So a file in place that equals the new one, while temp does not, shows
// that the exchange took place.
func decide(plan filePlan, now, temp state) back {
	ours := !temp.absent() && (temp.is(plan.Pre) || temp.is(plan.Post))
	switch {
	case now.is(plan.Pre):
		return back{how: backNothing, dropTemp: ours}
	case !now.is(plan.Post) && !temp.absent() && temp.is(plan.Post): // somebody's edit, of a file that was not exchanged
		return back{how: backNothing, dropTemp: true}
	case !now.is(plan.Post): // neither: changed since
		return back{how: backKeep, dropTemp: ours}
	case temp.absent() && plan.Pre.absent():
		return back{how: backRemove}
	case temp.absent():
		return back{how: backImage}
	case temp.is(plan.Post), plan.Pre.absent(): // never exchanged: somebody else wrote the same
		return back{how: backNothing, dropTemp: ours}
	case now.absent():
		return back{how: backMove}
	}
	return back{how: backSwap, dropTemp: true}
}

func (t *taking) stageImage(index int, plan filePlan) error {
	dir, err := t.dirs.at(path.Dir(plan.Path))
	if err != nil {
		return err
	}
	t.touched[path.Dir(plan.Path)] = true
	return createSynced(dir, plan.Temp+backSuffix, plan.Pre.Mode, plan.Pre.Own, func(w io.Writer) error {
		return t.f.copyImage(index, w)
	})
}

// putBack does for one file what look found.
func (t *taking) putBack(plan filePlan, b back) error {
	if b.how == backKeep {
		t.report.Kept = append(t.report.Kept, plan.Path)
	}
	dir, err := t.dirs.at(path.Dir(plan.Path))
	if err != nil {
		return ignoreGone(err)
	}
	temp, name := plan.Temp, path.Base(plan.Path)
	if b.how == backImage {
		temp += backSuffix
	}
	switch {
	case b.how == backSwap, b.how == backImage && b.target:
		err = dir.swap(temp, name)
	case b.how == backMove, b.how == backImage:
		err = dir.move(temp, name)
	case b.how == backRemove:
		err = dir.move(name, temp)
	}
	if err != nil {
		return err
	}
	if b.how != backNothing && b.how != backKeep {
		t.report.Files = append(t.report.Files, plan.Path)
		t.touched[path.Dir(plan.Path)] = true
	}
	switch {
	case b.strange:
		t.report.Kept = append(t.report.Kept, path.Join(path.Dir(plan.Path), temp))
	case b.dropTemp && b.how != backSwap:
		t.touched[path.Dir(plan.Path)] = true
		return dir.remove(temp)
	case b.how == backSwap, b.how == backRemove, b.how == backImage && b.target:
		return t.discard(dir, plan, temp)
	}
	return nil
}

// discard removes the new file that was just taken out, unless it was edited in
// that very moment.
func (t *taking) discard(dir folder, plan filePlan, temp string) error {
	out, err := anyState(dir, temp)
	if err != nil {
		return err
	}
	if !out.is(plan.Post) {
		t.report.Kept = append(t.report.Kept, path.Join(path.Dir(plan.Path), temp))
		return nil
	}
	return dir.remove(temp)
}

// finish removes the folders that the landing made, makes all durable, and only
// then forgets the landing: by then taking it back once more would find nothing
// to do.
func (t *taking) finish() (Recovered, error) {
	for _, d := range slices.Backward(t.f.in.Make) {
		parent, err := t.dirs.at(path.Dir(d.Path))
		if err != nil {
			if ignoreGone(err) != nil {
				return t.report, where(d.Path, err)
			}
			continue
		}
		if dropFolder(parent, path.Base(d.Path)) {
			t.touched[path.Dir(d.Path)] = true
			delete(t.touched, d.Path)
			t.dirs.forget(d.Path)
		}
	}
	if err := t.dirs.sync(t.touched); err != nil {
		return t.report, err
	}
	t.j.passed("taken back")
	slices.Sort(t.report.Files)
	name := t.report.ID + landingSuffix
	var err error
	if len(t.report.Kept) > 0 {
		err = t.j.store.move(name, t.report.ID+keptSuffix)
	} else {
		err = t.j.store.remove(name)
	}
	return t.report, errors.Join(err, t.j.store.sync())
}

func modeOf(d dirPlan) fs.FileMode { return fs.FileMode(d.Mode).Perm() }

// stuckError tells that a failed landing could not be taken back yet.
type stuckError struct {
	id       string
	why, err error
}

func (e *stuckError) Error() string {
	return fmt.Sprintf("%v; taking it back failed too: %v", e.why, bare(e.err))
}
func (e *stuckError) Unwrap() error { return e.err }

// keptError tells that a landing failed and some files were changed by somebody
// while it was taken back.
type keptError struct {
	why  error
	kept []string
}

func (e *keptError) Error() string {
	return fmt.Sprintf("%v; left as somebody changed them meanwhile: %s", e.why, strings.Join(e.kept, ", "))
}
func (e *keptError) Unwrap() error { return e.why }
