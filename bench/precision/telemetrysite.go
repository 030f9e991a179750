package precision

import (
	"context"
	"errors"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/bitactor/cf/lazyregexp"
	"github.com/bitactor/cf/workspace"
)

// site is a corpus in which faults of telemetry are planted: its texts, and what they
// say of metrics to somebody who reads them with plain patterns.
type site struct {
	corpus  Corpus
	tree    *workspace.Tree
	texts   map[string]string
	files   []string // of texts, sorted
	uses    []string // rules and dashboards
	metrics []metricAt
}

// metricAt is where code makes a metric.
type metricAt struct {
	file       string
	start, end int    // of the name as it is written, without its quotes
	from, to   int    // of the text that makes it
	name       string // as Prometheus shows it; "" where it is not known
	typ        string
	labels     int // offset behind the bracket of the labels' list; 0 where there is none
	empty      bool
}

// siteEnds are the ends of the files in which a fault may be.
var siteEnds = []string{".ex", ".exs", ".go", ".py", ".yml", ".yaml", ".json", ".md"}

// maxSite is the largest file that a fault is planted in, in bytes.
const maxSite = 1 << 20

func openSite(ctx context.Context, c Corpus) (*site, error) {
	tree, err := workspace.OpenFolder(c.Dir)
	if err != nil {
		return nil, err
	}
	s := &site{corpus: c, tree: tree, texts: map[string]string{}}
	list, err := tree.List(ctx, workspace.ListOptions{})
	if err != nil {
		return nil, errors.Join(err, tree.Close())
	}
	for _, f := range list.Files {
		if f.Size > maxSite || !slices.Contains(siteEnds, path.Ext(f.Path)) || siteElse.MatchString(f.Path) {
			continue
		}
		if text, err := tree.Read(f.Path); err == nil {
			s.texts[f.Path] = string(text)
		}
	}
	s.files = slices.Sorted(maps.Keys(s.texts))
	for _, f := range s.files {
		text := s.texts[f]
		switch path.Ext(f) {
		case ".json":
			if strings.Contains(text, `"expr":`) && strings.Contains(text, `"panels"`) {
				s.uses = append(s.uses, f)
			}
		case ".yml", ".yaml":
			if ruleLine.MatchString(text) && strings.Contains(text, "groups:") && !strings.Contains(text, "{{-") && !strings.Contains(text, "exp_alerts:") {
				s.uses = append(s.uses, f)
			}
		}
	}
	s.findMetrics()
	return s, nil
}

var (
	siteElse = lazyregexp.New(`(?:^|/)(?:testdata|vendor|deps|node_modules|tests?|\.cf)/|_test\.\w+$`)
	ruleLine = lazyregexp.New(`(?m)^\s*(?:- )?(?:alert|record):`)
	exMetric = lazyregexp.New(`%\{\s*name:\s*"([a-z]\w+)",\s*type:\s*:(counter|gauge|histogram)\b`)
	exLabels = lazyregexp.New(`\blabels:\s*\[`)
	pyMetric = lazyregexp.New(`(?m)^\s*\w+\s*=\s*(Counter|Gauge|Histogram|Summary)\(\s*(?:name=)?"([a-z]\w+)"`)
	goMetric = lazyregexp.New(`\.New(Counter|Gauge|Histogram|Summary)(?:Vec|Func)?\(\s*prometheus\.\w+Opts\{`)
	goName   = lazyregexp.New(`\bName:\s*"(\w+)"`)
	goSpace  = lazyregexp.New(`\b(?:Namespace|Subsystem):\s*([\w.]+|"\w*")`)
	goLabels = lazyregexp.New(`^\s*,\s*\[\]string\{`)
	pyLabels = lazyregexp.New(`(?:labelnames=)?\[`)
)

// findMetrics reads the product's code.
func (s *site) findMetrics() {
	names := s.usedNames()
	for _, f := range s.files {
		text := s.texts[f]
		switch path.Ext(f) {
		case ".ex":
			for _, m := range exMetric.FindAllStringSubmatchIndex(text, -1) {
				at := metricAt{file: f, start: m[2], end: m[3], from: m[0], to: m[0] + closing(text[m[0]:]), name: text[m[2]:m[3]], typ: text[m[4]:m[5]]}
				at.list(text, exLabels.FindStringIndex(text[m[1]:max(m[1], at.to)]), m[1])
				s.metrics = append(s.metrics, at)
			}
		case ".py":
			for _, m := range pyMetric.FindAllStringSubmatchIndex(text, -1) {
				at := metricAt{file: f, start: m[4], end: m[5], from: m[0], to: m[2] + closing(text[m[2]:]), name: text[m[4]:m[5]], typ: strings.ToLower(text[m[2]:m[3]])}
				at.list(text, pyLabels.FindStringIndex(text[m[1]:max(m[1], at.to)]), m[1])
				s.metrics = append(s.metrics, at)
			}
		case ".go":
			for _, m := range goMetric.FindAllStringSubmatchIndex(text, -1) {
				s.goMetric(f, text, m, names)
			}
		}
	}
}

