// Command figures measures what the documentation claims and writes the
// figures, with their goals and conditions, into docs/figures.md.
//
//	figures -cf bin/cf -out docs/figures.md SUITE
//
// Every figure is a comparison within one run: the two sides take turns, so
// that a machine whose speed drifts slows both. Medians are quoted, with the
// smallest and largest value beside them. A missed goal is printed as MISS and
// is not an error: the exit code tells only whether the measurement ran.
package main

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/bitactor/cf/tools/report"
)

// suite measures some figures with the cf at path.
type suite func(cf string) ([]figure, error)

var suites = map[string]suite{
	"start":    measureStart,
	"stream":   measureStream,
	"reuse":    measureReuse,
	"memory":   measureMemory,
	"stage":    measureStage,
	"commit":   measureCommit,
	"validate": measureValidate,
	"engine":   measureEngine,
	"syntax":   measureSyntax,
	"repomap":  measureRepomap,

	"safe-memory": measureSafeMemory,

	"core":      readCore,
	"soak-core": soakCore,
	"fuzz-core": fuzzCore,
	"otp":       measureOTP,
	"precision": measurePrecision,
	"recall":    measureRecall,
	"mends":     measureMends,

	"availability": measureAvailability,
	"upgrade":      measureUpgrade,

	"slowdown": measureSlowdown,

	"validate-large": measureValidateLarge,
}

func main() {
	cf := flag.String("cf", "", "the cf program to measure")
	out := flag.String("out", "", "Markdown file whose rows are replaced; none: print only")
	flag.Parse()
	run, ok := suites[flag.Arg(0)]
	if !ok || *cf == "" || flag.NArg() != 1 {
		fmt.Fprintln(os.Stderr, "usage: figures -cf PROGRAM [-out FILE] "+strings.Join(slices.Sorted(maps.Keys(suites)), "|"))
		os.Exit(64)
	}
	figures, err := run(*cf)
	if err == nil {
		report.Print(figures)
		if *out != "" {
			err = report.Record(*out, target(flag.Arg(0)), figures)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "figures:", err)
		os.Exit(1)
	}
}
