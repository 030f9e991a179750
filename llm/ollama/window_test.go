package ollama

import (
	"encoding/json"
	"strings"
	"testing"
)

const gib = 1 << 30

// uniform is a model of n equal layers.
func uniform(layers int, kv int64, trained int) shape {
	s := shape{context: trained}
	for range layers {
		s.layers = append(s.layers, layer{bytes: kv})
	}
	return s
}

func TestFit(t *testing.T) {
	small := uniform(30, 3*128*2, 8192)    // SmolLM2 135M
	seven := uniform(28, 4*256*2, 32768)   // Qwen2.5 7B
	eight := uniform(36, 8*256*2, 131072)  // Qwen3 8B
	thirty := uniform(64, 8*256*2, 131072) // a dense 32B
	for _, test := range []struct {
		name    string
		s       shape
		weights int64
		m       Memory
		limit   int
		context int
		share   float64
		spill   bool
		why     string
	}{
		{"trained for less", small, 98 << 20, Memory{Main: 24 * gib}, 0, 8192, 0, false, "trained"},
		{"CPU default", seven, 5 * gib, Memory{Main: 24 * gib}, 0, 16384, 0, false, "without a GPU"},
		{"configured", seven, 5 * gib, Memory{Main: 24 * gib}, 32768, 32768, 0, false, "trained"},
		{"configured between buckets", eight, 5 * gib, Memory{Main: 64 * gib}, 12000, 12000, 0, false, "configured"},
		{"configured tiny", small, 98 << 20, Memory{Main: 24 * gib}, 512, 512, 0, false, "configured"},
		{"memory bounds", eight, 5 * gib, Memory{Main: 9 * gib}, 0, 8192, 0, false, "main memory"},
		{"does not fit at all", thirty, 19 * gib, Memory{Main: 8 * gib}, 0, 2048, 0, false, "can give"},
		{"memory unknown", eight, 5 * gib, Memory{}, 0, 16384, 0, false, "not known"},
		{"GPU default", eight, 5 * gib, Memory{Main: 32 * gib, GPU: 24 * gib}, 0, 32768, 1, false, "with a GPU"},
		{"GPU bounds", eight, 5 * gib, Memory{Main: 32 * gib, GPU: 9 * gib}, 0, 16384, 1, false, "GPU"},
		{"spills", thirty, 19 * gib, Memory{Main: 64 * gib, GPU: 12 * gib}, 0, 16384, 0.45, true, "without a GPU"},
		{"shared memory", eight, 5 * gib, Memory{Main: 16 * gib, GPU: 16 * gib * 2 / 3, Unified: true}, 0, 16384, 1, false, "GPU"},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := Fit(test.s, test.weights, test.m, test.limit)
			if w.Context != test.context || w.Spill != test.spill || w.GPUShare < test.share-0.06 || w.GPUShare > test.share+0.06 || !strings.Contains(w.Why, test.why) {
				t.Errorf("got %+v, want %d tokens, share %.2f, spill %v, why %q", w, test.context, test.share, test.spill, test.why)
			}
			if w != Fit(test.s, test.weights, test.m, test.limit) {
				t.Error("not the same twice")
			}
		})
	}
}

func TestShapeOf(t *testing.T) {
	for _, test := range []struct {
		name, info string
		context    int
		at8k       int64
	}{
		{"llama", `{"general.architecture":"llama","llama.block_count":30,"llama.embedding_length":576,"llama.attention.head_count":9,"llama.attention.head_count_kv":3,"llama.context_length":8192}`, 8192, 30 * 3 * 128 * 2 * 8192},
		{"key length given", `{"general.architecture":"qwen3","qwen3.block_count":2,"qwen3.embedding_length":9,"qwen3.attention.head_count":3,"qwen3.attention.head_count_kv":1,"qwen3.attention.key_length":128,"qwen3.attention.value_length":64}`, 0, 2 * 192 * 2 * 8192},
		{"sliding", `{"general.architecture":"gemma3","gemma3.block_count":6,"gemma3.attention.head_count_kv":1,"gemma3.attention.key_length":1,"gemma3.attention.sliding_window":1024}`, 0, 4 * (5*(1024+512) + 8192)},
		{"per layer", `{"general.architecture":"x","x.block_count":2,"x.attention.head_count_kv":[0,2],"x.attention.key_length":1,"x.attention.sliding_window":8,"x.attention.sliding_window_pattern":[true,false]}`, 0, 2 * 4 * 8192},
		{"absurd", `{"general.architecture":"x","x.block_count":1e18,"x.attention.head_count_kv":-4,"x.context_length":1e300}`, 0, 0},
		{"nothing", `{}`, 0, 0},
	} {
		var info map[string]any
		if err := json.Unmarshal([]byte(test.info), &info); err != nil {
			t.Fatal(err)
		}
		s := shapeOf(info)
		if s.context != test.context || s.cache(8192) != test.at8k {
			t.Errorf("%s: context %d, cache %d; want %d, %d", test.name, s.context, s.cache(8192), test.context, test.at8k)
		}
	}
}
