package scaffold

import (
	"bytes"
	"cmp"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml"

	"github.com/bitactor/cf/fault"
	"github.com/bitactor/cf/lazyregexp"
)

// Block is a building block as its block.yaml describes it.
type Block struct {
	ID        string              `yaml:"id"`
	Title     string              `yaml:"title"`
	Answers   []string            `yaml:"answers"` // phrases of requests that it answers
	Needs     []string            `yaml:"needs"`   // ids without which it can't be compiled or tested
	Variables map[string]Variable `yaml:"variables"`
	Templated []string            `yaml:"templated"` // files that are text/template; the others are copied
	Modes     map[string]string   `yaml:"modes"`     // octal permission bits that are not 0644

	// What the block adds to the generated module BitActor.Blocks.
	Children      []Child       `yaml:"children"`
	HealthChecks  []HealthCheck `yaml:"health_checks"`
	EventSources  []string      `yaml:"event_sources"`
	MetricSources []string      `yaml:"metric_sources"`
	Routes        []Route       `yaml:"routes"`

	// Amalgamation is the folder that the C core is put into as bitactor.c and
	// bitactor.h; "" for none.
	Amalgamation string   `yaml:"amalgamation"`
	Checks       []string `yaml:"checks"`   // names that Checks lists
	Profiles     []string `yaml:"profiles"` // none given: all

	files map[string][]byte // by output path, unrendered
}

// Child is a line of BitActor.Blocks.children/0.
type Child struct {
	Order int    `yaml:"order"` // they start in ascending order
	Spec  string `yaml:"spec"`  // Elixir
}

// HealthCheck is an entry of BitActor.Blocks.health_checks/0.
type HealthCheck struct {
	Name string `yaml:"name"`
	Call string `yaml:"call"` // "Module.function/arity"
}

// Route is an entry of BitActor.Blocks.routes/0.
type Route struct {
	Method string `yaml:"method"`
	Path   string `yaml:"path"`
	Call   string `yaml:"call"`
}

// Check is what is known of a name in a block's checks.
type Check struct {
	Name  string `json:"name"`
	Means string `json:"means"`
}

// Checks lists the checks that a block may name: what of cf's checks must have
// passed before its files land, said for people. The gate itself goes by the kinds
// of the files.
func Checks() []Check {
	return []Check{
		{"mix-compile", "mix compile without a warning"},
		{"mix-format", "mix format changes nothing"},
		{"mix-test", "mix test passes"},
		{"mix-xref", "modules do not depend on each other in circles"},
		{"mix-release", "mix release builds"},
		{"sanitizers", "the C code's tests pass under ASan and UBSan"},
		{"elixir", "Elixir outside of a project compiles"},
		{"c", "gcc and clang without a warning"},
		{"docker", "BuildKit's linter finds nothing"},
		{"kubernetes", "strict schema, and Pod Security restricted"},
		{"workflow", "actionlint finds nothing"},
		{"prometheus", "rules and expressions are valid"},
		{"markdown", "links lead somewhere, fences are closed"},
		{"json", "it parses, without duplicate keys"},
		{"yaml", "it parses, without duplicate keys"},
		{"shell", "it parses"},
	}
}

// Paths returns the block's output paths, sorted.
func (b *Block) Paths() []string {
	paths := make([]string, 0, len(b.files)+2)
	for p := range b.files {
		paths = append(paths, p)
	}
	if b.Amalgamation != "" {
		paths = append(paths, path.Join(b.Amalgamation, "bitactor.c"), path.Join(b.Amalgamation, "bitactor.h"))
	}
	slices.Sort(paths)
	return slices.Compact(paths)
}

// In tells whether the block is part of a profile.
func (b *Block) In(profile string) bool {
	return len(b.Profiles) == 0 || slices.Contains(b.Profiles, profile)
}

// badBlock is a fault of the catalogue itself.
func badBlock(id, format string, args ...any) *fault.Error {
	return fault.New(fault.Failed, CodeBadBlock, format, args...).On("load block", id)
}

