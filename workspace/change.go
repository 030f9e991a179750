package workspace

import (
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
)

// Change is the wanted state of one file.
type Change struct {
	Path    string      // relative to the root, with slashes
	Delete  bool        // the file shall be gone; Content and Mode say nothing then
	Content []byte      // the whole new content
	Mode    fs.FileMode // permission bits; 0 keeps the present file's, or From's, and is 0o644 for a new one
	From    string      // where a renamed file lay; its old path has a Change with Delete of its own
}

// Set is a change of the tree that lands whole or not at all.
type Set struct {
	Changes []Change // no two for one path
	// Reads holds the Hash of every file that was read while the set was made,
	// "" for one that was absent. Commit refuses the set if one differs, and
	// if a target exists that is not named here: nobody may replace what he has
	// not read.
	Reads map[string]string
}

// Hash identifies a file's content: SHA-256 in hexadecimal.
func Hash(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}
