// Command cf codes with a model that runs on the user's own machine.
package main

import (
	"os"

	"github.com/bitactor/cf/commands"
)

func main() {
	os.Exit(commands.Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
