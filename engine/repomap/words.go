package repomap

import (
	"cmp"
	"math"
	bits64 "math/bits"
	"path"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/bitactor/cf/engine/terms"
)

// likeness is a name, or the path of a file, with the terms of a request that it is
// made of.
type likeness struct {
	at    uint32 // number of the name or file
	terms uint64 // bits
	words int    // in all
	score float64
}

// words adds the definitions whose names are made of the user's words: "rate
// limiter" asks for RateLimiter and limit_rate.
func (s *seeds) words(list []string) {
	like := likenesses(list, len(s.names), func(i int) string {
		if s.nameStart[i] == s.nameStart[i+1] || s.family != 0 && s.names[i][0] != s.family {
			return "" // nothing defines it, or not for this language
		}
		return s.names[i][1:]
	})
	slices.SortFunc(like, func(a, b likeness) int {
		return cmp.Or(cmp.Compare(b.score, a.score), cmp.Compare(s.names[a.at], s.names[b.at]))
	})
	for _, l := range like[:min(len(like), wordNamesMax)] {
		s.addEvery(l.at, weightWords*l.score)
	}
}

// pathWords adds what the files show whose names are made of the user's words:
// "recover the journal" asks for recover.go and journal.go.
func (s *seeds) pathWords(list []string) {
	like := likenesses(list, len(s.files), func(i int) string {
		if s.files[i].test || i == s.site.from {
			return ""
		}
		base := path.Base(s.files[i].path)
		return strings.TrimSuffix(base, path.Ext(base))
	})
	slices.SortFunc(like, func(a, b likeness) int { return cmp.Or(cmp.Compare(b.score, a.score), cmp.Compare(a.at, b.at)) })
	for _, l := range like[:min(len(like), pathsMax)] {
		defs := s.files[l.at].defs
		for k := range defs {
			if defs[k].exported || s.site.dir == math.MaxUint32 || s.dirs[l.at] == s.site.dir {
				s.scores[s.first[l.at]+uint32(k)] += weightWords * l.score / float64(len(defs))
			}
		}
	}
}

// likenesses returns which of n texts are made of terms, at least by half; a text
// that is "" is none, and counts for nothing. The score is 1 for a text of one word that no other holds, less the more texts hold
// the terms and the more other words there are.
func likenesses(list []string, n int, text func(int) string) []likeness {
	bits := make(map[string]int, len(list)) // terms.Max is 64
	for i, t := range list {
		bits[t] = i
	}
	var with [terms.Max]int
	var like []likeness
	buf := make([]byte, 0, nameBytesMax)
	all := 0
	for i := range n {
		name := text(i)
		if name == "" {
			continue
		}
		all++
		l := likeness{at: uint32(i)}
		if buf = l.count(name, bits, buf); l.terms == 0 {
			continue
		}
		for t := range list {
			with[t] += int(l.terms >> t & 1)
		}
		if 2*bits64.OnesCount64(l.terms) >= l.words {
			like = append(like, l)
		}
	}
	for i := range like {
		l := &like[i]
		for t := range list {
			if l.terms>>t&1 == 1 {
				l.score += math.Log(1 + float64(all)/float64(with[t]))
			}
		}
		l.score *= float64(bits64.OnesCount64(l.terms)) / float64(l.words*l.words) / math.Log(1+float64(all))
	}
	return like
}

// count splits a text into its words, in lower case and without a plural "s" as
// package terms does, and notes which are terms. buf is memory to work in.
func (l *likeness) count(name string, bits map[string]int, buf []byte) []byte {
	buf = buf[:0]
	flush := func() {
		if len(buf) == 0 {
			return
		}
		l.words++
		w := buf
		if n := len(w); n > 3 && w[n-1] == 's' && w[n-2] != 's' {
			w = w[:n-1]
		}
		if i, ok := bits[string(w)]; ok {
			l.terms |= 1 << i
		}
		buf = buf[:0]
	}
	last := ' '
	for _, r := range name {
		if unicode.IsUpper(r) && unicode.IsLower(last) {
			flush()
		}
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			buf = utf8.AppendRune(buf, unicode.ToLower(r))
		} else {
			flush()
		}
		last = r
	}
	flush()
	return buf
}
