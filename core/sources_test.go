package core

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestSourcesBuildElsewhere writes the embedded sources out and compiles them, as
// a project that vendors them does.
func TestSourcesBuildElsewhere(t *testing.T) {
	if _, err := exec.LookPath("cc"); err != nil {
		t.Skip("no C compiler")
	}
	folder := t.TempDir()
	if err := os.CopyFS(folder, Sources); err != nil {
		t.Fatal(err)
	}
	files, err := fs.Glob(Sources, "*.c")
	if err != nil || len(files) != 6 {
		t.Fatalf("%d sources, %v", len(files), err)
	}
	for i := range files {
		files[i] = filepath.Join(folder, files[i])
	}
	arguments := append([]string{
		"-std=c11", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-I" + filepath.Join(folder, "include"),
		"-o", filepath.Join(folder, "core.so"),
	}, files...)
	if out, err := exec.Command("cc", arguments...).CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
