// Package commands holds cf's verbs, one file each.
package commands

import "io"

// Main runs cf and returns its exit code.
func Main(args []string, stdin io.Reader, stdout, stderr io.Writer) int { return 0 }
