package token

import (
	"container/heap"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/dlclark/regexp2"
)

// Encoder turns text into the tokens of one vocabulary. Safe for concurrent use.
type Encoder struct {
	ids      map[string]int32
	special  []special // longest first
	starts   [256]bool // first bytes of special tokens
	bos, eos []int32   // put around every text that is a whole prompt
	pieces   func(text string, ids []int32) []int32
}

// special is a token that is never split and never made of parts.
type special struct {
	text string
	id   int32
}

// Encoder returns the encoder of v, or an error that says why there is none.
func (v *Vocabulary) Encoder() (*Encoder, error) {
	if err := v.check(); err != nil {
		return nil, err
	}
	e := &Encoder{ids: v.index()}
	var bos bool
	switch v.Model {
	case "gpt2":
		r, ok := pretokenizers[v.Pre]
		if !ok {
			return nil, fmt.Errorf("the splitting rules %.40q are not known", v.Pre)
		}
		b, err := newBPE(v, e.ids, r)
		if err != nil {
			return nil, err
		}
		e.pieces, bos = b.encode, r.bos
	case "llama":
		if len(v.Scores) == 0 {
			return nil, fmt.Errorf("a SentencePiece vocabulary without scores")
		}
		s := newSentencePiece(v, e.ids)
		e.pieces, bos = s.encode, true
	default:
		return nil, fmt.Errorf("the tokenizer %.40q is not known", v.Model)
	}
	if v.AddBOS.or(bos) && v.BOS >= 0 {
		e.bos = []int32{v.BOS}
	}
	if v.AddEOS.or(false) && v.EOS >= 0 {
		e.eos = []int32{v.EOS}
	}
	e.findSpecial(v)
	return e, nil
}

// findSpecial lists the tokens that are taken whole wherever they stand: with
// parse_special llama.cpp does so for control, user defined and unknown tokens
// (llama_vocab::impl::tokenizer_st_partition), the longest first.
func (e *Encoder) findSpecial(v *Vocabulary) {
	for id, text := range v.Tokens {
		switch v.typeOf(id) {
		case typeControl, typeUserDefined, typeUnknown:
			if text != "" {
				e.special = append(e.special, special{text, int32(id)})
				e.starts[text[0]] = true
			}
		}
	}
	slices.SortStableFunc(e.special, func(a, b special) int { return len(b.text) - len(a.text) })
}

// Encode returns the tokens of text alone.
func (e *Encoder) Encode(text string) []int32 { return e.encode(nil, text) }

// EncodePrompt returns the tokens of a whole prompt, with the tokens that the
// server puts around it.
func (e *Encoder) EncodePrompt(text string) []int32 {
	return append(e.encode(slices.Clone(e.bos), text), e.eos...)
}

// Count returns the number of tokens of text alone.
func (e *Encoder) Count(text string) int { return len(e.Encode(text)) }

func (e *Encoder) encode(ids []int32, text string) []int32 {
	if !utf8.ValidString(text) {
		text = string([]rune(text)) // U+FFFD for each byte, as encoding/json sends it
	}
	start := 0
	for i := 0; i < len(text); {
		s, ok := e.specialAt(text[i:])
		if !ok {
			i++
			continue
		}
		if i > start {
			ids = e.pieces(text[start:i], ids)
		}
		ids = append(ids, s.id)
		i += len(s.text)
		start = i
	}
	if start < len(text) {
		ids = e.pieces(text[start:], ids)
	}
	return ids
}

func (e *Encoder) specialAt(text string) (special, bool) {
	if !e.starts[text[0]] {
		return special{}, false
	}
	for _, s := range e.special {
		if strings.HasPrefix(text, s.text) {
			return s, true
		}
	}
	return special{}, false
}

// bpe is byte-level byte-pair encoding (https://aclanthology.org/P16-1162, on
// bytes as in GPT-2).
type bpe struct {
	patterns []*regexp2.Regexp
	ids      map[string]int32
	bytes    [256]int32         // the token of each byte; -1: none
	alphabet [256]string        // the character that stands for each byte
	merges   map[uint64]merging // by the two tokens
	whole    bool
}

// merging is the token that two tokens become, and how early.
type merging struct{ rank, id int32 }

func key(left, right int32) uint64 { return uint64(uint32(left))<<32 | uint64(uint32(right)) }

