package clean

import (
	"embed"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"sync"

	"golang.org/x/tools/txtar"

	"github.com/bitactor/cf/lazyregexp"
	"github.com/bitactor/cf/syntax"
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
	With     string   // the mend's text
	Query    string   // of tree-sitter; @found is the place
	Examples []Example
}

// Example is a source that the pattern is tried on.
type Example struct {
	Name  string // begins with "bad", "good" or "kept"
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
		case key == "action":
			p.Action = value
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
	for _, u := range p.Unless {
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

// match is what a query found.
type match struct {
	tree *syntax.File
	by   map[string]syntax.Range
}

func (m match) text(name string) string { return m.tree.Text(m.by[name]) }

// condition keeps a match from being a finding: keep says why the code stays as it
// is and is told; drop says that it is not what the pattern is about.
type condition func(m match) (keep string, drop bool)

var conditions = map[string]condition{
	"boundary": func(m match) (string, bool) {
		if call := boundary.FindString(m.text("found")); call != "" {
			return fmt.Sprintf("a boundary: %s can fail by what lies outside of this program", strings.TrimRight(strings.TrimSpace(call), "(")), false
		}
		return "", false
	},
	// A comment inside says why.
	"commented": func(m match) (string, bool) {
		found := m.by["found"]
		return "", slices.ContainsFunc(m.tree.Regions(), func(r syntax.Region) bool {
			return r.Kind == syntax.Comment && found.Start <= r.Range.Start && r.Range.End <= found.End
		})
	},
	// The value names what was caught: it is passed on.
	"used": func(m match) (string, bool) {
		name := strings.TrimSpace(m.text("caught"))
		return "", name != "_" && name != "" && slices.Contains(words(m.text("value")), name)
	},
	// A class that others are derived from.
	"abstract": func(m match) (string, bool) {
		at := m.by["found"].Start
		for _, s := range m.tree.Symbols() {
			if s.Range.Start <= at && at < s.Range.End {
				head := m.tree.Text(syntax.Range{Start: s.Range.Start, End: s.Decl.Start}) + s.Signature + s.Name
				if abstract.MatchString(head) {
					return "", true
				}
			}
		}
		return "", false
	},
	// The check before it decides by what is there.
	"lookup": func(m match) (string, bool) { return "", lookup.MatchString(m.text("before")) },
}

var (
	boundary = lazyregexp.New(`\b(?:File|IO|Path|Port|System|Req|HTTPoison|Finch|Tesla|Mint|Jason|Poison|JSON|URI|Base|Integer|Float|Decimal|Date|DateTime|NaiveDateTime|Time|Code|Node|Repo|Application|Registry|Process|GenServer|Agent|Task|Supervisor|DynamicSupervisor|Module|Mix|Regex|Logger)\.\w|:(?:gen_tcp|gen_udp|ssl|inet|inet_res|httpc|ets|dets|mnesia|file|os|net_adm|net_kernel|rpc|erpc|gen_server|erlang|persistent_term|code|zlib|json|public_key|crypto|global|pg|ra|telemetry)\.\w|\b(?:String\.to_(?:integer|float|atom|existing_atom)|apply|send|receive|exit|struct!?)\b|\w*(?:parse|decode|deserialize|connect|fetch|request|read|load|eval|close|stop|kill|shutdown|cleanup|unlink|remove|delete|getattr|open|import|socket|subprocess|recv|print|log|flush|write|terminate|release|cancel|del)\w*[!?]?\(|\b(?:import|os\.|sys\.|shutil\.|json\.|requests\.|urllib|float|int)\b`)
	abstract = lazyregexp.New(`abstractmethod|\bABC\b|Protocol|Base|Abstract|Interface|Mixin|Visitor|overload`)
	lookup   = lazyregexp.New(`\b(?:Stat|Lstat|Lookup\w*|ReadFile|Open|LookPath|Getwd|Parse\w*|Atoi|Unmarshal|Get\w*|Find\w*|Rel|EvalSymlinks)\(`)
)

func words(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool {
		return r != '_' && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9')
	})
}

// judge asks the pattern's conditions.
func (p *Pattern) judge(m match) (keep string, drop bool) {
	for _, u := range p.Unless {
		k, d := conditions[u](m)
		if d {
			return "", true
		}
		if keep == "" {
			keep = k
		}
	}
	return keep, false
}
