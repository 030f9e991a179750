package tool

import (
	"context"
	"path"
	"slices"
	"strings"

	"github.com/bitactor/cf/check"
	"github.com/bitactor/cf/workspace"
)

// Project returns the files of c's kind in the project, sorted: those that are
// asked about, and those beside them, which a check of a change is not asked about
// and whose tests cover it all the same. Files of projects further down are left
// out.
func (s *Session) Project(ctx context.Context, c check.Checker) ([]string, error) {
	list, err := s.Target.Stage.List(ctx, workspace.ListOptions{Under: s.Target.Project})
	if err != nil {
		return nil, err
	}
	var below []string // folders of other projects, "/" at the end
	for _, f := range list.Files {
		dir := path.Dir(f.Path)
		if dir != path.Clean(s.Target.Project) && slices.Contains(c.Markers(), path.Base(f.Path)) {
			below = append(below, dir+"/")
		}
	}
	files := s.Present(s.Target.Files)
	for _, f := range list.Files {
		inside := slices.ContainsFunc(below, func(dir string) bool { return strings.HasPrefix(f.Path, dir) })
		if !inside && c.Match(f.Path, nil) {
			files = append(files, f.Path)
		}
	}
	slices.Sort(files)
	return slices.Compact(files), nil
}
