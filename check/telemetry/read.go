package telemetry

import (
	"bytes"
	"context"
	"fmt"
	"path"
	"runtime"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/bitactor/cf/check"
	"github.com/bitactor/cf/check/data"
	"github.com/bitactor/cf/lazyregexp"
	"github.com/bitactor/cf/syntax"
	"github.com/bitactor/cf/workspace"
)

// tree is what was read of a stage.
type tree struct {
	stage *workspace.Stage
	facts *facts
	code  []string // files of code, sorted: where a literal may stand
	// metrics are the names that each file emits
	metrics map[string][]string
}

// source1 is a file that is being read.
type input struct {
	path string
	data []byte
	test bool
	*facts
}

// at is the place of an offset.
func (in *input) at(offset int) place {
	return place{in.path, 1 + bytes.Count(in.data[:min(offset, len(in.data))], []byte("\n"))}
}

// readers tells how files are read by the ends of their names. A file is read only
// where it holds one of the words.
var readers = map[string]struct {
	words []string
	read  func(context.Context, *input) error
}{
	".ex":   {[]string{"elemetry", "Logger", "type: :", "name: [", "defmodule"}, readElixir},
	".exs":  {[]string{"elemetry", "Logger", "logger", "type: :", "app: :"}, readElixir},
	".erl":  {[]string{"telemetry:"}, readErlang},
	".go":   {[]string{"prometheus", "otel", "opencensus", "slog", "zap", "zerolog", "go-metrics"}, readGo},
	".py":   {[]string{"prometheus_client", "opentelemetry", "meter", "tracer", "logg", "structlog"}, readPython},
	".c":    {[]string{"ba_event", "ba_telemetry"}, readC},
	".h":    {[]string{"ba_event", "ba_telemetry", "BA_EVENT_USER"}, readC},
	".yml":  {[]string{"expr:", "query:", "metricNamePrefix:"}, readYAML},
	".yaml": {[]string{"expr:", "query:", "metricNamePrefix:"}, readYAML},
	".json": {[]string{`"expr"`, `"targets"`, `"templating"`}, readDashboard},
	".md":   {[]string{"`"}, readDocument},
}

// codeEnds are the ends of files of code: a literal in one may be a name.
var codeEnds = []string{
	".ex", ".exs", ".erl", ".hrl", ".go", ".py", ".c", ".h", ".cc", ".cpp", ".rs", ".js", ".mjs", ".ts", ".tsx", ".java", ".kt", ".rb", ".php", ".cs", ".scala", ".lua", ".sh", ".tmpl", ".eex",
}

