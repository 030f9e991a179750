package patch

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"

	"github.com/bitactor/cf/fault"
	"github.com/bitactor/cf/workspace"
)

// Source is the tree that a patch is for; *workspace.Tree is one.
type Source interface {
	Kind(rel string) string
	ReadToChange(rel string, limit int64) ([]byte, fs.FileMode, error)
	Working() string
}

// Result is what a patch comes to in a tree.
type Result struct {
	Set   *workspace.Set
	Base  string    // folder that the diff's paths are relative to, "" for the root
	Files []Outcome // in the diff's order
}

// Outcome is what becomes of one file of the diff.
type Outcome struct {
	Path, From     string // From only of a renamed or copied file
	Action         string // "create", "change", "delete", "rename", "copy", "mode", "none"
	Added, Removed int    // lines
	Moves          []Move
	CRLF           bool // the diff's line feeds became the file's CRLF
}

// Move is a hunk that lands elsewhere than its header says.
type Move struct {
	Hunk     int // from 1
	From, To int // lines, from 1
}

// state is a file at one moment of applying.
type state struct {
	data   []byte
	mode   fs.FileMode
	exists bool
	from   string
	set    bool // written by an entry of the diff, not only taken away
}

type maker struct {
	src    Source
	limits Limits
	reads  map[string]string
	before map[string]state
	now    map[string]state
	leaves map[string]bool // paths that some entry deletes or renames away
	base   string
}

// Apply works out what p comes to in src; nothing is written. All errors are of
// kind fault.Refused; one with CodeMismatch wraps a *Mismatch.
func (p *Patch) Apply(src Source) (*Result, error) {
	m := &maker{
		src: src, limits: p.limits, reads: map[string]string{}, before: map[string]state{},
		now: map[string]state{}, leaves: map[string]bool{}, base: p.base(src, src.Working()),
	}
	type step struct {
		file          *File
		before, after string
	}
	var steps []step
	for i := range p.Files {
		f := &p.Files[i]
		before, after, err := f.paths(func(rel string) bool { return src.Kind(path.Join(m.base, rel)) == "file" })
		if err != nil {
			return nil, err
		}
		before, after = m.inBase(before), m.inBase(after)
		steps = append(steps, step{f, before, after})
		if f.Deleted || f.New.null || f.Renamed {
			m.leaves[before] = true
		}
	}
	r := &Result{Base: m.base}
	for _, s := range steps {
		out, err := m.file(s.file, s.before, s.after)
		if err != nil {
			return nil, err
		}
		r.Files = append(r.Files, out)
	}
	var err error
	r.Set, err = m.finish()
	return r, err
}

func (m *maker) inBase(rel string) string {
	if rel == "" {
		return ""
	}
	return path.Join(m.base, rel)
}

// original returns what the tree holds at rel.
func (m *maker) original(rel string) (state, error) {
	if s, known := m.before[rel]; known {
		return s, nil
	}
	data, mode, err := m.src.ReadToChange(rel, m.limits.FileBytes)
	s := state{data: data, mode: mode, exists: true}
	if fault.CodeOf(err) == workspace.CodeAbsent {
		s, err = state{}, nil
	}
	if err != nil {
		return s, refuse(codeOfRead(err), "%w", err)
	}
	m.before[rel] = s
	if m.reads[rel] = ""; s.exists {
		m.reads[rel] = workspace.Hash(data)
	}
	return s, nil
}

func codeOfRead(err error) string {
	switch fault.CodeOf(err) {
	case workspace.CodeBinary:
		return CodeBinary
	case workspace.CodeTooBig:
		return CodeBig
	case workspace.CodeNotRegular:
		return CodeKind
	case workspace.CodeOutside, workspace.CodeBadPath:
		return CodePath
	}
	return CodeAbsent
}

// current returns what rel holds after the entries so far.
func (m *maker) current(rel string) (state, error) {
	if s, changed := m.now[rel]; changed {
		return s, nil
	}
	return m.original(rel)
}

// free refuses a path that a created or renamed file would overwrite.
func (m *maker) free(f *File, rel string) error {
	now, changed := m.now[rel]
	was, err := m.original(rel)
	if err != nil {
		return err
	}
	if changed && now.set || was.exists && !m.leaves[rel] {
		return refuse(CodeExists, "the diff makes this file (line %d), and it is there already", f.Line).On("apply", rel)
	}
	return nil
}

