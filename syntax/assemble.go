package syntax

import (
	"bytes"
	"cmp"
	"slices"
	"strings"
)

// definition is a symbol as a grammar reports it: before what stands above it is
// added, clauses are joined and parents are known.
type definition struct {
	kind     Kind // "" for a scope, which only names the parent of what it holds
	decl     Range
	name     Range
	body     Range
	outer    Range  // of the declaration that may hold several: taken where it holds this one alone
	receiver Range  // of the type a method is declared for outside of it
	suffix   Range  // of a name made of two parts
	text     string // the name, where it is not the source's text
	arity    int
	defaults int
	parent   string // for those that no range tells
	pattern  int    // smaller wins where two patterns name the same definition
	exported bool
}

// harvest is what a parser found, in no particular order.
type harvest struct {
	problems   []Problem
	defs       []definition
	attached   []Range // attributes, decorators, specs: they belong to the definition below
	comments   []Range
	strings    []Range
	references []Range
	imports    []Range
	skips      []Range
	subtests   []Range
}

// assemble turns a harvest into the parts of f.
func (f *File) assemble(h *harvest) {
	f.regions = f.makeRegions(h)
	defs := f.settle(h)
	f.symbols = f.nest(defs)
	names := make(map[Range]bool, len(defs))
	for _, d := range defs {
		names[d.name] = true
	}
	f.references = f.makeReferences(h.references, names)
	sortRanges(h.imports)
	for _, r := range slices.Compact(h.imports) {
		if name := strings.Trim(f.Text(r), "\"'`<> \t\r\n"); name != "" {
			f.imports = append(f.imports, Import{Name: oneLine(name), Line: f.Line(r.Start)})
		}
	}
	sortRanges(h.skips)
	for _, r := range slices.Compact(h.skips) {
		f.skips = append(f.skips, Skip{Line: f.Line(r.Start), Text: oneLine(f.Text(r))})
	}
	sortRanges(h.subtests)
	f.subtests = slices.Compact(h.subtests)
}

// makeReferences leaves out the names of definitions. Equal names share memory.
func (f *File) makeReferences(ranges []Range, names map[Range]bool) []Reference {
	sortRanges(ranges)
	list := make([]Reference, 0, len(ranges))
	known := map[string]string{}
	line := 1
	for i, r := range ranges {
		if names[r] || i > 0 && r == ranges[i-1] {
			continue
		}
		name, ok := known[string(f.src[r.Start:r.End])]
		if !ok {
			name = f.Text(r)
			known[name] = name
		}
		for line < len(f.lines) && f.lines[line] <= r.Start {
			line++
		}
		list = append(list, Reference{Name: name, Line: line})
	}
	return list
}

func sortRanges(list []Range) {
	slices.SortFunc(list, func(a, b Range) int {
		return cmp.Or(cmp.Compare(a.Start, b.Start), cmp.Compare(b.End, a.End))
	})
}

// makeRegions sorts comments and strings and drops what lies inside another, as
// a string does that is a part of an interpolated one.
func (f *File) makeRegions(h *harvest) []Region {
	list := make([]Region, 0, len(h.comments)+len(h.strings))
	for _, r := range h.comments {
		list = append(list, Region{Comment, f.trim(r)})
	}
	for _, r := range h.strings {
		list = append(list, Region{String, r})
	}
	slices.SortFunc(list, func(a, b Region) int {
		return cmp.Or(cmp.Compare(a.Range.Start, b.Range.Start), cmp.Compare(b.Range.End, a.Range.End))
	})
	kept, end := list[:0], 0
	for _, r := range list {
		if r.Range.Start >= end && !r.Range.Empty() {
			kept = append(kept, r)
			end = r.Range.End
		}
	}
	return kept
}

// trim takes white space from the end of a range: some grammars count the
// line's end as a part of a comment or a directive.
func (f *File) trim(r Range) Range {
	for r.End > r.Start && isSpace(f.src[r.End-1]) {
		r.End--
	}
	return r
}

func isSpace(b byte) bool {
	return b == ' ' || b == '\t' || b == '\r' || b == '\n' || b == '\f' || b == '\v'
}

