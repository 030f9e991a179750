package commands

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/bitactor/cf/commands/view"
	"github.com/bitactor/cf/scaffold"
)

// BlockLine is a building block in a list.
type BlockLine struct {
	ID      string   `json:"id"`
	Title   string   `json:"title"`
	Needs   []string `json:"needs,omitempty"`
	Files   int      `json:"files,omitempty"`
	Score   int      `json:"score,omitempty"`   // of a search: words of the request that it explains
	Phrases []string `json:"phrases,omitempty"` // of a search: what it answers of the request
}

// ScaffoldList is what cf scaffold list and search show.
type ScaffoldList struct {
	Blocks []BlockLine `json:"blocks"`
}

// Type names the event.
func (ScaffoldList) Type() string { return "scaffold_blocks" }

// PlainText renders a table.
func (l ScaffoldList) PlainText(width int) string {
	if len(l.Blocks) == 0 {
		return "no block answers that\n"
	}
	rows := [][]string{{"BLOCK", "FILES", "NEEDS", "WHAT"}}
	if l.Blocks[0].Score > 0 {
		rows[0] = []string{"BLOCK", "SCORE", "BY", "WHAT"}
	}
	for _, b := range l.Blocks {
		if b.Score > 0 {
			rows = append(rows, []string{b.ID, fmt.Sprint(b.Score), strings.Join(b.Phrases, ", "), b.Title})
		} else {
			rows = append(rows, []string{b.ID, fmt.Sprint(b.Files), strings.Join(b.Needs, " "), b.Title})
		}
	}
	return view.Table(rows, width)
}

// BlockVariable is a variable of a building block.
type BlockVariable struct {
	Name    string   `json:"name"`
	Type    string   `json:"kind"`
	Default string   `json:"default"`
	Help    string   `json:"help"`
	Values  []string `json:"values,omitempty"`
}

// ScaffoldBlock is what cf scaffold show shows.
type ScaffoldBlock struct {
	ID        string           `json:"id"`
	Title     string           `json:"title"`
	Answers   []string         `json:"answers"`
	Needs     []string         `json:"needs"` // all, the indirect ones too
	Files     []string         `json:"files"`
	Variables []BlockVariable  `json:"variables"`
	Checks    []scaffold.Check `json:"checks"`
	Profiles  []string         `json:"profiles"`
}

// Type names the event.
func (ScaffoldBlock) Type() string { return "scaffold_block" }

// PlainText renders the block.
func (s ScaffoldBlock) PlainText(width int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s\n\n", s.ID, s.Title)
	for _, f := range s.Files {
		fmt.Fprintf(&b, "  %s\n", f)
	}
	rows := [][]string{{"needs", strings.Join(s.Needs, " ")}, {"answers", strings.Join(s.Answers, ", ")}, {"profiles", strings.Join(s.Profiles, " ")}}
	for _, c := range s.Checks {
		rows = append(rows, []string{"check " + c.Name, c.Means})
	}
	for _, v := range s.Variables {
		kind := v.Type
		if len(v.Values) > 0 {
			kind = strings.Join(v.Values, "|")
		}
		rows = append(rows, []string{"--set " + v.Name + "=" + v.Default, v.Help + " (" + kind + ")"})
	}
	b.WriteString("\n" + view.Table(rows, width))
	return b.String()
}

// blockShown gathers what is known of a block.
func blockShown(c *scaffold.Catalogue, id string) (*ScaffoldBlock, error) {
	b, err := c.Block(id)
	if err != nil {
		return nil, err
	}
	all, err := c.Closure(id)
	if err != nil {
		return nil, err
	}
	out := &ScaffoldBlock{
		ID: id, Title: b.Title, Answers: b.Answers, Needs: all[:len(all)-1], Files: b.Paths(), Profiles: b.Profiles,
		Variables: []BlockVariable{}, Checks: []scaffold.Check{},
	}
	if len(out.Profiles) == 0 {
		out.Profiles = scaffold.Profiles()
	}
	for _, name := range slices.Sorted(maps.Keys(b.Variables)) {
		v := b.Variables[name]
		out.Variables = append(out.Variables, BlockVariable{name, v.Type, fmt.Sprint(v.Default), v.Help, v.Values})
	}
	for _, known := range scaffold.Checks() {
		if slices.Contains(b.Checks, known.Name) {
			out.Checks = append(out.Checks, known)
		}
	}
	return out, nil
}

