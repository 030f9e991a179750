package workspace

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// memDisk is a file system in memory that can lose power: what was written, and
// every change of a folder, is lost unless it was synced, in any combination.
// It is stricter than a real one, which keeps the order of its folders' changes.
type memDisk struct {
	nodes   []*memNode
	effects []effect // not synced yet, in order
	plain   bool     // no exchanging rename, no rename that refuses to replace
	ops     int      // changing operations so far
	serial  uint64
	// before is asked before each changing operation or sync; an error is what
	// the operation returns.
	before func(op string, n int) error
	steps  []string // names of the operations
	broken []string // files that were synced again after a failed sync
}

// memNode is a file or folder.
type memNode struct {
	ino     uint64
	dir     bool
	mode    fs.FileMode
	data    []byte
	entries map[string]*memNode
	// what a loss of power leaves
	keptMode    fs.FileMode
	keptData    []byte
	keptEntries map[string]*memNode
	syncFailed  bool
}

// effect is one change that a sync of node makes durable.
type effect struct {
	node    *memNode
	data    []byte
	at      int64 // of data
	cut     bool  // truncates to at
	mode    fs.FileMode
	entries map[string]*memNode // nil: removed
}

func newMemDisk() *memDisk { return &memDisk{} }

var errKilled = errors.New("killed")

// killAt has every operation from the n-th on fail, as if the process had been
// killed before it.
func (d *memDisk) killAt(n int) {
	d.before = func(_ string, at int) error {
		if at >= n {
			return errKilled
		}
		return nil
	}
}

func (d *memDisk) op(name string) error {
	d.ops++
	d.steps = append(d.steps, name)
	if d.before == nil {
		return nil
	}
	return d.before(name, d.ops-1)
}

func (d *memDisk) node(dir bool, mode fs.FileMode) *memNode {
	d.serial++
	n := &memNode{ino: d.serial, dir: dir, mode: mode, keptMode: mode}
	if dir {
		n.entries, n.keptEntries = map[string]*memNode{}, map[string]*memNode{}
	}
	d.nodes = append(d.nodes, n)
	return n
}

// folder returns a new durable folder that hangs nowhere: a root.
func (d *memDisk) folder() *memFolder { return &memFolder{d, d.node(true, 0o755)} }

func (d *memDisk) do(e effect) {
	e.apply(&e.node.data, &e.node.mode, e.node.entries)
	d.effects = append(d.effects, e)
}

func (e effect) apply(data *[]byte, mode *fs.FileMode, entries map[string]*memNode) {
	for name, n := range e.entries {
		if n == nil {
			delete(entries, name)
		} else {
			entries[name] = n
		}
	}
	if e.mode != 0 {
		*mode = e.mode
	}
	if e.cut {
		*data = slices.Clone((*data)[:min(e.at, int64(len(*data)))])
	}
	if e.data != nil {
		grown := make([]byte, max(int64(len(*data)), e.at+int64(len(e.data))))
		copy(grown, *data)
		copy(grown[e.at:], e.data)
		*data = grown
	}
}

func (d *memDisk) sync(n *memNode, what string) error {
	if n.syncFailed && !n.dir {
		d.broken = append(d.broken, what)
	}
	if err := d.op("sync " + what); err != nil {
		n.syncFailed = true
		return err
	}
	rest := d.effects[:0:0]
	for _, e := range d.effects {
		if e.node == n {
			e.apply(&n.keptData, &n.keptMode, n.keptEntries)
		} else {
			rest = append(rest, e)
		}
	}
	d.effects = rest
	return nil
}

// settle makes all durable.
func (d *memDisk) settle() {
	for _, e := range d.effects {
		e.apply(&e.node.keptData, &e.node.keptMode, e.node.keptEntries)
	}
	d.effects = nil
}

