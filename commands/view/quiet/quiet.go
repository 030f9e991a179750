// Package quiet keeps a program that links bubbletea from talking to the
// terminal before it has a reason to.
//
// bubbletea v1.3.10 asks the terminal for its background colour in an init
// function (tea_init.go): every command of a program that merely links it,
// --version included, writes ESC ]11;? and waits up to five seconds for a
// terminal that does not answer. The question is skipped once lipgloss has been
// told the answer, so this package tells it one.
//
// It works by initialisation order. The Go specification ("Package
// initialization") sorts packages by import path and initialises, again and
// again, the first one whose imports are all initialised. Hence the invariants:
//  1. The import path of this package sorts before
//     github.com/charmbracelet/bubbletea.
//  2. It imports nothing that bubbletea does not import: lipgloss only.
//  3. Whoever imports bubbletea imports this package too.
//
// The package must never write to the terminal or read from it; commands/view/tui
// asks for the background itself, with a bound, when a session starts.
package quiet

import "github.com/charmbracelet/lipgloss"

func init() { lipgloss.SetHasDarkBackground(true) }
