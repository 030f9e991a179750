// Command cmd measures the precision and the recall of cf clean and of the telemetry
// checker on code bases of others, for make bench-precision.
//
//	cmd draw -seed 1 CORPUS...     100 findings as samples to be judged, one JSON object a line
//
// A CORPUS is "NAME VERSION FOLDER", as tools/corpora.sh prints it.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"

	"github.com/bitactor/cf/bench/precision"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out io.Writer) error {
	if len(args) == 0 || args[0] != "draw" {
		return errors.New("usage: draw [-seed N] CORPUS...")
	}
	flags := flag.NewFlagSet(args[0], flag.ContinueOnError)
	seed := flags.Uint64("seed", 1, "of the draw")
	if err := flags.Parse(args[1:]); err != nil {
		return err
	}
	var all []precision.Finding
	for _, a := range flags.Args() {
		c, err := precision.ParseCorpus(a)
		if err != nil {
			return err
		}
		f, err := precision.Find(ctx, c)
		if err != nil {
			return err
		}
		fmt.Fprintf(os.Stderr, "%s: %d files, %d lines, %d findings\n", c.Name, f.Files, f.Lines, len(f.Findings))
		all = append(all, f.Findings...)
	}
	enc := json.NewEncoder(out)
	enc.SetEscapeHTML(false)
	for _, f := range precision.Draw(all, 100, *seed) {
		if err := enc.Encode(precision.Sample{Finding: f}); err != nil {
			return err
		}
	}
	return nil
}