// settle joins what several patterns say of one definition, widens the ranges to
// what belongs to them, and joins the clauses of one function. The result is in
// source order.
func (f *File) settle(h *harvest) []settled {
	defs := f.byName(h.defs)
	above := f.attachments(h)
	ends := make([]int, 0, len(defs))
	for _, d := range defs {
		ends = append(ends, d.decl.End)
	}
	slices.Sort(ends)
	list := make([]settled, 0, len(defs))
	for _, d := range defs {
		d.decl = f.trim(d.decl)
		d.body, d.name = f.trim(d.body), f.trim(d.name)
		if f.alone(d) {
			d.decl = f.trim(d.outer)
		}
		s := settled{definition: d, full: Range{f.withAbove(d.decl.Start, above, endBefore(ends, d.decl.Start)), d.decl.End}}
		if s.text == "" {
			s.text = f.Text(d.name)
			if !d.suffix.Empty() {
				s.text += "." + f.Text(d.suffix)
			}
		}
		list = append(list, s)
	}
	slices.SortStableFunc(list, func(a, b settled) int {
		return cmp.Or(cmp.Compare(a.full.Start, b.full.Start), cmp.Compare(b.full.End, a.full.End), cmp.Compare(a.name.Start, b.name.Start))
	})
	if f.language.clauses {
		list = f.joinClauses(list)
	}
	return list
}

// alone tells whether a definition is the only one of the declaration around it.
func (f *File) alone(d definition) bool {
	if d.outer.Empty() || !d.outer.holds(d.decl) || bytes.ContainsAny(f.src[d.outer.Start:d.decl.Start], "(,") {
		return false
	}
	return len(bytes.Trim(f.src[d.decl.End:d.outer.End], "; \t\r\n")) == 0
}

// settled is a definition with all that belongs to it.
type settled struct {
	definition
	full Range
}

// byName keeps one definition for each range of a name: the widest, with the
// kind of the first pattern in the query file.
func (f *File) byName(defs []definition) []definition {
	slices.SortStableFunc(defs, func(a, b definition) int {
		return cmp.Or(cmp.Compare(a.name.Start, b.name.Start), cmp.Compare(a.name.End, b.name.End), cmp.Compare(a.pattern, b.pattern))
	})
	var kept []definition
	for _, d := range defs {
		if n := len(kept) - 1; n >= 0 && kept[n].name == d.name && (kept[n].kind != "") == (d.kind != "") {
			k := &kept[n]
			if d.decl.holds(k.decl) {
				k.decl = d.decl
			}
			if k.arity <= 0 {
				k.arity, k.defaults = max(k.arity, d.arity), max(k.defaults, d.defaults)
			}
			for _, part := range []struct{ to, from *Range }{{&k.body, &d.body}, {&k.outer, &d.outer}, {&k.receiver, &d.receiver}} {
				if part.to.Empty() {
					*part.to = *part.from
				}
			}
			continue
		}
		kept = append(kept, d)
	}
	return kept
}

// attachment is a comment or an attribute that may belong to what follows it.
type attachment struct {
	Range
	comment bool
}

func (f *File) attachments(h *harvest) []attachment {
	list := make([]attachment, 0, len(h.comments)+len(h.attached))
	for _, r := range h.comments {
		if r = f.trim(r); f.firstOnLine(r.Start) && !(r.Start == 0 && bytes.HasPrefix(f.src, []byte("#!"))) {
			list = append(list, attachment{r, true})
		}
	}
	for _, r := range h.attached {
		list = append(list, attachment{f.trim(r), false})
	}
	slices.SortFunc(list, func(a, b attachment) int {
		return cmp.Or(cmp.Compare(a.End, b.End), cmp.Compare(b.Start, a.Start))
	})
	return list
}

// endBefore returns the last of the sorted ends that is not behind at, or 0.
func endBefore(ends []int, at int) int {
	i, _ := slices.BinarySearch(ends, at+1)
	if i == 0 {
		return 0
	}
	return ends[i-1]
}

func (f *File) firstOnLine(offset int) bool {
	for offset > 0 && (f.src[offset-1] == ' ' || f.src[offset-1] == '\t') {
		offset--
	}
	return offset == 0 || f.src[offset-1] == '\n' || offset == 3 && bytes.HasPrefix(f.src, []byte("\uFEFF"))
}

// withAbove returns where the comments and attributes above start begin. A
// comment belongs to what follows without a blank line between; an attribute
// with any. Nothing before floor does: it belongs to the definition that ends
// there.
func (f *File) withAbove(start int, list []attachment, floor int) int {
	for {
		i, _ := slices.BinarySearchFunc(list, start+1, func(a attachment, end int) int { return cmp.Compare(a.End, end) })
		if i == 0 {
			return start
		}
		a := list[i-1]
		between := f.src[a.End:start]
		if len(bytes.TrimSpace(between)) > 0 || a.comment && bytes.Count(between, []byte("\n")) > 1 || a.Start >= start || a.Start < floor {
			return start
		}
		start = a.Start
	}
}

func callable(k Kind) bool { return k == Function || k == Method || k == Macro }

