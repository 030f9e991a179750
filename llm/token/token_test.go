package token

import (
	"encoding/json"
	"errors"
	"hash/crc32"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/ollama/ollama/tokenizer"
)

// tiny is a byte-level vocabulary of the 256 bytes, two special tokens and the
// merges that make "hello", " hello" and "12".
func tiny(pre string) *Vocabulary {
	v := &Vocabulary{Model: "gpt2", Pre: pre, BOS: 256, EOS: 257}
	for _, c := range byteAlphabet() {
		v.Tokens, v.Types = append(v.Tokens, string(c)), append(v.Types, typeNormal)
	}
	v.Tokens, v.Types = append(v.Tokens, "<|start|>", "<|end|>"), append(v.Types, typeControl, typeControl)
	ids := v.index()
	for _, m := range []string{"h e", "l l", "he ll", "hell o", "Ġ hello", "1 2", "a a", "aa aa"} {
		left, right, _ := strings.Cut(m, " ")
		v.Merges = append(v.Merges, [2]int32{ids[left], ids[right]})
		ids[left+right] = int32(len(v.Tokens))
		v.Tokens, v.Types = append(v.Tokens, left+right), append(v.Types, typeNormal)
	}
	return v
}

func TestEncode(t *testing.T) {
	for _, test := range []struct {
		pre, text, want string
	}{
		{"gpt-2", "hello hello", "hello|Ġhello"},
		{"gpt-2", "12", "12"},
		{"smollm", "12", "1|2"}, // digits stand alone
		{"smollm", "a1b2", "a|1|b|2"},
		{"gpt-2", "aaaaa", "aaaa|a"},
		{"gpt-2", "<|start|>hello<|end|><|st", "<|start|>|hello|<|end|>|<|||s|t"},
		{"gpt-2", "", ""},
	} {
		v := tiny(test.pre)
		e, err := v.Encoder()
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, id := range e.Encode(test.text) {
			got = append(got, v.Tokens[id])
		}
		if strings.Join(got, "|") != test.want {
			t.Errorf("%s %q: got %q, want %q", test.pre, test.text, strings.Join(got, "|"), test.want)
		}
	}
}

// Ollama's own encoder is right where there is one pattern and no two equal
// merges in a row, between which its heap chooses by chance.
func TestEncodeAgreesWithOllama(t *testing.T) {
	v := tiny("qwen2")
	e, err := v.Encoder()
	if err != nil {
		t.Fatal(err)
	}
	theirs := &tokenizer.Vocabulary{Values: v.Tokens}
	for _, k := range v.Types {
		theirs.Types = append(theirs.Types, int32(k))
	}
	for _, m := range v.Merges {
		theirs.Merges = append(theirs.Merges, v.Tokens[m[0]]+" "+v.Tokens[m[1]])
	}
	peer := tokenizer.NewBytePairEncoding(theirs, patternQwen2)
	for _, text := range []string{"hello hello", "aaaa 12 12hello", "Grüße\n\n  x", "don't <|end|>hello", "日本語 😀"} {
		want, err := peer.Encode(text, false)
		if err != nil {
			t.Fatal(err)
		}
		if got := e.Encode(text); !cmp.Equal(got, want) {
			t.Errorf("%q: got %v, Ollama %v", text, got, want)
		}
	}
}

func TestSentencePiece(t *testing.T) {
	v := &Vocabulary{Model: "llama", BOS: 1, EOS: 2}
	add := func(text string, score float32, kind uint8) {
		v.Tokens, v.Scores, v.Types = append(v.Tokens, text), append(v.Scores, score), append(v.Types, kind)
	}
	add("<unk>", 0, typeUnknown)
	add("<s>", 0, typeControl)
	add("</s>", 0, typeControl)
	for i, s := range []string{"▁", "a", "b", "ab", "▁ab", "<0xC3>", "<0xA4>"} {
		add(s, -float32(10-i), typeNormal)
	}
	e, err := v.Encoder()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, id := range e.EncodePrompt("ab ab</s>abä") {
		got = append(got, v.Tokens[id])
	}
	if want := "<s>|▁ab|▁ab|</s>|▁ab|<0xC3>|<0xA4>"; strings.Join(got, "|") != want {
		t.Errorf("got %s, want %s", strings.Join(got, "|"), want)
	}
}

