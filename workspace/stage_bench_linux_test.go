package workspace_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/bitactor/cf/workspace"
	"github.com/bitactor/cf/workspace/sandbox"
)

// BenchmarkStage is the time from a set of changed files to the end of a first
// program that does nothing: the staging and one start of the sandbox.
// `make bench-stage` runs it.
func BenchmarkStage(b *testing.B) {
	for _, files := range []int{0, 5000} {
		b.Run(fmt.Sprintf("files=%d", files), func(b *testing.B) {
			dir, err := filepath.EvalSymlinks(b.TempDir())
			must(b, err)
			set := &workspace.Set{}
			for i := range 5000 {
				rel := fmt.Sprintf("pkg%03d/sub/file%04d.go", i/20, i)
				must(b, os.MkdirAll(filepath.Join(dir, filepath.Dir(rel)), 0o755))
				must(b, os.WriteFile(filepath.Join(dir, rel), bytes.Repeat([]byte("old\n"), 512), 0o644))
				if i < files {
					set.Changes = append(set.Changes, workspace.Change{Path: rel, Content: bytes.Repeat([]byte("new\n"), 512)})
				}
			}
			tree, box := open(b, dir), openBox(b, false)
			if !box.Overlays() {
				b.Log("without overlays: " + box.Why())
			}
			for b.Loop() {
				stage, err := tree.Stage(b.Context(), set, box)
				must(b, err)
				_, err = stage.Run(b.Context(), sandbox.Command{Program: "/bin/true"})
				must(b, err)
				b.StopTimer()
				must(b, stage.Close())
				b.StartTimer()
			}
		})
	}
}
