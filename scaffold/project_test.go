package scaffold

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/bitactor/cf/fault"
	"github.com/bitactor/cf/workspace"
)

// folder is a project on disk; apply lands plans as a ledger would.
type folder struct {
	t    rapid.TB
	dir  string
	tree *workspace.Tree
}

func newFolder(t rapid.TB, dir string) *folder {
	t.Helper()
	tree, err := workspace.OpenFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	return &folder{t, dir, tree}
}

func (f *folder) open(c *Catalogue) *Project {
	f.t.Helper()
	p, err := OpenProject(c, f.tree, ".")
	if err != nil {
		f.t.Fatal(err)
	}
	return p
}

func (f *folder) plan(c *Catalogue, w Want) *Plan {
	f.t.Helper()
	plan, err := f.open(c).Plan(w)
	if err != nil {
		f.t.Fatal(err)
	}
	return plan
}

// apply lands blocks and returns what became of each file, without those that are
// the same.
func (f *folder) apply(c *Catalogue, blocks ...string) map[string]Action {
	f.t.Helper()
	plan := f.plan(c, Want{Blocks: blocks})
	if err := plan.Err(); err != nil {
		f.t.Fatal(err)
	}
	return f.land(plan)
}

func (f *folder) land(plan *Plan) map[string]Action {
	f.t.Helper()
	if err := plan.Remember(); err != nil {
		f.t.Fatal(err)
	}
	for _, c := range plan.Set.Changes {
		if _, ok := plan.Set.Reads[c.Path]; !ok {
			f.t.Fatalf("%s changes unread", c.Path)
		}
		f.write(c.Path, string(c.Content))
	}
	if err := plan.Landed(); err != nil {
		f.t.Fatal(err)
	}
	got := map[string]Action{}
	for _, o := range plan.Files {
		if o.Action != Same {
			got[o.Path] = o.Action
		}
	}
	return got
}

func (f *folder) write(name, text string) {
	f.t.Helper()
	full := filepath.Join(f.dir, name)
	if err := errors.Join(os.MkdirAll(filepath.Dir(full), 0o755), os.WriteFile(full, []byte(text), 0o644)); err != nil {
		f.t.Fatal(err)
	}
}

func (f *folder) read(name string) string {
	f.t.Helper()
	text, err := os.ReadFile(filepath.Join(f.dir, name))
	if err != nil {
		f.t.Fatal(err)
	}
	return string(text)
}

func (f *folder) remove(names ...string) {
	f.t.Helper()
	for _, name := range names {
		if err := os.RemoveAll(filepath.Join(f.dir, name)); err != nil {
			f.t.Fatal(err)
		}
	}
}

// all returns the files outside of the state folder.
func (f *folder) all() map[string]string {
	f.t.Helper()
	got := map[string]string{}
	err := filepath.WalkDir(f.dir, func(name string, d os.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.Name() == workspace.StateName:
			return filepath.SkipDir
		case !d.IsDir():
			rel, _ := filepath.Rel(f.dir, name)
			got[rel] = f.read(rel)
		}
		return nil
	})
	if err != nil {
		f.t.Fatal(err)
	}
	return got
}

const workerFile = "bitactor_otp/lib/w.ex"

// newer is the small catalogue with another version of the worker.
func newer(text string) fstest.MapFS {
	fsys := small()
	fsys["worker/files/"+workerFile] = &fstest.MapFile{Data: []byte(text)}
	return fsys
}

func want(t *testing.T, what string, got, want map[string]Action) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func TestApply(t *testing.T) {
	c := load(t, small())
	f := newFolder(t, t.TempDir())
	want(t, "a new project", f.apply(c, "worker"), map[string]Action{
		"bitactor_otp/mix.exs": Create, "bitactor_otp/.gitignore": Create, blocksPath: Create, workerFile: Create, "bitactor_otp/test/w.exs": Create,
	})
	before := f.all()
	want(t, "again", f.apply(c, "worker", "app"), map[string]Action{})
	want(t, "nothing named", f.apply(c), map[string]Action{})
	if diff := cmp.Diff(before, f.all()); diff != "" {
		t.Errorf("applied again:\n%s", diff)
	}

	f.write(workerFile, "one\nmine\nthree\nfour\nfive\nsix\n")
	f.remove("bitactor_otp/test/w.exs")
	want(t, "edited", f.apply(c, "health"), map[string]Action{
		workerFile: Kept, "bitactor_otp/test/w.exs": Deleted, blocksPath: Update, "bitactor_otp/lib/h.ex": Create, "bitactor_otp/bin/probe": Create,
	})
	want(t, "a new version", f.apply(load(t, newer("one\ntwo\nthree\nfour\nfive\nSIX\n"))), map[string]Action{
		workerFile: Merge, "bitactor_otp/test/w.exs": Deleted,
	})
	if got := f.read(workerFile); got != "one\nmine\nthree\nfour\nfive\nSIX\n" {
		t.Errorf("merged into %q", got)
	}
	plan := f.plan(c, Want{Restore: []string{"bitactor_otp/test/w.exs"}})
	if got := f.land(plan)["bitactor_otp/test/w.exs"]; got != Create {
		t.Errorf("a file that comes back: %q", got)
	}
}

