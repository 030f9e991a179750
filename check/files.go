package check

import (
	"cmp"
	"context"
	"path"
	"slices"
	"strings"

	"github.com/bitactor/cf/fault"
	"github.com/bitactor/cf/workspace"
)

// CodeNoPath is the fault of a path to be checked where nothing is [Usage].
const CodeNoPath = "nothing-to-check"

// headBytes is how much of a file a checker sees when its name does not tell.
// A licence of some lines may come before what tells the kind.
const headBytes = 4096

// headBytesMax bounds the files that no checker knows by name and that are
// opened all the same, in bytes: a script without a suffix is small.
const headBytesMax = 256 << 10

// formats are suffixes of files whose kind only the content tells.
var formats = []string{".yaml", ".yml", ".json", ".toml"}

// job is one checker's work on one project.
type job struct {
	checker Checker
	order   int // of the checker
	project string
	files   []string
	changed []string
	whole   bool
}

// selection is what there is to do.
type selection struct {
	jobs      []*job
	unmatched []string
	unlisted  string
}

// choose finds the files under the request's paths and groups them by checker
// and nearest project.
func choose(ctx context.Context, r *Request) (*selection, error) {
	files, unlisted, err := listed(ctx, r.Stage, r.Paths)
	if err != nil {
		return nil, err
	}
	s := &selection{unlisted: unlisted}
	finder := projects{stage: r.Stage, known: map[string]bool{}, adopted: map[string]map[string]string{}}
	byKey := map[[2]string]*job{}
	at := func(i int, project string, whole bool) *job {
		key := [2]string{r.Checkers[i].Name(), project}
		if byKey[key] == nil {
			byKey[key] = &job{checker: r.Checkers[i], order: i, project: project, whole: whole}
			s.jobs = append(s.jobs, byKey[key])
		}
		return byKey[key]
	}
	covered := false
	for i, c := range r.Checkers {
		if isWhole(c) {
			at(i, ".", true)
			covered = covered || !isAcross(c)
		}
	}
	for _, f := range files {
		matched := matching(r, f)
		for _, i := range matched {
			project, err := finder.of(ctx, f.Path, r.Checkers[i])
			if err != nil {
				return nil, err
			}
			j := at(i, project, false)
			j.files = append(j.files, f.Path)
			if r.touches(f.Path) {
				j.changed = append(j.changed, f.Path)
			}
		}
		if len(matched) == 0 && !covered {
			s.unmatched = append(s.unmatched, f.Path)
		}
	}
	slices.SortStableFunc(s.jobs, func(a, b *job) int {
		return cmp.Or(cmp.Compare(a.order, b.order), strings.Compare(a.project, b.project))
	})
	return s, nil
}

func isWhole(c Checker) bool {
	w, ok := c.(Whole)
	return ok && w.Whole()
}

func isAcross(c Checker) bool {
	a, ok := c.(Across)
	return ok && a.Across()
}

// matching returns the indexes of the checkers that want the file.
func matching(r *Request, f workspace.File) []int {
	ask := func(head []byte) []int {
		var out []int
		for i, c := range r.Checkers {
			if !isWhole(c) && c.Match(f.Path, head) {
				out = append(out, i)
			}
		}
		return out
	}
	byName := ask(nil)
	suffix := path.Ext(f.Path)
	if slices.Contains(formats, suffix) || (len(byName) == 0 && f.Size > 0 && f.Size <= headBytesMax) {
		if data, err := r.Stage.Read(f.Path); err == nil && len(data) > 0 {
			return ask(data[:min(len(data), headBytes)])
		}
	}
	return byName
}

// listed returns the files under the paths, sorted, each once. Paths that the
// change deletes hold nothing to check.
func listed(ctx context.Context, s *workspace.Stage, paths []string) (files []workspace.File, unlisted string, err error) {
	if len(paths) == 0 {
		paths = []string{"."}
	}
	for _, p := range paths {
		p = path.Clean(p)
		switch kind := s.Kind(p); {
		case kind == "file":
			files = append(files, workspace.File{Path: p, Size: 1})
		case kind == "folder":
			l, err := s.List(ctx, workspace.ListOptions{Under: p})
			if err != nil {
				return nil, "", err
			}
			files = append(files, l.Files...)
			if l.Stopped != "" {
				unlisted = l.Stopped
			}
		case deletes(s, p):
		default:
			return nil, "", fault.New(fault.Usage, CodeNoPath, "no file or folder is there").On("check", p)
		}
	}
	slices.SortFunc(files, func(a, b workspace.File) int { return strings.Compare(a.Path, b.Path) })
	return slices.CompactFunc(files, func(a, b workspace.File) bool { return a.Path == b.Path }), unlisted, nil
}

func deletes(s *workspace.Stage, p string) bool {
	return slices.ContainsFunc(s.Set().Changes, func(c workspace.Change) bool { return c.Delete && c.Path == p })
}

// projects finds the nearest project of a folder.
type projects struct {
	stage   *workspace.Stage
	known   map[string]bool              // path of a marker -> whether it is there
	adopted map[string]map[string]string // checker's name -> folder -> the project that has it
}

// of returns the project of a file: the nearest, else one that adopts its folder,
// else ".".
func (p projects) of(ctx context.Context, file string, c Checker) (string, error) {
	nearest := p.nearest(path.Dir(file), c.Markers())
	a, ok := c.(Adopter)
	if !ok || nearest != "." || slices.ContainsFunc(c.Markers(), p.has) {
		return nearest, nil
	}
	if p.adopted[c.Name()] == nil {
		if err := p.adopt(ctx, c, a); err != nil {
			return "", err
		}
	}
	for dir := path.Dir(file); dir != "."; dir = path.Dir(dir) {
		if project, ok := p.adopted[c.Name()][dir]; ok {
			return project, nil
		}
	}
	return nearest, nil
}

// adopt asks all projects of a checker for the folders that they have elsewhere. Of
// two that have the same one, the first by name gets it.
func (p projects) adopt(ctx context.Context, c Checker, a Adopter) error {
	l, err := p.stage.List(ctx, workspace.ListOptions{})
	if err != nil {
		return err
	}
	folders := map[string]string{}
	for _, f := range l.Files {
		if !slices.Contains(c.Markers(), path.Base(f.Path)) {
			continue
		}
		for _, dir := range a.Adopts(p.stage, path.Dir(f.Path)) {
			if _, taken := folders[dir]; !taken {
				folders[dir] = path.Dir(f.Path)
			}
		}
	}
	p.adopted[c.Name()] = folders
	return nil
}

// nearest returns the nearest folder at or above dir that holds one of the
// markers, "." where none does.
func (p projects) nearest(dir string, markers []string) string {
	for at := dir; len(markers) > 0; at = path.Dir(at) {
		for _, m := range markers {
			if p.has(path.Join(at, m)) {
				return at
			}
		}
		if at == "." {
			break
		}
	}
	return "."
}

func (p projects) has(rel string) bool {
	is, asked := p.known[rel]
	if !asked {
		is = p.stage.Kind(rel) == "file"
		p.known[rel] = is
	}
	return is
}