func newBPE(v *Vocabulary, ids map[string]int32, r rules) (*bpe, error) {
	b := &bpe{ids: ids, whole: r.whole, merges: make(map[uint64]merging, len(v.Merges))}
	for _, p := range r.patterns {
		// Not the RE2 mode: there \s is ASCII, here it is Unicode as in llama.cpp.
		re, err := regexp2.Compile(p, regexp2.None)
		if err != nil {
			return nil, err
		}
		re.MatchTimeout = 2 * time.Second
		b.patterns = append(b.patterns, re)
	}
	missing := 0
	for i, c := range byteAlphabet() {
		b.alphabet[i] = string(c)
		id, ok := ids[string(c)]
		if !ok {
			id, missing = -1, missing+1
		}
		b.bytes[i] = id
	}
	if missing > 128 {
		return nil, fmt.Errorf("%d of 256 bytes have no token: not a byte-level vocabulary", missing)
	}
	for rank, m := range v.Merges {
		id, ok := ids[v.Tokens[m[0]]+v.Tokens[m[1]]]
		if _, twice := b.merges[key(m[0], m[1])]; ok && !twice {
			b.merges[key(m[0], m[1])] = merging{int32(rank), id}
		}
	}
	return b, nil
}

// byteAlphabet maps bytes to printable characters: bytes_to_unicode of
// https://github.com/openai/gpt-2/blob/master/src/encoder.py.
func byteAlphabet() (alphabet [256]rune) {
	moved := rune(256)
	for i := range alphabet {
		if (i >= '!' && i <= '~') || (i >= 0xA1 && i <= 0xAC) || (i >= 0xAE && i <= 0xFF) {
			alphabet[i] = rune(i)
			continue
		}
		alphabet[i] = moved
		moved++
	}
	return alphabet
}

func (b *bpe) encode(text string, ids []int32) []int32 {
	for _, piece := range b.split(text) {
		ids = b.piece(piece, ids)
	}
	return ids
}

// split applies the patterns in turn. What a pattern does not match stays a
// piece of its own, as in unicode_regex_split of llama.cpp.
func (b *bpe) split(text string) []string {
	pieces := []string{text}
	for _, re := range b.patterns {
		next := make([]string, 0, len(pieces)*2)
		for _, piece := range pieces {
			next = cut(re, piece, next)
		}
		pieces = next
	}
	return pieces
}

func cut(re *regexp2.Regexp, piece string, out []string) []string {
	runes := []rune(piece)
	at := 0
	for m, err := re.FindRunesMatch(runes); m != nil && err == nil; m, err = re.FindNextMatch(m) {
		if m.Length == 0 {
			continue
		}
		if m.Index > at {
			out = append(out, string(runes[at:m.Index]))
		}
		out = append(out, string(runes[m.Index:m.Index+m.Length]))
		at = m.Index + m.Length
	}
	if at < len(runes) {
		out = append(out, string(runes[at:]))
	}
	return out
}

// symbol is a token in the chain of a piece; id -1 is a byte without a token.
type symbol struct {
	id         int32
	prev, next int
	dead       bool
}

// pair is two neighbours that can be merged.
type pair struct {
	merging
	left, right     int // symbols
	leftID, rightID int32
}

type pairs []pair

func (p pairs) Len() int { return len(p) }
func (p pairs) Less(i, j int) bool {
	return p[i].rank < p[j].rank || (p[i].rank == p[j].rank && p[i].left < p[j].left)
}
func (p pairs) Swap(i, j int) { p[i], p[j] = p[j], p[i] }
func (p *pairs) Push(x any)   { *p = append(*p, x.(pair)) }
func (p *pairs) Pop() any {
	last := (*p)[len(*p)-1]
	*p = (*p)[:len(*p)-1]
	return last
}