// afterLoss returns the disk as it is after a loss of power that only the
// unsynced effects survive that survive says yes to; the folders given are
// looked up in it. All surviving is the end of a process without a loss of power.
func (d *memDisk) afterLoss(survives func(i int) bool, roots ...*memFolder) (*memDisk, []*memFolder) {
	twin := map[*memNode]*memNode{}
	e := &memDisk{plain: d.plain}
	for _, n := range d.nodes {
		twin[n] = e.node(n.dir, n.keptMode)
		twin[n].keptData = n.keptData
	}
	for _, n := range d.nodes {
		for name, child := range n.keptEntries {
			twin[n].keptEntries[name] = twin[child]
		}
	}
	for i, f := range d.effects {
		if !survives(i) {
			continue
		}
		t := twin[f.node]
		f.entries = maps.Clone(f.entries)
		for name, child := range f.entries {
			if child != nil {
				f.entries[name] = twin[child]
			}
		}
		f.apply(&t.keptData, &t.keptMode, t.keptEntries)
	}
	for _, n := range e.nodes {
		n.mode, n.data, n.entries = n.keptMode, n.keptData, maps.Clone(n.keptEntries)
	}
	var found []*memFolder
	for _, r := range roots {
		found = append(found, &memFolder{e, twin[r.n]})
	}
	return e, found
}

func all(int) bool { return true }

// memFolder is an open folder of a memDisk.
type memFolder struct {
	d *memDisk
	n *memNode
}

func (f *memFolder) Close() error { return nil }

func (f *memFolder) find(name string) (*memNode, error) {
	if name == "." {
		return f.n, nil
	}
	if n := f.n.entries[name]; n != nil {
		return n, nil
	}
	return nil, &fs.PathError{Op: "find", Path: name, Err: syscall.ENOENT}
}

func (f *memFolder) set(op string, entries map[string]*memNode) error {
	if err := f.d.op(op); err != nil {
		return err
	}
	f.d.do(effect{node: f.n, entries: entries})
	return nil
}

func (f *memFolder) sub(name string) (folder, error) {
	n, err := f.find(name)
	if err != nil {
		return nil, err
	}
	if n.mode&fs.ModeSymlink != 0 {
		return nil, errLink
	}
	if !n.dir {
		return nil, errNoFolder
	}
	return &memFolder{f.d, n}, nil
}

func (f *memFolder) lstat(name string) (meta, error) {
	n, err := f.find(name)
	if err != nil {
		return meta{}, err
	}
	m := meta{mode: n.mode, size: int64(len(n.data)), dev: 1, ino: n.ino, own: owner{Known: true}}
	if n.dir {
		m.mode |= fs.ModeDir
	}
	for _, dir := range f.d.nodes {
		for _, child := range dir.entries {
			if child == n {
				m.links++
			}
		}
	}
	return m, nil
}

func (f *memFolder) open(name string) (handle, error) {
	n, err := f.find(name)
	if err != nil {
		return nil, err
	}
	if n.dir || !n.mode.IsRegular() {
		return nil, errNoFile
	}
	return &memFile{f.d, n, name, 0}, nil
}

func (f *memFolder) create(name string, mode fs.FileMode, _ owner) (handle, error) {
	if f.n.entries[name] != nil {
		return nil, &fs.PathError{Op: "create", Path: name, Err: syscall.EEXIST}
	}
	n := f.d.node(false, 0o600)
	if err := f.set("create "+name, map[string]*memNode{name: n}); err != nil {
		return nil, err
	}
	f.d.do(effect{node: n, mode: mode})
	return &memFile{f.d, n, name, 0}, nil
}

func (f *memFolder) resume(name string, at int64) (handle, error) {
	n, err := f.find(name)
	if err != nil {
		return nil, err
	}
	if err := f.d.op("truncate " + name); err != nil {
		return nil, err
	}
	f.d.do(effect{node: n, at: at, cut: true})
	return &memFile{f.d, n, name, at}, nil
}

func (f *memFolder) mkdir(name string, mode fs.FileMode) error {
	if f.n.entries[name] != nil {
		return &fs.PathError{Op: "mkdir", Path: name, Err: syscall.EEXIST}
	}
	if mode == 0 {
		mode = 0o755
	}
	n := f.d.node(true, mode)
	return f.set("mkdir "+name, map[string]*memNode{name: n})
}

func (f *memFolder) remove(name string) error {
	n, err := f.find(name)
	if err != nil {
		return err
	}
	if len(n.entries) > 0 {
		return &fs.PathError{Op: "remove", Path: name, Err: syscall.ENOTEMPTY}
	}
	return f.set("remove "+name, map[string]*memNode{name: nil})
}

