package data

import (
	"path"
	"slices"
	"strings"

	"github.com/bitactor/cf/lazyregexp"
)

// Kind is what a data file is for. Each file has one, so that no two checkers
// report the same mistake: the checker of a special kind does what the one of
// its format does, and more.
type Kind string

// The kinds; "" is none of them.
const (
	JSON       Kind = "json"
	JSONLines  Kind = "json-lines"
	JSONC      Kind = "json-with-comments"
	YAML       Kind = "yaml"
	TOML       Kind = "toml"
	Workflow   Kind = "workflow"   // of GitHub Actions
	Action     Kind = "action"     // action.yml of GitHub Actions
	Kubernetes Kind = "kubernetes" // a manifest, YAML or JSON
	Prometheus Kind = "prometheus" // rules
)

var (
	apiVersion = lazyregexp.New(`(?m)^(?:apiVersion|"apiVersion"|'apiVersion')[ \t]*:[ \t]*["']?[a-z0-9.\-/]+`)
	kindKey    = lazyregexp.New(`(?m)^(?:kind|"kind"|'kind')[ \t]*:[ \t]*["']?[A-Z]`)
	jsonAPI    = lazyregexp.New(`(?s)^\s*\{.*"apiVersion"\s*:\s*"[a-z0-9.\-/]+"`)
	jsonKind   = lazyregexp.New(`(?s)"kind"\s*:\s*"[A-Z]`)
	groups     = lazyregexp.New(`(?m)^groups[ \t]*:[ \t]*(?:#.*)?\r?$`)
	groupRule  = lazyregexp.New(`(?m)^[ \t]+(?:- )?(?:rules|expr|interval)[ \t]*:`)
)

// KindOf returns the kind of a file by its path and first bytes. Without bytes
// it returns the format alone.
func KindOf(name string, head []byte) Kind {
	format := formatOf(name)
	switch {
	case format == YAML && isWorkflow(name):
		return Workflow
	case format == YAML && isAction(name):
		return Action
	case format == YAML && apiVersion.Match(head) && kindKey.Match(head):
		return Kubernetes
	case format == YAML && groups.Match(head) && groupRule.Match(head):
		return Prometheus
	case format == JSON && jsonAPI.Match(head) && jsonKind.Match(head):
		return Kubernetes
	}
	return format
}

func isWorkflow(name string) bool {
	dir, _ := path.Split(name)
	return dir == ".github/workflows/" || strings.HasSuffix(dir, "/.github/workflows/")
}

func isAction(name string) bool {
	base := path.Base(name)
	return base == "action.yml" || base == "action.yaml"
}

// withComments are the names of JSON files whose own readers allow comments.
// The Visual Studio Code documentation, "JSON with Comments", and the ones of
// TypeScript, ESLint, Babel, Deno and SWC name them.
var withComments = []string{
	".babelrc", ".eslintrc", ".eslintrc.json", ".hintrc", ".jscsrc", ".jshintrc", ".jslintrc", ".swcrc",
	"devcontainer.json", ".devcontainer.json", "api-extractor.json", "babel.config.json", "language-configuration.json",
}

var typeScript = lazyregexp.New(`^[jt]sconfig(\.[\w-]+)*\.json$`)

// formatOf returns the format that a name stands for.
func formatOf(name string) Kind {
	dir, base := path.Split(name)
	inFolder := func(f string) bool { return dir == f+"/" || strings.HasSuffix(dir, "/"+f+"/") }
	switch ext := strings.ToLower(path.Ext(base)); {
	case slices.Contains(withComments, base), typeScript.MatchString(base), ext == ".jsonc", ext == ".code-workspace":
		return JSONC
	case ext == ".json" && (inFolder(".vscode") || inFolder(".devcontainer")):
		return JSONC
	case ext == ".json", ext == ".geojson", ext == ".webmanifest", ext == ".ipynb", ext == ".jsonld", base == "composer.lock", base == "Pipfile.lock", base == "flake.lock":
		return JSON
	case ext == ".jsonl", ext == ".ndjson":
		return JSONLines
	case ext == ".yaml", ext == ".yml", base == ".clang-format", base == ".clang-tidy", base == ".clangd", base == ".yamllint":
		return YAML
	case ext == ".toml", base == "Cargo.lock", base == "poetry.lock", base == "uv.lock", base == "Pipfile":
		return TOML
	}
	return ""
}