func (b *bpe) piece(piece string, ids []int32) []int32 {
	if b.whole {
		var mapped strings.Builder
		for i := range len(piece) {
			mapped.WriteString(b.alphabet[piece[i]])
		}
		if id, ok := b.ids[mapped.String()]; ok {
			return append(ids, id)
		}
	}
	chain := make([]symbol, len(piece))
	for i := range len(piece) {
		chain[i] = symbol{id: b.bytes[piece[i]], prev: i - 1, next: i + 1}
	}
	var queue pairs
	consider := func(left, right int) {
		if left < 0 || right >= len(chain) || chain[left].id < 0 || chain[right].id < 0 {
			return
		}
		if m, ok := b.merges[key(chain[left].id, chain[right].id)]; ok {
			heap.Push(&queue, pair{m, left, right, chain[left].id, chain[right].id})
		}
	}
	for i := range len(chain) - 1 {
		consider(i, i+1)
	}
	for len(queue) > 0 {
		p := heap.Pop(&queue).(pair)
		left, right := &chain[p.left], &chain[p.right]
		if left.dead || right.dead || left.id != p.leftID || right.id != p.rightID || left.next != p.right {
			continue
		}
		left.id, left.next = p.id, right.next
		right.dead = true
		if right.next < len(chain) {
			chain[right.next].prev = p.left
		}
		consider(left.prev, p.left)
		consider(p.left, left.next)
	}
	for _, s := range chain {
		if !s.dead && s.id >= 0 {
			ids = append(ids, s.id)
		}
	}
	return ids
}

// sentencePiece is the greedy merging by score of llama.cpp's
// llm_tokenizer_spm (https://github.com/google/sentencepiece in its BPE mode).
type sentencePiece struct {
	v      *Vocabulary
	ids    map[string]int32
	bytes  [256]int32 // byte tokens "<0x41>"; -1: none
	prefix bool       // a space is put before the text
}

// space stands for a space in a SentencePiece vocabulary.
const space = "\u2581"

func newSentencePiece(v *Vocabulary, ids map[string]int32) *sentencePiece {
	s := &sentencePiece{v: v, ids: ids, prefix: v.SpacePrefix.or(true)}
	for i := range s.bytes {
		id, ok := ids[fmt.Sprintf("<0x%02X>", i)]
		if !ok {
			id = -1
		}
		s.bytes[i] = id
	}
	return s
}

type scored struct {
	score       float32
	left, right int
	size        int
}

type best []scored

func (q best) Len() int { return len(q) }
func (q best) Less(i, j int) bool {
	return q[i].score > q[j].score || (q[i].score == q[j].score && q[i].left < q[j].left)
}
func (q best) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *best) Push(x any)   { *q = append(*q, x.(scored)) }
func (q *best) Pop() any {
	last := (*q)[len(*q)-1]
	*q = (*q)[:len(*q)-1]
	return last
}

// span is a stretch of the text in the chain; an empty one is merged away.
type span struct{ from, to, prev, next int }

func (s *sentencePiece) encode(text string, ids []int32) []int32 {
	// llama.cpp puts the space where the text starts or a special token went before.
	if s.prefix {
		text = " " + text
	}
	text = strings.ReplaceAll(text, " ", space)
	var chain []span
	for at := 0; at < len(text); {
		_, n := utf8.DecodeRuneInString(text[at:])
		chain = append(chain, span{at, at + n, len(chain) - 1, len(chain) + 1})
		at += n
	}
	var queue best
	consider := func(left, right int) {
		if left < 0 || right >= len(chain) {
			return
		}
		joined := text[chain[left].from:chain[right].to]
		if id, ok := s.ids[joined]; ok {
			heap.Push(&queue, scored{s.v.Scores[id], left, right, len(joined)})
		}
	}
	for i := range len(chain) - 1 {
		consider(i, i+1)
	}
	for len(queue) > 0 {
		q := heap.Pop(&queue).(scored)
		left, right := &chain[q.left], &chain[q.right]
		if left.from == left.to || right.from == right.to || (left.to-left.from)+(right.to-right.from) != q.size {
			continue
		}
		left.to, left.next = right.to, right.next
		right.from = right.to
		if left.next < len(chain) {
			chain[left.next].prev = q.left
		}
		consider(left.prev, q.left)
		consider(q.left, left.next)
	}
	for _, c := range chain {
		if c.from == c.to {
			continue
		}
		if id, ok := s.ids[text[c.from:c.to]]; ok {
			ids = append(ids, id)
			continue
		}
		for _, b := range []byte(text[c.from:c.to]) {
			if s.bytes[b] >= 0 {
				ids = append(ids, s.bytes[b])
			}
		}
	}
	return ids
}
