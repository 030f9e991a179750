// Package promql tells whether a text is an expression of PromQL, as Prometheus
// with its default settings reads it: syntax, functions and types.
//
// Prometheus' own parser does more and brings its metrics and storage packages
// along, which cost each start of this program 0.7 ms; tests hold the two
// together. Nothing is evaluated.
//
// Invariants:
//  1. What Prometheus' parser accepts, Parse accepts, and the reverse, but for
//     expressions nested more than depthMax deep, and lengths of time that are
//     reckoned, such as [step()] and [max(5m, 1h)], an experiment of Prometheus.
//  2. Time is in proportion to the length of the text.
package promql

import "fmt"

// Type is the type of an expression's value.
type Type string

// The types, with the words of Prometheus' documentation.
const (
	Scalar Type = "scalar"
	Vector Type = "instant vector"
	Matrix Type = "range vector"
	String Type = "string"
)

// Error says what is wrong with an expression, and where.
type Error struct {
	Offset  int // in bytes
	Message string
}

// Error returns the message.
func (e *Error) Error() string { return e.Message }

// depthMax bounds nesting, since the parser is recursive.
const depthMax = 200

// Parse returns the type of an expression, or an *Error.
func Parse(text string) (Type, error) {
	p := parser{text: text}
	t, err := p.run()
	if err != nil {
		return "", err
	}
	return t, nil
}

// Selector is a use of a metric in an expression.
type Selector struct {
	Name   string // of the metric; "" where only labels choose it
	Offset int    // in bytes
	// Functions are those that it stands in, outermost first: aggregations too.
	Functions []string
	Matchers  []Matcher
}

// Matcher is a condition on a label.
type Matcher struct{ Label, Operator, Value string }

// Selectors returns the metrics that an expression reads, in its order. The error
// is that of Parse.
func Selectors(text string) ([]Selector, error) {
	p := parser{text: text}
	if _, err := p.run(); err != nil {
		return nil, err
	}
	return p.selectors, nil
}

// run parses the whole text. Errors travel as panics of *Error inside.
func (p *parser) run() (t Type, err error) {
	defer func() {
		if r := recover(); r != nil {
			e, ok := r.(*Error)
			if !ok {
				panic(r)
			}
			err = e
		}
	}()
	p.tokens = lex(p.text)
	n := p.expression(0)
	if p.peek().kind != end {
		p.fail(p.peek().pos, "unexpected %s behind the expression", p.peek())
	}
	return n.typ, nil
}

func fail(offset int, format string, args ...any) {
	panic(&Error{Offset: offset, Message: fmt.Sprintf(format, args...)})
}

func (p *parser) fail(offset int, format string, args ...any) { fail(offset, format, args...) }
