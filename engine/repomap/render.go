package repomap

import (
	"slices"
	"strings"

	"github.com/bitactor/cf/engine/gather"
	"github.com/bitactor/cf/workspace/secret"
)

// layout is the definitions that a map shows, by file.
type layout struct {
	*index
	first []uint32 // as graph has it
	shown map[uint32]bool
}

// render shows the best of the chosen definitions that fit the budget, with what
// holds them.
func (g *graph) render(list []chosen, budget int, count func(string) int) *Rendered {
	l := &layout{index: g.index, first: g.first, shown: map[uint32]bool{}}
	lines := map[string]int{} // tokens of each line
	cost := func(line string) int {
		n, ok := lines[line]
		if !ok {
			n = count(line + "\n")
			lines[line] = n
		}
		return n
	}
	var order [][]uint32 // what each choice added, to be taken back
	files := map[uint32]bool{}
	used := 0
	for _, c := range list {
		i := g.fileOf[c.id]
		if _, yes := secret.File(g.files[i].path); yes { // an older cf may have known fewer names of secrets
			continue
		}
		added, tokens := l.with(c.id, i, cost)
		if !files[i] {
			tokens += cost(heading(g.files[i].path))
		}
		if len(added) == 0 || used+tokens > budget {
			continue
		}
		used += tokens
		files[i] = true
		for _, id := range added {
			l.shown[id] = true
		}
		order = append(order, added)
	}
	for ; len(order) > 0; order = order[:len(order)-1] {
		text := l.write(g.fileOf)
		if tokens := count(text); tokens <= budget { // lines counted apart can be fewer tokens than together
			return &Rendered{Text: text, Tokens: tokens, Definitions: len(l.shown)}
		}
		for _, id := range order[len(order)-1] {
			delete(l.shown, id)
		}
	}
	return &Rendered{}
}

// with returns the definition and those that hold it, as far as they are not shown
// yet, and what their lines cost.
func (l *layout) with(id, file uint32, cost func(string) int) (added []uint32, tokens int) {
	f, first := &l.files[file], l.first[file]
	for at := int32(id - first); at >= 0; at = f.defs[at].parent {
		if l.shown[first+uint32(at)] {
			break
		}
		added = append(added, first+uint32(at))
		tokens += cost(l.line(f, uint32(at)))
	}
	return added, tokens
}

func heading(path string) string { return path + ":" }

// line shows a definition below those that hold it.
func (l *layout) line(f *file, at uint32) string {
	depth := 1
	for p := f.defs[at].parent; p >= 0; p = f.defs[p].parent {
		depth++
	}
	return strings.Repeat("  ", depth) + f.defs[at].signature
}

// write puts the shown definitions in the order of files and lines. It redacts once
// more: an entry of the cache was written by an earlier cf, which may have known
// fewer forms of secrets.
func (l *layout) write(fileOf []uint32) string {
	ids := make([]uint32, 0, len(l.shown))
	for id := range l.shown {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	var b strings.Builder
	last := -1
	for _, id := range ids {
		i := int(fileOf[id])
		f := &l.files[i]
		if i != last {
			b.WriteString(heading(f.path) + "\n")
			last = i
		}
		b.WriteString(l.line(f, id-l.first[i]) + "\n")
	}
	text, _ := secret.Redact("map.go", strings.TrimSuffix(b.String(), "\n"))
	text, _ = gather.Disarm(text)
	return text
}