// goMetric reads one constructor of client_golang with its options in place.
func (s *site) goMetric(f, text string, m []int, names map[string]bool) {
	end := m[1] - 1 + closing(text[m[1]-1:])
	options := text[m[1]:max(m[1], end)]
	named := goName.FindStringSubmatchIndex(options)
	if named == nil {
		return
	}
	at := metricAt{file: f, start: m[1] + named[2], end: m[1] + named[3], from: m[0], to: end, typ: strings.ToLower(text[m[2]:m[3]])}
	whole, known := options[named[2]:named[3]], true
	for _, part := range slices.Backward(goSpace.FindAllStringSubmatch(options, -1)) {
		if strings.HasPrefix(part[1], `"`) {
			whole = strings.TrimPrefix(strings.Trim(part[1], `"`)+"_"+whole, "_")
		} else {
			known = false
		}
	}
	if known {
		at.name = whole
	} else { // the one name of a rule or a dashboard that it can be; of two nobody knows which
		could := 0
		for n := range names {
			if first, rest, _ := strings.Cut(n, "_"); rest == whole && first != "" {
				at.name = n
				could++
			}
		}
		if could > 1 {
			at.name = ""
		}
	}
	at.list(text, goLabels.FindStringIndex(text[end+1:]), end+1)
	s.metrics = append(s.metrics, at)
}

// list notes the list of labels that begins at an offset.
func (at *metricAt) list(text string, found []int, offset int) {
	if found != nil {
		at.labels = offset + found[1]
		at.empty = strings.ContainsAny(text[at.labels:at.labels+1], "]}")
	}
}

// closing returns the offset of the bracket that closes the first one of a text, or
// its length. Brackets in strings count, which costs a place for a fault at most.
func closing(text string) int {
	depth := 0
	for i, c := range text {
		switch c {
		case '(', '[', '{':
			depth++
		case ')', ']', '}':
			if depth--; depth <= 0 {
				return i
			}
		}
	}
	return len(text)
}

var (
	seriesEnd = lazyregexp.New(`_(?:bucket|sum|count)$`)
	anyName   = lazyregexp.New(`[a-zA-Z_:][a-zA-Z0-9_:]*`)
	noQuery   = lazyregexp.New(`^\s*(?:#|(?:- )?(?:record|alert|summary|description|message|runbook_url|name|severity|for):)`)
)

// usedNames are the words of the expressions, without what a histogram adds.
func (s *site) usedNames() map[string]bool {
	out := map[string]bool{}
	for _, f := range s.uses {
		for line := range strings.Lines(s.texts[f]) {
			if queryLine(f, line) {
				for _, n := range anyName.FindAllString(line, -1) {
					out[seriesEnd.ReplaceAllString(n, "")] = true
				}
			}
		}
	}
	return out
}

// queryLine tells whether a line of a rule file or a dashboard may hold an expression.
func queryLine(file, line string) bool {
	if path.Ext(file) == ".json" {
		return strings.Contains(line, `"expr":`)
	}
	return !noQuery.MatchString(line)
}

// spot is one use of a metric in an expression.
type spot struct {
	file       string
	start, end int // of the name, with what a histogram adds
}

// usesOf finds where rules and dashboards read a metric.
func (s *site) usesOf(name string) (out []spot) {
	if name == "" {
		return nil
	}
	for _, f := range s.uses {
		text := s.texts[f]
		if !strings.Contains(text, name) {
			continue
		}
		for _, m := range wordOf(name).FindAllStringSubmatchIndex(text, -1) {
			begin := 1 + strings.LastIndexByte(text[:m[2]], '\n')
			line, _, _ := strings.Cut(text[begin:], "\n")
			if queryLine(f, line) {
				out = append(out, spot{f, m[2], m[3]})
			}
		}
	}
	return out
}

// wordOf finds a name that is no part of another.
func wordOf(name string) *regexp.Regexp {
	return regexp.MustCompile(`(?:^|[^\w:])(` + regexp.QuoteMeta(name) + `(?:_bucket|_sum|_count)?)(?:[^\w:]|$)`)
}

// holds tells whether any text of the site spells a name.
func (s *site) holds(name string) bool {
	for _, text := range s.texts {
		if strings.Contains(text, name) {
			return true
		}
	}
	return false
}
