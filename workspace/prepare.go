package workspace

import (
	"cmp"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/bitactor/cf/fault"
)

// want is the wanted state of one file, from a Set or from an undo.
type want struct {
	path    string
	post    state // Mode 0: keep the present file's
	from    string
	expect  func(now state) bool    // whether the present file is the one that was read; nil: any
	content func(w io.Writer) error // of post
	drop    bool                    // the file shall be gone
}

// prepared is a landing that is known to be possible.
type prepared struct {
	in      intent
	content []func(w io.Writer) error // by index of in.Files
	touches []Touch
}

// prepare looks at every target, refuses what must not be written, and leaves
// out what is so already. It changes nothing.
func (j *journal) prepare(wants []want) (*prepared, error) {
	slices.SortFunc(wants, func(a, b want) int { return strings.Compare(a.path, b.path) })
	dirs := openFolders(j.tree)
	defer dirs.close()
	p := &prepared{}
	made := map[string]bool{}
	var changed []string
	for _, w := range wants {
		now, err := j.target(dirs, w.path)
		if err != nil {
			return nil, err
		}
		if w.expect != nil && !w.expect(now) {
			changed = append(changed, w.path)
			continue
		}
		post, err := wantedState(dirs, w, now)
		if err != nil {
			return nil, err
		}
		if now.is(post) {
			continue
		}
		if !post.absent() {
			p.makeFolders(dirs, made, path.Dir(w.path))
		}
		p.in.Files = append(p.in.Files, filePlan{Path: w.path, Pre: now, Post: post})
		p.content = append(p.content, w.content)
		p.touches = append(p.touches, touchOf(w.path, now, post))
	}
	if len(changed) > 0 {
		return nil, &changedError{changed}
	}
	return p, p.nameTemps()
}

// wantedState fills in what w leaves open.
func wantedState(dirs *folders, w want, now state) (state, error) {
	if w.drop {
		return state{}, nil
	}
	post := w.post
	if !post.Own.Known {
		post.Own = now.Own
	}
	post.Mode = cmp.Or(post.Mode, now.Mode)
	if post.Mode == 0 && w.from != "" {
		dir, err := dirs.at(path.Dir(w.from))
		if err == nil {
			if m, err := dir.lstat(path.Base(w.from)); err == nil && m.mode.IsRegular() {
				post.Mode = m.mode.Perm()
			}
		}
	}
	post.Mode = cmp.Or(post.Mode, 0o644)
	return post, nil
}

func touchOf(p string, pre, post state) Touch {
	t := Touch{Path: p, Action: "change", Mode: post.Mode, Bytes: post.Size}
	switch {
	case pre.absent():
		t.Action = "create"
	case post.absent():
		t.Action = "delete"
	case pre.Hash == post.Hash:
		t.Action = "mode"
	}
	return t
}

// makeFolders adds the folders that dir lacks, outer ones first.
func (p *prepared) makeFolders(dirs *folders, made map[string]bool, dir string) {
	if made[dir] {
		return
	}
	if _, err := dirs.at(dir); err == nil {
		return
	}
	p.makeFolders(dirs, made, path.Dir(dir))
	made[dir] = true
	p.in.Make = append(p.in.Make, dirPlan{Path: dir})
}

// nameTemps gives every file a name in its folder that nobody can have guessed.
func (p *prepared) nameTemps() error {
	var random [6]byte
	if _, err := rand.Read(random[:]); err != nil {
		return err
	}
	for i := range p.in.Files {
		p.in.Files[i].Temp = fmt.Sprintf("%s%s-%d", tempPrefix, hex.EncodeToString(random[:]), i)
	}
	return nil
}

// target returns the state of the file at p, and refuses what a landing must
// not write to: whatever is not one plain file that only this path leads to.
func (j *journal) target(dirs *folders, p string) (state, error) {
	dir, err := dirs.at(path.Dir(p))
	if errors.Is(err, fs.ErrNotExist) {
		return state{}, nil
	}
	if err != nil {
		return state{}, refuseTarget(p, err)
	}
	m, err := dir.lstat(path.Base(p))
	if errors.Is(err, fs.ErrNotExist) {
		return state{}, nil
	}
	switch {
	case err != nil:
		return state{}, err
	case irregular(m) != nil:
		return state{}, refuseTarget(p, irregular(m))
	case m.mount:
		return state{}, refuseTarget(p, errMount)
	case m.links > 1:
		return state{}, refuseTarget(p, fmt.Errorf("a hard link: the same file has %d names", m.links))
	case m.mode&(fs.ModeSetuid|fs.ModeSetgid|fs.ModeSticky) != 0:
		return state{}, refuseTarget(p, fmt.Errorf("it has the mode %v", m.mode))
	}
	now, err := stateOf(dir, path.Base(p))
	if err != nil {
		return state{}, where(p, err)
	}
	return now, nil
}

// refuseTarget says why p is never written; err may be about a folder above it.
func refuseTarget(p string, err error) error {
	var above *whereError
	if errors.As(err, &above) {
		switch {
		case errors.Is(err, errLink), errors.Is(err, errMount), errors.Is(err, errNoFolder):
			return fault.New(fault.Refused, CodeTarget, "its folder %s is %w", quote(above.path), above.err).On("write", quote(p))
		}
		return err
	}
	return fault.New(fault.Refused, CodeTarget, "it is %w", err).On("write", quote(p))
}

// checkRoom refuses a landing that can't fit, before anything is written.
func (j *journal) checkRoom(p *prepared) error {
	tree, err := j.tree.room()
	if err != nil {
		return err
	}
	store, err := j.store.room()
	if err != nil {
		return err
	}
	if tree.pseudo {
		return fault.New(fault.Refused, CodeTarget, "the root is on a file system that is not made of files").On("write", "")
	}
	if tree.readOnly || store.readOnly {
		return readOnlyError
	}
	var fresh, stored, largest int64
	for _, f := range p.in.Files {
		fresh += f.Post.Size + blockBytes
		stored += f.Pre.Size + f.Pre.Size/copyBytes*(recordHead+imageIndexBytes) + blockBytes
		largest = max(largest, f.Post.Size)
	}
	switch limit := fileBytesLimit(); {
	case max(largest, stored) > limit:
		return &roomError{fmt.Sprintf("files may have at most %d bytes here (ulimit -f)", limit)}
	case tree.free >= 0 && fresh > tree.free:
		return &roomError{fmt.Sprintf("the disk has %d bytes left, and %d are needed", tree.free, fresh)}
	case store.free >= 0 && stored > store.free:
		return &roomError{fmt.Sprintf("the disk of cf's state folder has %d bytes left, and %d are needed to keep what is replaced", store.free, stored)}
	}
	return nil
}

// blockBytes is what a small file or an entry of a folder takes at most on the
// usual file systems.
const blockBytes = 4096

// roomError tells that there is no room, in words.
type roomError struct{ why string }

func (e *roomError) Error() string { return e.why }
