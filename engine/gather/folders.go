package gather

import (
	"path"
	"slices"
	"strings"

	"github.com/bitactor/cf/engine/terms"
	"github.com/bitactor/cf/event"
	"github.com/bitactor/cf/workspace"
)

// reportMax bounds the files of one folder that are reported one by one.
const reportMax = 40

// folders places each @DIR: its outline, then its files by nearness to the
// task, README first, as far as its even share of the budget goes. They come
// sorted by path.
func (g *gatherer) folders(named *named) error {
	for i, f := range named.folders {
		share := g.left() / (len(named.folders) - i)
		if err := g.folder(f, share, named); err != nil {
			return err
		}
	}
	return nil
}

func (g *gatherer) folder(f folder, share int, named *named) error {
	if g.taken[f.label] {
		return nil
	}
	listing, err := f.tree.List(g.ctx, workspace.ListOptions{Under: f.under})
	if err != nil {
		return err
	}
	floor := g.left() - share
	g.placeOutline(f.tree, listing, f.under, f.label)
	order, err := g.folderOrder(f, listing, named.words(g.in.Task))
	if err != nil {
		return err
	}
	var pieces []Piece
	unread, skipped := 0, 0
	for _, rel := range order {
		label := f.labelOf(rel)
		if g.taken[label] {
			continue
		}
		g.taken[label] = true
		if unread >= reportMax { // the budget is used up but for crumbs
			unread++
			continue
		}
		d, err := load(f.tree, rel, label)
		if err != nil {
			if skipped++; skipped <= reportMax {
				g.report(event.Read{Path: label, State: "skipped", Why: reason(err)})
			}
			continue
		}
		if p, ok := g.place(d, min(g.percent(filePercent), g.left()-floor), cutTokensMin); ok {
			pieces = append(pieces, p)
		} else {
			unread++
		}
	}
	if more := unread - reportMax; more > 0 {
		g.report(event.Read{Path: f.label, State: "left-out", Why: plural(more, "more file") + ": the budget of tokens is used up"})
	}
	if more := skipped - reportMax; more > 0 {
		g.report(event.Read{Path: f.label, State: "skipped", Why: plural(more, "more file") + ": binary, too big or secret"})
	}
	slices.SortFunc(pieces, func(a, b Piece) int { return strings.Compare(a.Path, b.Path) })
	g.out.Pieces = append(g.out.Pieces, pieces...)
	return nil
}

// folderOrder returns the folder's files: main documents, those nearest to the
// task, the others by path.
func (g *gatherer) folderOrder(f folder, l *workspace.Listing, text string) ([]string, error) {
	w := wanted{terms: terms.Of(text)}
	var near []string
	if len(w.terms) > 0 {
		r, err := g.search(f.tree, l.Files, w)
		if err != nil {
			return nil, err
		}
		near = r.best
	}
	order := append(mainDocuments(l.Files), near...)
	for _, file := range l.Files {
		order = append(order, file.Path)
	}
	return order, nil
}

// labelOf names a file of the folder as Piece.Path does.
func (f folder) labelOf(rel string) string {
	if f.own {
		return display(path.Join(f.label, rel))
	}
	return display(rel)
}

// mainDocuments returns the files that tell what a project is and should be,
// nearest the root first.
func mainDocuments(files []workspace.File) []string {
	var found []string
	for _, f := range files {
		base := strings.ToLower(path.Base(f.Path))
		switch language(path.Base(f.Path)) {
		case "Markdown", "reStructuredText", "AsciiDoc", "Org", "text":
		default:
			if base != "readme" {
				continue
			}
		}
		for i, word := range []string{"readme", "architecture", "requirement", "reqs", "design", "spec"} {
			if i < 2 && strings.HasPrefix(base, word) || i >= 2 && strings.Contains(base, word) {
				found = append(found, f.Path)
				break
			}
		}
	}
	slices.SortStableFunc(found, func(a, b string) int { return strings.Count(a, "/") - strings.Count(b, "/") })
	return found[:min(rankedMax, len(found))]
}
