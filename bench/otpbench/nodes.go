package otpbench

import (
	"fmt"
	"strconv"

	"github.com/bitactor/cf/bench"
	"github.com/bitactor/cf/lazyregexp"
)

// crashRounds is how often the integration tests kill all three nodes under writes.
const crashRounds = 50

// ofNodes are the figures that the integration tests print, one a line. What they
// assert beside (no acknowledged write is lost, none comes twice) ends the run.
var ofNodes = []struct {
	printed *lazyregexp.Regexp // its groups are numbers
	figure  string
	goal    string
	claim   func(n []int) (measured string, holds bool)
}{
	{lazyregexp.New(`integration: leader killed: \[new_leader_ms: (\d+)`), "a new leader, the old one killed", "within 1000 ms", within(1000)},
	{lazyregexp.New(`integration: leader frozen: \[new_leader_ms: (\d+)`), "a new leader, the old one frozen", "within 5000 ms", within(5000)},
	{lazyregexp.New(`integration: leader frozen, unsuspected: \[new_leader_ms: (\d+)`), "a new leader, the old one frozen before ra's detector knew it", "within 5000 ms", within(5000)},
	{lazyregexp.New(`integration: rolling restart: \[writes: (\d+), failed: (\d+)`), "a rolling restart of three voters under writes", "0 failed", func(n []int) (string, bool) {
		return fmt.Sprintf("%d failed of %d", n[1], n[0]+n[1]), n[1] == 0
	}},
	{lazyregexp.New(`integration: all killed: \[rounds: (\d+), acknowledged: (\d+)`), "acknowledged writes lost when all three nodes are killed (kill -9) under writes", "0 in 50 rounds", func(n []int) (string, bool) {
		return fmt.Sprintf("0 of %d in %d rounds", n[1], n[0]), n[0] >= crashRounds
	}},
}

func within(ms int) func([]int) (string, bool) {
	return func(n []int) (string, bool) { return fmt.Sprintf("%d ms", n[0]), n[0] <= ms }
}

// threeNodes holds what the integration tests printed against its goals.
func (r *run) threeNodes() (list []bench.Claim) {
	for _, of := range ofNodes {
		found := of.printed.FindStringSubmatch(r.nodes)
		if found == nil {
			continue
		}
		numbers := make([]int, 0, len(found)-1)
		for _, text := range found[1:] {
			n, err := strconv.Atoi(text)
			if err != nil {
				break // more digits than any of these has
			}
			numbers = append(numbers, n)
		}
		if len(numbers) < len(found)-1 {
			continue
		}
		measured, holds := of.claim(numbers)
		list = append(list, bench.Claim{
			Figure: of.figure, Goal: of.goal, Measured: measured, Holds: holds,
			Conditions: "three nodes on one machine, ra, one run of the integration tests",
		})
	}
	return list
}
