package setup

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/bitactor/cf/fault"
	"github.com/bitactor/cf/llm"
)

// weight says how much a family counts against its size: cf's work is code and
// reasoning. Families not listed count 1.
var weight = []struct {
	part  string // of the name or family, in lower case
	times float64
}{
	{"qwen3-coder", 3},
	{"qwen2.5-coder", 2.5},
	{"devstral", 2.5},
	{"deepseek-coder", 2},
	{"codestral", 2},
	{"qwen3", 2.5},
	{"gpt-oss", 2.5},
	{"gemma3", 2},
	{"deepseek-r1", 1.5},
	{"phi4", 1.5},
	{"granite", 1.2},
	{"coder", 2},
	// Older than its size suggests, or made for a test rather than for work.
	{"codellama", 0.8},
	{"llama2", 0.5},
	{"tinyllama", 0.5},
	{"smollm", 0.5},
}

// Fits tells whether a model of so many bytes runs in so much memory: its
// weights, a fifth for the key-value cache and buffers, half a GiB for the
// server, and a third of the memory left to everything else. Unknown memory (0)
// fits everything.
func Fits(bytes, memory int64) bool {
	return memory <= 0 || bytes+bytes/5+512<<20 <= memory/3*2
}

// ChooseModel picks the model to use among those that a server holds: the
// configured one if it is there, else, of those that run on this machine and
// fit memoryBytes, the one of the best (family weight x size). why says so in
// words. Kind ModelMissing, code CodeNoModel, when there is none.
func ChooseModel(models []llm.Model, configured string, memoryBytes int64) (llm.Model, string, error) {
	if configured != "" {
		for _, m := range models {
			if sameModel(m.Name, configured) {
				return m, "as configured", nil
			}
		}
		return llm.Model{}, "", fault.New(fault.ModelMissing, CodeNoModel, "the server does not hold it").On("model", configured).
			Hint("run: cf setup --model " + configured)
	}
	var usable []llm.Model
	tooBig := 0
	for _, m := range models {
		switch {
		case m.Remote != "" || isCloud(m.Name) || !completes(m):
		case !Fits(m.Bytes, memoryBytes):
			tooBig++
		default:
			usable = append(usable, m)
		}
	}
	if len(usable) == 0 {
		err := fault.New(fault.ModelMissing, CodeNoModel, "no model on the server can be used").On("choose model", "").Hint("run: cf setup")
		if tooBig > 0 {
			err.Err = fmt.Errorf("no model on the server fits %s of memory", size(memoryBytes))
			err.Hint("or name one all the same: --model NAME")
		}
		return llm.Model{}, "", err
	}
	best := slices.MaxFunc(usable, func(a, b llm.Model) int {
		return cmp.Or(cmp.Compare(score(a), score(b)), strings.Compare(b.Name, a.Name))
	})
	why := "the only usable model installed"
	if len(usable) > 1 {
		why = fmt.Sprintf("best of %d installed models that fit the memory", len(usable))
	}
	return best, why, nil
}

// sameModel compares names as Ollama does: no tag means latest.
func sameModel(a, b string) bool {
	full := func(s string) string {
		if i := strings.LastIndexByte(s, '/'); !strings.Contains(s[i+1:], ":") {
			s += ":latest"
		}
		return strings.ToLower(s)
	}
	return full(a) == full(b)
}

func isCloud(name string) bool {
	return strings.HasSuffix(name, "-cloud") || strings.HasSuffix(name, ":cloud")
}

// completes tells whether a model can chat. A server's list may not say: then
// its name has to.
func completes(m llm.Model) bool {
	if m.Completion || len(m.Capabilities) > 0 {
		return m.Completion || slices.Contains(m.Capabilities, "completion")
	}
	text := strings.ToLower(m.Name + " " + m.Family)
	for _, part := range []string{"embed", "bert", "minilm", "bge-", "rerank"} {
		if strings.Contains(text, part) {
			return false
		}
	}
	return true
}

func score(m llm.Model) float64 {
	text := strings.ToLower(m.Name + " " + m.Family)
	for _, w := range weight {
		if strings.Contains(text, w.part) {
			return w.times * float64(m.Bytes)
		}
	}
	return float64(m.Bytes)
}

// toPull returns the model to pull for a machine: the biggest that fits, but at
// most 4b without a GPU, where more takes minutes for an answer.
func toPull(memory int64, gpu bool) (name string, bytes int64) {
	for _, p := range pullable {
		if name != "" && (!Fits(p.bytes, memory) || memory <= 0 || !gpu && p.bytes > 3e9) {
			break
		}
		name, bytes = p.name, p.bytes
	}
	return name, bytes
}

// size writes bytes as people read them: decimal units, as the sizes of
// downloads and models are given.
func size(n int64) string {
	switch {
	case n >= 1e9:
		return fmt.Sprintf("%.1f GB", float64(n)/1e9)
	case n >= 1e6:
		return fmt.Sprintf("%.1f MB", float64(n)/1e6)
	default:
		return fmt.Sprintf("%d kB", (n+999)/1000)
	}
}
