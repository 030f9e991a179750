// Package tasks holds the tasks of cf benchmark solve and make solve; docs/solve.md
// describes them.
package tasks

import "embed"

// Files are the archives, LANGUAGE/NAME.txtar, and what several share, base/NAME.txtar.
//
//go:embed */*.txtar
var Files embed.FS
