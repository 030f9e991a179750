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
	perKind       = 24 // faults in code of each kind
	perKindOfTree = 8  // those of telemetry: each takes a look at a whole tree
	recallGoal    = 80 // percent of them that are found
)

// planted writes how many planted faults are found, over all and by kind: of code and
// of telemetry, or of telemetry alone.
func planted(ctx context.Context, out io.Writer, args []string, seed uint64, telemetry bool) error {
	var corpora []precision.Corpus
	for _, a := range args {
		c, err := precision.ParseCorpus(a)
		if err != nil {
			return err
		}
		corpora = append(corpora, c)
	}
	var list []claim
	if !telemetry {
		kinds, err := precision.Plant(ctx, corpora, perKind, seed)
		if err != nil {
			return err
		}
		kept := 0
		for _, k := range kinds {
			kept += k.Kept
		}
		list = append(list, recalled("`cf clean` on faults planted in code of others: recall", 100, kinds,
			fmt.Sprintf("%d code bases, seed %d, each fault alone in one function of a product file; %d more are told as kept at a boundary, and count as missed", len(corpora), seed, kept)))
	}
	kinds, err := precision.PlantTelemetry(ctx, corpora, perKindOfTree, seed)
	if err != nil {
		return err
	}
	list = append(list, recalled("`cf validate --check-telemetry` on faults planted in the generated system and in code of others: recall", 70, kinds,
		fmt.Sprintf("%d code bases, seed %d, each fault alone in a copy of the whole tree, found where the right file has a finding more; a metric that nothing uses is told by a note", len(corpora), seed)))
	return json.NewEncoder(out).Encode(map[string][]claim{"Claims": list})
}

// recalled is the figure of some kinds of faults; it holds where at least so many were
// planted.
func recalled(figure string, least int, kinds []precision.Recall, over string) claim {
	all, found := 0, 0
	var by []string
	for _, k := range kinds {
		all, found = all+k.Planted, found+k.Found
		by = append(by, fmt.Sprintf("%s %d of %d", k.Kind, k.Found, k.Planted))
		for _, m := range k.Missed {
			fmt.Fprintf(os.Stderr, "missed: %s: %s\n", k.Kind, m)
		}
	}
	share := 100 * float64(found) / float64(max(all, 1))
	return claim{
		Figure:     figure,
		Goal:       fmt.Sprintf("at least %d %%", recallGoal),
		Measured:   fmt.Sprintf("%.0f %% (%d of %d)", share, found, all),
		Holds:      share >= recallGoal && all >= least,
		Conditions: over + "; " + strings.Join(by, "; "),
	}
}