// read reads all files of the stage, some at one time.
func read(ctx context.Context, s *workspace.Stage) (*tree, error) {
	list, err := s.List(ctx, workspace.ListOptions{})
	if err != nil {
		return nil, err
	}
	t := &tree{stage: s, facts: &facts{}}
	if list.Stopped != "" {
		t.facts.gaps = append(t.facts.gaps, check.Gap{What: "telemetry", Why: "not all files were read: " + list.Stopped, Blocks: true})
	}
	parts := make([]*facts, len(list.Files))
	var mu sync.Mutex
	group, within := errgroup.WithContext(ctx)
	group.SetLimit(runtime.NumCPU())
	for i, f := range list.Files {
		end := strings.ToLower(path.Ext(f.Path))
		if slices.Contains(codeEnds, end) {
			t.code = append(t.code, f.Path)
		}
		if _, known := readers[end]; !known || f.Size > syntax.MaxBytes || vendored(f.Path) {
			continue
		}
		group.Go(func() error {
			part, err := readFile(within, s, f.Path)
			mu.Lock()
			defer mu.Unlock()
			parts[i] = part
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	for _, p := range parts {
		if p != nil {
			t.facts.join(p)
		}
	}
	if err := t.resolve(ctx); err != nil {
		return nil, err
	}
	t.metrics = map[string][]string{}
	for _, e := range t.facts.emitted {
		if e.kind == metric {
			t.metrics[e.file] = append(t.metrics[e.file], e.name)
		}
	}
	return t, nil
}

// vendored tells whether a file was brought from elsewhere: what it emits is not
// the project's own.
func vendored(file string) bool {
	for part := range strings.SplitSeq(path.Dir(file), "/") {
		if part == "deps" || part == "vendor" || part == "node_modules" || part == "_build" || part == "testdata" {
			return true
		}
	}
	return false
}

// readFile reads one file. That it can't be read is a gap of that file; the error
// is the context's.
func readFile(ctx context.Context, s *workspace.Stage, file string) (f *facts, err error) {
	text, err := s.Read(file)
	if err != nil {
		return nil, nil //nolint:nilerr // no text: the checker of its kind says so
	}
	r := readers[strings.ToLower(path.Ext(file))]
	in := &input{path: file, data: text, test: isTest(file), facts: &facts{}}
	if !in.test && slices.Contains(codeEnds, path.Ext(file)) && hotMark.Match(text) {
		in.hot = []string{file}
	}
	if !slices.ContainsFunc(r.words, func(w string) bool { return bytes.Contains(text, []byte(w)) }) {
		return in.facts, nil
	}
	defer func() {
		if p := recover(); p != nil {
			f, err = &facts{gaps: []check.Gap{{File: file, What: "telemetry", Why: fmt.Sprintf("the reader failed: %.200v", p)}}}, nil
		}
	}()
	if err := r.read(ctx, in); err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		in.gaps = append(in.gaps, check.Gap{File: file, What: "telemetry", Why: err.Error()})
	}
	return in.facts, nil
}

// isTest tells whether a file holds tests, by its name.
func isTest(file string) bool {
	base := path.Base(file)
	if strings.HasSuffix(base, "_test.go") || strings.HasSuffix(base, "_test.exs") || strings.HasSuffix(base, "_test.c") || strings.HasPrefix(base, "test_") || strings.HasSuffix(base, "_SUITE.erl") || strings.HasSuffix(base, "_tests.erl") {
		return true
	}
	for part := range strings.SplitSeq(path.Dir(file), "/") {
		if part == "test" || part == "tests" || part == "spec" {
			return true
		}
	}
	return false
}

// isRules tells whether a YAML file holds rules of Prometheus, or the object of the
// Prometheus operator that does.
func isRules(in *input) bool {
	return data.KindOf(in.path, in.data[:min(len(in.data), 4096)]) == data.Prometheus || bytes.Contains(in.data, []byte("kind: PrometheusRule"))
}

// wanted is what would show that code emits a name.
type wanted struct {
	texts []string // any of these
	core  string   // what each of texts has in it
	rests []string // any of these, in a language that no reader here knows and that speaks of metrics
	// any of word, where any of beside stands in the same file; of word alone where there
	// is nothing to stand beside it
	word, beside []string
	anywhere     bool // names of metrics that are known count too
}

// spelt tells whether code, other than tests, spells what is wanted.
func (t *tree) spelt(ctx context.Context, w wanted) (bool, error) {
	for _, file := range t.code {
		if err := ctx.Err(); err != nil {
			return false, err
		}
		if isTest(file) || vendored(file) {
			continue
		}
		content, err := t.stage.Read(file)
		if err != nil {
			continue // no text: nothing is spelt there
		}
		if _, known := readers[strings.ToLower(path.Ext(file))]; !known && foreignMetrics.Match(content) && containsAny(content, w.rests) {
			return true, nil
		}
		left := t.unexplained(file, content)
		if w.anywhere {
			left = func(text string) bool { return bytes.Contains(content, []byte(text)) }
		}
		if bytes.Contains(content, []byte(w.core)) && slices.ContainsFunc(w.texts, left) || slices.ContainsFunc(w.word, left) && (len(w.beside) == 0 || foreignMetrics.Match(content) && slices.ContainsFunc(w.beside, left)) {
			return true, nil
		}
	}
	return false, nil
}

// unexplained tells of a text whether it stands in a file more often than within names of
// metrics that the file is known to emit: those were held against the used name already.
// A name that begins with it may get more in front of it where it is registered.
func (t *tree) unexplained(file string, content []byte) func(string) bool {
	return func(text string) bool {
		n := bytes.Count(content, []byte(text))
		if n == 0 {
			return false
		}
		piece := strings.Trim(text, "\"'`_")
		for _, e := range t.metrics[file] {
			if _, more, ok := strings.Cut(e, "_"+piece); ok && (more == "" || more[0] == '_' || text[len(text)-1] == piece[len(piece)-1]) {
				n--
			}
		}
		return n > 0
	}
}

func containsAny(content []byte, texts []string) bool {
	return slices.ContainsFunc(texts, func(t string) bool { return bytes.Contains(content, []byte(t)) })
}

// foreignMetrics is in files that have to do with metrics, whatever the language.
var foreignMetrics = lazyregexp.New(`(?i)prometheus|prom-client|opentelemetry|micrometer|metrics`)

var atomName = lazyregexp.New(`^:(?:[a-zA-Z_][a-zA-Z0-9_@]*[?!]?|"[^"]+")$`)
