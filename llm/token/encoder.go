package token

import (
	"container/heap"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/dlclark/regexp2"
)

// Encoder turns text into the tokens of one vocabulary. Safe for concurrent use.
type Encoder struct {
	tables
	patterns []*regexp2.Regexp // BPE: applied one after the other
	starts   [256]bool         // first bytes of special tokens
	alphabet [256]rune         // BPE: the character that stands for each byte
}

// tables are what an Encoder is made of, and what a cache file holds.
type tables struct {
	model   string
	pre     string
	bos     int32      // put before every text that is a whole prompt; -1: none
	eos     int32      // put after it; -1: none
	bytes   [256]int32 // the token of each byte; -1: none
	prefix  bool       // SentencePiece: a space is put before the text
	special []special  // longest first
	merges  mergeTable // BPE
	texts   textTable  // SentencePiece, and BPE that takes whole words
	scores  []byte     // SentencePiece: of 4 bytes, one per token
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
	t := tables{model: v.Model, pre: v.Pre, bos: -1, eos: -1}
	ids := v.index()
	bos := false
	switch v.Model {
	case "gpt2":
		r := pretokenizers[v.Pre]
		missing := 0
		for i, c := range byteAlphabet() {
			id, ok := ids[string(c)]
			if !ok {
				id, missing = -1, missing+1
			}
			t.bytes[i] = id
		}
		if missing > 128 {
			return nil, fmt.Errorf("%d of 256 bytes have no token: not a byte-level vocabulary", missing)
		}
		t.merges = newMergeTable(v, ids)
		if bos = r.bos; r.whole {
			t.texts = newTextTable(v)
		}
	case "llama":
		if len(v.Scores) == 0 {
			return nil, fmt.Errorf("a SentencePiece vocabulary without scores")
		}
		for i := range t.bytes {
			id, ok := ids[fmt.Sprintf("<0x%02X>", i)]
			if !ok {
				id = -1
			}
			t.bytes[i] = id
		}
		for _, score := range v.Scores {
			t.scores = little.AppendUint32(t.scores, math.Float32bits(score))
		}
		t.texts, t.prefix, bos = newTextTable(v), v.SpacePrefix.or(true), true
	}
	if v.AddBOS.or(bos) && v.BOS >= 0 {
		t.bos = v.BOS
	}
	if v.AddEOS.or(false) && v.EOS >= 0 {
		t.eos = v.EOS
	}
	t.findSpecial(v)
	return t.encoder()
}

// encoder makes tables ready for use; it fails where their rules are not known.
func (t tables) encoder() (*Encoder, error) {
	e := &Encoder{tables: t, alphabet: byteAlphabet()}
	switch t.model {
	case "gpt2":
		r, ok := pretokenizers[t.pre]
		if !ok {
			return nil, fmt.Errorf("the splitting rules %.40q are not known", t.pre)
		}
		for _, p := range r.patterns {
			// Not the RE2 mode: there \s is ASCII, here it is Unicode as in llama.cpp.
			re, err := regexp2.Compile(p, regexp2.None)
			if err != nil {
				return nil, err
			}
			re.MatchTimeout = 2 * time.Second
			e.patterns = append(e.patterns, re)
		}
	case "llama":
		if len(t.scores) != len(t.texts.ends) {
			return nil, fmt.Errorf("%d scores of %d tokens", len(t.scores)/4, t.texts.len())
		}
	default:
		return nil, fmt.Errorf("the tokenizer %.40q is not known", t.model)
	}
	for _, s := range t.special {
		e.starts[s.text[0]] = true
	}
	return e, nil
}

// pieces appends the tokens of a text without special tokens.
func (e *Encoder) pieces(text string, ids []int32) []int32 {
	if e.model == "llama" {
		return e.sentencePieces(text, ids)
	}
	for _, piece := range e.split(text) {
		ids = e.piece(piece, ids)
	}
	return ids
}

// Verified tells whether the splitting rules are ones whose counts were compared
// with those of a real server (TestCountIsWhatTheRealServerReports in llm/ollama).
func (e *Encoder) Verified() bool { return e.model == "gpt2" && e.pre == "smollm" }

// findSpecial lists the tokens that are taken whole wherever they stand: with
// parse_special llama.cpp does so for control, user defined and unknown tokens
// (llama_vocab::impl::tokenizer_st_partition), the longest first.
func (t *tables) findSpecial(v *Vocabulary) {
	for id, text := range v.Tokens {
		switch v.typeOf(id) {
		case typeControl, typeUserDefined, typeUnknown:
			if text != "" {
				t.special = append(t.special, special{text, int32(id)})
			}
		}
	}
	slices.SortStableFunc(t.special, func(a, b special) int { return len(b.text) - len(a.text) })
}

// Encode returns the tokens of text alone.
func (e *Encoder) Encode(text string) []int32 { return e.encode(nil, text) }

// EncodePrompt returns the tokens of a whole prompt, with the tokens that the
// server puts around it.
func (e *Encoder) EncodePrompt(text string) []int32 {
	var ids []int32
	if e.bos >= 0 {
		ids = append(ids, e.bos)
	}
	ids = e.encode(ids, text)
	if e.eos >= 0 {
		ids = append(ids, e.eos)
	}
	return ids
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

// merging is the token that two tokens become, and how early.
type merging struct{ rank, id int32 }

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

// split applies the patterns in turn. What a pattern does not match stays a
// piece of its own, as in unicode_regex_split of llama.cpp.
func (e *Encoder) split(text string) []string {
	pieces := []string{text}
	for _, re := range e.patterns {
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

// piece appends the tokens of a piece by byte-level byte-pair encoding
// (https://aclanthology.org/P16-1162, on bytes as in GPT-2).
func (e *Encoder) piece(piece string, ids []int32) []int32 {
	if e.texts.len() > 0 {
		var mapped strings.Builder
		for i := range len(piece) {
			mapped.WriteRune(e.alphabet[piece[i]])
		}
		if id, ok := e.texts.find(mapped.String()); ok {
			return append(ids, id)
		}
	}
	chain := make([]symbol, len(piece))
	for i := range len(piece) {
		chain[i] = symbol{id: e.bytes[piece[i]], prev: i - 1, next: i + 1}
	}
	var queue pairs
	consider := func(left, right int) {
		if left < 0 || right >= len(chain) || chain[left].id < 0 || chain[right].id < 0 {
			return
		}
		if m, ok := e.merges.find(chain[left].id, chain[right].id); ok {
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

// space stands for a space in a SentencePiece vocabulary.
const space = "\u2581"

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

// sentencePieces is the greedy merging by score of llama.cpp's llm_tokenizer_spm
// (https://github.com/google/sentencepiece in its BPE mode).
func (e *Encoder) sentencePieces(text string, ids []int32) []int32 {
	// llama.cpp puts the space where the text starts or a special token went before.
	if e.prefix {
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
		if id, ok := e.texts.find(joined); ok {
			heap.Push(&queue, scored{math.Float32frombits(little.Uint32(e.scores[4*id:])), left, right, len(joined)})
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
		if id, ok := e.texts.find(text[c.from:c.to]); ok {
			ids = append(ids, id)
			continue
		}
		for _, b := range []byte(text[c.from:c.to]) {
			if e.bytes[b] >= 0 {
				ids = append(ids, e.bytes[b])
			}
		}
	}
	return ids
}