// BlockFile is what becomes of a file of a block.
type BlockFile struct {
	Path   string `json:"path"`
	Block  string `json:"block"`
	Action string `json:"action"` // "create", "update", "merge", "same", "kept", "deleted", "conflict"
}

// BlockHunk is lines that the user and a block changed differently.
type BlockHunk struct {
	Path   string   `json:"path"`
	Line   int      `json:"line"`             // in the user's file
	Yours  []string `json:"yours,omitempty"`  // the lines there
	Blocks []string `json:"blocks,omitempty"` // what the block has there
	Why    string   `json:"why,omitempty"`    // where the whole file is in the way
}

// ScaffoldPlan is what applying blocks comes to.
type ScaffoldPlan struct {
	Profile   string      `json:"profile"`
	Asked     []string    `json:"asked"`   // blocks that were named
	Added     []string    `json:"added"`   // blocks that were not there before, each after what it needs
	Present   []string    `json:"present"` // all that are there afterwards
	Files     []BlockFile `json:"files"`
	Conflicts []BlockHunk `json:"conflicts,omitempty"`
}

// Type names the event.
func (ScaffoldPlan) Type() string { return "scaffold_plan" }

// PlainText renders what is not so already.
func (s ScaffoldPlan) PlainText(width int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "blocks (%s): %s\n", s.Profile, strings.Join(s.Present, " "))
	if len(s.Added) > 0 && len(s.Added) < len(s.Present) {
		fmt.Fprintf(&b, "new: %s\n", strings.Join(s.Added, " "))
	}
	words := map[string]string{"update": "new version", "merge": "merged with your edits", "kept": "edited by you", "deleted": "deleted by you", "conflict": "conflict with your edits"}
	var rows [][]string
	same := 0
	for _, f := range s.Files {
		if f.Action == string(scaffold.Same) {
			same++
			continue
		}
		word, ok := words[f.Action]
		if !ok {
			word = f.Action
		}
		rows = append(rows, []string{"  " + word, f.Path, f.Block})
	}
	b.WriteString(view.Table(rows, width))
	if same > 0 {
		fmt.Fprintf(&b, "%s as the blocks have them\n", count(same, "file"))
	}
	for _, c := range s.Conflicts {
		if c.Why != "" {
			fmt.Fprintf(&b, "\n%s: %s\n", c.Path, c.Why)
			continue
		}
		fmt.Fprintf(&b, "\n%s:%d\n", c.Path, c.Line)
		for _, l := range c.Yours {
			b.WriteString("  yours: " + oneLine(strings.TrimRight(l, "\n")) + "\n")
		}
		for _, l := range c.Blocks {
			b.WriteString("  block: " + oneLine(strings.TrimRight(l, "\n")) + "\n")
		}
	}
	return b.String()
}

// planEvent says what a plan comes to.
func planEvent(p *scaffold.Plan, asked []string) ScaffoldPlan {
	out := ScaffoldPlan{Profile: p.Profile, Asked: asked, Added: p.Added, Present: p.Blocks, Files: []BlockFile{}}
	if out.Asked == nil {
		out.Asked = []string{}
	}
	if out.Added == nil {
		out.Added = []string{}
	}
	for _, f := range p.Files {
		out.Files = append(out.Files, BlockFile{f.Path, f.Block, string(f.Action)})
	}
	for _, c := range p.Conflicts {
		out.Files = append(out.Files, BlockFile{c.Path, c.Block, "conflict"})
		if c.Foreign {
			out.Conflicts = append(out.Conflicts, BlockHunk{Path: c.Path, Why: "it was there before, and no block made it"})
		}
		for _, h := range c.Hunks {
			out.Conflicts = append(out.Conflicts, BlockHunk{Path: c.Path, Line: h.Line, Yours: h.Ours, Blocks: h.Theirs})
		}
	}
	return out
}