func (f *memFolder) swap(temp, target string) error {
	a, err := f.find(temp)
	if err != nil {
		return err
	}
	b, err := f.find(target)
	if err != nil {
		return err
	}
	if !f.d.plain {
		return f.set("swap "+target, map[string]*memNode{temp: b, target: a})
	}
	if err := f.set("link "+target, map[string]*memNode{temp + keptMark: b}); err != nil {
		return err
	}
	if err := f.set("replace "+target, map[string]*memNode{temp: nil, target: a}); err != nil {
		return errors.Join(err, f.remove(temp+keptMark))
	}
	return f.set("rename "+temp+keptMark, map[string]*memNode{temp: b, temp + keptMark: nil})
}

func (f *memFolder) mendSwap(temp string) error {
	kept := f.n.entries[temp+keptMark]
	switch {
	case kept == nil:
		return nil
	case f.n.entries[temp] == nil:
		return f.set("rename "+temp+keptMark, map[string]*memNode{temp: kept, temp + keptMark: nil})
	}
	return f.remove(temp + keptMark)
}

func (f *memFolder) move(from, to string) error {
	n, err := f.find(from)
	if err != nil {
		return err
	}
	if f.n.entries[to] != nil {
		return &fs.PathError{Op: "move", Path: to, Err: syscall.EEXIST}
	}
	if !f.d.plain {
		return f.set("move "+to, map[string]*memNode{from: nil, to: n})
	}
	if err := f.set("link "+to, map[string]*memNode{to: n}); err != nil {
		return err
	}
	return f.remove(from)
}

func (f *memFolder) sync() error { return f.d.sync(f.n, "folder") }

func (f *memFolder) names() ([]string, error) { return slices.Collect(maps.Keys(f.n.entries)), nil }

func (f *memFolder) room() (room, error) { return room{free: -1}, nil }

// memFile is an open file of a memDisk.
type memFile struct {
	d    *memDisk
	n    *memNode
	name string
	at   int64
}

func (f *memFile) Close() error { return nil }
func (f *memFile) sync() error  { return f.d.sync(f.n, f.name) }

func (f *memFile) Write(p []byte) (int, error) {
	if err := f.d.op("write " + f.name); err != nil {
		return 0, err
	}
	f.d.do(effect{node: f.n, at: f.at, data: slices.Clone(p)})
	f.at += int64(len(p))
	return len(p), nil
}

func (f *memFile) ReadAt(p []byte, at int64) (int, error) {
	if at >= int64(len(f.n.data)) {
		return 0, io.EOF
	}
	n := copy(p, f.n.data[at:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (f *memFile) meta() (meta, error) {
	return meta{mode: f.n.mode, size: int64(len(f.n.data)), dev: 1, ino: f.n.ino, links: 1}, nil
}

// put writes a durable file, with its folders.
func (f *memFolder) put(t testing.TB, name, content string, mode fs.FileMode) {
	t.Helper()
	at := f.n
	for dir := range strings.SplitSeq(path.Dir(name), "/") {
		if dir == "." {
			continue
		}
		if at.entries[dir] == nil {
			f.d.do(effect{node: at, entries: map[string]*memNode{dir: f.d.node(true, 0o755)}})
		}
		at = at.entries[dir]
	}
	n := f.d.node(false, mode)
	f.d.do(effect{node: at, entries: map[string]*memNode{path.Base(name): n}})
	f.d.do(effect{node: n, data: []byte(content)})
	f.d.settle()
}

// snapshot maps each path to mode and content.
func (f *memFolder) snapshot() map[string]string {
	found := map[string]string{}
	var walk func(n *memNode, at string)
	walk = func(n *memNode, at string) {
		for name, child := range n.entries {
			p := path.Join(at, name)
			if child.dir {
				found[p+"/"] = child.mode.String()
				walk(child, p)
			} else {
				found[p] = fmt.Sprintf("%v %s", child.mode, child.data)
			}
		}
	}
	walk(f.n, "")
	return found
}

// forget drops the nodes that nothing names any more, after settle.
func (d *memDisk) forget(roots ...*memFolder) {
	d.nodes = d.nodes[:0]
	var walk func(n *memNode)
	walk = func(n *memNode) {
		d.nodes = append(d.nodes, n)
		for _, child := range n.entries {
			walk(child)
		}
	}
	for _, r := range roots {
		walk(r.n)
	}
}
