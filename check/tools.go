package check

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"github.com/bitactor/cf/workspace"
	"github.com/bitactor/cf/workspace/sandbox"
)

// versionWait bounds the question for a version: a tool that hangs there tells
// nothing, but may still check.
const versionWait = 10 * time.Second

// tools finds the tools of a checker on this machine. A version is asked for
// once for each build of a program.
func (s *store) tools(ctx context.Context, stage *workspace.Stage, tools []Tool) []ToolFound {
	var out []ToolFound
	for _, t := range tools {
		found := ToolFound{Program: t.Program, For: t.For, Needed: t.Needed, Hint: t.Hint}
		if path, err := stage.Look(t.Program); err == nil {
			found.Path = path
			found.Version = s.version(ctx, stage, t, path)
		}
		out = append(out, found)
	}
	return out
}

// version returns the first line that a tool says about its version. Only one
// goroutine asks at a time: checkers share tools.
func (s *store) version(ctx context.Context, stage *workspace.Stage, t Tool, path string) string {
	args := t.Version
	if args == nil {
		args = []string{"--version"}
	}
	if len(args) == 0 {
		return ""
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	id := identity(path) + " " + strings.Join(args, " ")
	if v, ok := s.versions[id]; ok {
		return v
	}
	key := "version/" + workspace.Hash([]byte(id))
	if data, ok := s.read(key); ok {
		var v string
		if json.Unmarshal(data, &v) == nil {
			s.versions[id] = v
			return v
		}
	}
	r, err := stage.Run(ctx, sandbox.Command{Program: path, Args: args, Limits: sandbox.Limits{Wall: versionWait, OutputBytes: 8 << 10}})
	v := firstLine(r.Stdout.String())
	if v == "" {
		v = firstLine(r.Stderr.String())
	}
	if err != nil { // told by nothing: ask again the next time
		v = ""
	} else if data, err := json.Marshal(v); err == nil {
		s.write(key, data)
	}
	s.versions[id] = v
	return v
}

// firstLine returns the first line that is not blank, at most 200 bytes of it.
func firstLine(text string) string {
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" {
			return clip(line, 200)
		}
	}
	return ""
}
