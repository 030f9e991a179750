package gather

import (
	"path"
	"strings"
)

// languages names the kinds of text files by extension: what is searched for
// terms, and counted in the outline.
var languages = map[string]string{
	".go": "Go", ".c": "C", ".h": "C", ".cc": "C++", ".cpp": "C++", ".cxx": "C++", ".hpp": "C++", ".rs": "Rust", ".zig": "Zig",
	".py": "Python", ".rb": "Ruby", ".js": "JavaScript", ".mjs": "JavaScript", ".cjs": "JavaScript", ".jsx": "JavaScript",
	".ts": "TypeScript", ".tsx": "TypeScript", ".java": "Java", ".kt": "Kotlin", ".scala": "Scala", ".cs": "C#", ".swift": "Swift",
	".php": "PHP", ".lua": "Lua", ".pl": "Perl", ".r": "R", ".jl": "Julia", ".dart": "Dart", ".hs": "Haskell", ".ml": "OCaml", ".clj": "Clojure",
	".erl": "Erlang", ".hrl": "Erlang", ".src": "Erlang", ".ex": "Elixir", ".exs": "Elixir", ".eex": "Elixir", ".heex": "Elixir",
	".sh": "Shell", ".bash": "Shell", ".zsh": "Shell", ".fish": "Shell", ".ps1": "PowerShell", ".sql": "SQL", ".proto": "Protocol Buffers",
	".html": "HTML", ".css": "CSS", ".scss": "CSS", ".vue": "Vue", ".svelte": "Svelte",
	".md": "Markdown", ".markdown": "Markdown", ".rst": "reStructuredText", ".adoc": "AsciiDoc", ".org": "Org", ".tex": "TeX", ".txt": "text",
	".json": "JSON", ".yaml": "YAML", ".yml": "YAML", ".toml": "TOML", ".ini": "INI", ".cfg": "INI", ".conf": "configuration", ".config": "configuration",
	".xml": "XML", ".tf": "Terraform", ".hcl": "HCL", ".nix": "Nix", ".cmake": "CMake", ".mk": "Make", ".gradle": "Gradle", ".bazel": "Bazel",
	".tmpl": "template", ".tla": "TLA+", ".graphql": "GraphQL", ".csv": "CSV", ".s": "assembly", ".ttl": "Turtle", ".spec": "specification",
}

// language returns the kind of text file that a base name stands for, or "".
func language(base string) string {
	switch base {
	case "Makefile", "GNUmakefile", "Justfile":
		return "Make"
	case "Dockerfile", "Containerfile":
		return "Dockerfile"
	case "rebar.config", "sys.config":
		return "Erlang"
	}
	return languages[strings.ToLower(path.Ext(base))]
}