func TestEveryPretokenizerCompiles(t *testing.T) {
	for pre := range pretokenizers {
		e, err := tiny(pre).Encoder()
		if err != nil {
			t.Errorf("%s: %v", pre, err)
			continue
		}
		// With a token for each byte nothing may get lost.
		text := "Hello, wörld! 123 \r\n\t x's 日本語 𝒳 \u00a0."
		var bytes strings.Builder
		v := tiny(pre)
		for _, id := range e.Encode(text) {
			bytes.WriteString(v.Tokens[id])
		}
		var want strings.Builder
		for _, b := range []byte(text) {
			want.WriteString(string(byteAlphabet()[b]))
		}
		if bytes.String() != want.String() {
			t.Errorf("%s: %q became %q", pre, want.String(), bytes.String())
		}
	}
	if _, err := tiny("no-such-rules").Encoder(); err == nil {
		t.Error("unknown rules gave an encoder")
	}
}

// showOf writes v as /api/show does.
func showOf(t testing.TB, v *Vocabulary) []byte {
	t.Helper()
	var merges []string
	for _, m := range v.Merges {
		merges = append(merges, v.Tokens[m[0]]+" "+v.Tokens[m[1]])
	}
	types := make([]int, len(v.Types))
	for i, k := range v.Types {
		types[i] = int(k)
	}
	data, err := json.Marshal(map[string]any{"license": "x", "tensors": []any{map[string]any{"shape": []int{1}}}, "model_info": map[string]any{
		"general.architecture": "llama", "tokenizer.ggml.model": v.Model, "tokenizer.ggml.pre": v.Pre, "tokenizer.ggml.tokens": v.Tokens,
		"tokenizer.ggml.token_type": types, "tokenizer.ggml.merges": merges, "tokenizer.ggml.bos_token_id": v.BOS, "tokenizer.ggml.eos_token_id": v.EOS,
	}})
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestReadShow(t *testing.T) {
	want := tiny("smollm")
	got, err := ReadShow(strings.NewReader(string(showOf(t, want))))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if _, err := ReadShow(strings.NewReader(`{"model_info":{"tokenizer.ggml.tokens":null}}`)); !errors.Is(err, ErrNoVocabulary) {
		t.Errorf("no tokens: %v", err)
	}
}

func TestCache(t *testing.T) {
	c := Cache{Dir: filepath.Join(t.TempDir(), "vocabularies")}
	for _, pre := range []string{"smollm", "llama-bpe"} { // without and with texts
		digest := "sha256:" + pre
		want, err := tiny(pre).Encoder()
		if err != nil {
			t.Fatal(err)
		}
		if _, known := c.Load(digest); known {
			t.Error("an empty cache holds something")
		}
		if err := c.Store(digest, want); err != nil {
			t.Fatal(err)
		}
		got, known := c.Load(digest)
		if !known {
			t.Fatal("not stored")
		}
		for _, text := range []string{"", "hello 12", "<|start|>aaaa aaa<|end|>", "Grüße 日本語\x00"} {
			if diff := cmp.Diff(want.EncodePrompt(text), got.EncodePrompt(text)); diff != "" {
				t.Errorf("%s %q: %s", pre, text, diff)
			}
		}
		data := encode(want.tables)
		for i := 0; i < len(data); i += 1 + i/200 {
			damaged := append([]byte(nil), data...)
			damaged[i] ^= 0x20
			if _, err := decode(damaged); err == nil {
				t.Fatalf("a file with byte %d flipped was taken", i)
			}
			if err := os.WriteFile(c.path(digest), data[:i], 0o600); err != nil {
				t.Fatal(err)
			}
			if _, known := c.Load(digest); known {
				t.Fatalf("a file cut at byte %d was taken", i)
			}
		}
	}
	if err := c.Store("none", nil); err != nil {
		t.Fatal(err)
	}
	if e, known := c.Load("none"); e != nil || !known {
		t.Errorf("that there is none: %v, %v", e, known)
	}
}

func TestEstimate(t *testing.T) {
	for _, test := range []struct {
		text          string
		likely, least int
	}{
		{"", 0, 0}, {"word", 1, 1}, {"two words", 2, 2}, {"don't", 3, 2}, {strings.Repeat("-", 80), 17, 0}, {"    indented", 3, 1},
	} {
		likely, least := Estimate(test.text)
		if likely != test.likely || least != test.least {
			t.Errorf("%q: got %d, %d; want %d, %d", test.text, likely, least, test.likely, test.least)
		}
	}
}

func FuzzReadShow(f *testing.F) {
	f.Add(showOf(f, tiny("smollm")), "hello 12 ä")
	f.Add([]byte(`{"model_info":{"tokenizer.ggml.model":"llama","tokenizer.ggml.tokens":["a"],"tokenizer.ggml.scores":[1e39]}}`), "a")
	f.Fuzz(func(t *testing.T, data []byte, text string) {
		v, err := ReadShow(strings.NewReader(string(data)))
		if err != nil {
			return
		}
		e, err := v.Encoder()
		if err != nil {
			return
		}
		again, err := decode(encode(e.tables))
		if err != nil {
			t.Fatalf("does not survive the cache: %v", err)
		}
		cached, err := again.encoder()
		if err != nil || !slices.Equal(cached.EncodePrompt(text), e.EncodePrompt(text)) {
			t.Fatalf("the cache changes it: %v", err)
		}
	})
}

// FuzzReadVocabulary gives a damaged cache file with a right checksum: nothing
// panics and nothing runs for ever.
func FuzzReadVocabulary(f *testing.F) {
	for _, pre := range []string{"smollm", "llama-bpe"} {
		e, err := tiny(pre).Encoder()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(encode(e.tables)[len(magic)+8:], "hello 12 ä")
	}
	f.Fuzz(func(t *testing.T, body []byte, text string) {
		head := little.AppendUint32([]byte(magic), uint32(len(body)))
		head = little.AppendUint32(head, crc32.Checksum(body, castagnoli))
		tables, err := decode(append(head, body...))
		if err != nil {
			return
		}
		if e, err := tables.encoder(); err == nil {
			e.EncodePrompt(text)
		}
	})
}

// large is a byte-level vocabulary of n merges, each of a chain of its own.
func large(pre string, n int) *Vocabulary {
	v := tiny(pre)
	for i := range n {
		left, right := int32(i%256), int32(i/256%256)
		if i >= 1<<16 {
			right = int32(len(v.Tokens) - 1<<16)
		}
		v.Merges = append(v.Merges, [2]int32{left, right})
		v.Tokens, v.Types = append(v.Tokens, v.Tokens[left]+v.Tokens[right]), append(v.Types, typeNormal)
	}
	return v
}

// A vocabulary as large as Qwen's (151,387 merges) costs a start what its file
// holds and little else, so that cf stays far below 64 MiB.
func TestLargeVocabularyLoadsInOnePiece(t *testing.T) {
	c := Cache{Dir: t.TempDir()}
	for pre, most := range map[string]uint64{"qwen2": 5 << 20, "llama-bpe": 9 << 20} {
		e, err := large(pre, 151387).Encoder()
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Store(pre, e); err != nil {
			t.Fatal(err)
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		begin := time.Now()
		got, known := c.Load(pre)
		took := time.Since(begin)
		runtime.ReadMemStats(&after)
		if !known || !slices.Equal(got.Encode("hello aaaa"), e.Encode("hello aaaa")) {
			t.Fatalf("%s was not loaded", pre)
		}
		grown := after.TotalAlloc - before.TotalAlloc
		t.Logf("%s: %d KiB, %d allocations, %v", pre, grown>>10, after.Mallocs-before.Mallocs, took)
		if grown > most {
			t.Errorf("%s: %d KiB allocated", pre, grown>>10)
		}
	}
}
