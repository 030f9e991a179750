package terms

import "math"

// BM25's usual constants (Robertson and Zaragoza 2009, "The Probabilistic
// Relevance Framework: BM25 and Beyond", section 3.2.2).
const (
	bm25K1 = 1.2
	bm25B  = 0.75
)

// Doc is a text by its hits of each term, as Counter gives them, and its length in
// words.
type Doc struct {
	Hits   []uint16
	Length int
}

// BM25 scores documents by their terms: the more often a document holds a term, the
// fewer others hold it and the shorter the document, the more. docs are those that
// hold a term at all, out of all documents, which have length words together.
func BM25(docs []Doc, all, length int) []float64 {
	scores := make([]float64, len(docs))
	mean := math.Max(1, float64(length)/float64(max(1, all)))
	for t, weight := range Weights(docs, all) {
		for i, d := range docs {
			tf := float64(d.Hits[t])
			norm := bm25K1 * (1 - bm25B + bm25B*float64(d.Length)/mean)
			scores[i] += weight * tf * (bm25K1 + 1) / (tf + norm)
		}
	}
	return scores
}

// Weights returns how much each term tells: less the more of all documents hold it
// (the inverse document frequency of BM25, never below 0). A document of mean length
// that holds a term once has the term's weight as its score.
func Weights(docs []Doc, all int) []float64 {
	if len(docs) == 0 {
		return nil
	}
	weights := make([]float64, len(docs[0].Hits))
	for t := range weights {
		with := 0
		for _, d := range docs {
			if d.Hits[t] > 0 {
				with++
			}
		}
		weights[t] = math.Log(1 + (float64(all-with)+0.5)/(float64(with)+0.5))
	}
	return weights
}
