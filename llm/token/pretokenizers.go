package token

// rules say how text is split before byte pairs are merged.
type rules struct {
	patterns []string // applied one after the other, each to the pieces of the one before
	whole    bool     // a piece that is a token is taken as it is, whatever the merges say
	bos      bool     // the text starts with the BOS token unless the file says otherwise
}

// The patterns are those of llm_tokenizer_bpe in
// https://github.com/ggml-org/llama.cpp/blob/master/src/llama-vocab.cpp (as in
// llama/llama.cpp/src/llama-vocab.cpp of github.com/ollama/ollama v0.17.4);
// where that file simplified a pattern for its own engine, the original from
// the model's tokenizer.json is used, which it quotes in a comment.
const (
	// gpt2: https://github.com/openai/gpt-2/blob/master/src/encoder.py
	patternGPT2  = `'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)`
	patternDigit = `\p{N}`
	// cl100k and Llama 3: https://github.com/ggml-org/llama.cpp/pull/6920
	patternLlama3 = `(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`
	patternQwen2  = `(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`
	patternTekken = `[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+`
	// o200k: https://github.com/openai/tiktoken/blob/main/tiktoken_ext/openai_public.py
	patternGPT4o = `[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+`
)

var (
	starcoder = rules{patterns: []string{patternDigit, patternGPT2}}
	gpt2      = rules{patterns: []string{patternGPT2}}
	llama3    = rules{patterns: []string{patternLlama3}, whole: true, bos: true}
	cl100k    = rules{patterns: []string{patternLlama3}}
	qwen2     = rules{patterns: []string{patternQwen2}}
	gpt4o     = rules{patterns: []string{patternGPT4o}}
	deepseek3 = rules{patterns: []string{
		`\p{N}{1,3}`,
		`[一-龥぀-ゟ゠-ヿ]+`,
		"[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\\r\\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
	}}
)

// pretokenizers maps tokenizer.ggml.pre to its rules. What is not in it is
// estimated.
var pretokenizers = map[string]rules{
	"smollm": starcoder, "starcoder": starcoder, "refact": starcoder, "command-r": starcoder,
	"codeshell": starcoder, "exaone": starcoder, "minerva-7b": starcoder,

	"gpt-2": gpt2, "phi-2": gpt2, "mpt": gpt2, "olmo": gpt2, "jais": gpt2, "gigachat": gpt2, "a.x-4.0": gpt2,
	"mellum": gpt2, "exaone4": gpt2, "trillion": gpt2, "granite-docling": gpt2,

	"llama3": llama3, "llama-v3": llama3, "llama-bpe": llama3, "falcon3": llama3, "falcon-h1": llama3,
	"pixtral": llama3, "midm-2.0": llama3, "lfm2": llama3,

	"dbrx": cl100k, "smaug-bpe": cl100k, "glm4": cl100k, "chatglm-bpe": cl100k,

	"qwen2": qwen2, "deepseek-r1-qwen": qwen2, "kormo": qwen2, "stablelm2": qwen2, "megrez": qwen2,
	"hunyuan": qwen2, "grok-2": qwen2,

	"tekken": {patterns: []string{patternTekken}, whole: true, bos: true},
	"gpt-4o": gpt4o, "llama4": gpt4o, "minimax-m2": gpt4o,

	"deepseek-v3": deepseek3, "hunyuan-dense": deepseek3,
	"deepseek-coder": {patterns: []string{`[\r\n]`, `\s?\p{L}+`, `\s?\p{P}+`, `[一-龥ࠀ-一가-퟿]+`, `\p{N}`}},

	"default": {patterns: []string{`[\p{P}\$\+<=>\^~\|]+`, patternGPT2, `\p{N}+`, `[0-9][0-9][0-9]`}},
}