// file carries out one entry of the diff.
func (m *maker) file(f *File, before, after string) (Outcome, error) {
	if f.created(m, after) {
		return m.create(f, after)
	}
	out := Outcome{Path: after, Action: "change"}
	// The names of renames and copies are those of the tree before the diff, in
	// whatever order its entries stand; a further change of a file that the diff
	// changed before builds on that (previous_patch in git's apply.c).
	get := m.current
	if f.Renamed || f.Copied {
		get, out.From, out.Action = m.original, before, "copy"
		if err := m.free(f, after); err != nil {
			return out, err
		}
	}
	was, err := get(before)
	if err != nil {
		return out, err
	}
	if !was.exists {
		return out, refuse(CodeAbsent, "the diff changes this file (line %d), and it is not there", f.Line).On("apply", before)
	}
	next := state{exists: true, set: true, mode: newMode(was.mode, f)}
	if next.data, err = m.hunks(f, before, was.data, &out); err != nil {
		return out, err
	}
	switch {
	case f.Deleted || f.New.null || f.New.epoch && len(next.data) == 0:
		out.Path, out.Action = before, "delete"
		if len(next.data) > 0 {
			return out, refuse(CodeMismatch, "the diff deletes this file (line %d) without naming all of its text", f.Line).On("apply", before)
		}
		m.now[before] = state{}
		return out, nil
	case f.Renamed:
		out.Action, next.from = "rename", before
		if now := m.now[before]; !now.set {
			m.now[before] = state{}
		}
	case len(f.Hunks) == 0 && next.mode == was.mode && !f.Copied:
		out.Action = "none"
	case len(f.Hunks) == 0 && !f.Copied:
		out.Action = "mode"
	}
	m.now[after] = next
	return out, m.fits(after, next.data)
}

// created tells whether the entry makes a file. diff -u without -N does not say
// so: an old side of no lines of a file that is not there does.
func (f *File) created(m *maker, rel string) bool {
	return f.Created || f.Old.null || f.Old.epoch || !f.Git && len(f.Hunks) == 1 &&
		f.Hunks[0].OldStart == 0 && f.Hunks[0].OldLines == 0 && m.src.Kind(rel) == "" && !m.now[rel].exists
}

func (m *maker) create(f *File, rel string) (Outcome, error) {
	out := Outcome{Path: rel, Action: "create"}
	if err := m.free(f, rel); err != nil {
		return out, err
	}
	next := state{exists: true, set: true, mode: newMode(0o644, f)}
	var err error
	if next.data, err = m.hunks(f, rel, nil, &out); err != nil {
		return out, err
	}
	m.now[rel] = next
	return out, m.fits(rel, next.data)
}

// newMode is mode with the only bit that git keeps: executable or not, for whom
// may read.
func newMode(mode fs.FileMode, f *File) fs.FileMode {
	switch {
	case f.NewMode == 0:
		return mode
	case f.NewMode&0o111 != 0:
		return mode | mode&0o444>>2
	}
	return mode &^ 0o111
}

func (m *maker) fits(rel string, data []byte) error {
	switch {
	case int64(len(data)) > m.limits.FileBytes:
		return refuse(CodeBig, "becomes larger than %d KiB", m.limits.FileBytes>>10).On("apply", rel)
	case workspace.Binary(data):
		return refuse(CodeBinary, "becomes something else than text").On("apply", rel)
	}
	return nil
}

// finish makes the set of what is different now.
func (m *maker) finish() (*workspace.Set, error) {
	set := &workspace.Set{Reads: m.reads}
	for _, rel := range slices.Sorted(maps.Keys(m.now)) {
		was, err := m.original(rel)
		if err != nil {
			return nil, err
		}
		now := m.now[rel]
		switch {
		case !now.exists && was.exists:
			set.Changes = append(set.Changes, workspace.Change{Path: rel, Delete: true})
		case now.exists && (!was.exists || now.mode != was.mode || !bytes.Equal(now.data, was.data)):
			set.Changes = append(set.Changes, workspace.Change{Path: rel, Content: now.data, Mode: now.mode, From: now.from})
		}
	}
	switch {
	case len(set.Changes) == 0:
		return nil, refuse(CodeEmpty, "the tree is already as the diff would make it").On("apply", "")
	case len(set.Changes) > m.limits.Files:
		return nil, refuse(CodeBig, "changes more than %d files", m.limits.Files).On("apply", "")
	}
	return set, nil
}

// AsMismatch returns the mismatch that err wraps, nil if it wraps none.
func AsMismatch(err error) *Mismatch {
	var m *Mismatch
	if errors.As(err, &m) {
		return m
	}
	return nil
}

func lineWord(n int) string { return fmt.Sprintf("line %d", n) }
