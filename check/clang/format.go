package clang

import (
	"context"
	"path/filepath"

	"github.com/bitactor/cf/check"
	"github.com/bitactor/cf/check/tool"
)

// Formats tells whether clang-format found d.
func (checker) Formats(d check.Diagnostic) bool { return d.Tool == "clang-format" }

// Format returns a file as clang-format writes it by the project's .clang-format.
func (checker) Format(ctx context.Context, t check.Target, file string) ([]byte, error) {
	program, ok := tool.Look(t.Stage, "clang-format")
	if !ok {
		return nil, nil
	}
	s := tool.Begin(t, Name, limits)
	defer s.Close()
	return s.Filter(ctx, tool.Call{
		Step: "format", Tool: "clang-format", Program: program, Dir: t.Project,
		Args: []string{"--style=file", "--assume-filename=" + filepath.Join(t.Stage.Root(), filepath.FromSlash(file))},
	}, file)
}
