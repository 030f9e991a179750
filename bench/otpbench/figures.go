package otpbench

import (
	"encoding/json"
	"fmt"
)

// measured is the report of the load test (test/performance/load_test.exs).
type measured struct {
	Machine struct {
		OTP            string `json:"otp"`
		Elixir         string `json:"elixir"`
		Schedulers     int    `json:"schedulers"`
		Implementation string `json:"implementation"`
		Load           string `json:"load_average"`
	} `json:"machine"`
	Rounds  int                        `json:"rounds"`
	Figures map[string]json.RawMessage `json:"figures"`
}

// spread is a median of rounds with the smallest and largest.
type spread struct {
	Median float64 `json:"median"`
	Min    float64 `json:"min"`
	Max    float64 `json:"max"`
	Runs   int     `json:"runs"`
}

// quantiles are of single calls, in nanoseconds.
type quantiles struct {
	P50  float64 `json:"p50"`
	P99  float64 `json:"p99"`
	P999 float64 `json:"p999"`
	Max  float64 `json:"max"`
}

// What the load test measures, by the names of its figures.
type (
	memory struct {
		Worker float64 `json:"worker"`
		Bare   float64 `json:"bare"`
		Native float64 `json:"native"`
	}
	call struct {
		Worker quantiles `json:"worker"`
		Bare   quantiles `json:"bare"`
		Ratio  spread    `json:"ratio"`
	}
	atRate struct {
		quantiles
		Rate    int `json:"rate"`
		Seconds int `json:"seconds"`
	}
	signal struct {
		C      spread `json:"c"`
		NIF    spread `json:"nif"`
		Elixir spread `json:"elixir"`
		Ratio  spread `json:"ratio"`
	}
	scrape struct {
		spread
		Lines int `json:"lines"`
	}
	storm struct {
		Crashes   int `json:"crashes"`
		Others    int `json:"others"`
		Unchanged int `json:"unchanged"`
	}
	threeNodes struct {
		quantiles
		Calls  int   `json:"calls"`
		Actors []int `json:"actors"`
	}
)

// The names of figures in the load test's report.
const (
	memoryName = "memory of an actor"
	callName   = "a call"
	rateName   = "calls at a fixed rate"
	nativeName = "native actors, batches of 4,096"
	storedName = "stored actors, batches of 1,000"
	scrapeName = "a scrape"
	stormName  = "a crash storm"
	threeName  = "three nodes"
)

// batches are the lengths for which the load test times the NIF.
var batches = []int{16, 256, 4096}

func batchName(length int) string { return fmt.Sprintf("a signal in a batch of %d", length) }

// parse reads the report; one without any figure is an error.
func parse(text []byte) (*measured, error) {
	var m measured
	if err := json.Unmarshal(text, &m); err != nil {
		return nil, fmt.Errorf("the load test's report: %w", err)
	}
	if len(m.Figures) == 0 {
		return nil, fmt.Errorf("the load test's report holds no figures")
	}
	return &m, nil
}

// get decodes a figure; false where the load test did not take it.
func get[T any](m *measured, name string) (T, bool) {
	var value T
	text, ok := m.Figures[name]
	if !ok || json.Unmarshal(text, &value) != nil {
		var none T
		return none, false
	}
	return value, true
}
