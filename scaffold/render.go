package scaffold

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/template"

	"github.com/bitactor/cf/fault"
)

// data is what a templated file sees.
type data struct {
	Vars    map[string]string // of the blocks present
	Blocks  []string          // their ids, sorted
	Profile string

	Children      []Child // in the order in which they start
	HealthChecks  []HealthCheck
	EventSources  []string
	MetricSources []string
	Routes        []Route
}

// Has tells whether a block is present.
func (d *data) Has(id string) bool { return slices.Contains(d.Blocks, id) }

// Render returns the files of a project with these blocks, sorted by path. Errors of
// kind fault.Usage: CodeNoBlock, CodeBadVariable, CodeBadProfile; a block without
// one that it needs, and a template that fails, are CodeBadBlock.
func (c *Catalogue) Render(in Input) ([]File, error) {
	d, err := c.data(in)
	if err != nil {
		return nil, err
	}
	var out []File
	for _, id := range d.Blocks {
		files, err := c.blocks[id].render(d)
		if err != nil {
			return nil, err
		}
		out = append(out, files...)
	}
	slices.SortFunc(out, func(a, b File) int { return strings.Compare(a.Path, b.Path) })
	return out, nil
}

// data checks the input and gathers what templates see.
func (c *Catalogue) data(in Input) (*data, error) {
	if !slices.Contains(Profiles(), in.Profile) {
		return nil, fault.New(fault.Usage, CodeBadProfile, "a profile is %s, not %q", strings.Join(Profiles(), " or "), in.Profile).On("scaffold", "")
	}
	d := &data{Profile: in.Profile, Vars: map[string]string{}, Blocks: slices.Compact(slices.Sorted(slices.Values(in.Blocks)))}
	for _, id := range d.Blocks {
		b, err := c.Block(id)
		if err != nil {
			return nil, err
		}
		if !b.In(in.Profile) {
			return nil, fault.New(fault.Usage, CodeBadProfile, "the block has no profile %s", in.Profile).On("scaffold", id)
		}
		for _, need := range b.Needs {
			if !slices.Contains(d.Blocks, need) {
				return nil, badBlock(id, "it is rendered without %s, which it needs", need)
			}
		}
		for name, v := range b.Variables {
			d.Vars[name] = v.value()
		}
		d.Children = append(d.Children, b.Children...)
		d.HealthChecks = append(d.HealthChecks, b.HealthChecks...)
		d.EventSources = append(d.EventSources, b.EventSources...)
		d.MetricSources = append(d.MetricSources, b.MetricSources...)
		d.Routes = append(d.Routes, b.Routes...)
	}
	d.sort()
	return d, c.set(d.Vars, in.Vars)
}

// set puts the user's values over the defaults. One for a block that is not there
// yet is checked, and waits.
func (c *Catalogue) set(vars, values map[string]string) error {
	for _, name := range slices.Sorted(maps.Keys(values)) {
		v, ok := c.vars[name]
		if !ok {
			return fault.New(fault.Usage, CodeBadVariable, "no block has the variable %q", name).On("scaffold", "").
				Hint("they are: " + strings.Join(c.Variables(), ", "))
		}
		if err := v.accept(name, values[name]); err != nil {
			return fault.New(fault.Usage, CodeBadVariable, "%w", err).On("scaffold", "")
		}
		if _, ok := vars[name]; ok {
			vars[name] = values[name]
		}
	}
	return nil
}

// sort makes the lists independent of the order of blocks, but for children of one
// order, which start as their blocks' ids are sorted.
func (d *data) sort() {
	slices.SortStableFunc(d.Children, func(a, b Child) int { return a.Order - b.Order })
	slices.SortFunc(d.HealthChecks, func(a, b HealthCheck) int { return strings.Compare(a.Name, b.Name) })
	slices.Sort(d.EventSources)
	slices.Sort(d.MetricSources)
	slices.SortFunc(d.Routes, func(a, b Route) int { return strings.Compare(a.Path+" "+a.Method, b.Path+" "+b.Method) })
}

// render returns the block's files.
func (b *Block) render(d *data) ([]File, error) {
	var out []File
	for _, p := range slices.Sorted(maps.Keys(b.files)) {
		f := File{Path: p, Block: b.ID, Content: bytes.Clone(b.files[p]), Mode: b.mode(p)}
		if slices.Contains(b.Templated, p) {
			text, err := expand(p, string(b.files[p]), d)
			if err != nil {
				return nil, badBlock(b.ID, "%w", err)
			}
			f.Content = text
		}
		out = append(out, f)
	}
	if b.Amalgamation != "" {
		files, err := amalgamation(b.Amalgamation)
		if err != nil {
			return nil, badBlock(b.ID, "%w", err)
		}
		for _, f := range files {
			f.Block = b.ID
			out = append(out, f)
		}
	}
	return out, nil
}

// The delimiters of templated files: nothing in the languages of the blocks uses
// them.
const delimLeft, delimRight = "⟦", "⟧"

// expand executes a template.
func expand(name, text string, d *data) ([]byte, error) {
	t, err := template.New(name).Delims(delimLeft, delimRight).Option("missingkey=error").Parse(text)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	if err := t.Execute(&b, d); err != nil {
		return nil, err
	}
	if !bytes.HasSuffix(b.Bytes(), []byte("\n")) {
		return nil, fmt.Errorf("%s does not end in a line feed", name)
	}
	return b.Bytes(), nil
}
