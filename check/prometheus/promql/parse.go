package promql

import (
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/bitactor/cf/lazyregexp"
)

// parser parses tokens by precedence climbing. Types are checked as soon as an
// expression is complete.
type parser struct {
	text   string
	tokens []token
	at     int
	depth  int

	inside    []string // functions that what is read now is an argument of
	selectors []Selector
}

// shape is what kind of expression a node is, as far as modifiers care.
type shape int

const (
	other shape = iota
	selector
	ranged // a selector with a range
	subquery
)

// node is an expression.
type node struct {
	typ            Type
	shape          shape
	pos            int
	offset, stamp  bool // it has an offset that is not zero, a time
	fixed          bool // the time is a number, not start() or end()
	named, labeled bool // a selector with a name, with a matcher that excludes the empty string
}

func (p *parser) peek() token { return p.tokens[p.at] }

func (p *parser) take() token {
	t := p.tokens[p.at]
	if t.kind != end {
		p.at++
	}
	return t
}

// is tells whether the next token is an operator or a keyword.
func (p *parser) is(text string) bool {
	t := p.peek()
	return t.kind == kind(text) || t.kind == keyword && t.text == text
}

func (p *parser) accept(text string) bool {
	if p.is(text) {
		p.at++
		return true
	}
	return false
}

func (p *parser) expect(text, where string) token {
	if !p.is(text) {
		p.fail(p.peek().pos, "unexpected %s %s, expected %q", p.peek(), where, text)
	}
	return p.take()
}

// precedence of the binary operators, from promql/parser/generated_parser.y;
// "^" alone groups to the right.
var precedence = map[string]int{
	"or": 1, "and": 2, "unless": 2, "==": 3, "!=": 3, "<=": 3, "<": 3, ">=": 3, ">": 3, "+": 4, "-": 4, "*": 5, "/": 5, "%": 5, "atan2": 5, "^": power,
}

const power = 6

// expression parses operators of at least a precedence.
func (p *parser) expression(least int) *node {
	if p.depth++; p.depth > depthMax {
		p.fail(p.peek().pos, "nested more than %d deep", depthMax)
	}
	defer func() { p.depth-- }()
	left := p.operand()
	for {
		op := p.peek()
		prec := precedence[op.text]
		if prec == 0 || prec < least || op.kind != keyword && string(op.kind) != op.text {
			return left
		}
		p.take()
		m := p.matching()
		next := prec + 1
		if prec == power {
			next = prec
		}
		left = p.binary(op, m, left, p.expression(next))
	}
}

// matching is what stands between a binary operator and its right side.
type matching struct {
	boolean, on, group bool
	labels, include    []string
}

func (p *parser) matching() matching {
	m := matching{boolean: p.accept("bool")}
	switch {
	case p.accept("on"):
		m.on = true
	case !p.accept("ignoring"):
		return m
	}
	m.labels = p.labels()
	if p.accept("group_left") || p.accept("group_right") {
		m.group = true
		if p.is("(") {
			m.include = p.labels()
		}
	}
	return m
}

// labels parses a list of labels in parentheses.
func (p *parser) labels() []string {
	p.expect("(", "in grouping")
	var list []string
	for !p.accept(")") {
		t := p.take()
		if t.kind != identifier && t.kind != metricName && t.kind != keyword && (t.kind != str || t.text == "") {
			p.fail(t.pos, "unexpected %s in grouping, expected label", t)
		}
		list = append(list, t.text)
		if !p.is(")") {
			p.expect(",", "in grouping")
		}
	}
	return list
}

// binary checks the types of a binary expression.
func (p *parser) binary(op token, m matching, l, r *node) *node {
	compares, sets := precedence[op.text] == 3, precedence[op.text] <= 2
	for _, side := range []*node{l, r} {
		if side.typ != Scalar && side.typ != Vector {
			p.fail(side.pos, "binary expression must contain only scalar and instant vector types, not %s", side.typ)
		}
	}
	scalars := l.typ == Scalar && r.typ == Scalar
	vectors := l.typ == Vector && r.typ == Vector
	switch {
	case m.boolean && !compares:
		p.fail(op.pos, "bool modifier can only be used on comparison operators")
	case compares && !m.boolean && scalars:
		p.fail(op.pos, "comparisons between scalars must use bool modifier")
	case !vectors && len(m.labels) > 0:
		p.fail(op.pos, "vector matching only allowed between instant vectors")
	case sets && !vectors:
		p.fail(op.pos, "set operator %q not allowed in binary scalar expression", op.text)
	case sets && m.group:
		p.fail(op.pos, "no grouping allowed for %q operation", op.text)
	}
	for _, label := range m.labels {
		if m.on && slices.Contains(m.include, label) {
			p.fail(op.pos, "label %q must not occur in on and group clause at once", label)
		}
	}
	if scalars {
		return &node{typ: Scalar, pos: l.pos}
	}
	return &node{typ: Vector, pos: l.pos}
}

