package config

// Nearest returns the candidate closest to word by edit distance, "" if none is
// near: within a third of its length, and at least 2 so that two letters in the
// wrong order are found (1 in words under four letters).
func Nearest(word string, candidates []string) string {
	best, limit := "", max(2, len(word)/3)
	if len(word) < 4 {
		limit = 1
	}
	for _, c := range candidates {
		if d := distance(word, c); d <= limit {
			best, limit = c, d-1
		}
	}
	return best
}

// distance is Levenshtein's, in bytes (Wagner and Fischer 1974, one row).
func distance(a, b string) int {
	if len(a) > 64 || len(b) > 64 {
		return 64
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(row[j+1]+1, row[j]+1, diagonal+cost)
		}
	}
	return row[len(b)]
}
