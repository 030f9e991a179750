package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/bitactor/cf/bench/precision"
)

const (
	perKind    = 8  // faults planted of each kind
	recallGoal = 80 // percent of them that are found
)

// planted writes how many planted faults are found, over all and by kind.
func planted(ctx context.Context, out io.Writer, args []string, seed uint64) error {
	var corpora []precision.Corpus
	for _, a := range args {
		c, err := precision.ParseCorpus(a)
		if err != nil {
			return err
		}
		corpora = append(corpora, c)
	}
	kinds, err := precision.Plant(ctx, corpora, perKind, seed)
	if err != nil {
		return err
	}
	all, found, kept := 0, 0, 0
	var by []string
	for _, k := range kinds {
		all, found, kept = all+k.Planted, found+k.Found, kept+k.Kept
		by = append(by, fmt.Sprintf("%s %d of %d", k.Kind, k.Found, k.Planted))
		for _, m := range k.Missed {
			fmt.Fprintf(os.Stderr, "missed: %s: %s\n", k.Kind, m)
		}
	}
	if all == 0 {
		return fmt.Errorf("no fault was planted in %d code bases", len(corpora))
	}
	share := 100 * float64(found) / float64(all)
	return json.NewEncoder(out).Encode(map[string][]claim{"Claims": {{
		Figure:   "`cf clean` on faults planted in code of others: recall",
		Goal:     fmt.Sprintf("at least %d %%", recallGoal),
		Measured: fmt.Sprintf("%.0f %% (%d of %d)", share, found, all),
		Holds:    share >= recallGoal && all >= 100,
		Conditions: fmt.Sprintf("%d code bases, seed %d, each fault alone in one function of a product file; %d more are told as kept at a boundary, and count as missed; %s",
			len(corpora), seed, kept, strings.Join(by, "; ")),
	}}})
}
