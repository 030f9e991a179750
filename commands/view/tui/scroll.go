package tui

// look returns what the layout depends on now.
func (m *model) look() *look {
	l := &look{theme: m.theme, glyphs: m.glyphs, width: m.textWidth(), margin: m.margin(), fold: m.fold}
	if m.area == reading {
		l.mark = m.selected
	}
	if m.area == stepping {
		l.active = m.plan()
	}
	return l
}

// margin is the columns left of the text.
func (m *model) margin() int {
	if m.width < 40 {
		return 1
	}
	return 2
}

// textWidth is the columns text is laid out for.
func (m *model) textWidth() int { return min(maxText, max(1, m.width-2*m.margin())) }

// each calls f with every block, its first row and its rows, until f says stop.
func (m *model) each(f func(b *block, row, rows int) bool) {
	l, row := m.look(), 0
	for ti, t := range m.turns {
		for bi, b := range t.blocks {
			if ti == 0 && bi == 0 {
				b.gap = false // the document begins with its first question
			}
			h := b.height(l)
			if !f(b, row, h) {
				return
			}
			row += h
		}
	}
}

// total is the rows of the document.
func (m *model) total() int {
	n := 0
	m.each(func(_ *block, row, rows int) bool { n = row + rows; return true })
	return n
}

// rowOf is the first row of a block.
func (m *model) rowOf(want *block) int {
	at := 0
	m.each(func(b *block, row, _ int) bool { at = row; return b != want })
	return at
}

// maxTop is the first row shown when the end is.
func (m *model) maxTop() int { return max(0, m.total()-m.bodyHeight()) }

func (m *model) scroll(by int) { m.scrollTo(m.first() + by) }

// scrollTo shows the document from a row on. At the end it follows what comes.
func (m *model) scrollTo(row int) {
	end := m.maxTop()
	m.top = min(max(0, row), end)
	m.follow = m.top >= end
}

func (m *model) toEnd() {
	m.top, m.follow = m.maxTop(), true
}

// first is the first row shown.
func (m *model) first() int {
	end := m.maxTop()
	if m.follow || m.top > end {
		m.top = end
	}
	return m.top
}

// anchor is a place in the document that survives another layout.
type anchor struct {
	block *block
	row   int // of the block, for those that are not text
	at    int // byte of the text
}

// anchor returns the place of the first row shown.
func (m *model) anchor() anchor {
	var a anchor
	first := m.first()
	m.each(func(b *block, row, rows int) bool {
		if first >= row+rows {
			return true
		}
		a = anchor{block: b, row: first - row}
		if i := first - row - b.textRow(); i >= 0 && i < len(b.text.rows) {
			a.at = b.text.rows[i].start
		}
		return false
	})
	return a
}

// restore scrolls to a place after the layout has changed.
func (m *model) restore(a anchor) {
	if a.block == nil || m.follow {
		return
	}
	m.each(func(b *block, row, rows int) bool {
		if b != a.block {
			return true
		}
		m.top = row + min(a.row, rows-1)
		if a.at > 0 {
			for i, r := range b.text.rows {
				if r.start <= a.at {
					m.top = row + min(b.textRow()+i, rows-1)
				}
			}
		}
		return false
	})
	m.scrollTo(m.top)
}

// textRow is the row of a block where its text begins.
func (b *block) textRow() int {
	n := 0
	if b.gap {
		n++
	}
	if b.kind == thought || b.kind == heading {
		n++
	}
	return n
}

// resize lays everything out for another size. Until the user scrolls, every
// size starts from the same place: a row that holds it may begin before it, and
// a window that is dragged would creep up the text otherwise.
func (m *model) resize(width, height int) {
	at := m.anchor()
	if m.kept.block != nil && m.top == m.keptTop {
		at = m.kept
	}
	m.width, m.height = width, height
	m.input.resize(m.textWidth())
	m.restore(at)
	m.kept, m.keptTop = at, m.top
}

// selectSection marks the heading before or after the marked one, or the one
// nearest to the top, and scrolls to it.
func (m *model) selectSection(by int) {
	var heads []*block
	at, first := -1, m.first()
	m.each(func(b *block, row, _ int) bool {
		if b.kind == heading {
			if b == m.selected || m.selected == nil && row <= first {
				at = len(heads)
			}
			heads = append(heads, b)
		}
		return true
	})
	if len(heads) == 0 {
		return
	}
	if m.selected == nil && by < 0 { // the nearest one above is already the one before
		by = 0
	}
	m.selected = heads[min(max(0, at+by), len(heads)-1)]
	m.scrollTo(m.rowOf(m.selected) + 1) // past the empty row before it
}