// operand parses a unary expression, or a primary one with its modifiers.
func (p *parser) operand() *node {
	if p.is("+") || p.is("-") {
		op := p.take()
		n := p.expression(power)
		if n.typ != Scalar && n.typ != Vector {
			p.fail(op.pos, "unary expression only allowed on expressions of type scalar or instant vector, got %s", n.typ)
		}
		return &node{typ: n.typ, pos: op.pos}
	}
	n := p.primary()
	for {
		switch {
		case p.is("["):
			n = p.ranged(n)
		case p.is("offset"):
			p.offset(n)
		case p.is("@"):
			p.stamp(n)
		default:
			if n.shape == selector {
				p.complete(n)
			}
			return n
		}
	}
}

// complete wants a selector to select something.
func (p *parser) complete(n *node) {
	if !n.named && !n.labeled {
		p.fail(n.pos, "vector selector must contain at least one non-empty matcher")
	}
}

func (p *parser) primary() *node {
	t := p.peek()
	switch {
	case t.kind == number:
		p.take()
		p.number(t)
		return &node{typ: Scalar, pos: t.pos}
	case t.kind == duration:
		p.take()
		p.seconds(t)
		return &node{typ: Scalar, pos: t.pos}
	case t.kind == str:
		p.take()
		return &node{typ: String, pos: t.pos}
	case p.accept("("):
		n := p.expression(0)
		p.expect(")", "in parentheses")
		return &node{typ: n.typ, pos: t.pos}
	case p.is("{"):
		return p.selector(t.pos, false)
	case t.kind == keyword && !keywords[t.text]:
	case t.kind == identifier || t.kind == metricName || t.kind == keyword:
		p.take()
		switch {
		case t.kind == identifier && p.is("("):
			return p.call(t)
		case t.kind == keyword && aggregators[t.text] > 0 && (p.is("(") || p.is("by") || p.is("without")):
			return p.aggregate(t)
		}
		return p.selector(t.pos, true)
	}
	p.fail(t.pos, "unexpected %s", t)
	return nil
}

// aggregators tells how many arguments each takes, and experimental which are
// off by default.
var (
	aggregators = map[string]int{
		"sum": 1, "avg": 1, "count": 1, "min": 1, "max": 1, "group": 1, "stddev": 1, "stdvar": 1, "topk": 2, "bottomk": 2, "count_values": 2, "quantile": 2,
		"limitk": 2, "limit_ratio": 2,
	}
	experimental = []string{"limitk", "limit_ratio"}
)

func (p *parser) aggregate(op token) *node {
	grouped := p.grouping()
	args := p.argumentsOf(op.text)
	if !grouped {
		p.grouping()
	}
	want := aggregators[op.text]
	switch {
	case slices.Contains(experimental, op.text):
		p.fail(op.pos, "%s() is experimental and must be enabled with --enable-feature=promql-experimental-functions", op.text)
	case len(args) != want:
		p.fail(op.pos, "wrong number of arguments for %s: expected %d, got %d", op.text, want, len(args))
	}
	if want == 2 {
		param := Scalar
		if op.text == "count_values" {
			param = String
		}
		p.typed(args[0], param, op.text)
	}
	p.typed(args[want-1], Vector, op.text)
	return &node{typ: Vector, pos: op.pos}
}

func (p *parser) grouping() bool {
	if p.accept("by") || p.accept("without") {
		p.labels()
		return true
	}
	return false
}

func (p *parser) typed(n *node, want Type, where string) {
	if n.typ != want {
		p.fail(n.pos, "expected type %s in %s, got %s", want, where, n.typ)
	}
}

