package clean

import (
	"context"
	"path"
	"strings"

	"github.com/bitactor/cf/lazyregexp"
	"github.com/bitactor/cf/syntax"
	"github.com/bitactor/cf/workspace"
)

// Known is what a tree says of names, which one file alone can't. It reads lines, not
// syntax: a name is all it goes by, so that it errs towards no finding.
type Known struct {
	methods map[string]int  // definitions of each method of Python
	stubs   map[string]int  // those that are "raise NotImplementedError" alone
	bases   map[string]bool // names that classes of Python are derived from
	own     map[string]bool // names that classes of Python assign to as attributes of their own
	asked   map[string]bool // methods that an abstract class of Python asks of those derived from it
	set     map[string]bool // names that Python assigns to as attributes of something else: modules, classes
	// plain holds functions of Go as "folder name", and as "name" for those of the whole tree:
	// true where all errors of all of that name are made of text, so that there is nothing to
	// unwrap.
	plain map[string]bool
}

// KnownOf reads all files of Python and Go, tests too: what a test derives from is
// meant to be. The error is the context's.
func KnownOf(ctx context.Context, t *workspace.Tree, files []string) (*Known, error) {
	k := newKnown()
	for _, file := range files {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if ext := path.Ext(file); ext != ".py" && ext != ".go" {
			continue
		}
		if text, err := t.Read(file); err == nil { // else it is told as unread where it is looked at
			k.add(file, text)
		}
	}
	return k, nil
}

func newKnown() *Known {
	return &Known{methods: map[string]int{}, stubs: map[string]int{}, set: map[string]bool{}, own: map[string]bool{}, asked: map[string]bool{}, bases: map[string]bool{}, plain: map[string]bool{}}
}

func (k *Known) add(file string, text []byte) {
	switch path.Ext(file) {
	case ".py":
		for _, m := range pythonDefinition.FindAllSubmatch(text, -1) {
			k.methods[string(m[1])]++
		}
		for _, m := range pythonStub.FindAllSubmatch(text, -1) {
			k.stubs[string(m[1])]++
		}
		for _, m := range pythonSet.FindAllSubmatch(text, -1) {
			if owner := string(m[1]); owner != "self" && owner != "cls" {
				k.set[string(m[2])] = true
			} else {
				k.own[string(m[2])] = true
			}
		}
		for _, m := range pythonAsked.FindAllSubmatch(text, -1) {
			k.asked[string(m[1])] = true
		}
		for _, m := range pythonBases.FindAllSubmatch(text, -1) {
			for _, name := range words(string(m[1])) {
				k.bases[name] = true
			}
		}
	case ".go":
		k.addGo(path.Dir(file), string(text))
	}
}

var (
	pythonDefinition = lazyregexp.New(`(?m)^[ \t]+(?:async[ \t]+)?def[ \t]+(\w+)`)
	pythonStub       = lazyregexp.New(`(?m)^[ \t]+(?:async[ \t]+)?def[ \t]+(\w+)\([^()]*(?:\([^()]*\)[^()]*)*\)[^:\n]*:\n(?:[ \t]*(?:"""[^"]*"""|"[^"\n]*"|#.*)?\n)*[ \t]+raise NotImplementedError\b`)
	pythonSet        = lazyregexp.New(`(?m)^[ \t]*(\w+(?:\.\w+)*)\.(\w+)[ \t]*=[^=]`)
	pythonBases      = lazyregexp.New(`(?m)^[ \t]*class[ \t]+\w+[ \t]*\(([^()]*(?:\([^()]*(?:\([^()]*\)[^()]*)*\)[^()]*)*)\)`)
	pythonAsked      = lazyregexp.New(`(?m)^[ \t]*@(?:\w+\.)*abstract\w+[ \t]*\n(?:[ \t]*@.*\n)*[ \t]*(?:async[ \t]+)?def[ \t]+(\w+)`)
	goFunction       = lazyregexp.New(`^func (?:\([^)]*\) )?(\w+)[\[(].*\berror\)? \{$`)
	goReturn         = lazyregexp.New(`^\s*return\b(.*)$`)
	goPlain          = lazyregexp.New(`(?:^|, )(?:nil|errors\.(?:New|Errorf)\(.*\)|fmt\.Errorf\(.*\))$`)
	goCallOfErr      = lazyregexp.New(`(?:^|[\s,])err :?= (?:([\w.\[\]]+)\.)?(\w+)\(`)
	goStandard       = lazyregexp.New(`(?m)^(?:import)?\s+"([a-z0-9/]+)"`)
	// ofAnything are methods that types of the standard library and of others have, too
	ofAnything = lazyregexp.New(`^(?:Accept|Begin|Close|Commit|Copy|Create|Delete|Dial|Do|Execute?|Flush|Get|Init|Listen|Load|Next|Open|Parse|Ping|Query|Read|Remove|Rollback|Run|Save|Scan|Seek|Send|Serve|Set|Shutdown|Start|Stop|Store|Sync|Truncate|Update|Wait|Write|(?:En|De)code|(?:Unm|M)arshal)`)
	goReceiver = lazyregexp.New(`(?m)^func \((\w+) `)
)

// addGo goes by gofmt's lines: a function ends at the first brace without indentation.
func (k *Known) addGo(folder, text string) {
	key, plain, returns := "", false, 0
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n")
		if m := goFunction.FindStringSubmatch(line); m != nil {
			key, plain, returns = folder+" "+m[1], true, 0
			continue
		}
		if key == "" {
			continue
		}
		if line == "}" {
			for _, key := range []string{key, key[strings.LastIndexByte(key, ' ')+1:]} {
				was, seen := k.plain[key]
				k.plain[key] = plain && returns > 0 && (was || !seen)
			}
			key = ""
			continue
		}
		if m := goReturn.FindStringSubmatch(line); m != nil {
			returns++
			plain = plain && goPlain.MatchString(strings.TrimSpace(m[1])) && !strings.Contains(m[1], "%w")
		}
	}
}

// standard tells whether a file of Go imports a package of the standard library under a
// name: its path has no dot.
func (m match) standard(name string) bool {
	for _, i := range goStandard.FindAllSubmatch(m.tree.Source(), -1) {
		if path.Base(string(i[1])) == name {
			return true
		}
	}
	return false
}

// plain tells whether the error that a finding turns into text was made, in the lines
// before it, by a function of the same package, or a method of the same receiver, all of
// whose errors are plain; or by one of a name that is plain in all of the tree.
func (m match) plain() bool {
	s, ok := m.around(syntax.Method, syntax.Function)
	if !ok {
		return false
	}
	own := ""
	if r := goReceiver.FindStringSubmatch(m.tree.Text(s.Range)); r != nil {
		own = r[1]
	}
	lines := strings.Split(m.tree.Text(syntax.Range{Start: s.Range.Start, End: m.by["found"].Start}), "\n")
	for i := len(lines) - 1; i >= max(len(lines)-6, 0); i-- {
		if call := goCallOfErr.FindStringSubmatch(lines[i]); call != nil {
			if call[1] == "" || call[1] == own {
				return m.known.plain[path.Dir(m.file)+" "+call[2]]
			}
			return m.known.plain[call[2]] && !m.standard(call[1]) && !ofAnything.MatchString(call[2])
		}
	}
	return false
}
