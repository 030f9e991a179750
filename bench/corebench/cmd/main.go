// Command cmd measures the core and writes the report to standard output. It is
// what make bench-core runs; cf benchmark core is the same suite.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"

	"github.com/bitactor/cf/bench/corebench"
)

func main() {
	format := flag.String("format", "markdown", "markdown, json or html")
	rounds := flag.Int("rounds", 0, "interleaved runs per case (default 101)")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *format, *rounds); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, format string, rounds int) error {
	report, err := corebench.Run(ctx, corebench.Options{Rounds: rounds})
	if err != nil {
		return err
	}
	switch format {
	case "markdown":
		return report.Markdown(os.Stdout)
	case "json":
		return report.JSON(os.Stdout)
	case "html":
		return report.HTML(os.Stdout)
	}
	return fmt.Errorf("unknown format %q", format)
}
