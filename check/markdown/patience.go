package markdown

import (
	"errors"
	"time"

	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/parser"
)

// patience is how long one file may take to parse. The parser needs time in
// proportion to the square of some texts: 30,000 nested quotes, 30,000 open
// links. A file of a person takes milliseconds. A variable for tests.
var patience = 10 * time.Second

var errSlow = errors.New("the parser needs too long for this text")

// clocked is a parser's context that ends the parser by a panic with errSlow
// once the time is over: the parser can't be cancelled, but asks its context
// for something all the time.
type clocked struct {
	parser.Context
	until time.Time
	asked int
}

func newClocked(until time.Time) *clocked {
	return &clocked{Context: parser.NewContext(), until: until}
}

func (c *clocked) tick() {
	if c.asked++; c.asked%32 == 0 && time.Now().After(c.until) {
		panic(errSlow)
	}
}

func (c *clocked) Get(k parser.ContextKey) any {
	c.tick()
	return c.Context.Get(k)
}

func (c *clocked) BlockOffset() int {
	c.tick()
	return c.Context.BlockOffset()
}

func (c *clocked) OpenedBlocks() []parser.Block {
	c.tick()
	return c.Context.OpenedBlocks()
}

func (c *clocked) LastDelimiter() *parser.Delimiter {
	c.tick()
	return c.Context.LastDelimiter()
}

func (c *clocked) RemoveDelimiter(d *parser.Delimiter) {
	c.tick()
	c.Context.RemoveDelimiter(d)
}

func (c *clocked) ClearDelimiters(bottom ast.Node) {
	c.tick()
	c.Context.ClearDelimiters(bottom)
}

func (c *clocked) Reference(label string) (parser.Reference, bool) {
	c.tick()
	return c.Context.Reference(label)
}

func (c *clocked) AddReference(r parser.Reference) {
	c.tick()
	c.Context.AddReference(r)
}
