// Package templates holds the building blocks of the scaffold: a folder each, with
// block.yaml and, under files, the files at the paths that they have in a
// generated project. docs/scaffold.md says how to add one.
//
// It must never hold code beside the embedded files: package scaffold reads them.
package templates

import "embed"

// FS holds every block, names with a leading dot included.
//
//go:embed all:*
var FS embed.FS
