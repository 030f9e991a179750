package check

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/bitactor/cf/workspace"
)

// Bounds of what is kept between runs.
const (
	entriesMax    = 512     // outcomes of all projects
	entryBytesMax = 4 << 20 // of one; a larger one is not kept
)

// store keeps outcomes, proofs and versions between runs, in files of cf's own
// that no program in the sandbox can write. Each file begins with the SHA-256 of
// the rest: one that is damaged or cut is as good as missing. Errors are not
// reported: what can't be kept is found out again.
type store struct {
	dir  string // "" keeps nothing
	key0 string // of the tree: 16 hexadecimal digits
	self string // identity of this cf: another one may check differently

	mu       sync.Mutex
	versions map[string]string
}

func openStore(cache, root string) *store {
	s := &store{key0: workspace.Hash([]byte(root))[:16], versions: map[string]string{}}
	if cache != "" {
		s.dir = filepath.Join(cache, "check")
		s.self = selfIdentity()
	}
	return s
}

// selfIdentity tells this program from another build of it.
var selfIdentity = sync.OnceValue(func() string {
	path, err := os.Executable()
	if err != nil {
		return ""
	}
	return identity(path)
})

// identity tells a program from another or an older one, by what a package
// manager changes.
func identity(path string) string {
	info, err := os.Stat(path)
	if err != nil {
		return path
	}
	real, err := filepath.EvalSymlinks(path)
	return fmt.Sprintf("%s %s %d %d", path, cmp.Or(real, fmt.Sprint(err)), info.Size(), info.ModTime().UnixNano())
}

// prints fingerprints the stage; nil where nothing is kept.
func (s *store) prints(ctx context.Context, stage *workspace.Stage) (*workspace.Prints, error) {
	if s.dir == "" {
		return nil, nil
	}
	return stage.Fingerprint(ctx, filepath.Join(s.dir, "index", s.key0))
}

// key returns the name under which the outcome of a job is kept, "" where it
// may not be kept.
func (s *store) key(r *running, j *job, tools []ToolFound) string {
	if s.dir == "" || s.self == "" || r.prints == nil {
		return ""
	}
	files := r.prints.Of(depends(r, j)...)
	if files == "" {
		return ""
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n%s\n%s\n%s\n%s\n%v\n%s\n", s.self, r.Stage.Root(), r.Stage.Box().Tier(), j.checker.Name(), j.project, r.Tests, files)
	fmt.Fprintf(&b, "%q\n%q\n%d\n", j.files, j.changed, r.DiagnosticsMax)
	for _, t := range tools {
		fmt.Fprintf(&b, "%s %s\n", t.Program, identity(t.Path))
	}
	if isAcross(j.checker) {
		fmt.Fprintf(&b, "%q\n", r.Paths)
	}
	if v, ok := j.checker.(fmt.Stringer); ok { // its settings, such as a user's command
		fmt.Fprintf(&b, "%s\n", v)
	}
	return "outcome/" + workspace.Hash([]byte(b.String()))
}

func depends(r *running, j *job) []string {
	folders := []string{j.project}
	if d, ok := j.checker.(Dependent); ok {
		t := Target{Stage: r.Stage, Project: j.project, Files: j.files, Changed: j.changed, Tests: r.Tests}
		folders = append(folders, d.Depends(t)...)
	}
	return folders
}

// kept is the form of a part on disk.
type kept struct {
	State       State
	Why, Hint   string
	Diagnostics []Diagnostic
	Tests       []Test
	Ran         []Ran
	Gaps        []Gap
	Executed    map[string]string // runs of lines, see packLines
	Testable    bool
	Dropped     int
}

// load fills p from the cache and reports whether it was there.
func (s *store) load(key string, p *Part) bool {
	if key == "" {
		return false
	}
	data, ok := s.read(key)
	if !ok {
		return false
	}
	var k kept
	if err := json.Unmarshal(data, &k); err != nil {
		return false
	}
	executed, ok := unpackLines(k.Executed)
	if !ok {
		return false
	}
	p.State, p.Why, p.Hint, p.Dropped, p.Cached = k.State, k.Why, k.Hint, k.Dropped, true
	p.Outcome = Outcome{Diagnostics: k.Diagnostics, Tests: k.Tests, Ran: k.Ran, Gaps: k.Gaps, Executed: executed, Testable: k.Testable}
	return true
}

// save keeps a part if it would be the same again: nothing flaky, nothing that
// was not checked, and no file changed while the tools ran.
func (s *store) save(ctx context.Context, r *running, key string, p *Part) {
	if key == "" || len(r.Only) > 0 || p.State == NotChecked || p.State == FlakyTests {
		return
	}
	if p.Volatile || slices.ContainsFunc(p.Tests, func(t Test) bool { return t.State == Flaky }) || p.blocked() != nil {
		return
	}
	now, err := s.prints(ctx, r.Stage)
	if err != nil || len(workspace.Changed(r.prints, now)) > 0 {
		return
	}
	data, err := json.Marshal(kept{
		State: p.State, Why: p.Why, Hint: p.Hint, Diagnostics: p.Diagnostics, Tests: p.Tests, Ran: p.Ran, Gaps: p.Gaps,
		Executed: packLines(p.Executed), Testable: p.Testable, Dropped: p.Dropped,
	})
	if err != nil || len(data) > entryBytesMax {
		return
	}
	s.write(key, data)
	s.prune(filepath.Join(s.dir, "outcome"))
}

// read returns the content kept under key.
func (s *store) read(key string) ([]byte, bool) {
	if s.dir == "" {
		return nil, false
	}
	file := filepath.Join(s.dir, filepath.FromSlash(key))
	if info, err := os.Stat(file); err != nil || info.Size() > entryBytesMax+64 {
		return nil, false
	}
	data, err := os.ReadFile(file)
	if err != nil || len(data) < 64 {
		return nil, false
	}
	body := data[64:]
	if sum := sha256.Sum256(body); hex.EncodeToString(sum[:]) != string(data[:64]) {
		_ = os.Remove(file) // damaged; the next run writes it again
		return nil, false
	}
	return body, true
}

// write keeps data under key, whole or not at all. It is not synced: a power
// cut leaves at worst a file whose hash is wrong.
func (s *store) write(key string, data []byte) {
	if s.dir == "" {
		return
	}
	file := filepath.Join(s.dir, filepath.FromSlash(key))
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return
	}
	f, err := os.CreateTemp(filepath.Dir(file), ".new-*")
	if err != nil {
		return
	}
	defer os.Remove(f.Name()) // gone already once it was renamed
	_, err = f.Write(append([]byte(workspace.Hash(data)), data...))
	if closed := f.Close(); err != nil || closed != nil {
		return
	}
	_ = os.Rename(f.Name(), file) // a cache, see above
}

