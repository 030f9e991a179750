package engine

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/bitactor/cf/engine/gather"
	"github.com/bitactor/cf/fault"
	"github.com/bitactor/cf/prompts"
	"github.com/bitactor/cf/syntax"
	"github.com/bitactor/cf/workspace/secret"
)

// What tests must do to mutants of the code they test before they land.
const (
	KilledShareMin = 0.7 // of the valid ones
	ValidMin       = 5   // fewer say nothing
)

// subject is the code that tests are written for.
type subject struct {
	code *target
	more bool // the file of the tests is there: theirs are added
}

// testFileOf returns where the tests of a file of code belong: the names that
// are usual for its language, the most usual first. None: its tests stand in
// files of no own, or the language is not known.
func testFileOf(code string) []string {
	dir, base, ext := path.Dir(code), path.Base(code), path.Ext(code)
	stem := strings.TrimSuffix(base, ext)
	in := func(names ...string) []string {
		for i, n := range names {
			names[i] = path.Join(dir, n)
		}
		return names
	}
	switch ext {
	case ".go":
		return in(stem + "_test.go")
	case ".py":
		return in("test_"+base, "../tests/test_"+base, "tests/test_"+base, stem+"_test.py")
	case ".ex":
		return []string{mirrored(dir, "lib", "test") + "/" + stem + "_test.exs"}
	case ".erl":
		return []string{mirrored(dir, "src", "test") + "/" + stem + "_tests.erl"}
	case ".c":
		return in("test_"+base, stem+"_test.c", "../test/test_"+base, "../tests/test_"+base)
	case ".js", ".mjs", ".cjs", ".ts", ".jsx", ".tsx":
		return in(stem+".test"+ext, stem+".spec"+ext)
	}
	return nil
}

// mirrored gives a folder below from its place below to.
func mirrored(dir, from, to string) string {
	names := strings.Split(dir, "/")
	for i := len(names) - 1; i >= 0; i-- {
		if names[i] == from {
			names[i] = to
			return strings.Join(names, "/")
		}
	}
	return dir
}

// openTests finds the code and the file of its tests, and makes the prompt.
func (r *run) openTests(ctx context.Context) error {
	code, tests, err := r.pair(ctx)
	if err != nil {
		return err
	}
	ask := r.request
	ask.Path, ask.Instructions, ask.Findings, ask.Failing = code, "", nil, nil
	s := &subject{}
	if s.code, err = r.openSubject(ctx, ask); err != nil {
		return err
	}
	if s.code.lang == nil || s.code.file == nil {
		return fault.New(fault.Usage, CodeFocus, "tests are written for code, and this is none that cf can parse").On("implement", code)
	}
	if !r.weighable(s.code.path) && !r.request.Unweighed {
		return fault.New(fault.Refused, CodeNoMutants, "nothing here can tell whether tests of %s test anything", s.code.lang.Name()).On("implement", tests).
			Hint("--allow-unchecked lands them all the same")
	}
	r.subject, r.target = s, &target{path: tests, lang: syntax.Of(tests, nil)}
	if r.target.lang == nil {
		r.target.lang = s.code.lang
	}
	if r.files.kind(tests) == "" {
		r.files.absent(tests)
		return r.askForTests(ctx)
	}
	data, err := r.files.read(tests)
	if err != nil {
		return err
	}
	r.target.exists, r.target.present = true, string(data)
	if r.target.file, err = syntax.Parse(ctx, r.target.lang, data); err != nil {
		return fault.New(fault.Failed, "", "%w", err).On("parse", tests)
	}
	s.more = len(r.target.file.TestNames()) > 0
	return r.askForTests(ctx)
}