func TestConflict(t *testing.T) {
	c := load(t, small())
	f := newFolder(t, t.TempDir())
	f.apply(c, "worker")
	f.write(workerFile, "one\nmine\nthree\nfour\nfive\nsix\n")
	plan := f.plan(load(t, newer("one\nTWO\nthree\nfour\nfive\nsix\n")), Want{})
	if err := plan.Err(); fault.KindOf(err) != fault.Conflict || fault.CodeOf(err) != CodeEdited || !strings.Contains(err.Error(), workerFile) {
		t.Errorf("%v", err)
	}
	hunks := []Hunk{{Line: 2, Base: []string{"two\n"}, Ours: []string{"mine\n"}, Theirs: []string{"TWO\n"}}}
	if diff := cmp.Diff([]Conflict{{Path: workerFile, Block: "worker", Hunks: hunks}}, plan.Conflicts); diff != "" {
		t.Error(diff)
	}

	other := newFolder(t, t.TempDir())
	other.write("bitactor_otp/mix.exs", "somebody else's\n")
	if got := other.plan(c, Want{Blocks: []string{"app"}}).Conflicts; len(got) != 1 || !got[0].Foreign {
		t.Errorf("a file of the user's own: %+v", got)
	}
}

// TestUndone: after cf undo, or a landing that did not come to its end, the blocks
// are what the files say.
func TestUndone(t *testing.T) {
	c := load(t, small())
	f := newFolder(t, t.TempDir())
	f.apply(c, "worker")
	before := f.all()
	f.apply(c, "health")
	f.remove("bitactor_otp/lib/h.ex", "bitactor_otp/bin/probe")
	f.write(blocksPath, before[blocksPath])
	if got := f.open(c).Present(); !slices.Equal(got, []string{"app", "worker"}) {
		t.Errorf("after undo there is %q", got)
	}
	want(t, "applied after undo", f.apply(c, "worker"), map[string]Action{})

	v2 := load(t, newer("one\ntwo\nthree\nfour\nfive\nSIX\n"))
	f.apply(v2)
	f.write(workerFile, "one\ntwo\nthree\nfour\nfive\nsix\n") // as undone
	want(t, "a new version, undone and applied again", f.apply(v2), map[string]Action{workerFile: Update})

	plan := f.plan(c, Want{Blocks: []string{"image"}})
	if err := plan.Remember(); err != nil { // and nothing lands
		t.Fatal(err)
	}
	if got := f.open(c).Present(); slices.Contains(got, "image") {
		t.Errorf("what did not land is there: %q", got)
	}
	want(t, "after a landing that failed", f.apply(c, "image"), map[string]Action{"docker/Dockerfile": Create, "docker/raw": Create, workerFile: Update})
}

// TestClone: without a manifest the blocks are found, and edits are kept.
func TestClone(t *testing.T) {
	c := load(t, small())
	f := newFolder(t, t.TempDir())
	f.apply(c, "worker", "health")
	f.write("bitactor_otp/mix.exs", "mine\n")
	f.remove(workspace.StateName)
	if got := f.open(c).Present(); !slices.Equal(got, []string{"app", "health", "worker"}) {
		t.Errorf("there is %q", got)
	}
	want(t, "applied", f.apply(c, "image"), map[string]Action{"bitactor_otp/mix.exs": Kept, "docker/Dockerfile": Create, "docker/raw": Create})
}

