// Package scaffold renders building blocks into a project: tested files with the
// dependencies, variables and checks that belong to them. It says what of a set of
// changes is new, merges it with what the user has edited since, and keeps what it
// rendered, so that it can merge again.
//
// It must never ask a model, run a program, read the clock or write one of the
// user's files: it makes a workspace.Set, which lands like any other change.
//
// Invariants:
//  1. Rendering is a pure function of the blocks present, the variables and the
//     profile: equal input gives equal bytes, whatever was applied before and in
//     which order.
//  2. What the user changed in a file stays: a line of his is never replaced. Where
//     a block changes the same lines there is a conflict, and nothing lands.
//  3. A path belongs to one block, and no two blocks differ about a variable:
//     Load refuses a catalogue where that is not so.
//  4. What is kept of earlier renderings only helps to merge. Lost or damaged, the
//     files are taken for edited by the user, and stay.
package scaffold

import "io/fs"

// Codes of the faults of this package, by fault.Error.Code. Stable: the list may
// only grow.
const (
	CodeBadBlock     = "bad-block"         // the catalogue that cf was built with is wrong (Failed)
	CodeNoBlock      = "no-such-block"     // Usage
	CodeBadVariable  = "bad-variable"      // Usage
	CodeBadProfile   = "bad-profile"       // Usage
	CodeEdited       = "edited-by-user"    // a block changes what the user changed (Conflict)
	CodeBadManifest  = "bad-manifest"      // of another version of cf (Failed)
	CodeCantRemember = "manifest-unstored" // Failed
)

// File is a rendered file.
type File struct {
	Path    string // relative to the project, with slashes
	Block   string // the id of the block that it belongs to
	Content []byte
	Mode    fs.FileMode // permission bits
}

// Input is all that rendering depends on.
type Input struct {
	Blocks  []string          // ids, with all that they need; the order does not count
	Vars    map[string]string // only those that are not the default
	Profile string            // ProfileOTP or ProfileHex
}

// The profiles of a project.
const (
	ProfileOTP = "otp" // no package beside Erlang's and Elixir's own
	ProfileHex = "hex" // with the packages that production teams expect
)

// Profiles lists them; the first is the usual one.
func Profiles() []string { return []string{ProfileOTP, ProfileHex} }
