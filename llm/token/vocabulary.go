// Package token counts tokens exactly, by a model's own vocabulary as Ollama's
// /api/show gives it, and estimates where a vocabulary can't be used.
//
// It must never touch the network, and never trust a vocabulary: it comes from
// a server or from a file in a cache.
//
// Invariants:
//  1. An Encoder exists only for vocabularies whose splitting rules are known;
//     there are no half-right exact counts.
//  2. Nothing here panics on any vocabulary or text, and no vocabulary makes
//     it hold more than about three times MaxBytes.
//
// The encoders are our own although github.com/ollama/ollama/tokenizer exists:
// at v0.17.4 its BytePairEncoding.split repeats text when it has more than one
// pattern (it cuts from the start instead of from the last match), and its
// string-keyed merges take five times the memory of ours.
package token

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// MaxBytes is the longest vocabulary that is read, as JSON. The largest in use
// (Gemma 3: 262144 tokens, 514906 merges) is 20 MB.
const MaxBytes = 48 << 20

// maxTokens bounds the tokens and, times four, the merges.
const maxTokens = 1 << 20

// Types of tokens (https://github.com/ggml-org/ggml/blob/master/docs/gguf.md,
// tokenizer.ggml.token_type).
const (
	typeNormal      = 1
	typeUnknown     = 2
	typeControl     = 3
	typeUserDefined = 4
	typeByte        = 6
)

// Vocabulary is what a GGUF file says of a tokenizer.
type Vocabulary struct {
	Model string // tokenizer.ggml.model: "gpt2" is byte-level BPE, "llama" SentencePiece
	Pre   string // tokenizer.ggml.pre: names the splitting rules of BPE

	Tokens []string
	Types  []uint8    // one per token; 0 where unknown
	Scores []float32  // one per token, SentencePiece only
	Merges [][2]int32 // token numbers, best first, BPE only

	BOS, EOS       int32 // -1: none
	AddBOS, AddEOS Flag
	SpacePrefix    Flag
}

// Flag is a boolean that a file may leave out.
type Flag uint8

// The values of a Flag.
const (
	Unset Flag = iota
	No
	Yes
)

// or returns the flag, or d where it is unset.
func (f Flag) or(d bool) bool {
	if f == Unset {
		return d
	}
	return f == Yes
}

// ErrNoVocabulary says that a reply held no vocabulary.
var ErrNoVocabulary = errors.New("no vocabulary in the reply")

// ReadShow reads the vocabulary from a verbose reply of Ollama's /api/show
// without building the whole reply in memory. It returns ErrNoVocabulary where
// the reply holds none, and an error for one that contradicts itself.
func ReadShow(r io.Reader) (*Vocabulary, error) {
	limited := &io.LimitedReader{R: r, N: MaxBytes + 1}
	d := json.NewDecoder(limited)
	v := &Vocabulary{BOS: -1, EOS: -1}
	var merges []string
	err := object(d, func(key string) error {
		if key != "model_info" {
			return skip(d)
		}
		return object(d, func(key string) error { return v.field(d, key, &merges) })
	})
	if limited.N <= 0 {
		return nil, fmt.Errorf("the vocabulary is longer than %d bytes", MaxBytes)
	}
	if err != nil {
		return nil, err
	}
	if err := v.join(merges); err != nil {
		return nil, err
	}
	return v, v.check()
}

// field reads one key of model_info.
func (v *Vocabulary) field(d *json.Decoder, key string, merges *[]string) error {
	name, ok := strings.CutPrefix(key, "tokenizer.ggml.")
	if !ok {
		return skip(d)
	}
	switch name {
	case "model":
		return d.Decode(&v.Model)
	case "pre":
		return d.Decode(&v.Pre)
	case "tokens":
		return list(d, maxTokens, &v.Tokens)
	case "token_type":
		return list(d, maxTokens, &v.Types)
	case "scores":
		return list(d, maxTokens, &v.Scores)
	case "merges":
		return list(d, 4*maxTokens, merges)
	case "bos_token_id":
		return d.Decode(&v.BOS)
	case "eos_token_id":
		return d.Decode(&v.EOS)
	case "add_bos_token":
		return flag(d, &v.AddBOS)
	case "add_eos_token":
		return flag(d, &v.AddEOS)
	case "add_space_prefix":
		return flag(d, &v.SpacePrefix)
	}
	return skip(d)
}