// readBlock reads the folder id of a catalogue.
func readBlock(fsys fs.FS, id string) (*Block, error) {
	text, err := fs.ReadFile(fsys, path.Join(id, "block.yaml"))
	if err != nil {
		return nil, badBlock(id, "%w", err)
	}
	b := &Block{files: map[string][]byte{}}
	if err := yaml.NewDecoder(bytes.NewReader(text), yaml.Strict()).Decode(b); err != nil {
		return nil, badBlock(id, "block.yaml: %s", strings.TrimSpace(yaml.FormatError(err, false, false)))
	}
	if b.ID != id {
		return nil, badBlock(id, "its id is %q", b.ID)
	}
	root := path.Join(id, "files")
	err = fs.WalkDir(fsys, root, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := fs.ReadFile(fsys, name)
		b.files[strings.TrimPrefix(name, root+"/")] = data
		return err
	})
	if err != nil && b.Amalgamation == "" {
		return nil, badBlock(id, "%w", err)
	}
	return b, b.validate()
}

var (
	idForm     = lazyregexp.New(`^[a-z][a-z0-9-]*$`)
	moduleForm = lazyregexp.New(`^[A-Z]\w*(\.[A-Z]\w*)*$`)
	callForm   = lazyregexp.New(`^[A-Z]\w*(\.[A-Z]\w*)*\.[a-z_]\w*[?!]?/\d$`)
	nameForm   = lazyregexp.New(`^[a-z][a-z0-9_]*$`)
)

// validate refuses what would not render, or not be found.
func (b *Block) validate() error {
	switch {
	case !idForm.MatchString(b.ID):
		return badBlock(b.ID, "an id is lower-case letters, digits and dashes")
	case b.Title == "":
		return badBlock(b.ID, "it has no title")
	case len(b.Answers) == 0:
		return badBlock(b.ID, "it answers nothing: name the words of a request that it is for")
	case len(b.Paths()) == 0:
		return badBlock(b.ID, "it has no files")
	}
	for _, p := range b.Templated {
		if _, ok := b.files[p]; !ok {
			return badBlock(b.ID, "templated: there is no file %s", p)
		}
	}
	for p, mode := range b.Modes {
		bits, err := strconv.ParseUint(mode, 8, 32)
		if _, ok := b.files[p]; !ok || err != nil || bits&^0o777 != 0 {
			return badBlock(b.ID, "modes: %s: %q is no file of it with permission bits", p, mode)
		}
	}
	for _, name := range b.Checks {
		if !slices.ContainsFunc(Checks(), func(c Check) bool { return c.Name == name }) {
			return badBlock(b.ID, "checks: %q is not known", name)
		}
	}
	for _, p := range b.Profiles {
		if !slices.Contains(Profiles(), p) {
			return badBlock(b.ID, "profiles: %q is not known", p)
		}
	}
	for name, v := range b.Variables {
		if err := v.validate(name); err != nil {
			return badBlock(b.ID, "variables: %w", err)
		}
	}
	for p, text := range b.files {
		if bytes.IndexByte(text, '\r') >= 0 || !bytes.HasSuffix(text, []byte("\n")) {
			return badBlock(b.ID, "%s: lines end in a line feed alone, the last one too", p)
		}
	}
	return b.validateParts()
}

// validateParts looks at what goes into BitActor.Blocks.
func (b *Block) validateParts() error {
	for _, m := range slices.Concat(b.EventSources, b.MetricSources) {
		if !moduleForm.MatchString(m) {
			return badBlock(b.ID, "%q is no name of a module", m)
		}
	}
	for _, h := range b.HealthChecks {
		if !nameForm.MatchString(h.Name) || !callForm.MatchString(h.Call) {
			return badBlock(b.ID, "health_checks: %q, %q: want a name and Module.function/arity", h.Name, h.Call)
		}
	}
	for _, r := range b.Routes {
		if r.Method != strings.ToUpper(r.Method) || !strings.HasPrefix(r.Path, "/") || !callForm.MatchString(r.Call) {
			return badBlock(b.ID, "routes: %s %s %s: want METHOD /path Module.function/arity", r.Method, r.Path, r.Call)
		}
	}
	for _, c := range b.Children {
		if c.Order <= 0 || c.Spec == "" {
			return badBlock(b.ID, "children: order and spec are needed")
		}
	}
	return nil
}

// mode returns the permission bits of one of the block's files.
func (b *Block) mode(p string) fs.FileMode {
	bits, err := strconv.ParseUint(cmp.Or(b.Modes[p], "0644"), 8, 32)
	if err != nil { // validate saw it
		panic(fmt.Sprintf("scaffold: block %s: mode of %s: %v", b.ID, p, err))
	}
	return fs.FileMode(bits)
}
