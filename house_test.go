// Package cf_test holds the rules of the repository as tests.
package cf_test

import (
	"encoding/json"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const module = "github.com/bitactor/cf"

// mayImport says which folders of ours a folder may import; the longest
// matching key speaks. ARCHITECTURE.md gives the reasons.
var mayImport = map[string][]string{
	"event":             {},
	"fault":             {},
	"lazyregexp":        {},
	"llm":               {"event", "fault", "lazyregexp", "llm"},
	"llm/embedded":      {"event", "fault", "llm", "process"},
	"process":           {"event", "fault", "process"},
	"prompts":           {"event", "fault", "lazyregexp", "llm", "prompts"},
	"workspace":         {"event", "fault", "lazyregexp", "process", "syntax", "workspace"},
	"workspace/sandbox": {"event", "fault", "process", "workspace/sandbox"},
	"syntax":            {"syntax"},
	"check":             {"event", "fault", "lazyregexp", "process", "workspace", "syntax", "check"},
	"setup":             {"event", "fault", "llm", "process", "setup"},
	"templates":         {},
	"scaffold":          {"core", "engine/terms", "fault", "lazyregexp", "scaffold", "templates", "workspace"}, // engine/terms is a leaf
	"engine":            {"event", "fault", "lazyregexp", "llm", "prompts", "workspace", "syntax", "check", "engine"},
	"clean":             {"event", "fault", "lazyregexp", "workspace", "syntax", "check", "clean"},
	"commands":          {"event", "fault", "lazyregexp", "llm", "prompts", "workspace", "syntax", "check", "engine", "clean", "scaffold", "setup", "process", "bench", "commands"},
	"commands/view":     {"event", "fault", "commands/view"},
	"commands/config":   {"event", "fault", "lazyregexp", "commands/config"},
	"cmd":               {"commands"},
	"core":              {"core"},
	"bench":             {"core", "bench"},
	"bench/cmdbench":    {"bench", "process"},                                             // runs what it times
	"bench/precision":   {"bench", "check", "clean", "lazyregexp", "syntax", "workspace"}, // holds what they find against code of others
	"bench/otpbench":    {"bench", "lazyregexp", "process", "scaffold"},                   // runs the project that cf scaffold makes
	"bench/llmbench":    {"bench", "event", "llm"},                                        // asks the user's model
	"bench/solvebench":  {"bench", "lazyregexp", "process", "testdata/tasks"},             // runs cf on the tasks
}

// ownedImports are packages that only the named folders may use outside tests.
var ownedImports = map[string][]string{
	"os/exec":                            {"process"},
	"net/http/httptest":                  {"llm/llmtest"},
	"testing":                            {"llm/llmtest", "check/checktest", "check/source/sourcetest"},
	"net/http":                           {"llm", "setup", "bench/otpbench"}, // otpbench receives what the system exports
	"github.com/charmbracelet/bubbletea": {"commands/view/tui"},
}

type goPackage struct {
	ImportPath, Dir, Doc string
	Imports              []string
	GoFiles              []string
}

func packages(t *testing.T) []goPackage {
	t.Helper()
	out, err := exec.Command("go", "list", "-json=ImportPath,Dir,Doc,Imports,GoFiles", "./...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var list []goPackage
	dec := json.NewDecoder(strings.NewReader(string(out)))
	for dec.More() {
		var p goPackage
		if err := dec.Decode(&p); err != nil {
			t.Fatal(err)
		}
		list = append(list, p)
	}
	return list
}

func within(path, folder string) bool {
	return path == folder || strings.HasPrefix(path, folder+"/")
}

func withinAny(path string, folders []string) bool {
	for _, f := range folders {
		if within(path, f) {
			return true
		}
	}
	return false
}

// rule returns the entry of mayImport that speaks for a folder.
func rule(folder string) ([]string, bool) {
	for f := folder; f != "."; f = filepath.Dir(f) {
		if allowed, ok := mayImport[f]; ok {
			return allowed, true
		}
	}
	return nil, false
}

func TestImportsKeepTheLayers(t *testing.T) {
	for _, p := range packages(t) {
		folder := strings.TrimPrefix(strings.TrimPrefix(p.ImportPath, module), "/")
		if folder == "" {
			continue
		}
		allowed, ok := rule(folder)
		if !ok {
			t.Errorf("%s: no rule says what it may import; add one to mayImport and to ARCHITECTURE.md", folder)
			continue
		}
		for _, imp := range p.Imports {
			if ours, ok := strings.CutPrefix(imp, module+"/"); ok && !withinAny(ours, allowed) {
				t.Errorf("%s imports %s: not allowed", folder, ours)
			}
			if owners, ok := ownedImports[imp]; ok && !withinAny(folder, owners) {
				t.Errorf("%s imports %s: only %s may", folder, imp, strings.Join(owners, ", "))
			}
		}
	}
}

func TestPackagesAreDocumented(t *testing.T) {
	for _, p := range packages(t) {
		if len(p.GoFiles) > 0 && p.Doc == "" {
			t.Errorf("%s has no package comment", p.ImportPath)
		}
	}
}

// sourceFiles calls visit with every tracked kind of source file.
func sourceFiles(t *testing.T, visit func(path, text string)) {
	t.Helper()
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == ".git" || d.Name() == "bin" || d.Name() == ".cf" || d.Name() == "testdata") {
			return fs.SkipDir
		}
		switch filepath.Ext(path) {
		case ".go", ".md", ".tmpl", ".yml", ".toml", ".sh", ".txt":
		default:
			if d.Name() != "Makefile" && path != ".ci/run" {
				return nil
			}
		}
		text, err := os.ReadFile(path)
		if err == nil {
			visit(path, string(text))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestFilesHaveNamesAndSizesThatHelp(t *testing.T) {
	empty := regexp.MustCompile(`^(utils?|helpers?|common|misc|stuff)(_test)?\.go$`)
	sourceFiles(t, func(path, text string) {
		if filepath.Ext(path) != ".go" {
			return
		}
		if empty.MatchString(filepath.Base(path)) {
			t.Errorf("%s: the name says nothing", path)
		}
		if n := strings.Count(text, "\n"); n > 800 {
			t.Errorf("%s has %d lines; split it", path, n)
		}
	})
}

// TestNothingIsLeftForLater also keeps paths of one machine out of the tree.
func TestNothingIsLeftForLater(t *testing.T) {
	later := regexp.MustCompile(`\b(TO` + `DO|FIX` + `ME|XX` + `X)\b`)
	local := regexp.MustCompile(`/(wo` + `rk|ro` + `ot)/[a-z.]|/ho` + `me/[a-z]+/`)
	sourceFiles(t, func(path, text string) {
		for i, line := range strings.Split(text, "\n") {
			if later.MatchString(line) || local.MatchString(line) {
				t.Errorf("%s:%d: %s", path, i+1, strings.TrimSpace(line))
			}
		}
	})
}

// TestExpressionsAreCompiledAtTheirFirstUse: a start pays for none, and one package
// sees to that.
func TestExpressionsAreCompiledAtTheirFirstUse(t *testing.T) {
	other := regexp.MustCompile(`(?m)^(?:var \w+|\t\w+) += .*(?:regexp\.MustCompile|\*regexp\.Regexp \{)`)
	sourceFiles(t, func(path, text string) {
		if filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") || strings.HasPrefix(path, "tools/") || strings.HasPrefix(path, "lazyregexp/") {
			return
		}
		for _, line := range other.FindAllString(text, -1) {
			t.Errorf("%s: %s: use package lazyregexp", path, line)
		}
	})
}

// TestOllamaIsPinnedOnce holds the three places that name Ollama's version equal.
func TestOllamaIsPinnedOnce(t *testing.T) {
	pins := map[string]string{}
	for file, pattern := range map[string]string{
		"go.mod":       `github\.com/ollama/ollama v(\S+)`,
		"tools/go.mod": `github\.com/ollama/ollama v(\S+)`,
		"setup/pin.go": `ollamaVersion\s*=\s*"v?([^"]+)"`,
	} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		m := regexp.MustCompile(pattern).FindStringSubmatch(string(text))
		if m == nil {
			t.Fatalf("%s names no version of Ollama", file)
		}
		pins[file] = m[1]
	}
	for file, version := range pins {
		if version != pins["setup/pin.go"] {
			t.Errorf("%s pins Ollama %s, setup/pin.go %s", file, version, pins["setup/pin.go"])
		}
	}
}