// joinClauses makes one of neighbouring definitions with the same name, kind
// and arity and nothing of substance between them. Where there is no arity,
// those before the last are declarations without a body.
func (f *File) joinClauses(list []settled) []settled {
	kept := list[:0]
	for _, s := range list {
		if n := len(kept) - 1; n >= 0 {
			k := &kept[n]
			if k.text == s.text && k.kind == s.kind && k.arity == s.arity && (s.arity >= 0 || k.body.Empty()) && callable(s.kind) &&
				k.full.End <= s.full.Start && f.onlyClauseMarks(k.full.End, s.full.Start) {
				k.full.End, k.decl.End = s.full.End, s.decl.End
				k.defaults = max(k.defaults, s.defaults)
				if k.body.Empty() {
					k.body = s.body
				}
				continue
			}
		}
		kept = append(kept, s)
	}
	return kept
}

// onlyClauseMarks tells whether there is only white space, comments and the
// marks between clauses from start to end.
func (f *File) onlyClauseMarks(start, end int) bool {
	i, _ := slices.BinarySearchFunc(f.regions, start, func(r Region, at int) int { return cmp.Compare(r.Range.Start, at) })
	for start < end {
		switch {
		case i < len(f.regions) && f.regions[i].Kind == Comment && f.regions[i].Range.Start == start:
			start = f.regions[i].Range.End
			i++
		case isSpace(f.src[start]) || f.src[start] == ';':
			start++
		default:
			return false
		}
	}
	return true
}

// nest finds the parents and drops what is local to a function.
func (f *File) nest(list []settled) []Symbol {
	type frame struct {
		end  int
		name string
		kind Kind
		at   Range
	}
	var stack []frame
	var symbols []Symbol
	for _, d := range list {
		for len(stack) > 0 && (stack[len(stack)-1].end < d.full.End || stack[len(stack)-1].at == d.full) {
			stack = stack[:len(stack)-1]
		}
		parent, local, owner := "", false, Kind("")
		for _, fr := range stack {
			parent = join(parent, fr.name)
			local = local || fr.kind == Function || fr.kind == Method || fr.kind == Macro
			owner = fr.kind
		}
		if d.parent != "" {
			parent = d.parent
		}
		if !d.receiver.Empty() {
			parent = join(parent, f.Text(d.receiver))
		}
		name := cleanName(d)
		if !local || d.kind != Variable && d.kind != Constant {
			stack = append(stack, frame{d.full.End, name, d.kind, d.full})
			if d.kind != "" {
				if d.kind == Function && len(stack) > 1 && (owner == Type || owner == "") {
					d.kind = Method
				}
				symbols = append(symbols, f.symbol(d, name, parent))
			}
		}
	}
	return symbols
}

func join(parent, name string) string {
	if parent == "" {
		return name
	}
	return parent + "." + name
}

// cleanName takes the quotes from what is named by a string.
func cleanName(d settled) string {
	if d.kind == Test || d.kind == Module {
		if text := unquote(d.text); !strings.ContainsAny(text, "\r\n") {
			return text
		}
	}
	return oneLine(d.text)
}

func (f *File) symbol(d settled, name, parent string) Symbol {
	head := d.decl
	if !d.body.Empty() && d.body.Start > head.Start && d.body.Start <= head.End {
		head.End = d.body.Start
	}
	s := Symbol{
		Name: name, Kind: d.kind, Parent: parent, Arity: d.arity, Defaults: d.defaults,
		Signature: f.signature(f.Text(head)), Range: d.full, Decl: d.decl, NameRange: d.name, BodyRange: d.body,
		StartLine: f.Line(d.full.Start), Line: f.Line(d.name.Start), EndLine: f.Line(max(d.full.End-1, d.full.Start)),
		Exported: d.exported,
	}
	if s.Kind == Test {
		s.Exported = false
	} else if f.language.exported != nil {
		from := d.decl.Start
		if !d.outer.Empty() {
			from = min(from, d.outer.Start)
		}
		s.Exported = f.language.exported(&s, strings.Fields(f.Text(Range{from, max(from, d.name.Start)})))
	}
	return s
}

// signatureBytes bounds a signature: a constant may be a table of a thousand lines.
const signatureBytes = 300

func (f *File) signature(text string) string {
	if len(text) > 4*signatureBytes {
		text = text[:4*signatureBytes]
	}
	text = strings.TrimRight(oneLine(strings.ToValidUTF8(text, "")), " ={:,\\")
	text = strings.TrimRight(strings.TrimSuffix(strings.TrimSuffix(text, "->"), "=>"), " ")
	if f.language.name == "elixir" {
		text = strings.TrimSuffix(strings.TrimSuffix(text, ", do"), ", to")
	}
	if len(text) > signatureBytes {
		text = strings.ToValidUTF8(text[:signatureBytes], "") + " ..."
	}
	return text
}