// argumentsOf parses the arguments of a function, and remembers that they are its.
func (p *parser) argumentsOf(function string) []*node {
	p.inside = append(p.inside, function)
	args := p.arguments()
	p.inside = p.inside[:len(p.inside)-1]
	return args
}

func (p *parser) arguments() []*node {
	p.expect("(", "in call")
	var args []*node
	if p.accept(")") {
		return nil
	}
	for {
		args = append(args, p.expression(0))
		if p.accept(")") {
			return args
		}
		p.expect(",", "in call")
	}
}

func (p *parser) call(name token) *node {
	f, ok := functions()[name.text]
	args := p.argumentsOf(name.text)
	switch {
	case !ok:
		p.fail(name.pos, "unknown function with name %q%s", name.text, meant(name.text))
	case f.experimental:
		p.fail(name.pos, "function %q is experimental and not enabled", name.text)
	case len(args) < f.least:
		p.fail(name.pos, "expected at least %d argument(s) in call to %q, got %d", f.least, name.text, len(args))
	case f.most >= 0 && len(args) > f.most:
		p.fail(name.pos, "expected at most %d argument(s) in call to %q, got %d", f.most, name.text, len(args))
	}
	for i, a := range args {
		p.typed(a, f.args[min(i, len(f.args)-1)], "call to function "+strconv.Quote(name.text))
	}
	return &node{typ: f.returns, pos: name.pos}
}

// selector parses what may follow a metric's name, or stand without one.
func (p *parser) selector(pos int, named bool) *node {
	n := &node{typ: Vector, shape: selector, pos: pos, named: named}
	found := Selector{Offset: pos, Functions: slices.Clone(p.inside)}
	if named {
		found.Name = p.tokens[p.at-1].text
	}
	p.selectors = append(p.selectors, found)
	if !p.accept("{") {
		return n
	}
	for !p.accept("}") {
		p.matcher(n)
		if !p.is("}") {
			p.expect(",", "in label matching")
		}
	}
	return n
}

func (p *parser) matcher(n *node) {
	label := p.take()
	if label.kind != identifier && label.kind != str {
		p.fail(label.pos, "unexpected %s in label matching, expected label", label)
	}
	op := p.peek()
	name, value := label.text, label.text
	switch op.kind {
	case "=", "!=", "=~", "!~":
		p.take()
		v := p.take()
		if v.kind != str {
			p.fail(v.pos, "unexpected %s in label matching, expected string", v)
		}
		value = v.text
	default:
		if label.kind != str {
			p.fail(op.pos, "unexpected %s in label matching, expected operator", op)
		}
		name, op = "__name__", token{kind: "="} // a quoted name of a metric
	}
	use := &p.selectors[len(p.selectors)-1]
	if name == "__name__" && op.kind == "=" && !n.named {
		use.Name = value
	} else {
		use.Matchers = append(use.Matchers, Matcher{name, string(op.kind), value})
	}
	if n.named && name == "__name__" {
		p.fail(label.pos, "metric name must not be set twice")
	}
	empty := value == ""
	if op.kind == "=~" || op.kind == "!~" {
		re, err := regexp.Compile("^(?s:" + value + ")$")
		if err != nil {
			p.fail(label.pos, "bad regular expression for label %s: %s", name, err)
		}
		empty = re.MatchString("")
	}
	if empty == (op.kind[0] == '!') {
		n.labeled = true
	}
}

// ranged parses the range behind an expression: [5m], [5m:1m], [5m:].
func (p *parser) ranged(n *node) *node {
	open := p.take()
	p.positive()
	if p.accept(":") {
		if !p.is("]") {
			p.positive()
		}
		p.expect("]", "in subquery selector")
		if n.shape == selector {
			p.complete(n)
		}
		if n.typ != Vector {
			p.fail(open.pos, "subquery is only allowed on instant vector, got %s instead", n.typ)
		}
		return &node{typ: Matrix, shape: subquery, pos: n.pos}
	}
	p.expect("]", "in range selector")
	switch {
	case n.shape != selector:
		p.fail(open.pos, "ranges only allowed for vector selectors")
	case n.offset:
		p.fail(open.pos, "no offset modifiers allowed before range")
	case n.fixed: // Prometheus' parser looks at the number alone
		p.fail(open.pos, "no @ modifiers allowed before range")
	}
	p.complete(n)
	return &node{typ: Matrix, shape: ranged, pos: n.pos, stamp: n.stamp}
}

