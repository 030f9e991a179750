// Package precision measures how often cf is right about code that its authors did
// not write: which findings of cf clean and of --check-telemetry two readers call
// true, and which planted faults are found.
//
// It reads code bases that lie unpacked outside of the tree and never writes into
// them; faults are planted in copies in memory or in a temporary folder.
//
// Invariants:
//  1. A draw and a fault depend on the seed and the files alone.
//  2. A sample without the verdicts of both readers makes the figure fail: what
//     nobody judged is not right.
package precision

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bitactor/cf/check"
	"github.com/bitactor/cf/check/telemetry"
	"github.com/bitactor/cf/clean"
	"github.com/bitactor/cf/syntax"
	"github.com/bitactor/cf/workspace"
	"github.com/bitactor/cf/workspace/sandbox"
)

// Corpus is a code base of others.
type Corpus struct {
	Name, Version string
	Dir           string // where it lies, absolute
}

// ParseCorpus reads "NAME VERSION FOLDER".
func ParseCorpus(text string) (Corpus, error) {
	fields := strings.Fields(text)
	if len(fields) != 3 || !filepath.IsAbs(fields[2]) {
		return Corpus{}, fmt.Errorf("%q is no NAME VERSION FOLDER", text)
	}
	return Corpus{fields[0], fields[1], fields[2]}, nil
}

// Finding is one place that cf reports.
type Finding struct {
	Repository string `json:"repository"`
	Version    string `json:"version"`
	Path       string `json:"path"`
	Line       int    `json:"line"`
	Rule       string `json:"rule"`
	Message    string `json:"message"`
}

// less orders findings by place and rule.
func less(a, b Finding) int {
	return cmp.Or(cmp.Compare(a.Repository, b.Repository), cmp.Compare(a.Path, b.Path), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.Message, b.Message))
}

// Found is what cf says of a corpus.
type Found struct {
	Findings []Finding
	Files    int // of code
	Lines    int // of them
}

// Find looks at a corpus with all patterns of cf clean and with the telemetry
// checker. Notes, and what clean keeps on purpose, are no findings.
func Find(ctx context.Context, c Corpus) (f *Found, err error) {
	tree, err := workspace.OpenFolder(c.Dir)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, tree.Close()) }()
	list, err := tree.List(ctx, workspace.ListOptions{})
	if err != nil {
		return nil, err
	}
	f = &Found{}
	var files []string
	for _, file := range list.Files {
		files = append(files, file.Path)
		if syntax.Of(file.Path, nil) == nil {
			continue
		}
		if text, err := tree.Read(file.Path); err == nil {
			f.Files++
			f.Lines += strings.Count(string(text), "\n")
		}
	}
	patterns, err := clean.All()
	if err != nil {
		return nil, err
	}
	known, err := clean.KnownOf(ctx, tree, files)
	if err != nil {
		return nil, err
	}
	result, err := clean.Tree(ctx, tree, files, known, patterns)
	if err != nil {
		return nil, err
	}
	for _, found := range result.Findings {
		if found.Kept == "" {
			f.Findings = append(f.Findings, Finding{c.Name, c.Version, found.File, found.Line, found.Pattern.ID, found.Text})
		}
	}
	told, err := telemetryOf(ctx, tree, nil)
	if err != nil {
		return nil, err
	}
	for _, d := range told {
		if d.Severity == check.Note {
			continue
		}
		f.Findings = append(f.Findings, Finding{c.Name, c.Version, d.File, d.Line, "telemetry/" + d.Code, d.Message})
	}
	slices.SortFunc(f.Findings, less)
	return f, nil
}

// telemetryOf runs the telemetry checker over a tree with changes. It starts no
// program, so the sandbox is off.
func telemetryOf(ctx context.Context, tree *workspace.Tree, changes *workspace.Set) (list []check.Diagnostic, err error) {
	cache, err := os.MkdirTemp("", "precision-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(cache)) }()
	box, err := sandbox.Open(ctx, sandbox.Options{Off: true, Cache: cache})
	if err != nil {
		return nil, err
	}
	stage, err := tree.Stage(ctx, changes, box)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, stage.Close()) }()
	out, err := telemetry.New().Check(ctx, check.Target{Stage: stage, Project: ".", Paths: []string{"."}})
	return out.Diagnostics, err
}
