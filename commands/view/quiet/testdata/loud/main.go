// Program loud links bubbletea and leaves at once, as --version would: the
// control that shows what package quiet prevents.
package main

import (
	"fmt"

	tea "github.com/charmbracelet/bubbletea"
)

func main() { fmt.Println("linked", tea.Quit() != nil) }
