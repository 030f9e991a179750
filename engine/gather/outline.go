package gather

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/bitactor/cf/event"
	"github.com/bitactor/cf/workspace"
	"github.com/bitactor/cf/workspace/secret"
)

// outline adds a map of the whole project.
func (g *gatherer) outline() {
	if g.taken["."] { // --context @. asked for it
		return
	}
	g.placeOutline(g.tree, g.listing, ".", ".")
}

// placeOutline adds the map of one folder, in at most its share of the budget.
func (g *gatherer) placeOutline(tree *workspace.Tree, l *workspace.Listing, under, label string) {
	g.taken[label] = true
	limit := min(g.percent(outlinePercent), g.left())
	o := newOutline(l, under)
	text, whole := o.render(limit, label, opening(tree, l.Files, under), g.in.Count)
	if text == "" {
		g.report(event.Read{Path: label, State: "left-out", Why: "no room for an outline of the folder"})
		return
	}
	text, _ = Disarm(text)
	p := Piece{Path: label, Kind: Outline, Text: text, Cut: !whole, Fence: Fence(text)}
	if p.Tokens = g.in.Count(wrapped(label, text)); p.Tokens > g.left() {
		g.report(event.Read{Path: label, State: "left-out", Why: "no room for an outline of the folder"})
		return
	}
	g.out.Tokens += p.Tokens
	g.out.Pieces = append(g.out.Pieces, p)
	r := event.Read{Path: label, State: "read", Tokens: p.Tokens, Why: "outline of " + plural(len(l.Files), "file")}
	if p.Cut {
		r.State, r.Why = "cut", r.Why+"; not every folder is opened"
	}
	g.report(r)
}

// node is a folder of the outline.
type node struct {
	name    string
	depth   int
	files   []workspace.File // directly in it
	folders []*node
	all     int   // files in it and below
	bytes   int64 // of those
	open    bool
	shown   int // files shown, when open
}

type outline struct {
	listing *workspace.Listing
	under   string
	root    *node
}

// newOutline builds the tree of folders; the listing is sorted, so every level
// comes out sorted.
func newOutline(l *workspace.Listing, under string) *outline {
	root := &node{}
	nodes := map[string]*node{".": root}
	var folder func(string) *node
	folder = func(dir string) *node {
		if n, ok := nodes[dir]; ok {
			return n
		}
		parent := folder(path.Dir(dir))
		n := &node{name: path.Base(dir), depth: parent.depth + 1}
		parent.folders = append(parent.folders, n)
		nodes[dir] = n
		return n
	}
	for _, f := range l.Files {
		rel := below(f.Path, under)
		n := folder(path.Dir(rel))
		n.files = append(n.files, f)
	}
	root.sum()
	return &outline{listing: l, under: under, root: root}
}

func below(name, under string) string {
	if under == "." {
		return name
	}
	return strings.TrimPrefix(name, under+"/")
}

func (n *node) sum() {
	n.all = len(n.files)
	for _, f := range n.files {
		n.bytes += f.Size
	}
	slices.SortFunc(n.folders, func(a, b *node) int { return strings.Compare(a.name, b.name) })
	for _, c := range n.folders {
		c.sum()
		n.all += c.all
		n.bytes += c.bytes
	}
}

// render opens folders level by level as long as their lines fit in limit
// tokens. whole is false where one stayed closed; text is "" where not even
// the heading fits.
func (o *outline) render(limit int, label, readme string, count func(string) int) (text string, whole bool) {
	head := o.heading()
	used := count(wrapped(label, head)) + count("... 100000 more files\n")
	if used > limit {
		return "", false
	}
	if readme != "" && used+count(readme) <= limit/2 {
		head += readme
		used += count(readme)
	}
	whole = true
	for queue := []*node{o.root}; len(queue) > 0; queue = queue[1:] {
		n := queue[0]
		cost := 0
		for _, c := range n.folders {
			cost += count(c.line())
		}
		if used+cost > limit {
			whole = false
			continue
		}
		used += cost
		n.open = true
		for _, f := range n.files {
			c := count(fileLine(f, n.depth))
			if used+c > limit {
				whole = false
				break
			}
			used += c
			n.shown++
		}
		queue = append(queue, n.folders...)
	}
	var b strings.Builder
	b.WriteString(head)
	o.root.write(&b)
	text = strings.TrimRight(b.String(), "\n")
	for !whole && count(wrapped(label, text)) > limit { // the lines for what stays closed were not counted
		cut := strings.LastIndexByte(text, '\n')
		if cut < 0 {
			return "", false
		}
		text = text[:cut]
	}
	return text, whole
}