// pair returns the code and the file of its tests, whichever was named.
func (r *run) pair(ctx context.Context) (code, tests string, err error) {
	named := r.request.Path
	if !IsTest(named) {
		places := testFileOf(named)
		if len(places) == 0 {
			return "", "", fault.New(fault.Usage, CodeFocus, "where tests of this kind of file belong is not known").On("implement", named)
		}
		if r.files.kind(named) != "file" {
			return "", "", fault.New(fault.Usage, CodeNoFile, "there is no such file whose tests could be written").On("implement", named)
		}
		for _, p := range places {
			if r.files.kind(p) == "file" {
				return named, p, nil
			}
		}
		if dir := path.Join(path.Dir(named), "..", "tests"); path.Ext(named) == ".py" && r.files.kind(dir) == "folder" {
			return named, path.Join(dir, path.Base(places[0])), nil
		}
		return named, places[0], nil
	}
	listed, err := r.files.list(ctx, "")
	if err != nil {
		return "", "", err
	}
	for _, l := range listed {
		if slices.Contains(testFileOf(l.Path), named) {
			return l.Path, named, nil
		}
	}
	return "", "", fault.New(fault.Usage, CodeNoFile, "no code was found that tests of this name would be of").On("implement", named).
		Hint("name the code: cf implement FILE --focus tests")
}

// openSubject reads the code. All of it is meant unless a symbol is named.
func (r *run) openSubject(ctx context.Context, ask Request) (*target, error) {
	t := &target{path: ask.Path, exists: true}
	data, err := r.files.read(ask.Path)
	if err != nil {
		return nil, err
	}
	t.present = string(data)
	if t.lang = syntax.Of(ask.Path, data); t.lang == nil {
		return t, nil
	}
	if t.file, err = syntax.Parse(ctx, t.lang, data); err != nil {
		return nil, fault.New(fault.Failed, "", "%w", err).On("parse", ask.Path)
	}
	if ask.Symbol != "" {
		if err := t.named(ask.Symbol); err != nil {
			return nil, err
		}
	}
	return t, t.showable()
}

// askForTests makes the prompt: the code, or one definition and its outline; then
// what is asked for.
func (r *run) askForTests(ctx context.Context) error {
	s, t := r.subject, r.target
	in := prompts.TestsInput{Code: s.code.path, Path: t.path, Framework: frameworks[s.code.lang.Name()], Instructions: strings.TrimSpace(r.request.Instructions)}
	shown, kind := s.code.present, "file"
	if len(s.code.symbols) > 0 {
		in.Symbol, kind = describe(s.code.symbols[0]), "text"
		shown = s.code.file.Text(s.code.symbols[0].Range)
		in.Files = append(in.Files, fenceable(prompts.File{Path: s.code.path, Kind: "outline", Text: s.code.outline(s.code.symbols[0], r.outlineTokens(), r.Counter.Count)}))
	}
	in.Files = append(in.Files, fenceable(prompts.File{Path: s.code.path, Kind: "file", Text: shown, Cut: kind == "text"}))
	if s.more {
		in.Known = t.file.TestNames()
		in.Known = in.Known[:min(len(in.Known), knownTestsMax)]
	}
	in.Package = packageClause(s.code.present)
	text, err := r.Words.CodeTests(in)
	if err != nil {
		return err
	}
	system, err := r.Words.CodeSystem()
	if err != nil {
		return err
	}
	q := question{
		task:   Task{Path: t.path, Language: t.fences()[0], Instructions: "write tests for " + s.code.path},
		tokens: min(max(r.replyTokens(shown), 2*replyTokensMin), r.window()/2),
	}
	q.messages = messages(system, text)
	if over := r.Counter.CountMessages(q.messages) + q.tokens - r.window(); over > 0 {
		return fault.New(fault.Failed, CodeNoRoom, "prompt and reply need %d tokens more than the window of %d", over, r.window()).
			On("implement", t.path).Hint("name one definition: " + s.code.path + "#NAME")
	}
	r.questions = []question{q}
	return ctx.Err()
}

// knownTestsMax is how many names of present tests a prompt lists.
const knownTestsMax = 12

// frameworks say how tests of a language are written, in words for the model.
var frameworks = map[string]string{
	"go":         "functions func TestName(t *testing.T) that say with t.Errorf what they got and what they want, and import no package but testing and the standard library",
	"python":     "methods test_name of a class that extends unittest.TestCase, with self.assertEqual",
	"elixir":     "a module that uses ExUnit.Case, with test \"words\" do blocks and assert",
	"erlang":     "functions name_test() that use ?assertEqual, in a module that includes eunit/include/eunit.hrl",
	"c":          "a program whose main function checks with assert of <assert.h> and returns 0",
	"javascript": "calls of test(words, () => { ... }) from node:test, with assert.strictEqual of node:assert/strict",
	"typescript": "calls of test(words, () => { ... }) from node:test, with assert.strictEqual of node:assert/strict",
}

