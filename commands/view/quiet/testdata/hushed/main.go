// Program hushed is program loud with package quiet among its imports.
package main

import (
	"fmt"

	_ "github.com/bitactor/cf/commands/view/quiet"
	tea "github.com/charmbracelet/bubbletea"
)

func main() { fmt.Println("linked", tea.Quit() != nil) }