// positive parses a length of time above zero.
func (p *parser) positive() {
	t := p.peek()
	if v := p.length(); v <= 0 {
		p.fail(t.pos, "duration must be greater than 0")
	}
}

// length parses a number of seconds or a duration, with a sign or none.
func (p *parser) length() float64 {
	sign := 1.0
	if p.is("+") || p.is("-") {
		if p.take().kind == "-" {
			sign = -1
		}
	}
	t := p.take()
	var v float64
	switch t.kind {
	case number:
		v = p.number(t)
		if math.IsNaN(v) || math.Abs(v) >= 1<<63/1e9 {
			p.fail(t.pos, "duration out of range")
		}
	case duration:
		v = p.seconds(t)
	default:
		p.fail(t.pos, "unexpected %s, expected number or duration", t)
	}
	return sign * v
}

func (p *parser) offset(n *node) {
	at := p.take()
	v := p.length()
	switch {
	case n.shape == other:
		p.fail(at.pos, "offset modifier must be preceded by an instant vector selector or range vector selector or a subquery")
	case n.offset:
		p.fail(at.pos, "offset may not be set multiple times")
	}
	n.offset = math.Round(v*1e9) != 0
}

func (p *parser) stamp(n *node) {
	at := p.take()
	switch t := p.peek(); {
	case p.accept("start"), p.accept("end"):
		p.expect("(", "behind @ "+t.text)
		p.expect(")", "behind @ "+t.text)
	default:
		p.timestamp()
		n.fixed = true
	}
	switch {
	case n.shape == other:
		p.fail(at.pos, "@ modifier must be preceded by an instant vector selector or range vector selector or a subquery")
	case n.stamp:
		p.fail(at.pos, "@ <timestamp> may not be set multiple times")
	}
	n.stamp = true
}

func (p *parser) timestamp() {
	if !p.accept("+") {
		p.accept("-")
	}
	switch t := p.take(); t.kind {
	case number:
		if v := p.number(t); math.IsNaN(v) || math.Abs(v) >= math.MaxInt64 {
			p.fail(t.pos, "timestamp out of bounds for @ modifier")
		}
	case duration:
		p.seconds(t)
	default:
		p.fail(t.pos, "unexpected %s behind @, expected timestamp", t)
	}
}

// number returns the value of a number token.
func (p *parser) number(t token) float64 {
	if n, err := strconv.ParseInt(t.text, 0, 64); err == nil {
		return float64(n)
	}
	v, err := strconv.ParseFloat(t.text, 64)
	if err != nil {
		p.fail(t.pos, "bad number %q", t.text)
	}
	return v
}

// unit is the form of a duration: ParseDuration of prometheus/common/model.
var unit = lazyregexp.New(`^(?:([0-9]+)y)?(?:([0-9]+)w)?(?:([0-9]+)d)?(?:([0-9]+)h)?(?:([0-9]+)m)?(?:([0-9]+)s)?(?:([0-9]+)ms)?$`)

// seconds returns the length of a duration token.
func (p *parser) seconds(t token) float64 {
	v, ok := Duration(t.text)
	if !ok {
		p.fail(t.pos, "%q is not a duration, or too long; units go from y to ms", t.text)
	}
	return v
}

// Duration returns the seconds of a text such as "1h30m", and whether it is a
// duration to Prometheus.
func Duration(text string) (seconds float64, ok bool) {
	m := unit.FindStringSubmatch(text)
	if text == "0" {
		return 0, true
	}
	if m == nil || text == "" || strings.TrimSpace(text) == "" {
		return 0, false
	}
	for i, ms := range []int64{365 * 24 * 3600_000, 7 * 24 * 3600_000, 24 * 3600_000, 3600_000, 60_000, 1000, 1} {
		if m[i+1] == "" {
			continue
		}
		n, err := strconv.ParseInt(m[i+1], 10, 64)
		if err != nil || n > math.MaxInt64/1_000_000/ms {
			return 0, false
		}
		seconds += float64(n) * float64(ms) / 1000
	}
	return seconds, seconds*1e9 < math.MaxInt64
}
