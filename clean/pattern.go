package clean

import (
	"embed"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"sync"

	"golang.org/x/tools/txtar"
)

//go:embed patterns/*.txtar
var files embed.FS

// Pattern is one kind of finding. Its file is a txtar archive: "key: value" lines,
// the query, and examples.
type Pattern struct {
	ID       string
	Target   Target
	Language string
	Why      string   // one sentence, for people
	Word     string   // a file without it has none
	Unless   []string // names of conditions, see conditions
	Action   string   // name of the mend, see actions; "" where it is only listed
	Unmended []string // names of conditions under which a finding is listed, and not mended
	With     string   // the mend's text
	// Read is how many findings of it two readers read in code that it had not been tried on,
	// and Right how many of those both called right (testdata/precision/unread-*.jsonl).
	Read, Right int
	Query       string // of tree-sitter; @found is the place
	Examples    []Example
}

// readLeast is how many findings have to be read before their share is told.
const readLeast = 5

// Says is why something is a finding, and how often such a finding was right.
func (p *Pattern) Says() string {
	if p.Read < readLeast {
		return p.Why
	}
	return fmt.Sprintf("%s (%d of %d such were right in code it was not tried on)", p.Why, p.Right, p.Read)
}

// Example is a source that the pattern is tried on.
type Example struct {
	Name  string // begins with "bad", "listed" (bad, and not mended), "good" or "kept"
	Text  string
	After string // of a bad one: the source mended
}

// All returns the patterns in the order of their names. They are read once.
var All = sync.OnceValues(func() ([]*Pattern, error) {
	names, err := fs.Glob(files, "patterns/*.txtar")
	if err != nil {
		return nil, err
	}
	var out []*Pattern
	for _, name := range names {
		data, err := files.ReadFile(name)
		if err != nil {
			return nil, err
		}
		p, err := parse(strings.TrimSuffix(strings.TrimPrefix(name, "patterns/"), ".txtar"), data)
		if err != nil {
			return nil, err
		}
		out = append(out, p)
	}
	return out, nil
})

// For returns the patterns of some targets.
func For(targets ...Target) ([]*Pattern, error) {
	all, err := All()
	return slices.DeleteFunc(slices.Clone(all), func(p *Pattern) bool { return !slices.Contains(targets, p.Target) }), err
}

func parse(id string, data []byte) (*Pattern, error) {
	archive := txtar.Parse(data)
	p := &Pattern{ID: id}
	for line := range strings.Lines(string(archive.Comment)) {
		key, value, ok := strings.Cut(strings.TrimSpace(line), ": ")
		switch {
		case strings.TrimSpace(line) == "":
		case !ok:
			return nil, fmt.Errorf("pattern %s: %q is no \"key: value\"", id, line)
		case key == "target":
			p.Target = Target(value)
		case key == "language":
			p.Language = value
		case key == "why":
			p.Why = value
		case key == "word":
			p.Word = value
		case key == "unless":
			p.Unless = strings.Fields(value)
		case key == "unmended":
			p.Unmended = strings.Fields(value)
		case key == "action":
			p.Action = value
		case key == "read":
			if n, err := fmt.Sscanf(value, "%d of %d", &p.Right, &p.Read); n != 2 {
				return nil, fmt.Errorf("pattern %s: %q is no \"N of M\": %w", id, value, err)
			}
		case key == "with":
			p.With = value
		default:
			return nil, fmt.Errorf("pattern %s: unknown key %q", id, key)
		}
	}
	after := map[string]string{}
	for _, f := range archive.Files {
		switch name, mended := strings.CutSuffix(f.Name, " after"); {
		case f.Name == "query":
			p.Query = string(f.Data)
		case mended:
			after[name] = string(f.Data)
		default:
			p.Examples = append(p.Examples, Example{Name: f.Name, Text: string(f.Data)})
		}
	}
	for i := range p.Examples {
		p.Examples[i].After = after[p.Examples[i].Name]
	}
	for _, u := range slices.Concat(p.Unless, p.Unmended) {
		if conditions[u] == nil {
			return nil, fmt.Errorf("pattern %s: unknown condition %q", id, u)
		}
	}
	if p.Action != "" && actions[p.Action] == nil {
		return nil, fmt.Errorf("pattern %s: unknown action %q", id, p.Action)
	}
	if p.Query == "" || p.Why == "" || p.Language == "" {
		return nil, fmt.Errorf("pattern %s: needs a query, a language and why", id)
	}
	return p, nil
}
