package corebench

import "testing"

// TestBalances: all sums come out, and a planted miscount is seen.
func TestBalances(t *testing.T) {
	for _, miscount := range []uint64{0, 1} {
		list, err := Balances(t.Context(), miscount)
		if err != nil {
			t.Fatal(err)
		}
		off := 0
		for _, b := range list {
			if !b.Holds {
				off++
				t.Logf("%s: %s, %s", b.What, b.Left, b.Right)
			}
		}
		if off != int(miscount) {
			t.Errorf("miscount %d: %d of %d sums are off", miscount, off, len(list))
		}
	}
}
