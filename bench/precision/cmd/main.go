// Command cmd measures the precision and the recall of cf clean and of the telemetry
// checker on code bases of others, for make bench-precision.
//
//	cmd draw CORPUS...                     100 findings as samples to be judged, one JSON object a line
//	cmd plant CORPUS...                    faults planted and found by kind, as figures
//	cmd plant-telemetry CORPUS...          those of telemetry alone
//	cmd claims -verdicts FILE CORPUS...    the figures, for tools/figures
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
	"slices"

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

// samples are drawn.
const samples = 100

// goal is the least share of findings that both readers call true, in percent.
const goal = 95

// claim is one figure of a report of cf benchmark.
type claim struct {
	Figure, Goal, Measured, Conditions string
	Holds                              bool
}

// claims writes the figure in the form of a report of cf benchmark.
func claims(out io.Writer, verdicts string, drawn []precision.Finding, over string) (err error) {
	f, err := os.Open(verdicts)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	known, err := precision.ReadSamples(f)
	if err != nil {
		return err
	}
	j := precision.Judge(drawn, known)
	return json.NewEncoder(out).Encode(map[string][]claim{"Claims": {{
		Figure:     "`cf clean` and `--check-telemetry` on code of others: precision",
		Goal:       fmt.Sprintf("at least %d %%, two readers who did not write the rule", goal),
		Measured:   fmt.Sprintf("%.0f %% of %d called right by both of two readers", j.Precision(), j.Drawn),
		Conditions: fmt.Sprintf("%s; drawn by turns one of each rule; %d without verdicts, the readers differ on %d", over, j.Unjudged, j.Differ),
		Holds:      j.Unjudged == 0 && j.Precision() >= goal,
	}}})
}

func run(ctx context.Context, args []string, out io.Writer) error {
	if len(args) == 0 || !slices.Contains([]string{"draw", "plant", "plant-telemetry", "claims"}, args[0]) {
		return errors.New("usage: draw|plant|plant-telemetry|claims [-seed N] [-verdicts FILE] CORPUS...")
	}
	flags := flag.NewFlagSet(args[0], flag.ContinueOnError)
	seed := flags.Uint64("seed", 1, "of the draw")
	verdicts := flags.String("verdicts", "", "JSON lines that draw printed and readers filled in")
	if err := flags.Parse(args[1:]); err != nil {
		return err
	}
	if args[0] == "plant" || args[0] == "plant-telemetry" {
		return planted(ctx, out, flags.Args(), *seed, args[0] == "plant-telemetry")
	}
	var all []precision.Finding
	lines := 0
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
		lines += f.Lines
	}
	drawn := precision.Draw(all, samples, *seed)
	if args[0] == "claims" {
		return claims(out, *verdicts, drawn, fmt.Sprintf("%d code bases, %d lines, %d findings", flags.NArg(), lines, len(all)))
	}
	enc := json.NewEncoder(out)
	enc.SetEscapeHTML(false)
	for _, f := range drawn {
		if err := enc.Encode(precision.Sample{Finding: f}); err != nil {
			return err
		}
	}
	return nil
}