// add puts the tests of an answer behind those of the file whose names differ
// from theirs. Every byte that was there stays.
func (s *subject) add(ctx context.Context, t *target, answer string) (string, error) {
	f, err := syntax.Parse(ctx, t.lang, []byte(answer))
	if err != nil {
		return "", err
	}
	have := map[string]bool{}
	for _, name := range t.file.TestNames() {
		have[name] = true
	}
	for _, sym := range t.file.Symbols() {
		have[sym.FullName()] = true
	}
	present := testsOf(t.file)
	last := present[len(present)-1]
	fitted := ""
	for _, sym := range outermost(testsOf(f)) {
		if have[sym.FullName()] || have[strings.TrimPrefix(last.Parent+"."+sym.Name, ".")] {
			continue
		}
		text, err := fit(ctx, t, last, lineOf(f, sym.Range))
		if err != nil {
			return "", err
		}
		fitted += text
	}
	if fitted == "" {
		return "", fmt.Errorf("no test of a new name")
	}
	return t.present[:last.Range.End] + fitted + t.present[last.Range.End:], nil
}

// lineOf returns a range with the white space before it on its line.
func lineOf(f *syntax.File, r syntax.Range) string {
	before := f.Text(syntax.Range{Start: 0, End: r.Start})
	line := before[strings.LastIndexByte(before, '\n')+1:]
	if strings.TrimSpace(line) != "" {
		line = ""
	}
	return line + f.Text(r)
}

// fit gives text the indentation and the line ends that it has in place of a
// symbol of the target's file, behind an empty line.
func fit(ctx context.Context, t *target, s syntax.Symbol, text string) (string, error) {
	s.Range = s.Decl
	spliced, err := t.file.Splice(ctx, s, text)
	if err != nil {
		return "", err
	}
	text = string(spliced[s.Range.Start : len(spliced)-len(t.present)+s.Range.End])
	before := t.present[:s.Range.Start]
	end := likeLines(t.present, "\n")
	return end + end + before[strings.LastIndexByte(before, '\n')+1:] + text, nil
}

func testsOf(f *syntax.File) []syntax.Symbol {
	return slices.DeleteFunc(slices.Clone(f.Symbols()), func(s syntax.Symbol) bool { return s.Kind != syntax.Test })
}

// weigh runs the tests of a candidate against mutants of the code, and says why
// they must not land.
func (r *run) weigh(ctx context.Context, c *Candidate) ([]string, error) {
	if !r.weighable(r.subject.code.path) {
		return nil, nil
	}
	m, err := r.Mutants.Score(ctx, c.Trial.Set, r.subject.code.path, fullNames(r.subject.code.symbols), r.Seed)
	if fault.KindOf(err) == fault.Refused && err != nil {
		return []string{err.Error()}, nil
	}
	if err != nil {
		return nil, err
	}
	c.Mutation = &m
	switch {
	case r.request.Unweighed:
		return nil, nil
	case m.Valid < ValidMin:
		return []string{fmt.Sprintf("only %d mutants of the code are valid, of %d that are needed to tell what the tests are worth", m.Valid, ValidMin)}, nil
	case float64(m.Killed) < KilledShareMin*float64(m.Valid):
		return []string{fmt.Sprintf("the tests kill %d of %d mutants of the code", m.Killed, m.Valid)}, nil
	}
	return nil, nil
}

func (r *run) weighable(code string) bool { return r.Mutants != nil && r.Mutants.Can(code) }

// showable refuses what a model must not see whole.
func (t *target) showable() error {
	if _, found := secret.Redact(t.path, t.shown()); len(found) > 0 {
		return fault.New(fault.Refused, CodeSecret, "it holds what looks like a secret: %s", secret.Describe(found)).On("read", t.path).
			Hint("name a definition that holds none: " + t.path + "#NAME")
	}
	if _, markers := gather.Disarm(t.shown()); markers > 0 {
		return fault.New(fault.Refused, CodeMarkers, "it holds control tokens of chat templates, which a model would take for the end of its prompt").On("read", t.path)
	}
	return nil
}