// prune removes the oldest entries beyond entriesMax.
func (s *store) prune(dir string) {
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) <= entriesMax {
		return
	}
	var infos []fs.FileInfo
	for _, e := range entries {
		if info, err := e.Info(); err == nil {
			infos = append(infos, info)
		}
	}
	slices.SortFunc(infos, func(a, b fs.FileInfo) int { return b.ModTime().Compare(a.ModTime()) })
	for _, old := range infos[min(len(infos), entriesMax*3/4):] {
		_ = os.Remove(filepath.Join(dir, old.Name())) // another cf may have been faster
	}
}

// packLines writes, for each file, its counted lines as runs: "3-5y 7-7n" is that
// 3 to 5 were executed and 7 was not.
func packLines(executed map[string]map[int]bool) map[string]string {
	if executed == nil {
		return nil
	}
	out := make(map[string]string, len(executed))
	for file, of := range executed {
		out[file] = packFile(of)
	}
	return out
}

func packFile(of map[int]bool) string {
	numbers := make([]int, 0, len(of))
	for n := range of {
		numbers = append(numbers, n)
	}
	slices.Sort(numbers)
	var b bytes.Buffer
	for i := 0; i < len(numbers); {
		j := i
		for j+1 < len(numbers) && numbers[j+1] == numbers[j]+1 && of[numbers[j+1]] == of[numbers[i]] {
			j++
		}
		mark := "n"
		if of[numbers[i]] {
			mark = "y"
		}
		fmt.Fprintf(&b, "%d-%d%s ", numbers[i], numbers[j], mark)
		i = j + 1
	}
	return b.String()
}

// unpackLines is packLines's inverse; false for what it did not write.
func unpackLines(packed map[string]string) (map[string]map[int]bool, bool) {
	if packed == nil {
		return nil, true
	}
	out := make(map[string]map[int]bool, len(packed))
	for file, text := range packed {
		of := map[int]bool{}
		for _, run := range strings.Fields(text) {
			var from, to int
			var mark string
			if _, err := fmt.Sscanf(run, "%d-%d%1s", &from, &to, &mark); err != nil || from < 1 || to < from || to-from > 1<<20 {
				return nil, false
			}
			for n := from; n <= to; n++ {
				of[n] = mark == "y"
			}
		}
		out[file] = of
	}
	return out, true
}
