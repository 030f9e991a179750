package repomap

import "context"

// The walk of PageRank: from a file to one that defines what it uses with
// probability damping, else back to where the request starts. Page, Brin, Motwani
// and Winograd ("The PageRank Citation Ranking: Bringing Order to the Web", 1999,
// sections 2.4 and 6) use 0.85 to rank all there is; a request is about what is
// near, and with 0.7 half of the steps are within two uses of its start.
//
// The iteration ends when the ranks, which add up to 1, change by less than
// tolerance in all, or after roundsMax. What is left to change is below
// damping^rounds, so that roundsMax is never the reason (0.7^26 < 1e-4).
const (
	damping   = 0.7
	tolerance = 1e-4
	roundsMax = 40
)

// pageRank returns the rank of each file for a walk that starts as start says; its
// values add up to 1. What a file does not pass on goes back to the start.
func (g *graph) pageRank(ctx context.Context, start []float64) ([]float64, error) {
	rank, next := append([]float64(nil), start...), make([]float64, len(start))
	for range roundsMax {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		passed := g.step(rank, next)
		back := 1 - damping*passed
		change := 0.0
		for i := range next {
			next[i] += back * start[i]
			change += max(next[i]-rank[i], rank[i]-next[i])
		}
		rank, next = next, rank
		if change < tolerance {
			break
		}
	}
	return rank, nil
}

// step fills next with what the files pass on, damped, and returns how much of the
// rank that was before the damping.
func (g *graph) step(rank, next []float64) float64 {
	clear(next)
	passed := 0.0
	for i, r := range rank {
		if r == 0 {
			continue
		}
		for _, e := range g.edges[g.edgeStart[i]:g.edgeStart[i+1]] {
			w := r * float64(e.weight)
			passed += w
			next[g.fileOf[e.to]] += damping * w
		}
	}
	return passed
}

// flow returns how much rank reaches each definition.
func (g *graph) flow(rank []float64) []float64 {
	flow := make([]float64, len(g.fileOf))
	for i, r := range rank {
		if r == 0 {
			continue
		}
		for _, e := range g.edges[g.edgeStart[i]:g.edgeStart[i+1]] {
			flow[e.to] += damping * r * float64(e.weight)
		}
	}
	return flow
}
