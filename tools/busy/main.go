// Command busy takes as long as it is told to: it does N steps of work and ends. `make
// bench-slowdown` times it against itself with a few steps more.
package main

import (
	"fmt"
	"os"
	"strconv"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: busy STEPS")
		os.Exit(64)
	}
	steps, err := strconv.ParseUint(os.Args[1], 10, 64)
	if err != nil {
		fmt.Fprintln(os.Stderr, "busy:", err)
		os.Exit(64)
	}
	// A step hangs on the one before, so that none can be left out or done at the same
	// time: xorshift64 (G. Marsaglia, Xorshift RNGs, 2003), which never gives 0.
	x := uint64(88172645463325252)
	for range steps {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
	}
	if x == 0 {
		os.Exit(1)
	}
}
