package golang

import (
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/gofrs/flock"

	"github.com/bitactor/cf/check"
	"github.com/bitactor/cf/check/checktest"
	"github.com/bitactor/cf/workspace"
	"github.com/bitactor/cf/workspace/sandbox"
)

// home returns a folder that is kept between runs of the tests, held until
// this run ends: the first build of a project compiles the standard library, and
// build caches go by project.
var home = sync.OnceValue(func() string {
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir()
	}
	dir := filepath.Join(cache, "cf-test", "golang")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		panic(err)
	}
	if err := flock.New(filepath.Join(dir, "lock")).Lock(); err != nil {
		panic(err)
	}
	return dir
})

// stage lays files out in the one tree of these tests.
func stage(t *testing.T, files map[string]string, environ []string) *workspace.Stage {
	t.Helper()
	root := filepath.Join(home(), "tree")
	must(t, os.RemoveAll(root))
	must(t, os.Mkdir(root, 0o755))
	for name, text := range files {
		full := filepath.Join(root, filepath.FromSlash(name))
		must(t, os.MkdirAll(filepath.Dir(full), 0o755))
		must(t, os.WriteFile(full, []byte(text), 0o644))
	}
	tree, err := workspace.OpenFolder(root)
	must(t, err)
	t.Cleanup(func() { tree.Close() })
	if environ == nil {
		environ = os.Environ()
	}
	box, err := sandbox.Open(t.Context(), sandbox.Options{Environ: environ, Cache: filepath.Join(home(), "cache")})
	must(t, err)
	s, err := tree.Stage(t.Context(), &workspace.Set{}, box)
	must(t, err)
	t.Cleanup(func() { s.Close() })
	return s
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// look checks files, all of them changed or only those named.
func look(t *testing.T, files map[string]string, changed ...string) check.Outcome {
	t.Helper()
	out, err := New().Check(t.Context(), checktest.Target(t, New(), stage(t, files, nil), ".", changed...))
	must(t, err)
	return out
}
