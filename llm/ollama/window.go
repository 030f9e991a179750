package ollama

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/bitactor/cf/llm"
)

// The default upper bounds of num_ctx. On a CPU the time to read the prompt is
// what hurts: 16384 tokens take a minute and more.
const (
	contextMaxCPU = 16384
	contextMaxGPU = 32768
	contextMin    = 2048 // a shorter window holds no task
	contextGPUMin = 8192 // a shorter window is not worth being on the GPU whole
)

// buckets are the windows that are used, so that small differences between
// machines and versions do not make different prompts.
var buckets = []int{2048, 4096, 8192, 16384, 32768, 65536, 131072, 262144}

// shape is what of a model decides its memory.
type shape struct {
	parameters int64
	context    int     // trained for; 0 = unknown
	layers     []layer // one per block
}

// layer is the cache of one block.
type layer struct {
	bytes  int64 // of keys and values for one token, at 16 bits a number
	window int   // tokens that it keeps at most; 0 = all
}

// shapeMax bounds numbers from a server before they are multiplied.
const shapeMax = 1 << 20

// shapeOf reads the GGUF metadata of /api/show
// (https://github.com/ggml-org/ggml/blob/master/docs/gguf.md, section LLM).
func shapeOf(info map[string]any) shape {
	arch, _ := info["general.architecture"].(string)
	at := func(name string) any { return info[arch+"."+name] }
	s := shape{parameters: whole(info["general.parameter_count"], 1<<50), context: int(whole(at("context_length"), 1<<30))}
	blocks := int(whole(at("block_count"), 4096))
	heads := whole(at("attention.head_count"), shapeMax)
	size := whole(at("attention.key_length"), shapeMax)
	if size == 0 && heads > 0 {
		size = whole(at("embedding_length"), shapeMax) / heads
	}
	value := whole(at("attention.value_length"), shapeMax)
	if value == 0 {
		value = size
	}
	sliding := int(whole(at("attention.sliding_window"), 1<<30))
	for i := range blocks {
		kv := each(at("attention.head_count_kv"), i, heads)
		l := layer{bytes: kv * (size + value) * 2}
		if local(at("attention.sliding_window_pattern"), arch, i) {
			l.window = sliding
		}
		s.layers = append(s.layers, l)
	}
	return s
}

// whole returns a JSON number in [0, top], else 0.
func whole(v any, top float64) int64 {
	if f, ok := v.(float64); ok && f >= 0 && f <= top {
		return int64(f)
	}
	return 0
}

// each returns item i of a number that may be one for all layers or an array.
func each(v any, i int, otherwise int64) int64 {
	switch v := v.(type) {
	case float64:
		return whole(v, shapeMax)
	case []any:
		if i < len(v) {
			return whole(v[i], shapeMax)
		}
	}
	return otherwise
}

// local tells whether layer i attends to a sliding window only. The pattern is
// an array of booleans or "every n-th layer is global"; architectures without
// one are known by name (model/models/gemma3, gptoss in
// github.com/ollama/ollama v0.17.4). An unknown one counts as global, which
// asks for more memory than it needs.
func local(pattern any, arch string, i int) bool {
	switch p := pattern.(type) {
	case []any:
		if i < len(p) {
			is, _ := p[i].(bool)
			return is
		}
		return false
	case float64:
		return p >= 1 && p <= shapeMax && (i+1)%int(p) != 0
	}
	switch arch {
	case "gemma3":
		return (i+1)%6 != 0
	case "gemma2", "gptoss", "gpt-oss":
		return i%2 == 0
	}
	return false
}

// cache returns the bytes of the key-value cache at a window of context tokens.
func (s shape) cache(context int) int64 {
	const batch = 512 // a sliding window keeps one batch more than it attends to
	var total int64
	for _, l := range s.layers {
		tokens := context
		if l.window > 0 {
			tokens = min(context, l.window+batch)
		}
		total += l.bytes * int64(tokens)
	}
	return total
}

// graph estimates the scratch memory of a run: Ollama measures it by a dry run,
// and it lies between 100 MB for 0.1B and 1 GB for 30B parameters at these windows.
func graph(weights int64) int64 { return 128<<20 + weights/20 }

