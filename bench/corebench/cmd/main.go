// Command cmd measures the core, and the rings of other libraries beside it when built
// with the tag peers. It prints the report as Markdown, or writes it to a file as JSON,
// which is what make bench-core does; cf benchmark core is the same suite.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"

	"github.com/bitactor/cf/bench/corebench"
)

func main() {
	out := flag.String("out", "", "JSON file to write; none: print Markdown")
	rounds := flag.Int("rounds", 0, "interleaved runs per case (default 101)")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *out, *rounds); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, out string, rounds int) error {
	report, err := corebench.Run(ctx, corebench.Options{Rounds: rounds})
	if err != nil {
		return err
	}
	if out == "" {
		return report.Markdown(os.Stdout)
	}
	f, err := os.Create(out + ".new")
	if err != nil {
		return err
	}
	if err := errors.Join(report.JSON(f), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), out)
}
