package scaffold

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"

	"github.com/google/renameio/v2"

	"github.com/bitactor/cf/fault"
	"github.com/bitactor/cf/workspace"
)

// What is kept in the state folder of a root (workspace.StateDir), below
// scaffold/: manifest.json, and base/ with every text that a block was rendered to,
// named by its workspace.Hash. Nobody has to commit it: see invariant 4.
const (
	stateName    = "scaffold"
	manifestName = "manifest.json"
	baseName     = "base"

	manifestVersion  = 1
	manifestBytesMax = 4 << 20
	rendersMax       = 8 // texts kept of a file, the newest
)

// manifest is the form of manifest.json.
type manifest struct {
	Version  int               `json:"version"`
	Projects map[string]record `json:"projects"` // by folder, relative to the root
}

// record is what was applied in one folder.
type record struct {
	Profile string              `json:"profile"`
	Vars    map[string]string   `json:"vars,omitempty"`
	Blocks  []string            `json:"blocks"`
	Files   map[string][]string `json:"files"` // hashes of what was rendered, the newest last
}

// store reads and writes the manifest of a root.
type store struct {
	tree *workspace.Tree
	all  manifest
}

// openStore reads the manifest. That there is none, or that it can't be read, is no
// error; one of a newer cf is.
func openStore(tree *workspace.Tree) (*store, error) {
	s := &store{tree: tree, all: manifest{Version: manifestVersion, Projects: map[string]record{}}}
	data, err := s.read(manifestName, manifestBytesMax)
	if err != nil {
		return s, nil //nolint:nilerr // invariant 4: without it the files are the user's
	}
	var found manifest
	if err := json.Unmarshal(data, &found); err != nil {
		return s, nil //nolint:nilerr // as above
	}
	if found.Version > manifestVersion {
		return nil, fault.New(fault.Failed, CodeBadManifest, "a newer cf wrote it").On("scaffold", path.Join(workspace.StateName, stateName, manifestName))
	}
	if found.Version == manifestVersion && found.Projects != nil {
		s.all = found
	}
	return s, nil
}

// read returns a file of the store's folder.
func (s *store) read(name string, limit int64) ([]byte, error) {
	root, err := os.OpenRoot(s.tree.Root())
	if err != nil {
		return nil, err
	}
	defer root.Close()
	name = filepath.Join(workspace.StateName, stateName, filepath.FromSlash(name))
	info, err := root.Lstat(name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > limit {
		return nil, fs.ErrInvalid
	}
	return root.ReadFile(name)
}

// base returns a text that was rendered; one that is gone or damaged is not there.
func (s *store) base(hash string) (string, bool) {
	if len(hash) != 64 || filepath.Base(hash) != hash {
		return "", false
	}
	data, err := s.read(path.Join(baseName, hash), workspace.SetFileBytesMax)
	return string(data), err == nil && workspace.Hash(data) == hash
}

// put stores the record of a folder after the texts that it names. What is so
// already is not written.
func (s *store) put(dir string, r record, texts map[string][]byte) error {
	texts = maps.Clone(texts)
	s.all.Projects[dir] = r
	data, err := json.MarshalIndent(s.all, "", "  ")
	if err != nil {
		return err
	}
	data = append(data, '\n')
	maps.DeleteFunc(texts, func(hash string, _ []byte) bool { _, ok := s.base(hash); return ok })
	if old, err := s.read(manifestName, manifestBytesMax); err == nil && bytes.Equal(old, data) && len(texts) == 0 {
		return nil
	}
	state, err := workspace.StateDir(s.tree)
	if err == nil {
		err = write(state, data, texts)
	}
	if err != nil {
		return &fault.Error{Kind: fault.Failed, Code: CodeCantRemember, Op: "keep what was rendered", Err: err}
	}
	return nil
}

// write stores the texts, then the manifest, whole or not at all. A text that is cut
// short has another hash, and is as good as missing.
func write(state string, manifest []byte, texts map[string][]byte) error {
	root, err := os.OpenRoot(state) // no link in the state folder leads out of it
	if err != nil {
		return err
	}
	defer root.Close()
	if err := root.MkdirAll(filepath.Join(stateName, baseName), 0o700); err != nil {
		return err
	}
	for hash, text := range texts {
		err = errors.Join(err, root.WriteFile(filepath.Join(stateName, baseName, hash), text, 0o600))
	}
	if err != nil {
		return err
	}
	return renameio.WriteFile(filepath.Join(stateName, manifestName), manifest, 0o600, renameio.WithRoot(root))
}

// rendered adds a text's hash to those of a file.
func rendered(hashes []string, hash string) []string {
	out := append(slices.DeleteFunc(slices.Clone(hashes), func(h string) bool { return h == hash }), hash)
	return out[max(0, len(out)-rendersMax):]
}
