package precision_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bitactor/cf/bench/precision"
)

// measuredSystem is a small system with a place for each kind of fault.
var measuredSystem = map[string]string{
	"lib/shop.ex": `defmodule Shop do
  def metrics do
    [
      %{
        name: "shop_sold_items_total",
        type: :counter,
        help: "Sold.",
        labels: [:kind],
        event: [:shop, :till, :sold],
        measurement: :count
      },
      %{
        name: "shop_open_tills",
        type: :gauge,
        help: "Open.",
        labels: [],
        read: {__MODULE__, :tills, []}
      },
      %{
        name: "shop_sale_duration_seconds",
        type: :histogram,
        help: "Sale.",
        labels: [],
        event: [:shop, :till, :sold],
        measurement: :duration,
        unit: {:native, :second}
      }
    ]
  end

  def tills, do: 1

  def sell(n) do
    price = n * 2
    Shop.Telemetry.execute([:shop, :till, :sold], %{count: n, duration: 1}, %{})
    price
  end
end
`,
	"rules.yml": `groups:
  - name: shop
    rules:
      - alert: NothingSold
        expr: sum(rate(shop_sold_items_total[5m])) == 0 and shop_open_tills > 0
        annotations:
          runbook_url: https://example.org/shop/docs/runbook.md#nothingsold
      - alert: SalesSlow
        expr: histogram_quantile(0.9, sum by (le) (rate(shop_sale_duration_seconds_bucket[5m]))) > 1
        annotations:
          runbook_url: https://example.org/shop/docs/runbook.md#salesslow
`,
	"docs/runbook.md": "# Runbook\n\n## NothingSold\n\n## SalesSlow\n",
}

// TestPlantTelemetry holds that each kind finds a place, that what is plain is found, and
// that the seed and the files alone decide.
func TestPlantTelemetry(t *testing.T) {
	dir := t.TempDir()
	for name, text := range measuredSystem {
		full := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(full, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	plant := func() []precision.Recall {
		kinds, err := precision.PlantTelemetry(t.Context(), []precision.Corpus{{Name: "shop", Version: "1", Dir: dir}}, 2, 3)
		if err != nil {
			t.Fatal(err)
		}
		return kinds
	}
	kinds := plant()
	if len(kinds) < 9 {
		t.Errorf("%d kinds", len(kinds))
	}
	for _, k := range kinds {
		if k.Planted == 0 {
			t.Errorf("%s: none planted", k.Kind)
		}
		if k.Found+len(k.Missed) != k.Planted {
			t.Errorf("%s: %d found and %v missed of %d", k.Kind, k.Found, k.Missed, k.Planted)
		}
		if k.Found == 0 && plain[k.Kind] {
			t.Errorf("%s: none found of %v", k.Kind, k.Missed)
		}
	}
	if diff := cmp.Diff(kinds, plant()); diff != "" {
		t.Errorf("a second run differs: %s", diff)
	}
}

// plain are kinds of which the small system's faults have to be found.
var plain = map[string]bool{
	"metric renamed in a rule or dashboard": true,
	"metric renamed in the code":            true,
	"metric added that nothing uses":        true,
	"rate() of a gauge":                     true,
	"runbook removed":                       true,
	"handler of an event that nobody emits": true,
}