// Fit chooses the window of a model with the given weights on a machine. limit
// is the configured upper bound, 0 for the default. It is a pure function of
// what the machine has and what the model is: what is loaded or free at the
// moment does not change it, or prompts would be cut otherwise from run to run.
func Fit(s shape, weights int64, m Memory, limit int) llm.Window {
	cut := ceilingOf(s, limit, m)
	need := func(context int) int64 { return weights + s.cache(context) + graph(weights) }
	window := func(context int, share float64, why string) llm.Window {
		return llm.Window{
			Context: context, WeightBytes: weights, CacheBytes: s.cache(context),
			GPUShare: share, Spill: share > 0 && share < 1, Why: why,
		}
	}
	// A tenth of a GPU is the driver's and the screen's.
	gpu := m.GPU - m.GPU/10
	if m.GPU > 0 {
		for _, context := range cut.choices {
			if context >= min(contextGPUMin, cut.choices[0]) && need(context) <= gpu {
				return window(context, 1, bound(context, cut, "the memory of the GPU"))
			}
		}
	}
	// The system and other programs keep a quarter of main memory, 2 GiB at least.
	main := m.Main - max(m.Main/4, 2<<30)
	room := main
	if !m.Unified {
		room += max(gpu, 0)
	}
	share := func(context int) float64 {
		if m.GPU == 0 {
			return 0
		}
		return min(1, float64(gpu)/float64(need(context)))
	}
	// What the GPU can't hold runs at the speed of the CPU: its bound holds.
	slow := cut
	if limit == 0 {
		slow = ceilingOf(s, 0, Memory{})
	}
	if m.Main == 0 {
		return window(slow.choices[0], share(slow.choices[0]), bound(slow.choices[0], slow, "")+"; the memory of the server's machine is not known")
	}
	for _, context := range slow.choices {
		if need(context) <= room {
			return window(context, share(context), bound(context, slow, "the main memory"))
		}
	}
	least := slow.choices[len(slow.choices)-1]
	return window(least, share(least), fmt.Sprintf("the smallest window: the model needs %s and the machine can give %s", size(need(least)), size(max(room, 0))))
}

// ceiling is the windows that may be chosen, largest first, and what bounds them.
type ceiling struct {
	choices []int
	why     string
}

func ceilingOf(s shape, limit int, m Memory) ceiling {
	top, why := contextMaxCPU, "the default without a GPU, where reading a longer prompt takes minutes"
	if m.GPU > 0 {
		top, why = contextMaxGPU, "the default with a GPU"
	}
	if limit > 0 {
		top, why = max(limit, 256), "the configured maximum"
	}
	if s.context > 0 && s.context <= top {
		top, why = max(s.context, 256), "what the model was trained for"
	}
	c := ceiling{why: why}
	for _, b := range buckets {
		if b <= top {
			c.choices = append(c.choices, b)
		}
	}
	// A bound between two buckets is used itself: nobody asks for 12000 to get 8192.
	if len(c.choices) == 0 || c.choices[len(c.choices)-1] != top {
		c.choices = append(c.choices, top)
	}
	slices.Reverse(c.choices)
	return c
}

// bound says in words what decided the window.
func bound(context int, c ceiling, memory string) string {
	if context == c.choices[0] {
		return fmt.Sprintf("%d tokens: %s", context, c.why)
	}
	return fmt.Sprintf("%d tokens: more does not fit %s", context, memory)
}

// size writes bytes for people.
func size(bytes int64) string { return fmt.Sprintf("%.1f GiB", float64(bytes)/(1<<30)) }

// Window decides how a model is run: once per Client, by Fit. A model that is
// loaded already with another window is loaded anew, even with a larger one:
// were it kept, the window would depend on what ran before, and a prompt that
// fitted yesterday would not fit today.
func (c *Client) Window(ctx context.Context, model string) (llm.Window, error) {
	s, err := c.served(ctx, model)
	if err != nil {
		return llm.Window{}, err
	}
	w := c.fit(ctx, s)
	// What the server tells of a loaded model is better than an estimate.
	if running, err := c.Running(ctx); err == nil {
		for _, r := range running {
			if r.Context == w.Context && r.Bytes > 0 && (r.Name == model || strings.TrimSuffix(r.Name, ":latest") == model) {
				w.GPUShare = min(1, float64(r.GPUBytes)/float64(r.Bytes))
				w.Spill = w.GPUShare > 0 && w.GPUShare < 1
			}
		}
	}
	return w, nil
}

// fit returns the window of a model without asking the server.
func (c *Client) fit(ctx context.Context, s *served) llm.Window {
	s.windowOnce.Do(func() {
		var m Memory
		if !c.remote && s.model.Remote == "" {
			m = c.options.Memory(ctx)
		}
		s.window = Fit(s.format, s.model.Bytes, m, c.options.ContextMax)
	})
	return s.window
}