func TestCRLF(t *testing.T) {
	c := load(t, small())
	f := newFolder(t, t.TempDir())
	f.apply(c, "worker")
	crlf := func(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") }
	f.write(workerFile, crlf("one\nmine\nthree\nfour\nfive\nsix\n"))
	f.write(blocksPath, crlf(f.read(blocksPath)))
	f.apply(load(t, newer("one\ntwo\nthree\nfour\nfive\nSIX\n")), "health")
	if got := f.read(workerFile); got != crlf("one\nmine\nthree\nfour\nfive\nSIX\n") {
		t.Errorf("%q", got)
	}
	if got := f.read(blocksPath); !strings.Contains(got, "health nif BitActor.NIF.healthy?/0\r\n") {
		t.Errorf("%q", got)
	}
}

// TestDamagedManifest: nothing is lost, whatever lies in the state folder.
func TestDamagedManifest(t *testing.T) {
	c := load(t, small())
	for name, text := range map[string]string{
		"cut": "{\"version\": 1, \"proj", "no object": "[]", "other form": `{"version":1,"projects":{".":{"profile":"x","blocks":["nope"],"files":{"../../etc":["../a"]}}}}`, "empty": "",
	} {
		f := newFolder(t, t.TempDir())
		f.apply(c, "worker")
		f.write(workerFile, "one\nmine\nthree\nfour\nfive\nsix\n")
		f.write(".cf/scaffold/manifest.json", text)
		want(t, name, f.apply(c, "worker"), map[string]Action{workerFile: Kept})
	}
	f := newFolder(t, t.TempDir())
	f.write(".cf/scaffold/manifest.json", `{"version":2}`)
	if _, err := OpenProject(c, f.tree, "."); fault.CodeOf(err) != CodeBadManifest {
		t.Errorf("of a newer cf: %v", err)
	}
}

// TestAnyOrderEndsInTheSameTree also re-renders the generated module with each step.
func TestAnyOrderEndsInTheSameTree(t *testing.T) {
	c := load(t, small())
	var first map[string]string
	for seed := range uint64(20) {
		order := c.All(ProfileOTP)
		rand.New(rand.NewPCG(seed, 0)).Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
		f := newFolder(t, t.TempDir())
		for _, id := range order {
			f.apply(c, id)
		}
		if first == nil {
			first = f.all()
		}
		if diff := cmp.Diff(first, f.all()); diff != "" {
			t.Fatalf("%q ends in another tree:\n%s", order, diff)
		}
	}
}

// TestApplyKeepsEveryEdit: blocks, and new versions of them, over a project that the
// user edits in between. Either nothing lands, for lines that both changed, or every
// edit is still there, and what is new in the blocks too.
func TestApplyKeepsEveryEdit(t *testing.T) {
	landed, refused := 0, 0
	rapid.Check(t, func(r *rapid.T) {
		f := newFolder(r, t.TempDir())
		base := numbered(rapid.IntRange(1, 20).Draw(r, "lines"))
		old, err := Load(newer(base))
		if err != nil {
			r.Fatal(err)
		}
		f.apply(old, "worker", "image")
		yours := map[string]edited{}
		for _, name := range []string{workerFile, blocksPath} {
			yours[name] = randomEdit(r, f.read(name), "yours")
			f.write(name, yours[name].text)
		}
		f.write("yours.txt", "yours\n")
		gone := rapid.SampledFrom([]string{"", "docker/raw", "bitactor_otp/test/w.exs"}).Draw(r, "deleted")
		if gone != "" {
			f.remove(gone)
		}
		if rapid.Bool().Draw(r, "a clone") && gone == "" { // without a manifest nobody knows what was deleted
			f.remove(workspace.StateName)
		}
		before := f.all()
		theirs := randomEdit(r, base, "theirs")
		if theirs.text == "" {
			return
		}
		now, err := Load(newer(theirs.text))
		if err != nil {
			r.Fatal(err)
		}
		plan := f.plan(now, Want{Blocks: []string{"health"}})
		if plan.Err() != nil {
			refused++
			if diff := cmp.Diff(before, f.all()); diff != "" {
				r.Fatalf("a conflict changed the tree:\n%s", diff)
			}
			return
		}
		landed++
		f.land(plan)
		after := f.all()
		for name, e := range yours {
			if err := e.holds(after[name]); err != nil {
				r.Fatalf("%s: %v:\n%s", name, err, after[name])
			}
		}
		if _, back := after[gone]; back || after["yours.txt"] != "yours\n" {
			r.Fatalf("%q came back, or yours.txt holds %q", gone, after["yours.txt"])
		}
		if !strings.Contains(after[blocksPath], "BitActor.Health") {
			r.Fatalf("the new block is not in\n%s", after[blocksPath])
		}
		again := f.plan(now, Want{})
		if len(again.Set.Changes) > 0 || again.Err() != nil {
			r.Fatalf("a second time: %v, %v", again.Files, again.Err())
		}
	})
	if draws := landed + refused; 10*landed < draws || 10*refused < draws {
		t.Errorf("%d landed, %d did not: the test draws too few of one kind", landed, refused)
	}
}

// TestVariablesAndProfileStay: what was chosen once holds until it is chosen anew.
func TestVariablesAndProfileStay(t *testing.T) {
	c := load(t, small())
	f := newFolder(t, t.TempDir())
	f.land(f.plan(c, Want{Blocks: []string{"app"}, Vars: map[string]string{"port": "81"}, Profile: ProfileHex}))
	f.apply(c, "image")
	if got := f.read("docker/Dockerfile"); !strings.Contains(got, "EXPOSE 81\n# hex a\n") {
		t.Errorf("%q", got)
	}
	f.land(f.plan(c, Want{Vars: map[string]string{"mode": "b"}, Profile: ProfileOTP}))
	if got := f.read("docker/Dockerfile"); !strings.Contains(got, "EXPOSE 81\n# otp b\n") {
		t.Errorf("%q", got)
	}
	if got := slices.Sorted(maps.Keys(f.all())); len(got) != 5 {
		t.Error(fmt.Sprint(got))
	}
}