// join turns merges written as "left right" into token numbers. A merge of
// parts that are no tokens can never be applied and is left out.
func (v *Vocabulary) join(merges []string) error {
	if len(merges) == 0 {
		return nil
	}
	ids := v.index()
	v.Merges = make([][2]int32, 0, len(merges))
	for _, m := range merges {
		// The first character belongs to the left part even if it is a space.
		if len(m) < 3 {
			continue
		}
		i := strings.IndexByte(m[1:], ' ')
		if i < 0 {
			return fmt.Errorf("a merge without a space: %.40q", m)
		}
		left, ok := ids[m[:i+1]]
		right, also := ids[m[i+2:]]
		if ok && also {
			v.Merges = append(v.Merges, [2]int32{left, right})
		}
	}
	return nil
}

// index maps texts to token numbers; of equal texts the first counts.
func (v *Vocabulary) index() map[string]int32 {
	ids := make(map[string]int32, len(v.Tokens))
	for i, t := range v.Tokens {
		if _, ok := ids[t]; !ok {
			ids[t] = int32(i)
		}
	}
	return ids
}

// check returns an error for a vocabulary that contradicts itself.
func (v *Vocabulary) check() error {
	n := len(v.Tokens)
	switch {
	case n == 0:
		return ErrNoVocabulary
	case n > maxTokens:
		return fmt.Errorf("%d tokens", n)
	case len(v.Types) != 0 && len(v.Types) != n:
		return fmt.Errorf("%d tokens but %d types", n, len(v.Types))
	case len(v.Scores) != 0 && len(v.Scores) != n:
		return fmt.Errorf("%d tokens but %d scores", n, len(v.Scores))
	}
	for _, m := range v.Merges {
		if m[0] < 0 || m[1] < 0 || int(m[0]) >= n || int(m[1]) >= n {
			return fmt.Errorf("a merge of tokens %d and %d of %d", m[0], m[1], n)
		}
	}
	return nil
}

// typeOf returns the type of a token.
func (v *Vocabulary) typeOf(id int) uint8 {
	if id < len(v.Types) {
		return v.Types[id]
	}
	return typeNormal
}

// object calls each for the keys of a JSON object.
func object(d *json.Decoder, each func(key string) error) error {
	t, err := d.Token()
	if err != nil {
		return err
	}
	if t != json.Delim('{') {
		return fmt.Errorf("%v where an object should be", t)
	}
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return err
		}
		key, _ := t.(string)
		if err := each(key); err != nil {
			return err
		}
	}
	_, err = d.Token()
	return err
}

// list appends the items of a JSON array, or nothing for null.
func list[T any](d *json.Decoder, most int, to *[]T) error {
	t, err := d.Token()
	if err != nil || t == nil {
		return err
	}
	if t != json.Delim('[') {
		return fmt.Errorf("%.40v where a list should be", t)
	}
	for d.More() {
		if len(*to) >= most {
			return fmt.Errorf("a list of more than %d items", most)
		}
		var item T
		if err := d.Decode(&item); err != nil {
			return err
		}
		*to = append(*to, item)
	}
	_, err = d.Token()
	return err
}

// skip passes over one value of any depth without keeping it.
func skip(d *json.Decoder) error {
	for depth := 0; ; {
		t, err := d.Token()
		if err != nil {
			return err
		}
		switch t {
		case json.Delim('{'), json.Delim('['):
			depth++
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
		if depth == 0 {
			return nil
		}
	}
}

func flag(d *json.Decoder, to *Flag) error {
	var b *bool
	if err := d.Decode(&b); err != nil || b == nil {
		return err
	}
	*to = No
	if *b {
		*to = Yes
	}
	return nil
}
