package telemetry

import (
	"net/url"
	"path"
	"slices"
	"strings"

	"github.com/bitactor/cf/check"
	"github.com/bitactor/cf/check/markdown"
)

// runbook is the document of the tree that an alert's annotation names.
type runbook struct {
	base   string // of the address, before the path in the tree; "" for a path
	file   string // in the tree; "" where it is not there
	anchor string
	known  bool // the annotation can be looked up here
}

// alerts wants to know of each alert what to do about it: a runbook that is there, with
// the heading that is named. An address is looked up where another alert proves that
// what it begins with is this tree.
func (j *judge) alerts() {
	books := make([]runbook, len(j.facts.alerts))
	proven := map[string]bool{}
	for i, a := range j.facts.alerts {
		books[i] = j.runbook(a)
		if b := books[i]; b.base != "" && b.file != "" && j.heading(b) {
			proven[b.base] = true
		}
	}
	for i, a := range j.facts.alerts {
		b := books[i]
		if b.known && b.base == "" && b.file == "" && strings.Contains(a.runbook, "://") {
			for base := range proven {
				if strings.HasPrefix(a.runbook, base) {
					b.base = base
				}
			}
		}
		address := strings.Contains(a.runbook, "://")
		switch {
		case !a.linked && (a.trial || trial(a.file)):
		case !a.linked:
			j.add(a.place, check.Warning, codeRunbook, "the alert %s names no runbook: add the annotation runbook_url", a.name)
		case !b.known || address && !proven[b.base]:
		case b.file == "":
			j.add(a.place, check.Warning, codeRunbookGone, "the alert %s names the runbook %s, which is not there", a.name, a.runbook)
		case !j.heading(b):
			j.add(a.place, check.Warning, codeRunbookGone, "the alert %s names the runbook %s, and %s has no heading #%s", a.name, a.runbook, b.file, b.anchor)
		}
	}
}

// trial tells whether a file belongs to a set-up of developers, to an example or to tests:
// nobody is called by its alerts.
func trial(file string) bool {
	for part := range strings.SplitSeq(path.Dir(file), "/") {
		if slices.Contains([]string{"development", "dev", "example", "examples", "sample", "samples", "demo", "sandbox", "fixture", "fixtures", "test", "tests", "e2e"}, part) {
			return true
		}
	}
	return false
}

// runbook looks for the document that an annotation names: a path from the tree's root
// or from the rules' folder, or an address that ends in a path of at least one folder.
func (j *judge) runbook(a alert) runbook {
	name, anchor, _ := strings.Cut(a.runbook, "#")
	if !a.linked || strings.Contains(name, "{{") || !strings.HasSuffix(strings.ToLower(name), ".md") {
		return runbook{}
	}
	b := runbook{anchor: anchor, known: true}
	if !strings.Contains(name, "://") {
		for _, file := range []string{strings.TrimPrefix(name, "/"), path.Join(path.Dir(a.file), name)} {
			if b.file == "" && j.tree.stage.Kind(file) == "file" {
				b.file = file
			}
		}
		return b
	}
	at, err := url.Parse(name)
	if err != nil {
		return runbook{}
	}
	for rest := strings.TrimPrefix(at.Path, "/"); strings.Contains(rest, "/"); _, rest, _ = strings.Cut(rest, "/") {
		if j.tree.stage.Kind(rest) == "file" {
			b.file, b.base = rest, strings.TrimSuffix(name, rest)
			break
		}
	}
	return b
}

// heading tells whether a runbook has the heading that is asked for, as far as it can be
// read.
func (j *judge) heading(b runbook) bool {
	if b.anchor == "" {
		return true
	}
	if j.anchors == nil {
		j.anchors = map[string]map[string]bool{}
	}
	if _, read := j.anchors[b.file]; !read {
		text, err := j.tree.stage.Read(b.file)
		if err == nil {
			j.anchors[b.file], err = markdown.Anchors(b.file, text)
		}
		if err != nil {
			j.anchors[b.file] = nil // the checker of documents says so
		}
	}
	all := j.anchors[b.file]
	return all == nil || all[b.anchor]
}
