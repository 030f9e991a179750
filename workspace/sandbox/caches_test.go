package sandbox

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// TestCachesOfGoneProjectsAreRemoved: the caches of a root that is gone, and those that
// nobody used for long, go with the next Box; those of other projects stay.
func TestCachesOfGoneProjectsAreRemoved(t *testing.T) {
	cache, roots := t.TempDir(), t.TempDir()
	box, err := Open(t.Context(), Options{Cache: cache, Off: true})
	if err != nil {
		t.Fatal(err)
	}
	kept := map[string]string{}
	for _, name := range []string{"used", "gone", "unused", "older cf, lately", "older cf, long ago"} {
		root := filepath.Join(roots, name)
		if err := os.Mkdir(root, 0o700); err != nil {
			t.Fatal(err)
		}
		dir, err := box.Cache(root, "go-build")
		if err != nil {
			t.Fatal(err)
		}
		// as Go's module cache has them: folders that can't be written
		if err := os.MkdirAll(filepath.Join(dir, "deep"), 0o500); err != nil {
			t.Fatal(err)
		}
		kept[name] = filepath.Dir(dir)
	}
	long := time.Now().Add(-cacheUnused - time.Hour)
	for _, err := range []error{
		os.Remove(filepath.Join(roots, "gone")),
		os.Chtimes(kept["unused"]+rootMark, long, long),
		os.Remove(kept["older cf, lately"] + rootMark),
		os.Remove(kept["older cf, long ago"] + rootMark),
		os.Chtimes(kept["older cf, long ago"], long, long),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	sweepCaches(cache, time.Now())
	for name, dir := range kept {
		_, err := os.Stat(dir)
		if want := slices.Contains([]string{"used", "older cf, lately"}, name); (err == nil) != want {
			t.Errorf("%s: there %t, want %t", name, err == nil, want)
		}
	}
	if marks, _ := filepath.Glob(filepath.Join(cache, "build", "*"+rootMark)); len(marks) != 1 {
		t.Errorf("marks left: %v", marks)
	}
}

// TestCacheInUseIsRenewed: a use renews the mark, at most once a day.
func TestCacheInUseIsRenewed(t *testing.T) {
	box, err := Open(t.Context(), Options{Cache: t.TempDir(), Off: true})
	if err != nil {
		t.Fatal(err)
	}
	root := t.TempDir()
	age := func(by time.Duration) (after time.Duration) {
		dir, err := box.Cache(root, "go-build")
		if err != nil {
			t.Fatal(err)
		}
		mark := filepath.Dir(dir) + rootMark
		then := time.Now().Add(-by)
		if err := os.Chtimes(mark, then, then); err != nil {
			t.Fatal(err)
		}
		if _, err := box.Cache(root, "go-build"); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(mark)
		if err != nil {
			t.Fatal(err)
		}
		return time.Since(info.ModTime())
	}
	if after := age(time.Hour); after < 59*time.Minute {
		t.Errorf("a mark of an hour was written anew: %s old", after)
	}
	if after := age(48 * time.Hour); after > time.Hour {
		t.Errorf("a mark of two days is still %s old", after)
	}
}
