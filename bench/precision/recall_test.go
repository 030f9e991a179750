package precision_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bitactor/cf/bench/precision"
)

// sound is code of each language with a place for each kind of fault.
var sound = map[string]string{
	"a.go": `package a

func save() error {
	err := write()
	if err != nil {
		return err
	}
	if err := flush(); err != nil {
		return fmt.Errorf("flush: %w", err)
	}
	return nil
}
`,
	"a.py": `import time


def number(text):
    try:
        return table[text]
    except KeyError as e:
        raise ValueError("no number") from e


def word(text):
    try:
        return table[text]
    except KeyError as e:
        raise ValueError(f"no word: {e}") from e


def letter(text):
    try:
        return table[text]
    except KeyError:
        raise ValueError("no letter") from None
`,
	"a.ex": `defmodule A do
  @doc """
  Numbers:

      case compute(x) do
        {:error, _} -> "none"
      end
  """
  def a(x) do
    case compute(x) do
      {:ok, y} -> y
      {:error, reason} -> {:error, reason}
    end
  end
end
`,
	"a.c": `int save(int fd)
{
	int rc = flush(fd);
	if (rc < 0) {
		return rc;
	}
	return 0;
}
`,
}

// TestPlant holds that each kind finds its place, that the plain spellings are found,
// and that the seed and the files alone decide.
func TestPlant(t *testing.T) {
	dir := t.TempDir()
	for name, text := range sound {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	plant := func() []precision.Recall {
		kinds, err := precision.Plant(t.Context(), []precision.Corpus{{Name: "a", Version: "1", Dir: dir}}, 3, 1)
		if err != nil {
			t.Fatal(err)
		}
		return kinds
	}
	kinds := plant()
	for _, k := range kinds {
		if k.Planted != 1 { // one a file at most
			t.Errorf("%s: %d planted", k.Kind, k.Planted)
		}
		if k.Found+len(k.Missed) != k.Planted {
			t.Errorf("%s: %d found and %v missed of %d", k.Kind, k.Found, k.Missed, k.Planted)
		}
		plain := []string{"Go: error looked at, then nothing", "Go: cause made text", "Python: cause dropped", "C: error looked at, then nothing"}
		if slices.Contains(plain, k.Kind) && k.Found != 1 {
			t.Errorf("%s: not found", k.Kind)
		}
	}
	if diff := cmp.Diff(kinds, plant()); diff != "" {
		t.Errorf("a second run differs: %s", diff)
	}
}
