package clang

import (
	"encoding/json"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bitactor/cf/lazyregexp"
)

// flags are what a project's files are compiled with.
type flags struct {
	common []string            // where no entry of the database speaks
	of     map[string][]string // by file relative to the root
	std    string
}

// standard is the C standard where a project names none.
const standard = "-std=c11"

// For returns the flags of a file.
func (f flags) For(file string) []string {
	if own, ok := f.of[file]; ok {
		return own
	}
	return f.common
}

// makefiles may name flags; they are read, never run.
var makefiles = []string{"Makefile", "makefile", "GNUmakefile", "CMakeLists.txt", "config.mk"}

// readFlags finds the project's flags.
func (r *run) readFlags() flags {
	f := flags{std: standard}
	for _, name := range makefiles {
		if r.HasFile(name) {
			f.common = append(f.common, r.wordsOf(r.read(r.InProject(name)))...)
		}
	}
	if !slices.ContainsFunc(f.common, func(w string) bool { return strings.HasPrefix(w, "-std=") }) {
		f.common = append([]string{f.std}, f.common...)
	}
	for _, dir := range r.includeFolders() {
		f.common = append(f.common, "-I"+filepath.Join(r.Target.Stage.Root(), filepath.FromSlash(dir)))
	}
	if name := r.InProject("compile_commands.json"); r.HasFile("compile_commands.json") {
		f.of = r.database([]byte(r.read(name)))
	}
	return f
}

// plainFlag matches a flag of a Makefile that holds no variable: a standard, a
// definition, an include folder.
var plainFlag = lazyregexp.New(`^-(?:std=[a-z0-9:]+|[DU][A-Za-z_][A-Za-z0-9_]*(?:=[A-Za-z0-9_.]*)?|I[A-Za-z0-9_./-]+)$`)

// wordsOf returns the flags in the text of a Makefile, each once. The last
// standard counts; folders are those of the project.
func (r *run) wordsOf(text string) []string {
	var out []string
	std := ""
	for _, word := range strings.Fields(text) {
		word = strings.Trim(word, `"'()`)
		switch {
		case !plainFlag.MatchString(word):
		case strings.HasPrefix(word, "-std=c++"), strings.HasPrefix(word, "-std=gnu++"):
		case strings.HasPrefix(word, "-std="):
			std = word
		case strings.HasPrefix(word, "-I"):
			if dir, inside := r.Rel(r.Target.Project, word[2:]); inside && r.Target.Stage.Kind(dir) == "folder" {
				out = append(out, "-I"+filepath.Join(r.Target.Stage.Root(), filepath.FromSlash(dir)))
			}
		case !slices.Contains(out, word) && len(out) < 200:
			out = append(out, word)
		}
	}
	if std != "" {
		out = append(out, std)
	}
	return out
}

// includeFolders guesses where headers lie: the project, its include and src
// folders, and every folder from which a name in quotes leads to a file of the
// project. Sorted, but for the first three.
func (r *run) includeFolders() []string {
	var out, found []string
	for _, dir := range []string{r.Target.Project, r.InProject("include"), r.InProject("src")} {
		if r.Target.Stage.Kind(dir) == "folder" {
			out = append(out, dir)
		}
	}
	headers := map[string][]string{} // last name -> paths
	for _, f := range r.project {
		headers[path.Base(f)] = append(headers[path.Base(f)], f)
	}
	for _, file := range r.project {
		for _, name := range r.includes(file) {
			if strings.HasPrefix(name, ".") {
				continue
			}
			for _, h := range headers[path.Base(name)] {
				if dir, ok := strings.CutSuffix(h, "/"+name); ok && dir != path.Dir(file) {
					found = append(found, dir)
				}
			}
		}
	}
	slices.Sort(found)
	for _, dir := range slices.Compact(found) {
		if !slices.Contains(out, dir) {
			out = append(out, dir)
		}
	}
	return out
}

// database reads a compilation database (clang.llvm.org/docs/JSONCompilationDatabase.html).
// What is no database gives nothing.
func (r *run) database(data []byte) map[string][]string {
	var entries []struct {
		Directory, File, Command string
		Arguments                []string
	}
	if json.Unmarshal(data, &entries) != nil {
		return nil
	}
	out := map[string][]string{}
	for _, e := range entries {
		dir, inside := r.Rel(r.Target.Project, e.Directory)
		if !inside && path.Clean(dir) != "." {
			continue
		}
		file, inside := r.Rel(dir, e.File)
		if !inside {
			continue
		}
		args := e.Arguments
		if len(args) == 0 {
			args = splitCommand(e.Command)
		}
		out[file] = safeFlags(args, filepath.Join(r.Target.Stage.Root(), filepath.FromSlash(dir)))
	}
	return out
}

// safeFlags keeps of a command's arguments those that can only change what the
// text means: standard, definitions and include folders, these made absolute.
func safeFlags(args []string, dir string) []string {
	out := []string{}
	for i := 0; i < len(args); i++ {
		a := args[i]
		switch {
		case strings.HasPrefix(a, "-std="):
			out = append(out, a)
		case a == "-D" || a == "-U" || a == "-I" || a == "-isystem" || a == "-iquote":
			if i++; i < len(args) {
				out = append(out, a, absolute(a, args[i], dir))
			}
		case strings.HasPrefix(a, "-D"), strings.HasPrefix(a, "-U"):
			out = append(out, a)
		case strings.HasPrefix(a, "-I"):
			out = append(out, "-I"+absolute("-I", a[2:], dir))
		}
	}
	if !slices.ContainsFunc(out, func(w string) bool { return strings.HasPrefix(w, "-std=") }) {
		out = append([]string{standard}, out...)
	}
	return out
}

// absolute returns the value of a flag, a folder as an absolute path.
func absolute(flag, value, dir string) string {
	if flag == "-D" || flag == "-U" || filepath.IsAbs(value) {
		return value
	}
	return filepath.Join(dir, value)
}

// splitCommand splits the command line of a database as a POSIX shell would,
// without expanding anything: spaces part words, quotes and backslashes guard
// them.
func splitCommand(line string) []string {
	var words []string
	var word strings.Builder
	inside, quote := false, byte(0)
	for i := 0; i < len(line); i++ {
		c := line[i]
		switch {
		case quote == '\'' && c != '\'', quote == '"' && c != '"' && c != '\\':
			word.WriteByte(c)
		case quote != 0 && c == quote:
			quote = 0
		case c == '\\' && i+1 < len(line):
			i++
			word.WriteByte(line[i])
			inside = true
		case quote == 0 && (c == '\'' || c == '"'):
			quote, inside = c, true
		case quote == 0 && (c == ' ' || c == '\t' || c == '\n'):
			if inside {
				words = append(words, word.String())
			}
			word.Reset()
			inside = false
		default:
			word.WriteByte(c)
			inside = true
		}
	}
	if inside {
		words = append(words, word.String())
	}
	return words
}
