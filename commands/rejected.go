package commands

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/bitactor/cf/workspace"
)

// rejectedKept is how many refused changes are kept; the oldest go first.
const rejectedKept = 50

// rejectedName is their folder in the state folder.
const rejectedName = "rejected"

// keepRejected stores a refused diff and, as JSON lines, what was found. It
// returns the id and the folder, relative to the root.
func keepRejected(t *workspace.Tree, now time.Time, diff, report []byte) (id, dir string, err error) {
	state, err := workspace.StateDir(t)
	if err != nil {
		return "", "", err
	}
	root, err := os.OpenRoot(state) // no link in .cf leads out of it
	if err != nil {
		return "", "", err
	}
	defer root.Close()
	var random [3]byte
	_, _ = rand.Read(random[:]) // never fails: crypto/rand ends the program instead
	id = now.UTC().Format("20060102T150405Z") + "-" + hex.EncodeToString(random[:])
	inside := filepath.Join(rejectedName, id)
	if err := root.MkdirAll(inside, 0o700); err != nil {
		return "", "", err
	}
	err = errors.Join(
		root.WriteFile(filepath.Join(inside, "change.diff"), diff, 0o600),
		root.WriteFile(filepath.Join(inside, "report.jsonl"), report, 0o600),
		forgetRejected(root))
	return id, filepath.ToSlash(filepath.Join(workspace.StateName, inside)), err
}

// forgetRejected removes all but the newest.
func forgetRejected(root *os.Root) error {
	entries, err := fs.ReadDir(root.FS(), rejectedName)
	if err != nil {
		return err
	}
	names := make([]string, 0, len(entries))
	for _, e := range entries {
		names = append(names, e.Name())
	}
	slices.Sort(names) // an id begins with its time
	for len(names) > rejectedKept {
		err = errors.Join(err, root.RemoveAll(filepath.Join(rejectedName, names[0])))
		names = names[1:]
	}
	return err
}

// dropRejected removes the candidates whose diff is about files that all fit, and
// returns how many. A tree without a state folder has none.
func dropRejected(t *workspace.Tree, fits func(file string) bool) (int, error) {
	if t.Kind(workspace.StateName+"/"+rejectedName) != "folder" {
		return 0, nil
	}
	state, err := workspace.StateDir(t)
	if err != nil {
		return 0, err
	}
	root, err := os.OpenRoot(state)
	if err != nil {
		return 0, err
	}
	defer root.Close()
	entries, err := fs.ReadDir(root.FS(), rejectedName)
	if err != nil {
		return 0, err
	}
	n := 0
	for _, e := range entries {
		dir := filepath.Join(rejectedName, e.Name())
		diff, err := root.ReadFile(filepath.Join(dir, "change.diff"))
		if err != nil || !aboutAll(diff, fits) {
			continue
		}
		if err := root.RemoveAll(dir); err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}

// aboutAll tells whether a diff names files, and only such that fit.
func aboutAll(diff []byte, fits func(string) bool) bool {
	named := false
	for line := range strings.Lines(string(diff)) {
		name, ok := strings.CutPrefix(line, "+++ b/")
		if !ok {
			name, ok = strings.CutPrefix(line, "--- a/")
		}
		if !ok {
			continue
		}
		name, _, _ = strings.Cut(strings.TrimRight(name, "\r\n"), "\t")
		if named = true; !fits(name) {
			return false
		}
	}
	return named
}