// heading tells the number of files, of each language, and what is not listed.
func (o *outline) heading() string {
	counts := map[string]int{}
	for _, f := range o.listing.Files {
		counts[cmp.Or(language(path.Base(f.Path)), "other")]++
	}
	names := make([]string, 0, len(counts))
	for l := range counts {
		names = append(names, l)
	}
	slices.SortFunc(names, func(a, b string) int {
		return cmp.Or(counts[b]-counts[a], strings.Compare(a, b))
	})
	var b strings.Builder
	b.WriteString(plural(len(o.listing.Files), "file"))
	for i, l := range names[:min(8, len(names))] {
		separator := ", "
		if i == 0 {
			separator = ": "
		}
		fmt.Fprintf(&b, "%s%s %d", separator, l, counts[l])
	}
	b.WriteByte('\n')
	var closed []string
	for _, s := range o.listing.Skipped {
		if !strings.HasPrefix(path.Base(s.Path), ".") && len(closed) < 8 {
			closed = append(closed, display(below(s.Path, o.under))+"/")
		}
	}
	if len(closed) > 0 {
		fmt.Fprintf(&b, "not listed: %s\n", strings.Join(closed, " "))
	}
	for _, why := range limits(o.listing) {
		fmt.Fprintf(&b, "%s\n", why)
	}
	return b.String()
}

func (n *node) line() string {
	return fmt.Sprintf("%s%s/ (%s, %s)\n", strings.Repeat("  ", n.depth-1), display(n.name), plural(n.all, "file"), roundBytes(n.bytes))
}

func fileLine(f workspace.File, depth int) string {
	return fmt.Sprintf("%s%s %s\n", strings.Repeat("  ", depth), display(path.Base(f.Path)), roundBytes(f.Size))
}

func (n *node) write(b *strings.Builder) {
	if !n.open {
		return
	}
	for _, c := range n.folders {
		b.WriteString(c.line())
		c.write(b)
	}
	for _, f := range n.files[:n.shown] {
		b.WriteString(fileLine(f, n.depth))
	}
	if more := len(n.files) - n.shown; more > 0 {
		fmt.Fprintf(b, "%s... %s\n", strings.Repeat("  ", n.depth), plural(more, "more file"))
	}
}

// opening returns the first lines of the folder's README, without secrets.
func opening(tree *workspace.Tree, files []workspace.File, under string) string {
	const linesMax, headBytes = 4, 2048
	for _, f := range files {
		rel := below(f.Path, under)
		if strings.Contains(rel, "/") || !strings.HasPrefix(strings.ToLower(rel), "readme") {
			continue
		}
		if _, yes := secret.File(tree.Target(f.Path)); yes {
			continue
		}
		data, err := tree.Read(f.Path)
		if err != nil {
			continue
		}
		d := prepare(f.Path, File, f.Path, string(data))
		var lines []string
		for line := range strings.Lines(d.text[:min(len(d.text), headBytes)]) {
			if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "[!") && !strings.HasPrefix(line, "<") {
				lines = append(lines, line)
			}
			if len(lines) == linesMax {
				break
			}
		}
		if len(lines) > 0 {
			return display(rel) + " begins:\n  " + strings.ToValidUTF8(strings.Join(lines, "\n  "), "") + "\n"
		}
	}
	return ""
}

// limits puts into words what a walk did not list because of its bounds.
func limits(l *workspace.Listing) []string {
	var why []string
	if l.Unlisted > 0 {
		why = append(why, plural(l.Unlisted, "file")+" not listed: more than "+fmt.Sprint(len(l.Files)))
	}
	if l.Stopped != "" {
		why = append(why, "the folder was not walked to its end: "+l.Stopped)
	}
	if l.Failed > 0 {
		why = append(why, plural(l.Failed, "folder")+" could not be read")
	}
	return why
}

func plural(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}

// roundBytes shows a size with two digits at most, so that a small edit of a file
// leaves the outline as it was.
func roundBytes(n int64) string {
	switch {
	case n < 1000:
		return "<1 kB"
	case n < 1000_000:
		return fmt.Sprintf("%d kB", n/1000)
	}
	return fmt.Sprintf("%d MB", n/1000_000)
}
