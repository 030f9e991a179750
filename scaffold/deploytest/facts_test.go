package deploytest

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// facts are what the modules of the whole project say of themselves, asked once by
// Elixir: no pattern over their sources would know what is computed.
type facts struct {
	metrics   map[string]map[string]string // name -> type, by the block that serves it
	functions map[string]bool              // "BitActor.Consensus.status/0"
	modules   map[string]bool
	events    map[string]bool   // "bitactor.consensus.command"
	variables map[string]string // what BitActor.Environment reads -> default
	text      string            // as Elixir printed them
}

// ask prints one fact a line: kind, file of the module, and what follows.
const ask = `
file = fn module -> Path.relative_to(to_string(module.module_info(:compile)[:source]), File.cwd!()) end
{:ok, modules} = :application.get_key(:bitactor, :modules)
for m <- modules do
  IO.puts("module #{file.(m)} #{inspect(m)}")
  for {f, a} <- m.module_info(:exports), do: IO.puts("function #{file.(m)} #{inspect(m)}.#{f}/#{a}")
end
for m <- BitActor.Catalogue.metric_sources(), metric <- m.metrics(), do: IO.puts("metric #{file.(m)} #{metric.name} #{metric.type}")
for m <- BitActor.Catalogue.event_sources(), event <- m.events(), do: IO.puts("event #{file.(m)} #{Enum.join(event.name, ".")}")
for v <- BitActor.Environment.variables(), do: IO.puts("variable - #{v.name} #{v.default}")
`

var (
	factsOnce sync.Once
	known     facts
)

// whatIs returns the facts of the whole project.
func whatIs(t *testing.T) facts {
	t.Helper()
	need(t, "mix", "elixir")
	factsOnce.Do(func() { known = askProject(t) })
	if len(known.functions) == 0 {
		t.Fatal("the project could not be asked; another test says why")
	}
	return known
}

func askProject(t *testing.T) facts {
	t.Helper()
	if file := os.Getenv(factsVariable); file != "" {
		text, err := os.ReadFile(file)
		must(t, err)
		return read(t, string(text))
	}
	dir := filepath.Join(whole(t).write(t), "bitactor_otp")
	must(t, os.WriteFile(filepath.Join(dir, "ask.exs"), []byte(ask), 0o644))
	environ := []string{"MIX_ENV=dev", "HOME=" + t.TempDir(), "BITACTOR_NIF=off", "ERL_LIBS="}
	if out, err := run(t, dir, environ, "mix", "compile"); err != nil {
		t.Fatalf("mix compile: %v\n%s", err, out)
	}
	out, err := run(t, dir, environ, "mix", "run", "--no-start", "--no-compile", "ask.exs")
	if err != nil {
		t.Fatalf("mix run: %v\n%s", err, out)
	}
	return read(t, out)
}

func read(t *testing.T, text string) facts {
	t.Helper()
	f := facts{map[string]map[string]string{}, map[string]bool{}, map[string]bool{}, map[string]bool{}, map[string]string{}, text}
	for line := range strings.Lines(text) {
		words := append(strings.Fields(line), "", "")
		switch words[0] {
		case "module":
			f.modules[words[2]] = true
		case "function":
			f.functions[words[2]] = true
		case "event":
			f.events[words[2]] = true
		case "variable":
			f.variables[words[2]] = words[3]
		case "metric":
			block, ok := catalogue(t).Owner("bitactor_otp/" + words[1])
			if !ok {
				t.Fatalf("no block has %s", words[1])
			}
			if f.metrics[block.ID] == nil {
				f.metrics[block.ID] = map[string]string{}
			}
			f.metrics[block.ID][words[2]] = words[3]
		}
	}
	return f
}
